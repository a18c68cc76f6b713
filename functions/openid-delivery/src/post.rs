//! One POST: to where, signed by which key, and what became of it.

use std::sync::Arc;

use bytes::Bytes;
use shared::delivery::answer::{Answer, DeliveryOutcome};
use shared::model::authorization::{Authorization, Callback};
use shared::model::callback_url::CallbackUrl;
use shared::random::hex_128;
use shared::secrets::documents::{Business, CallbackKey};
use shared::secrets::{SecretError, SecretName};
use shared::signing::open_api::{CALLBACK_NONCE_PREFIX, Signer};

use crate::{OpenIdDelivery, Trouble};

/// What a POST to a business is signed by, and the business's default address.
pub(crate) struct Keys {
    business: Result<Arc<Business>, SecretError>,
    /// Ours, unless the business has a key of its own to sign with.
    callback_key: Option<Result<Arc<CallbackKey>, SecretError>>,
}

impl Keys {
    pub(crate) async fn fetch(function: &OpenIdDelivery, business_id: &str) -> Self {
        let business = match SecretName::business(business_id) {
            Ok(name) => function.businesses.get(&name).await,
            Err(_) => Err(SecretError::Absent),
        };
        let signs_itself = |business: &Arc<Business>| business.callback_md5_key().is_some();
        let callback_key = match &business {
            Ok(business) if !signs_itself(business) => {
                Some(function.callback_key.get(&SecretName::callback_key()).await)
            }
            Ok(_) | Err(_) => None,
        };
        Self { business, callback_key }
    }

    /// The business, and the key to sign with.
    fn signer(&self) -> Result<(&Business, Signer<'_>), &SecretError> {
        let business = self.business.as_deref()?;
        match (business.callback_md5_key(), &self.callback_key) {
            (Some(key), _) => Ok((business, Signer::Md5(key))),
            (None, Some(key)) => Ok((business, Signer::Rsa(&key.as_ref()?.private_key))),
            (None, None) => Err(&SecretError::Absent),
        }
    }
}

/// Sends the record's body, and says what came of it; also if nothing could be sent.
pub(crate) async fn post(
    function: &OpenIdDelivery,
    authorization: &Authorization,
    keys: &Keys,
) -> Result<Answer, Trouble> {
    let (business, signer) = match keys.signer() {
        Ok(signer) => signer,
        Err(error) => {
            log_missing_key(authorization, error);
            return Ok(DeliveryOutcome::KeyUnavailable.into());
        }
    };
    let address = match &authorization.callback {
        Callback::Explicit(url) => Some(url),
        Callback::BusinessDefault => business.default_callback_url.as_ref(),
        Callback::Nowhere => None,
    };
    let url = match address.map(|address| CallbackUrl::parse(address, &function.callbacks)) {
        Some(Ok(url)) => url,
        Some(Err(refused)) => {
            tracing::warn!(reference = %authorization.id, %refused, "the callback address is not acceptable");
            return Ok(DeliveryOutcome::from(refused).into());
        }
        None => return Ok(DeliveryOutcome::NoCallbackAddress.into()),
    };
    let body = Bytes::from(authorization.body.clone().unwrap_or_default());
    let now = function.clock.now();
    let nonce = format!("{CALLBACK_NONCE_PREFIX}{}", hex_128(&*function.random)?);
    let headers = signer.sign(&authorization.business_id, &nonce, now, &body)?;
    Ok(function.sender.post(&url, headers, body, now).await)
}

fn log_missing_key(authorization: &Authorization, error: &SecretError) {
    let (reference, business) = (&authorization.id, &authorization.business_id);
    match error {
        SecretError::Unavailable { .. } | SecretError::Busy => {
            tracing::error!(%reference, %business, %error, alarm = "unavailable", "a key could not be fetched");
        }
        SecretError::Absent | SecretError::Unparsable { .. } => {
            tracing::error!(%reference, %business, %error, alarm = "keys", "the business or our key cannot be read");
        }
    }
}
