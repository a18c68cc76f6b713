//! The canonical string of a message, and the two algorithms over it.

use std::borrow::Cow;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;

use crate::model::clock::UnixMillis;
use crate::model::deny_list::KeyFingerprint;
use crate::model::random::RandomError;
use crate::signing::md5::Md5Key;
use crate::signing::open_api::headers::{
    AuthHeaders, BUSINESS_ID, NONCE, SIGN, SIGN_TYPE, SignType, TIMESTAMP,
};
use crate::signing::rsa::{SigningKey, VerifyingKey};

impl AuthHeaders {
    /// The string that is signed: the headers but `sign`, then the body as it was sent.
    #[must_use]
    pub fn string_to_sign(&self, body: &[u8]) -> Vec<u8> {
        string_to_sign(&self.business_id, &self.nonce, self.sent_sign_type, &self.timestamp, body)
    }

    /// Checks the signature over `body` with each of `keys` that serves its kind; the one that it was made with.
    ///
    /// # Errors
    /// [`SignatureError`], by cause.
    pub fn verify(&self, body: &[u8], keys: &VerificationKeys) -> Result<KeyFingerprint, SignatureError> {
        let string = self.string_to_sign(body);
        let verified_by = match self.sign_type() {
            SignType::Sha256Rsa if keys.rsa.is_empty() => {
                return Err(SignatureError::NoKey(SignType::Sha256Rsa));
            }
            SignType::Md5 if keys.md5.is_empty() => return Err(SignatureError::NoKey(SignType::Md5)),
            SignType::Sha256Rsa => STANDARD.decode(&self.sign).ok().and_then(|signature| {
                let key = keys.rsa.iter().find(|key| key.verifies(&string, &signature));
                key.map(VerifyingKey::fingerprint)
            }),
            SignType::Md5 => {
                let is_made_by = |key: &&Md5Key| {
                    verify_slices_are_equal(key.tag(&string).as_bytes(), self.sign.as_bytes()).is_ok()
                };
                keys.md5.iter().find(is_made_by).map(Md5Key::fingerprint)
            }
        };
        verified_by.copied().ok_or(SignatureError::Mismatch)
    }
}

/// A signature was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The sender has no key of the kind it signed with.
    #[error("no {} key is registered for this business", .0.as_str())]
    NoKey(SignType),
    /// The signature is not that of the string that was checked.
    #[error("the signature does not match")]
    Mismatch,
}

/// The keys that a sender's messages may be signed with; two of a kind while one replaces the other.
#[derive(Clone, Debug, Default)]
pub struct VerificationKeys {
    /// Public keys for SHA256-RSA.
    pub rsa: Vec<VerifyingKey>,
    /// Shared keys for MD5.
    pub md5: Vec<Md5Key>,
}

impl VerificationKeys {
    /// Those that are not denied.
    #[must_use]
    pub fn without(&self, is_denied: impl Fn(&KeyFingerprint) -> bool) -> Cow<'_, Self> {
        let mut keys =
            self.rsa.iter().map(VerifyingKey::fingerprint).chain(self.md5.iter().map(Md5Key::fingerprint));
        if !keys.any(&is_denied) {
            return Cow::Borrowed(self);
        }
        let mut left = self.clone();
        left.rsa.retain(|key| !is_denied(key.fingerprint()));
        left.md5.retain(|key| !is_denied(key.fingerprint()));
        Cow::Owned(left)
    }
}

/// The key that a message is signed with.
#[derive(Clone, Copy, Debug)]
pub enum Signer<'a> {
    /// SHA256-RSA; header `signType` is left out, as it is the default.
    Rsa(&'a SigningKey),
    /// MD5; header `signType` is sent.
    Md5(&'a Md5Key),
}

impl<'a> Signer<'a> {
    /// The key that the other side has as well.
    #[must_use]
    pub const fn shared_key(self) -> Option<&'a Md5Key> {
        match self {
            Self::Rsa(_) => None,
            Self::Md5(key) => Some(key),
        }
    }

    /// Signs `body` and returns the headers to send with it. HTTP does not tell their names' case.
    ///
    /// # Errors
    /// [`RandomError`] if the operating system has no randomness.
    pub fn sign(
        &self,
        business_id: &str,
        nonce: &str,
        timestamp: UnixMillis,
        body: &[u8],
    ) -> Result<Vec<(HeaderName, String)>, RandomError> {
        let timestamp = timestamp.to_string();
        let sign_type = match self {
            Self::Rsa(_) => None,
            Self::Md5(_) => Some(SignType::Md5),
        };
        let string = string_to_sign(business_id, nonce, sign_type, &timestamp, body);
        let sign = match self {
            Self::Rsa(key) => STANDARD.encode(key.sign(&string)?),
            Self::Md5(key) => key.tag(&string),
        };
        let mut headers = vec![
            (BUSINESS_ID, business_id.to_owned()),
            (NONCE, nonce.to_owned()),
            (TIMESTAMP, timestamp),
            (SIGN, sign),
        ];
        headers.extend(sign_type.map(|sign_type| (SIGN_TYPE, sign_type.as_str().to_owned())));
        Ok(headers)
    }
}

/// The string that is signed: the headers but `sign`, then the body as it was sent.
pub(super) fn string_to_sign(
    business_id: &str,
    nonce: &str,
    sign_type: Option<SignType>,
    timestamp: &str,
    body: &[u8],
) -> Vec<u8> {
    let mut string = format!("businessId={business_id}&nonce={nonce}&").into_bytes();
    if let Some(sign_type) = sign_type {
        string.extend_from_slice(format!("signType={}&", sign_type.as_str()).as_bytes());
    }
    string.extend_from_slice(format!("timestamp={timestamp}").as_bytes());
    string.extend_from_slice(body);
    string
}
