//! The open API's signature, from the merchant's side.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use rsa::pkcs1v15::{Signature, SigningKey, VerifyingKey};
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding as _, Signer as _, Verifier as _};
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde::{Deserialize, Serialize};

/// The algorithm of a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignType {
    #[default]
    #[serde(rename = "SHA256-RSA")]
    Sha256Rsa,
    #[serde(rename = "MD5")]
    Md5,
}

impl SignType {
    /// The value of the header `signType`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256Rsa => "SHA256-RSA",
            Self::Md5 => "MD5",
        }
    }

    /// By the header's value; absent and empty mean RSA, and an unknown one `None`.
    pub(super) fn named(header: Option<&str>) -> Option<Self> {
        match header.unwrap_or_default() {
            "" | "SHA256-RSA" => Some(Self::Sha256Rsa),
            "MD5" => Some(Self::Md5),
            _ => None,
        }
    }
}

/// The auth headers without `sign`, empty ones left out, by name; then the body as sent.
pub fn string_to_sign(headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut parts: Vec<_> = headers.iter().filter(|(_, value)| !value.is_empty()).collect();
    parts.sort_unstable();
    let joined: Vec<_> = parts.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut text = joined.join("&").into_bytes();
    text.extend_from_slice(body);
    text
}

pub fn sign_rsa(text: &[u8], key: &RsaPrivateKey) -> String {
    STANDARD.encode(SigningKey::<Sha256>::new(key.clone()).sign(text).to_bytes())
}

pub(super) fn rsa_holds(text: &[u8], sign: &str, key: &RsaPublicKey) -> bool {
    let Ok(sign) = STANDARD.decode(sign) else { return false };
    let Ok(sign) = Signature::try_from(sign.as_slice()) else { return false };
    VerifyingKey::<Sha256>::new(key.clone()).verify(text, &sign).is_ok()
}

pub fn sign_md5(text: &[u8], key: &str) -> String {
    hex::encode_upper(Md5::new().chain_update(text).chain_update(key).finalize())
}

/// Compares in constant time.
pub(super) fn md5_holds(text: &[u8], sign: &str, key: &str) -> bool {
    let expected = sign_md5(text, key);
    let differences = expected.bytes().zip(sign.bytes()).fold(0, |seen, (one, other)| seen | (one ^ other));
    expected.len() == sign.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use rsa::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};
    use serde_json::Value;

    use super::*;

    struct Case {
        name: String,
        text: Vec<u8>,
        sign: String,
        sign_type: SignType,
    }

    fn cases(vectors: &Value) -> Vec<Case> {
        let read = |case: &Value| {
            let headers = case["headers"].as_object().unwrap();
            let sent: Vec<_> = headers
                .iter()
                .filter(|(name, _)| *name != "sign")
                .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
                .collect();
            let text = string_to_sign(&sent, case["body"].as_str().unwrap().as_bytes());
            assert_eq!(String::from_utf8(text.clone()).unwrap(), case["string_to_sign"]);
            Case {
                name: case["name"].to_string(),
                text,
                sign: headers["sign"].as_str().unwrap().to_owned(),
                sign_type: SignType::named(headers.get("signType").and_then(Value::as_str)).unwrap(),
            }
        };
        vectors["cases"].as_array().unwrap().iter().map(read).collect()
    }

    #[test]
    fn signs_and_accepts_each_known_answer_and_refuses_it_over_other_bytes() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../tests/vectors/open-api.json")).unwrap();
        let text = |name: &str| vectors[name].as_str().unwrap();
        let der = STANDARD.decode(text("private_key_pkcs8_bare_base64")).unwrap();
        let private = RsaPrivateKey::from_pkcs8_der(&der).unwrap();
        let public = RsaPublicKey::from_public_key_pem(text("public_key_spki_pem")).unwrap();
        let shared_key = text("md5_key");
        let cases = cases(&vectors);
        assert_eq!(cases.len(), 7);
        for Case { name, text, sign, sign_type } in cases {
            let signed = match sign_type {
                SignType::Sha256Rsa => sign_rsa(&text, &private),
                SignType::Md5 => sign_md5(&text, shared_key),
            };
            let holds = |text: &[u8]| match sign_type {
                SignType::Sha256Rsa => rsa_holds(text, &sign, &public),
                SignType::Md5 => md5_holds(text, &sign, shared_key),
            };
            assert_eq!(signed, sign, "{name}");
            assert!(holds(&text), "{name}");
            assert!(!holds(&[&text[..], b" "].concat()), "{name}");
        }
    }

    #[test]
    fn an_md5_signature_is_exact() {
        let sign = sign_md5(b"text", "key");
        assert!(md5_holds(b"text", &sign, "key"));
        for wrong in [sign.to_lowercase(), format!("{sign}0"), sign[..31].to_owned(), String::new()] {
            assert!(!md5_holds(b"text", &wrong, "key"), "{wrong}");
        }
    }

    #[test]
    fn an_unknown_sign_type_is_none() {
        assert_eq!(SignType::named(Some("SHA1")), None);
        assert_eq!(SignType::named(Some("md5")), None);
        assert_eq!(SignType::named(None), Some(SignType::Sha256Rsa));
    }
}
