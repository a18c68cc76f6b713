//! A call of the open API, as far as its routes are alike: its headers and signature, the fields of its body, and the
//! form of its answer.
//!
//! Nothing is looked up or written here. The keys that a call is checked with come from
//! [`registry::authenticate`](crate::registry::authenticate).

mod body_flaw;
pub mod client;
mod code;
mod error;
mod field_names;
mod fields;
mod response;
mod warning;

use bytes::Bytes;
use http::Request;

pub use crate::protocol::open_api::body_flaw::BodyFlaw;
pub use crate::protocol::open_api::code::{Code, RefusalClass, SUCCESS};
pub use crate::protocol::open_api::error::{CallError, MAX_BODY_BYTES};
pub use crate::protocol::open_api::field_names::{FieldNames, nearly};
pub use crate::protocol::open_api::fields::{Fields, MAX_FIELD_CHARACTERS};
pub use crate::protocol::open_api::response::{Envelope, name_request};
pub use crate::protocol::open_api::warning::{Warning, WarningCode};

use crate::model::clock::UnixMillis;
use crate::model::deny_list::KeyFingerprint;
use crate::signing::open_api::diagnosis::diagnose;
use crate::signing::open_api::{AuthHeaders, SignatureError, VerificationKeys, is_fresh};

/// Reads the auth headers of a call, whose body is not too large and whose timestamp is within the window of `now`.
///
/// # Errors
/// [`CallError::BodyTooLarge`], [`CallError::Headers`] or [`CallError::OutOfWindow`], in this order.
pub fn read_headers(request: &Request<Bytes>, now: UnixMillis) -> Result<AuthHeaders, CallError> {
    if request.body().len() > MAX_BODY_BYTES {
        return Err(CallError::BodyTooLarge);
    }
    let headers = AuthHeaders::read(request.headers())?;
    if !is_fresh(headers.timestamp(), now) {
        return Err(CallError::OutOfWindow { sent: headers.timestamp(), now });
    }
    Ok(headers)
}

/// Checks a call's signature over `body` with each of `keys` that serves its kind; the one that it was made with.
///
/// # Errors
/// [`CallError::NoKey`] or [`CallError::BadSignature`].
pub fn check_signature(
    headers: &AuthHeaders,
    body: &[u8],
    keys: &VerificationKeys,
) -> Result<KeyFingerprint, CallError> {
    headers.verify(body, keys).map_err(|error| match error {
        SignatureError::NoKey(sign_type) => CallError::NoKey { sign_type, diagnosis: None },
        SignatureError::Mismatch => {
            CallError::BadSignature { checked: headers.string_to_sign(body), diagnosis: None }
        }
    })
}

/// The same refusal of a signature with its [cause](crate::signing::open_api::diagnosis), which takes up to 3 ms to
/// find; any other refusal as it is.
#[must_use]
pub fn diagnosed(error: CallError, headers: &AuthHeaders, body: &[u8], keys: &VerificationKeys) -> CallError {
    let found = || diagnose(headers, body, keys).map(Box::new);
    match error {
        CallError::BadSignature { checked, .. } => CallError::BadSignature { checked, diagnosis: found() },
        CallError::NoKey { sign_type, .. } => CallError::NoKey { sign_type, diagnosis: found() },
        other => other,
    }
}
