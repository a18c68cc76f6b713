//! A reference as an operator types it.

use shared::model::id::AuthorizationId;
use shared::web::page::SPOKEN_DIGITS;

/// The authorization of a whole reference.
///
/// # Errors
/// What is wrong with it, and where the whole one is if it is only the start that a result page shows.
pub(super) fn reference(text: &str) -> Result<AuthorizationId, String> {
    let digits = text.replace('-', "").to_ascii_lowercase();
    if digits.len() == SPOKEN_DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(format!(
            "a result page shows only how a reference begins: the whole one is in the log lines whose reference begins \
             with {digits}; on AWS the saved query `one authorization` finds them"
        ));
    }
    AuthorizationId::try_from(text.to_owned()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_one_is_told_where_the_whole_is() {
        let whole = "abcd1234ef560123456789abcdef0123";
        assert_eq!(reference(whole).unwrap().as_str(), whole);
        for start in ["ABCD-1234-EF56", "abcd1234ef56"] {
            let told = reference(start).unwrap_err();
            assert!(told.contains("begins with abcd1234ef56;"), "{told}");
        }
        assert!(!reference("ABCD").unwrap_err().contains("result page"));
    }
}
