//! The open API's signature: five headers, a string of four of them followed by the raw body, SHA256-RSA or MD5.
//!
//! The signature covers neither path nor direction, and the joined string would be ambiguous if a header could hold
//! `&`: a nonce of `n&signType=MD5` would sign like another set of headers. So every auth header is printable ASCII
//! without space, `&` and `,` (API Gateway joins repeated headers by commas), and a set that is not is refused before
//! anything is looked up.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};

use crate::model::clock::UnixMillis;
use crate::model::random::RandomError;
use crate::signing::md5::Md5Key;
use crate::signing::rsa::{SigningKey, VerifyingKey};

/// Header `businessId`.
pub const BUSINESS_ID: HeaderName = HeaderName::from_static("businessid");
/// Header `nonce`.
pub const NONCE: HeaderName = HeaderName::from_static("nonce");
/// Header `timestamp`, milliseconds since the Unix epoch.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("timestamp");
/// Header `sign`.
pub const SIGN: HeaderName = HeaderName::from_static("sign");
/// Header `signType`, optional.
pub const SIGN_TYPE: HeaderName = HeaderName::from_static("signtype");

/// How far a request's timestamp may be from our clock, either way.
pub const WINDOW: Duration = Duration::from_mins(5);

/// How long a nonce must be remembered, so that no request can be played again: the whole window, and a margin.
pub const NONCE_LIFETIME: Duration = Duration::from_secs(2 * WINDOW.as_secs() + 60);

/// What every nonce of a callback of ours begins with.
///
/// With a shared MD5 key a captured callback would verify as a request of the merchant's, so inbound requests with
/// such a nonce are refused.
pub const CALLBACK_NONCE_PREFIX: &str = "authlink-";

const MAX_HEADER_BYTES: usize = 128;
const MAX_SIGN_BYTES: usize = 2_048;

/// How a message is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignType {
    /// RSASSA-PKCS1-v1_5 with SHA-256, Base64; what an absent header means.
    Sha256Rsa,
    /// MD5 over the string followed by the shared key, upper-case hex.
    Md5,
}

impl SignType {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256Rsa => "SHA256-RSA",
            Self::Md5 => "MD5",
        }
    }
}

/// The auth headers of a message, well-formed but not yet believed.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthHeaders {
    business_id: String,
    nonce: String,
    timestamp: String,
    sign: String,
    sent_sign_type: Option<String>,
}

/// Why a set of auth headers was refused before any look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Absent or empty.
    #[error("header {0} is missing")]
    Missing(&'static str),
    /// Present more than once.
    #[error("header {0} is repeated")]
    Repeated(&'static str),
    /// Longer than is accepted.
    #[error("header {0} is too long")]
    TooLong(&'static str),
    /// Holds a byte that is not accepted.
    #[error("header {0} may hold printable ASCII only, without space, '&' and ','")]
    BadCharacter(&'static str),
    /// `businessId` outside its alphabet.
    #[error("header businessId must be 1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'")]
    BadBusinessId,
    /// `timestamp` is no number of milliseconds.
    #[error("header timestamp must be milliseconds since 1970, in digits")]
    BadTimestamp,
    /// `signType` is neither of the two.
    #[error("signType must be SHA256-RSA or MD5")]
    UnknownSignType,
}

impl AuthHeaders {
    /// Takes the five headers, each at most once.
    ///
    /// # Errors
    /// [`HeaderError`], in the order: presence and characters of all, `businessId`, `timestamp`, `signType`.
    pub fn read(headers: &HeaderMap) -> Result<Self, HeaderError> {
        let read = Self {
            business_id: required(headers, &BUSINESS_ID, "businessId", MAX_HEADER_BYTES)?,
            nonce: required(headers, &NONCE, "nonce", MAX_HEADER_BYTES)?,
            timestamp: required(headers, &TIMESTAMP, "timestamp", MAX_HEADER_BYTES)?,
            sign: required(headers, &SIGN, "sign", MAX_SIGN_BYTES)?,
            sent_sign_type: optional(headers, &SIGN_TYPE, "signType", MAX_HEADER_BYTES)?,
        };
        if !is_business_id(&read.business_id) {
            return Err(HeaderError::BadBusinessId);
        }
        if read.timestamp.len() > 15 || !read.timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(HeaderError::BadTimestamp);
        }
        match read.sent_sign_type.as_deref() {
            None | Some("SHA256-RSA" | "MD5") => Ok(read),
            Some(_) => Err(HeaderError::UnknownSignType),
        }
    }

    /// Who says to have sent the message.
    #[must_use]
    pub fn business_id(&self) -> &str {
        &self.business_id
    }

    /// The random string of this message.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// When the message says it was sent.
    #[must_use]
    pub fn timestamp(&self) -> UnixMillis {
        UnixMillis(self.timestamp.parse().unwrap_or(i64::MAX))
    }

    /// How the message says it is signed.
    #[must_use]
    pub fn sign_type(&self) -> SignType {
        if self.sent_sign_type.as_deref() == Some("MD5") { SignType::Md5 } else { SignType::Sha256Rsa }
    }

    /// The string that is signed: the headers but `sign`, then the body as it was sent.
    #[must_use]
    pub fn string_to_sign(&self, body: &[u8]) -> Vec<u8> {
        string_to_sign(&self.business_id, &self.nonce, self.sent_sign_type.as_deref(), &self.timestamp, body)
    }

    /// Checks the signature over `body` with each of `keys` that serves its kind.
    ///
    /// # Errors
    /// [`SignatureError`], by cause.
    pub fn verify(&self, body: &[u8], keys: &VerificationKeys) -> Result<(), SignatureError> {
        let string = self.string_to_sign(body);
        let verified = match self.sign_type() {
            SignType::Sha256Rsa if keys.rsa.is_empty() => {
                return Err(SignatureError::NoKey(SignType::Sha256Rsa));
            }
            SignType::Md5 if keys.md5.is_empty() => return Err(SignatureError::NoKey(SignType::Md5)),
            SignType::Sha256Rsa => STANDARD
                .decode(&self.sign)
                .is_ok_and(|signature| keys.rsa.iter().any(|key| key.verifies(&string, &signature))),
            SignType::Md5 => keys.md5.iter().any(|key| {
                verify_slices_are_equal(key.tag(&string).as_bytes(), self.sign.as_bytes()).is_ok()
            }),
        };
        if verified { Ok(()) } else { Err(SignatureError::Mismatch) }
    }
}

impl fmt::Debug for AuthHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthHeaders").field("business_id", &self.business_id).finish_non_exhaustive()
    }
}

/// Why a signature was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The sender has no key of the kind it signed with.
    #[error("no {} key is registered for this business", .0.as_str())]
    NoKey(SignType),
    /// The signature is not that of the string we checked.
    #[error("the signature does not match")]
    Mismatch,
}

/// The keys that a sender's messages may be signed with; two of a kind while one replaces the other.
#[derive(Debug, Default)]
pub struct VerificationKeys {
    /// Public keys for SHA256-RSA.
    pub rsa: Vec<VerifyingKey>,
    /// Shared keys for MD5.
    pub md5: Vec<Md5Key>,
}

/// What a message is signed with.
#[derive(Clone, Copy, Debug)]
pub enum Signer<'a> {
    /// SHA256-RSA; header `signType` is left out, as it is the default.
    Rsa(&'a SigningKey),
    /// MD5; header `signType` is sent.
    Md5(&'a Md5Key),
}

impl Signer<'_> {
    /// Signs `body` and returns the headers to send with it. HTTP does not tell their names' case.
    ///
    /// # Errors
    /// When the operating system has no randomness.
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
            Self::Md5(_) => Some(SignType::Md5.as_str()),
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
        headers.extend(sign_type.map(|name| (SIGN_TYPE, name.to_owned())));
        Ok(headers)
    }
}

/// Whether a timestamp is within [`WINDOW`] of `now`.
#[must_use]
pub fn is_fresh(timestamp: UnixMillis, now: UnixMillis) -> bool {
    now.since(timestamp) <= WINDOW && timestamp.since(now) <= WINDOW
}

/// Whether `text` is of the alphabet and length of a businessId.
#[must_use]
pub fn is_business_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn string_to_sign(
    business_id: &str,
    nonce: &str,
    sign_type: Option<&str>,
    timestamp: &str,
    body: &[u8],
) -> Vec<u8> {
    let mut string = format!("businessId={business_id}&nonce={nonce}&").into_bytes();
    if let Some(sign_type) = sign_type {
        string.extend_from_slice(format!("signType={sign_type}&").as_bytes());
    }
    string.extend_from_slice(format!("timestamp={timestamp}").as_bytes());
    string.extend_from_slice(body);
    string
}

fn required(
    headers: &HeaderMap,
    name: &HeaderName,
    shown: &'static str,
    max_bytes: usize,
) -> Result<String, HeaderError> {
    optional(headers, name, shown, max_bytes)?.ok_or(HeaderError::Missing(shown))
}

fn optional(
    headers: &HeaderMap,
    name: &HeaderName,
    shown: &'static str,
    max_bytes: usize,
) -> Result<Option<String>, HeaderError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(HeaderError::Repeated(shown));
    }
    let value = value.as_bytes();
    if value.len() > max_bytes {
        return Err(HeaderError::TooLong(shown));
    }
    let accepted = |byte: &u8| byte.is_ascii_graphic() && *byte != b'&' && *byte != b',';
    if !value.iter().all(accepted) {
        return Err(HeaderError::BadCharacter(shown));
    }
    Ok((!value.is_empty()).then(|| String::from_utf8_lossy(value).into_owned()))
}
