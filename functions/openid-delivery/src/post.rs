//! One POST: to where, signed by which key, and what became of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderName;
use shared::delivery::response::AttemptResult;
use shared::egress::callback_url::CallbackUrl;
use shared::model::authorization::{Authorization, Callback};
use shared::model::clock::{Stopwatch, UnixMillis};
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::id::AuthorizationId;
use shared::model::owner::Owner;
use shared::registry::{Business, CallbackKey, Scheme};
use shared::secrets::{SecretError, SecretName};
use shared::signing::md5::Md5Key;
use shared::signing::open_api::{SIGN, Signer, callback_nonce};
use shared::store::StoreError;

use crate::answer::kept;
use crate::confidential::confidential_values;
use crate::{DeliveryError, OpenIdDelivery};

/// The key that a POST for an owner is signed by, and the owner's default address.
pub(crate) struct Keys {
    owner: Result<Document, SecretError>,
    /// Ours, unless the owner has a key of its own to sign with.
    callback_key: Option<Result<Arc<CallbackKey>, SecretError>>,
    /// The flaw of two documents that are sound each by itself.
    flaw: Option<SecretError>,
}

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
        let flaw = match (&owner, &callback_key) {
            (Ok(Document::Business(business)), Some(Ok(key))) => function.own_keys.flaw(asked, business, key),
            _ => None,
        };
        Self { owner, callback_key, flaw }
    }

    /// The error for which a delivery has to wait: a source that keeps a key back, or documents that do not go
    /// together. Nothing is wrong with the delivery itself, and later there is a key.
    pub(crate) fn kept_back(&self) -> Option<&SecretError> {
        let errors =
            [self.owner.as_ref().err(), self.callback_key.as_ref().and_then(|key| key.as_ref().err())];
        let transient = errors.into_iter().flatten().find(|error| error.is_transient());
        transient.or(self.flaw.as_ref())
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
pub(crate) struct Post<'a> {
    url: CallbackUrl,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
    signed_at: UnixMillis,
    /// What its answer may repeat and nobody may read.
    hidden: Vec<&'a str>,
}

/// What came of a POST.
pub(crate) struct Posted {
    pub(crate) result: AttemptResult,
    pub(crate) ended: UnixMillis,
    /// The time that the merchant took.
    pub(crate) took: Duration,
    /// The beginning of the answer, masked.
    pub(crate) answer: Option<String>,
}

impl Posted {
    /// One that could not be sent.
    pub(crate) fn not_sent(outcome: DeliveryOutcome, now: UnixMillis) -> Self {
        Self { result: outcome.into(), ended: now, took: Duration::ZERO, answer: None }
    }

    /// The time that the merchant took in milliseconds, if it was tried.
    pub(crate) fn millis(&self) -> Option<u32> {
        let millis = u32::try_from(self.took.as_millis()).unwrap_or(u32::MAX);
        self.result.outcome.was_tried().then_some(millis)
    }
}

impl<'a> Post<'a> {
    /// Signs the record's body. A POST that cannot be sent has its outcome as well.
    pub(crate) fn prepare(
        function: &OpenIdDelivery,
        authorization: &'a Authorization,
        keys: &'a Keys,
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
            Some(Err(error)) => {
                tracing::warn!(reference = %authorization.id, %error, "the callback address is not acceptable");
                return Ok(Err(error.into()));
            }
            None => return Ok(Err(DeliveryOutcome::NoCallbackAddress)),
        };
        let Some(subject) = authorization.subject() else {
            return Err(StoreError::Corrupt("a claimed attempt has nothing to deliver".to_owned()).into());
        };
        let body = subject.body().reveal().clone();
        let signed_at = function.clock.now();
        let nonce = callback_nonce(&*function.random)?;
        let headers = signer.sign(authorization.request.caller(), &nonce, signed_at, &body)?;
        let mut hidden = confidential_values(authorization);
        hidden.extend(signer.shared_key().map(Md5Key::reveal));
        Ok(Ok(Self { url, headers, body, signed_at, hidden }))
    }

    /// Sends it, once.
    pub(crate) async fn send(self, function: &OpenIdDelivery) -> Posted {
        let Self { url, headers, body, signed_at, hidden } = self;
        let mut hidden: Vec<&str> = hidden;
        let signature = headers.iter().find(|(name, _)| *name == SIGN).map(|(_, value)| value.clone());
        hidden.extend(signature.as_deref());
        let stopwatch = Stopwatch::start(&*function.clock);
        let result = function.sender.post(&url, headers, body, signed_at).await;
        let took = stopwatch.passed(&*function.clock);
        let answer = result.answer.as_ref().and_then(|answer| kept(answer, &hidden));
        Posted { result, ended: function.clock.now(), took, answer }
    }
}

/// Says that the owner's document, or our key, is unavailable.
pub(crate) fn log_missing_key(reference: &AuthorizationId, owner: &Owner, error: &SecretError) {
    match error.alarm() {
        Some(alarm) => {
            tracing::error!(%reference, %owner, %error, alarm = alarm.as_str(), "a delivery has no key to sign with");
        }
        None => tracing::warn!(%reference, %owner, %error, "a delivery has no key to sign with"),
    }
}
