//! Alipay's side of RSA2: verifies an app's requests, and signs the gateway's answers.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1v15::{Signature, SigningKey, VerifyingKey};
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding as _, Signer as _, Verifier as _};
use rsa::{RsaPrivateKey, RsaPublicKey};

/// The parameters of a gateway request, sorted by name.
pub(super) type Parameters = BTreeMap<String, String>;

/// Query and form together; where both have a name, the form's value counts.
pub(super) fn parameters(query: &str, form: &[u8]) -> Parameters {
    let query = form_urlencoded::parse(query.as_bytes()).into_owned();
    query.chain(form_urlencoded::parse(form).into_owned()).collect()
}

/// True if a request with this query and form body carries a valid signature by `key`.
#[must_use]
pub fn request_signature_holds(query: &str, form: &[u8], key: &RsaPublicKey) -> bool {
    signature_holds(&parameters(query, form), key)
}

/// Some official SDKs leave empty parameters out of the string that they sign and some keep them, so both are valid.
pub(super) fn signature_holds(parameters: &Parameters, key: &RsaPublicKey) -> bool {
    let Some(sign) = parameters.get("sign") else { return false };
    let Ok(sign) = STANDARD.decode(sign) else { return false };
    let Ok(sign) = Signature::try_from(sign.as_slice()) else { return false };
    let key = VerifyingKey::<Sha256>::new(key.clone());
    let holds = |text: String| key.verify(text.as_bytes(), &sign).is_ok();
    holds(string_to_sign(parameters)) || holds(joined(parameters, |name, _| name != "sign"))
}

/// The documented string: everything but `sign` and empty values.
pub(super) fn string_to_sign(parameters: &Parameters) -> String {
    joined(parameters, |name, value| name != "sign" && !value.is_empty())
}

fn joined(parameters: &Parameters, takes_part: impl Fn(&str, &str) -> bool) -> String {
    let pairs = parameters.iter().filter(|(name, value)| takes_part(name, value));
    pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

pub(super) fn sign(signed: &[u8], key: &RsaPrivateKey) -> String {
    STANDARD.encode(SigningKey::<Sha256>::new(key.clone()).sign(signed).to_bytes())
}

#[cfg(test)]
mod tests {
    use axum::http::Uri;
    use rsa::pkcs8::DecodePublicKey as _;
    use serde_json::Value;

    use super::*;

    fn vectors() -> (RsaPublicKey, Vec<Value>) {
        let text = include_str!("../../../tests/vectors/alipay-requests.json");
        let vectors: Value = serde_json::from_str(text).unwrap();
        let key = RsaPublicKey::from_public_key_pem(vectors["app_public_key"].as_str().unwrap()).unwrap();
        (key, vectors["requests"].as_array().unwrap().clone())
    }

    fn query_and_form(request: &Value) -> (String, String) {
        let target: Uri = request["target"].as_str().unwrap().parse().unwrap();
        (target.query().unwrap().to_owned(), request["body"].as_str().unwrap().to_owned())
    }

    #[test]
    fn accepts_every_request_of_the_official_sdks() {
        let (key, requests) = vectors();
        assert!(!requests.is_empty());
        for request in requests {
            let (query, form) = query_and_form(&request);
            assert!(request_signature_holds(&query, form.as_bytes(), &key), "{}", request["file"]);
        }
    }

    #[test]
    fn refuses_each_of_them_when_one_byte_of_any_parameter_differs() {
        let (key, requests) = vectors();
        for request in requests {
            let (query, form) = query_and_form(&request);
            let good = parameters(&query, form.as_bytes());
            for (name, value) in &good {
                let mut changed = value.clone();
                let first = if changed.starts_with('A') { 'B' } else { 'A' };
                changed.replace_range(..changed.len().min(1), &first.to_string());
                let mut altered = good.clone();
                altered.insert(name.clone(), changed);
                assert!(!signature_holds(&altered, &key), "{}: {name}", request["file"]);
            }
        }
    }

    #[test]
    fn builds_the_string_that_the_sdks_signed() {
        for request in vectors().1 {
            let (query, form) = query_and_form(&request);
            let text = string_to_sign(&parameters(&query, form.as_bytes()));
            assert_eq!(text, request["string_to_sign"], "{}", request["file"]);
        }
    }

    #[test]
    fn a_signed_empty_value_is_accepted_kept_or_left_out() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../tests/vectors/open-api.json")).unwrap();
        let pem = vectors["private_key_pkcs8_bare_base64"].as_str().unwrap();
        let der = STANDARD.decode(pem).unwrap();
        let key: RsaPrivateKey = rsa::pkcs8::DecodePrivateKey::from_pkcs8_der(&der).unwrap();
        for signed in ["a=1&b=", "a=1"] {
            let mut request = parameters("a=1&b=", b"");
            request.insert("sign".to_owned(), sign(signed.as_bytes(), &key));
            assert!(signature_holds(&request, &key.to_public_key()), "{signed}");
        }
    }
}
