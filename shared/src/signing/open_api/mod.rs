//! The open API's signature: five headers, a string of four of them followed by the raw body, SHA256-RSA or MD5.
//!
//! The signature covers neither path nor direction, and the joined string would be ambiguous if a header could hold
//! `&`: a nonce of `n&signType=MD5` would sign like another set of headers. So every auth header is printable ASCII
//! without space, `&` and `,` (API Gateway joins repeated headers by commas), and a set that is not is refused before
//! anything is looked up.

pub mod diagnosis;
mod headers;
mod signature;

use std::time::Duration;

use crate::model::clock::UnixMillis;
use crate::model::random::{Random, RandomError, hex_128};

pub use crate::signing::open_api::headers::{
    AuthHeaders, BUSINESS_ID, HeaderError, NONCE, SIGN, SIGN_TYPE, SignType, TIMESTAMP,
};
pub use crate::signing::open_api::signature::{SignatureError, Signer, VerificationKeys};

/// The largest distance between a request's timestamp and the clock, either way.
pub const WINDOW: Duration = Duration::from_mins(5);

/// The time for which a nonce is remembered, so that no request can be replayed: the whole window, and a margin.
pub const NONCE_LIFETIME: Duration = Duration::from_secs(2 * WINDOW.as_secs() + 60);

/// The beginning of the nonce of every callback that authlink sends.
///
/// With a shared MD5 key a captured callback would verify as a request of the merchant, so inbound requests with such a
/// nonce are refused.
pub const CALLBACK_NONCE_PREFIX: &str = "authlink-";

/// The nonce of a new callback, or of another message of ours that verifies as one.
///
/// # Errors
/// [`RandomError`] if the operating system has no randomness.
pub fn callback_nonce(random: &dyn Random) -> Result<String, RandomError> {
    Ok(format!("{CALLBACK_NONCE_PREFIX}{}", hex_128(random)?))
}

/// Returns true if a timestamp is within [`WINDOW`] of `now`.
#[must_use]
pub fn is_fresh(timestamp: UnixMillis, now: UnixMillis) -> bool {
    timestamp.distance(now) <= WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_remembered_for_as_long_as_its_time_stamp_is_accepted_and_little_longer() {
        assert!((2 * WINDOW..3 * WINDOW).contains(&NONCE_LIFETIME), "{NONCE_LIFETIME:?}");
    }
}
