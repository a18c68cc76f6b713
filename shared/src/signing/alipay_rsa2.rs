//! Alipay's gateway signature, RSA2: over the sorted parameters of a request, and over the raw node of an answer.
//!
//! RSA2 is RSASSA-PKCS1-v1_5 with SHA-256 in Base64. A request's values are signed raw, before percent-encoding; an
//! answer's node is signed as sent, byte for byte, so it is checked before it is parsed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::random::RandomError;
use crate::signing::rsa::{SigningKey, VerifyingKey};

/// The value of `sign` for a request with `parameters`: all of them but `sign` and those with an empty value, sorted by
/// name and joined as `name=value` by `&`.
///
/// # Errors
/// [`RandomError`] if the operating system has no randomness.
pub fn sign_request(parameters: &[(&str, &str)], key: &SigningKey) -> Result<String, RandomError> {
    key.sign(string_to_sign(parameters).as_bytes()).map(|signature| STANDARD.encode(signature))
}

/// Returns true if `sign` is Alipay's over `node`, the raw bytes of an answer's value, by any of `keys`.
#[must_use]
pub fn answer_verifies(node: &[u8], sign: &str, keys: &[&VerifyingKey]) -> bool {
    let Ok(signature) = STANDARD.decode(sign) else { return false };
    keys.iter().any(|key| key.verifies(node, &signature))
}

fn string_to_sign(parameters: &[(&str, &str)]) -> String {
    let mut signed: Vec<_> =
        parameters.iter().filter(|(name, value)| *name != "sign" && !value.is_empty()).collect();
    signed.sort_unstable();
    signed.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_string_leaves_out_sign_and_empty_values_and_sorts_by_name() {
        let parameters =
            [("version", "1.0"), ("sign", "x"), ("biz_content", ""), ("app_id", "2021"), ("code", "a b")];
        assert_eq!(string_to_sign(&parameters), "app_id=2021&code=a b&version=1.0");
    }
}
