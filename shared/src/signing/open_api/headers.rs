//! The five auth headers: their names, their form, and the algorithm that one of them names.

use std::fmt;

use http::{HeaderMap, HeaderName};

use crate::model::clock::UnixMillis;
use crate::model::party_id::is_party_id;

pub const BUSINESS_ID: HeaderName = HeaderName::from_static("businessid");
pub const NONCE: HeaderName = HeaderName::from_static("nonce");
/// Header `timestamp`, milliseconds since the Unix epoch.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("timestamp");
pub const SIGN: HeaderName = HeaderName::from_static("sign");
/// Header `signType`, optional.
pub const SIGN_TYPE: HeaderName = HeaderName::from_static("signtype");

const MAX_HEADER_BYTES: usize = 128;
const MAX_SIGN_BYTES: usize = 2_048;

/// The algorithm that a message is signed by. The texts are the names on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
pub enum SignType {
    /// RSASSA-PKCS1-v1_5 with SHA-256, Base64; assumed if the header is absent.
    #[strum(serialize = "SHA256-RSA")]
    Sha256Rsa,
    /// MD5 over the string followed by the shared key, upper-case hex.
    #[strum(serialize = "MD5")]
    Md5,
}

impl SignType {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The auth headers of a message, well-formed but not yet verified.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthHeaders {
    pub(super) business_id: String,
    pub(super) nonce: String,
    pub(super) timestamp: String,
    pub(super) sign: String,
    pub(super) sent_sign_type: Option<SignType>,
}

/// A set of auth headers was refused before any look-up.
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
    #[error("header {} may hold printable ASCII only, without space, '&' and ','{}", .0, fold_hint(.0))]
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
        let business_id = required(headers, &BUSINESS_ID, "businessId", MAX_HEADER_BYTES)?;
        let nonce = required(headers, &NONCE, "nonce", MAX_HEADER_BYTES)?;
        let timestamp = required(headers, &TIMESTAMP, "timestamp", MAX_HEADER_BYTES)?;
        let sign = required(headers, &SIGN, "sign", MAX_SIGN_BYTES)?;
        let sign_type = optional(headers, &SIGN_TYPE, "signType", MAX_HEADER_BYTES)?;
        if !is_party_id(&business_id) {
            return Err(HeaderError::BadBusinessId);
        }
        if timestamp.len() > 15 || !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(HeaderError::BadTimestamp);
        }
        let sent_sign_type = sign_type.map(|name| name.parse()).transpose();
        let sent_sign_type = sent_sign_type.map_err(|_| HeaderError::UnknownSignType)?;
        Ok(Self { business_id, nonce, timestamp, sign, sent_sign_type })
    }

    /// The business that the message claims to come from.
    #[must_use]
    pub fn business_id(&self) -> &str {
        &self.business_id
    }

    /// The random string of this message.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The time at which the message claims to be sent.
    #[must_use]
    pub fn timestamp(&self) -> UnixMillis {
        UnixMillis(self.timestamp.parse().unwrap_or(i64::MAX))
    }

    /// The algorithm that the message claims to be signed by.
    #[must_use]
    pub fn sign_type(&self) -> SignType {
        self.sent_sign_type.unwrap_or(SignType::Sha256Rsa)
    }
}

impl fmt::Debug for AuthHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthHeaders").field("business_id", &self.business_id).finish_non_exhaustive()
    }
}

/// What a signature with a blank most often is.
fn fold_hint(name: &str) -> &'static str {
    if name == "sign" { "; Base64 is sent in one line, with '+' as it is" } else { "" }
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
