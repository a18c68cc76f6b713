//! One POST: to where, signed by which key, and what became of it.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderName;
use shared::delivery::response::AttemptResult;
use shared::egress::callback_url::CallbackUrl;
use shared::model::authorization::{Authorization, Callback};
use shared::model::clock::UnixMillis;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::id::AuthorizationId;
use shared::model::owner::Owner;
use shared::model::random::hex_128;
use shared::registry::{Business, CallbackKey, Scheme};
use shared::secrets::{SecretError, SecretName};
use shared::signing::open_api::{CALLBACK_NONCE_PREFIX, Signer};
use shared::store::StoreError;
use shared::telemetry::Alarm;

use crate::{DeliveryError, OpenIdDelivery};

/// The key that a POST for an owner is signed by, and the owner's default address.
pub(crate) struct Keys {
    owner: Result<Document, SecretError>,
    /// Ours, unless the owner has a key of its own to sign with.
    callback_key: Option<Result<Arc<CallbackKey>, SecretError>>,
}

/// The owner's document.
enum Document {
    Business(Arc<Business>),
    Scheme(Arc<Scheme>),
}

impl Keys {
    pub(crate) async fn fetch(function: &OpenIdDelivery, asked: &Owner) -> Self {
        let owner = Document::fetch(function, asked).await;
        let callback_key = match &owner {
            Ok(Document::Business(business)) if business.callback_md5_key().is_some() => None,
            Ok(_) => Some(function.callback_key.get(&SecretName::callback_key()).await),
            Err(_) => None,
        };
        if let (Ok(Document::Business(business)), Some(Ok(key))) = (&owner, &callback_key)
            && business.has_public_half_of(&key.private_key)
        {
            tracing::error!(
                owner = %asked, alarm = Alarm::Keys.as_str(),
                "the business's publicKeys hold the public half of our callback-key: its requests cannot be verified"
            );
        }
        Self { owner, callback_key }
    }

    /// The error of a source that keeps a key back: nothing is wrong with the delivery, and later there is a key.
    pub(crate) fn kept_back(&self) -> Option<&SecretError> {
        let errors =
            [self.owner.as_ref().err(), self.callback_key.as_ref().and_then(|key| key.as_ref().err())];
        errors.into_iter().flatten().find(|error| error.is_of_the_source())
    }

    /// The owner's default address, and the key to sign with.
    fn signer(&self) -> Result<(Option<&str>, Signer<'_>), &SecretError> {
        let (address, own_key) = match self.owner.as_ref()? {
            Document::Business(business) => {
                (business.default_callback_url.as_deref(), business.callback_md5_key())
            }
            Document::Scheme(scheme) => (scheme.callback_url.as_deref(), None),
        };
        match (own_key, &self.callback_key) {
            (Some(key), _) => Ok((address, Signer::Md5(key))),
            (None, Some(key)) => Ok((address, Signer::Rsa(&key.as_ref()?.private_key))),
            (None, None) => Err(&SecretError::Absent),
        }
    }
}

impl Document {
    async fn fetch(function: &OpenIdDelivery, owner: &Owner) -> Result<Self, SecretError> {
        match owner {
            Owner::Business(id) => {
                let name = SecretName::business(id).map_err(|_| SecretError::Absent)?;
                function.businesses.get(&name).await.map(Self::Business)
            }
            Owner::Scheme(id) => function.schemes.get(&SecretName::scheme(*id)).await.map(Self::Scheme),
        }
    }
}

/// A signed POST.
pub(crate) struct Post {
    url: CallbackUrl,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
    signed_at: UnixMillis,
}

impl Post {
    /// Signs the record's body. A POST that cannot be sent has its outcome as well.
    pub(crate) fn prepare(
        function: &OpenIdDelivery,
        authorization: &Authorization,
        keys: &Keys,
    ) -> Result<Result<Self, DeliveryOutcome>, DeliveryError> {
        let (default_address, signer) = match keys.signer() {
            Ok(signer) => signer,
            Err(error) => {
                log_missing_key(&authorization.id, &authorization.owner(), error);
                return Ok(Err(DeliveryOutcome::KeyUnavailable));
            }
        };
        let address = match &authorization.callback {
            Callback::Explicit(url) => Some(url.as_str()),
            Callback::OwnersDefault => default_address,
            Callback::Nowhere => None,
        };
        let url = match address.map(|address| CallbackUrl::parse(address, &function.callbacks)) {
            Some(Ok(url)) => url,
            Some(Err(refused)) => {
                tracing::warn!(reference = %authorization.id, %refused, "the callback address is not acceptable");
                return Ok(Err(refused.into()));
            }
            None => return Ok(Err(DeliveryOutcome::NoCallbackAddress)),
        };
        let Some(consent) = authorization.consent() else {
            return Err(StoreError::Corrupt("a claimed attempt has no consent".to_owned()).into());
        };
        let body = consent.body.reveal().clone();
        let signed_at = function.clock.now();
        let nonce = format!("{CALLBACK_NONCE_PREFIX}{}", hex_128(&*function.random)?);
        let headers = signer.sign(authorization.request.caller(), &nonce, signed_at, &body)?;
        Ok(Ok(Self { url, headers, body, signed_at }))
    }

    /// Sends it, once.
    pub(crate) async fn send(self, function: &OpenIdDelivery) -> AttemptResult {
        let Self { url, headers, body, signed_at } = self;
        function.sender.post(&url, headers, body, signed_at).await
    }
}

/// Says that the owner's document, or our key, cannot be had.
pub(crate) fn log_missing_key(reference: &AuthorizationId, owner: &Owner, error: &SecretError) {
    match error.alarm() {
        Some(alarm) => {
            tracing::error!(%reference, %owner, %error, alarm = alarm.as_str(), "a delivery has no key to sign with");
        }
        None => tracing::warn!(%reference, %owner, %error, "a delivery has no key to sign with"),
    }
}
