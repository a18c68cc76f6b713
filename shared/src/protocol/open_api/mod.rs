//! A call of the open API, as far as its routes are alike: who sent it, whether it may be believed, what stands in its
//! body, and how it is answered.
//!
//! The checks come cheapest first and the first failure answers. Nothing is written here: a request that fails leaves
//! nothing behind.

pub mod client;
mod error;
mod fields;
mod response;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;

pub use crate::protocol::open_api::error::CallRefusal;
pub use crate::protocol::open_api::fields::{Fields, MAX_FIELD_CHARACTERS};
pub use crate::protocol::open_api::response::answer;

use crate::model::clock::UnixMillis;
use crate::model::id::OperationId;
use crate::registry::Business;
use crate::secrets::{SecretCache, SecretError, SecretName};
use crate::signing::open_api::{
    AuthHeaders, CALLBACK_NONCE_PREFIX, NONCE_LIFETIME, SignatureError, is_fresh,
};
use crate::store::NonceUse;
use crate::web::client_info::client_info;

/// The largest body that is read.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// A call whose sender is known and whose signature holds. Its nonce is not used yet.
#[derive(Debug)]
pub struct Verified {
    headers: AuthHeaders,
    /// Who sent it.
    pub business: Arc<Business>,
    /// When it came.
    pub now: UnixMillis,
}

/// Reads a call's headers and finds its sender: known, switched on, from where it may be, and rightly signed, in time.
///
/// # Errors
/// The first [`CallRefusal`].
pub async fn verify(
    request: &Request<Bytes>,
    businesses: &SecretCache<Business>,
    now: UnixMillis,
) -> Result<Verified, CallRefusal> {
    let body = request.body();
    if body.len() > MAX_BODY_BYTES {
        return Err(CallRefusal::BodyTooLarge);
    }
    let headers = AuthHeaders::read(request.headers())?;
    if !is_fresh(headers.timestamp(), now) {
        return Err(CallRefusal::OutOfWindow { sent: headers.timestamp(), now });
    }
    let business = verify_sender(&headers, client_info(request).source_ip, body, businesses).await?;
    Ok(Verified { headers, business, now })
}

impl Verified {
    /// Whether the body speaks of the sender itself, and of a merchant of its.
    ///
    /// # Errors
    /// [`CallRefusal::BusinessIdsDiffer`], then [`CallRefusal::UnknownMerchant`].
    pub fn may_speak_of(&self, business_id: &str, merchant_id: &str) -> Result<(), CallRefusal> {
        if business_id != self.headers.business_id() {
            return Err(CallRefusal::BusinessIdsDiffer);
        }
        if !self.business.merchant_ids.contains(merchant_id) {
            return Err(CallRefusal::UnknownMerchant);
        }
        Ok(())
    }

    /// What must be written so that the call cannot come again.
    #[must_use]
    pub fn nonce_use(&self, operation: OperationId) -> NonceUse {
        NonceUse {
            space: self.headers.business_id().to_owned(),
            nonce: self.headers.nonce().to_owned(),
            used_at: self.now,
            until: self.now + NONCE_LIFETIME,
            operation,
        }
    }
}

async fn verify_sender(
    headers: &AuthHeaders,
    source_ip: Option<IpAddr>,
    body: &[u8],
    businesses: &SecretCache<Business>,
) -> Result<Arc<Business>, CallRefusal> {
    let name = SecretName::business(headers.business_id()).map_err(|_| CallRefusal::UnknownBusiness)?;
    let business = match businesses.get(&name).await {
        Err(SecretError::Absent) => return Err(CallRefusal::UnknownBusiness),
        found => found?,
    };
    if !business.enabled {
        return Err(CallRefusal::UnknownBusiness);
    }
    if !business.allows(source_ip) {
        return Err(CallRefusal::AddressNotAllowed { source_ip });
    }
    if headers.nonce().starts_with(CALLBACK_NONCE_PREFIX) {
        return Err(CallRefusal::NonceOfCallback);
    }
    let Err(first) = headers.verify(body, &business.keys) else { return Ok(business) };
    // The business may have changed its keys a moment ago.
    if let Ok(Some(newer)) = businesses.refresh_early(&name, &business).await
        && newer.enabled
        && newer.allows(source_ip)
        && headers.verify(body, &newer.keys).is_ok()
    {
        return Ok(newer);
    }
    Err(match first {
        SignatureError::NoKey(sign_type) => CallRefusal::NoKey(sign_type),
        SignatureError::Mismatch => CallRefusal::BadSignature { checked: headers.string_to_sign(body) },
    })
}
