//! Finds the sender of an inbound call of the open API. It stands beside the documents, because `protocol` knows keys
//! but not the places that they are kept in.
//!
//! The checks come cheapest first and the first failure answers. Nothing is written: a call that fails leaves nothing
//! behind.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;

use crate::model::clock::UnixMillis;
use crate::model::id::OperationId;
use crate::model::nonce_use::NonceUse;
use crate::protocol::open_api::{CallError, check_signature, read_headers};
use crate::registry::business::Business;
use crate::secrets::{KeyCheck, SecretCache, SecretError, SecretName};
use crate::signing::open_api::{AuthHeaders, BUSINESS_ID, CALLBACK_NONCE_PREFIX, NONCE_LIFETIME};
use crate::web::client_info::client_info;

/// A call whose sender is known and whose signature holds. Its nonce is not used yet.
#[derive(Debug)]
pub struct AuthenticatedCall {
    headers: AuthHeaders,
    /// The sender.
    pub business: Arc<Business>,
    /// The time at which the call came.
    pub now: UnixMillis,
}

/// Reads a call's headers and finds its sender: known, switched on, at an allowed address, and rightly signed, in time.
///
/// A signature that fails is checked once more with a document that was changed a moment ago.
///
/// # Errors
/// The first [`CallError`].
pub async fn authenticate(
    request: &Request<Bytes>,
    businesses: &SecretCache<Business>,
    now: UnixMillis,
) -> Result<AuthenticatedCall, CallError> {
    let (headers, body) = (read_headers(request, now)?, request.body());
    let source_ip = client_info(request).source_ip;
    let name = SecretName::business(headers.business_id()).map_err(|_| CallError::UnknownBusiness)?;
    let business = businesses.get(&name).await.map_err(|error| not_had(&error))?;
    if !business.enabled {
        return Err(CallError::DisabledBusiness);
    }
    if !business.allows(source_ip) {
        return Err(CallError::AddressNotAllowed { source_ip });
    }
    if headers.nonce().starts_with(CALLBACK_NONCE_PREFIX) {
        return Err(CallError::NonceOfCallback);
    }
    let check = |business: &Arc<Business>| match check_signature(&headers, body, &business.keys) {
        // A newer document may have ended what the first one allowed.
        Ok(()) if !business.enabled => KeyCheck::NoKeyFits(Err(CallError::DisabledBusiness)),
        Ok(()) if !business.allows(source_ip) => {
            KeyCheck::NoKeyFits(Err(CallError::AddressNotAllowed { source_ip }))
        }
        checked => checked.map(|()| Arc::clone(business)).into(),
    };
    let business = businesses.check_keys(&name, &business, check).await?;
    Ok(AuthenticatedCall { headers, business, now })
}

fn not_had(error: &SecretError) -> CallError {
    match error.alarm() {
        _ if *error == SecretError::Absent => CallError::UnknownBusiness,
        Some(alarm) => CallError::Unavailable { reason: format!("the business's document: {error}"), alarm },
        None => CallError::TooManyLookUps,
    }
}

/// The caller's businessId, if it is one that is known: nobody else's may be logged, for it may be anything.
#[must_use]
pub fn known_business_id<'a>(
    request: &'a Request<Bytes>,
    businesses: &SecretCache<Business>,
) -> Option<&'a str> {
    let id = request.headers().get(BUSINESS_ID)?.to_str().ok()?;
    SecretName::business(id).is_ok_and(|name| businesses.knows(&name)).then_some(id)
}

impl AuthenticatedCall {
    /// Checks that the body speaks of the sender itself, and of one of its merchants.
    ///
    /// # Errors
    /// [`CallError::BusinessIdsDiffer`], then [`CallError::UnknownMerchant`].
    pub fn may_speak_of(&self, business_id: &str, merchant_id: &str) -> Result<(), CallError> {
        if business_id != self.headers.business_id() {
            return Err(CallError::BusinessIdsDiffer);
        }
        if !self.business.merchant_ids.contains(merchant_id) {
            return Err(CallError::UnknownMerchant);
        }
        Ok(())
    }

    /// The use of the call's nonce, which must be recorded so that the call cannot come again.
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
