//! A call of the open API, as far as its routes are alike: its headers and signature, the fields of its body, and the
//! form of its answer.
//!
//! Nothing is looked up or written here. The keys that a call is checked with come from
//! [`registry::authenticate`](crate::registry::authenticate).

mod body_error;
pub mod client;
mod code;
mod error;
mod field_names;
mod fields;
mod response;
mod warning;

use bytes::Bytes;
use http::Request;

pub use crate::protocol::open_api::body_error::BodyError;
pub use crate::protocol::open_api::code::{Code, SUCCESS};
pub use crate::protocol::open_api::error::{MAX_BODY_BYTES, OpenApiCallError};
pub use crate::protocol::open_api::field_names::{FieldNames, likely_meant};
pub use crate::protocol::open_api::fields::{Fields, MAX_FIELD_CHARACTERS};
pub use crate::protocol::open_api::response::{Envelope, set_request_id};
pub use crate::protocol::open_api::warning::{Warning, WarningCode};

use crate::model::clock::UnixMillis;
use crate::model::deny_list::KeyFingerprint;
use crate::signing::open_api::diagnosis::diagnose;
use crate::signing::open_api::{AuthHeaders, SignatureError, VerificationKeys, is_fresh};

/// Reads the auth headers of a call, whose body is not too large and whose timestamp is within the window of `now`.
///
/// # Errors
/// [`OpenApiCallError::BodyTooLarge`], [`OpenApiCallError::Headers`] or [`OpenApiCallError::OutOfWindow`], in this
/// order.
pub fn read_headers(request: &Request<Bytes>, now: UnixMillis) -> Result<AuthHeaders, OpenApiCallError> {
    if request.body().len() > MAX_BODY_BYTES {
        return Err(OpenApiCallError::BodyTooLarge);
    }
    let headers = AuthHeaders::read(request.headers())?;
    if !is_fresh(headers.timestamp(), now) {
        return Err(OpenApiCallError::OutOfWindow { sent: headers.timestamp(), now });
    }
    Ok(headers)
}

/// Checks a call's signature over `body` with each of `keys` that serves its kind; the one that it was made with.
///
/// # Errors
/// [`OpenApiCallError::NoKey`] or [`OpenApiCallError::BadSignature`].
pub fn check_signature(
    headers: &AuthHeaders,
    body: &[u8],
    keys: &VerificationKeys,
) -> Result<KeyFingerprint, OpenApiCallError> {
    headers.verify(body, keys).map_err(|error| match error {
        SignatureError::NoKey(sign_type) => OpenApiCallError::NoKey { sign_type, diagnosis: None },
        SignatureError::Mismatch => {
            OpenApiCallError::BadSignature { checked: headers.string_to_sign(body), diagnosis: None }
        }
    })
}

/// The same refusal of a signature with its [cause](crate::signing::open_api::diagnosis), which takes up to 3 ms to
/// find; any other refusal as it is.
#[must_use]
pub fn diagnosed(
    error: OpenApiCallError,
    headers: &AuthHeaders,
    body: &[u8],
    keys: &VerificationKeys,
) -> OpenApiCallError {
    let found = || diagnose(headers, body, keys).map(Box::new);
    match error {
        OpenApiCallError::BadSignature { checked, .. } => {
            OpenApiCallError::BadSignature { checked, diagnosis: found() }
        }
        OpenApiCallError::NoKey { sign_type, .. } => {
            OpenApiCallError::NoKey { sign_type, diagnosis: found() }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_too_large_from_the_first_byte_beyond_the_limit() {
        for (bytes, is_too_large) in
            [(0, false), (MAX_BODY_BYTES, false), (MAX_BODY_BYTES + 1, true), (2 * MAX_BODY_BYTES, true)]
        {
            let request = Request::new(Bytes::from(vec![b' '; bytes]));
            let read = read_headers(&request, UnixMillis(0));
            assert_eq!(matches!(read, Err(OpenApiCallError::BodyTooLarge)), is_too_large, "{bytes}");
        }
    }
}
