//! The names of one authorization between a platform and authlink: the address that it calls back, and the serialNo.

use crate::model::id::{AuthorizationId, State};
use crate::protocol::alipay::authorize::RETURN_PATH;

/// The address for the platform's callback: the browsers' return path, and the state below it.
#[must_use]
pub fn callback_address(public_url: &str, state: &State) -> String {
    format!("{public_url}{RETURN_PATH}/{}", state.reveal())
}

/// The state in a path that [`callback_address`] has made.
#[must_use]
pub fn callback_state(path: &str) -> Option<State> {
    path.strip_prefix(RETURN_PATH)?.strip_prefix('/').and_then(State::parse)
}

/// Our serialNo there for the first question, and for the second, when the platform has used up the first without
/// giving its link: the authorization's id, and the id with `-2`.
#[must_use]
pub fn serial_numbers(id: &AuthorizationId) -> [String; 2] {
    [id.to_string(), format!("{id}-2")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_found_in_the_address_that_carries_it_and_nowhere_else() {
        let state = State::parse(&"0a".repeat(32)).unwrap();
        let address = callback_address("https://us.example/stage", &state);
        assert_eq!(
            address,
            format!("https://us.example/stage/v1/openapi/auth/alipay/callback/{}", "0a".repeat(32))
        );
        let path = address.strip_prefix("https://us.example/stage").unwrap();
        assert_eq!(callback_state(path), Some(state));
        for path in [RETURN_PATH, &format!("{path}/"), &path.to_uppercase(), &path[..path.len() - 1], "/"] {
            assert_eq!(callback_state(path), None, "{path}");
        }
    }
}
