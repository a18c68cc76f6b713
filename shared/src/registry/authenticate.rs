//! Finds the sender of an inbound call of the open API. It stands beside the documents, because `protocol` knows keys
//! but not the places that they are kept in.
//!
//! The checks come cheapest first and the first failure answers. Nothing is written: a call that fails leaves nothing
//! behind.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;

use crate::model::clock::UnixMillis;
use crate::model::deny_list::{DenyList, KeyFingerprint, PartyKind};
use crate::model::id::OperationId;
use crate::model::nonce_use::NonceUse;
use crate::protocol::open_api::{OpenApiCallError, check_signature, diagnosed, read_headers};
use crate::registry::business::Business;
use crate::registry::deny_list::DenyListCache;
use crate::secrets::{KeyCheck, SecretCache, SecretError, SecretName};
use crate::signing::open_api::{AuthHeaders, BUSINESS_ID, CALLBACK_NONCE_PREFIX, NONCE_LIFETIME};
use crate::store::StoreError;
use crate::store::budget::StoreBudget;
use crate::telemetry::Alarm;
use crate::web::client_info::client_info;

/// A call whose sender is known and whose signature holds. Its nonce is not used yet.
#[derive(Debug)]
pub struct AuthenticatedCall {
    headers: AuthHeaders,
    /// The sender.
    pub business: Arc<Business>,
    /// The sender's key that the signature was made with.
    pub key: KeyFingerprint,
    /// The deny list at this time.
    pub denied: Arc<DenyList>,
    /// The time at which the call came.
    pub now: UnixMillis,
}

/// Reads a call's headers and finds its sender: known, switched on, at an allowed address, and rightly signed, in time.
///
/// A signature that fails is checked once more with a document that was changed a moment ago; then its cause is looked
/// for, as often as the cache allows. A business on the deny list is switched off, and a key on it is none of the
/// business's.
///
/// # Errors
/// The first [`OpenApiCallError`].
pub async fn authenticate(
    request: &Request<Bytes>,
    businesses: &SecretCache<Business>,
    deny_list: &DenyListCache,
    budget: &StoreBudget<'_>,
    now: UnixMillis,
) -> Result<AuthenticatedCall, OpenApiCallError> {
    let (headers, body) = (read_headers(request, now)?, request.body());
    let source_ip = client_info(request).source_ip;
    let name = SecretName::business(headers.business_id()).map_err(|_| OpenApiCallError::UnknownBusiness)?;
    let (business, denied) = tokio::join!(businesses.get(&name), budget.wait(deny_list.current()));
    let business = business.map_err(|error| document_error(&error))?;
    let denied = denied.map_err(|error| deny_list_error(&error))?;
    let id = headers.business_id();
    let may_call = |business: &Business| {
        if !business.enabled || denied.denies(PartyKind::Business, id) {
            return Err(OpenApiCallError::DisabledBusiness);
        }
        if !business.allows(source_ip) {
            return Err(OpenApiCallError::AddressNotAllowed { source_ip });
        }
        Ok(())
    };
    may_call(&business)?;
    if headers.nonce().starts_with(CALLBACK_NONCE_PREFIX) {
        return Err(OpenApiCallError::NonceOfCallback);
    }
    let is_denied = |key: &KeyFingerprint| denied.denies_key(PartyKind::Business, id, key);
    let verify = |business: &Business| check_signature(&headers, body, &business.keys.without(is_denied));
    let check = |business: &Arc<Business>| match verify(business) {
        // A newer document may have ended what the first one allowed.
        Ok(key) => KeyCheck::Decided(may_call(business).map(|()| (Arc::clone(business), key))),
        Err(error) => KeyCheck::NoKeyFits(Err(error)),
    };
    match businesses.check_keys(&name, &business, check).await {
        Ok((business, key)) => Ok(AuthenticatedCall { headers, business, key, denied, now }),
        Err(error) if error.is_of_signature() && businesses.may_diagnose() => {
            let newest = businesses.get(&name).await.unwrap_or(business);
            Err(diagnosed(error, &headers, body, &newest.keys.without(is_denied)))
        }
        Err(error) => Err(error),
    }
}

fn document_error(error: &SecretError) -> OpenApiCallError {
    let reason = || format!("the business's document: {error}");
    match error {
        SecretError::Absent => OpenApiCallError::UnknownBusiness,
        SecretError::TooManyLookUps => OpenApiCallError::TooManyLookUps,
        SecretError::Unparsable(_) => OpenApiCallError::Misconfigured { reason: reason() },
        SecretError::Denied => OpenApiCallError::Unavailable { reason: reason(), alarm: Alarm::Keys },
        SecretError::Unavailable(_) => {
            OpenApiCallError::Unavailable { reason: reason(), alarm: Alarm::Unavailable }
        }
    }
}

fn deny_list_error(error: &StoreError) -> OpenApiCallError {
    OpenApiCallError::Unavailable { reason: format!("the deny list: {error}"), alarm: error.alarm() }
}

impl From<StoreError> for OpenApiCallError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable { reason: error.to_string(), alarm: error.alarm() }
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
    /// [`OpenApiCallError::BusinessIdsDiffer`], then [`OpenApiCallError::UnknownMerchant`].
    pub fn may_speak_of(&self, business_id: &str, merchant_id: &str) -> Result<(), OpenApiCallError> {
        if business_id != self.headers.business_id() {
            return Err(OpenApiCallError::BusinessIdsDiffer);
        }
        if !self.business.merchant_ids.contains(merchant_id) {
            return Err(OpenApiCallError::UnknownMerchant);
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
