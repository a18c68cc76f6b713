//! A call of the open API, as far as its routes are alike: its headers and signature, the fields of its body, and the
//! form of its answer.
//!
//! Nothing is looked up or written here. The keys that a call is checked with come from
//! [`registry::authenticate`](crate::registry::authenticate).

pub mod client;
mod error;
mod fields;
mod response;

use bytes::Bytes;
use http::Request;

pub use crate::protocol::open_api::error::{CallError, MAX_BODY_BYTES, RefusalClass};
pub use crate::protocol::open_api::fields::{Fields, MAX_FIELD_CHARACTERS};
pub use crate::protocol::open_api::response::answer;

use crate::model::clock::UnixMillis;
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

/// Checks a call's signature over `body` with each of `keys` that serves its kind.
///
/// # Errors
/// [`CallError::NoKey`] or [`CallError::BadSignature`].
pub fn check_signature(headers: &AuthHeaders, body: &[u8], keys: &VerificationKeys) -> Result<(), CallError> {
    headers.verify(body, keys).map_err(|error| match error {
        SignatureError::NoKey(sign_type) => CallError::NoKey(sign_type),
        SignatureError::Mismatch => CallError::BadSignature { checked: headers.string_to_sign(body) },
    })
}
