//! The ways in which a consent comes back: `GET /v1/openapi/auth/alipay/callback`, the user's browser from Alipay with a
//! code; and `POST` below it, a platform with the user's openId ([`platform_callback`]). Both settle the same way.
//!
//! A code is spent by its first use, so the exchange is claimed before it is made: of all returns with one code,
//! one reaches the gateway. Keys are had and the request is signed before the claim, so that nothing of ours can fail
//! between the claim and the call. Whatever the gateway says afterwards, a user who is known is recorded, unless one is
//! recorded already.

mod error;
mod page;
mod platform_callback;
mod settlement;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use shared::model::authorization::Authorization;
use shared::model::claim::{ClaimRefusal, ExchangeClaim};
use shared::model::clock::{Clock, UnixMillis};
use shared::model::id::{AuthorizationId, OperationId};
use shared::model::identity::Identity;
use shared::model::owner::Owner;
use shared::model::random::Random;
use shared::protocol::alipay::gateway::{Exchange, ExchangeRequest, NoAnswer, TokenExchange, read_answer};
use shared::queue::HintQueue;
use shared::registry::{AlipayApp, Platform};
use shared::secrets::{SecretCache, SecretName, SecretSource};
use shared::store::{Claimed, RecordReturns, Settled, StoreError};
use shared::telemetry::{Alarm, RequestLog};
use shared::web::page::Language;
use url::Url;

pub use self::error::Trouble;
pub use self::settlement::SETTLEMENT_PATIENCE;
use self::wire::{Return, Returned};

pub use shared::protocol::alipay::authorize::RETURN_PATH as PATH;

/// How late in a request Alipay's newest key is still asked for, if its answer fails only the signature: the settlement
/// must have its time.
pub const REFRESH_UNTIL: Duration = Duration::from_secs(14);

/// The capabilities of this function.
#[derive(Clone)]
pub struct Deps {
    /// Our app's keys, and the platforms that links are asked of.
    pub secrets: Arc<dyn SecretSource>,
    /// The app that links are for; a return for another one is not ours.
    pub app_id: String,
    /// Claims and settles.
    pub store: Arc<dyn RecordReturns>,
    /// Alipay's gateway.
    pub gateway: Arc<dyn TokenExchange>,
    /// Starts the delivery at once.
    pub hints: Arc<dyn HintQueue>,
    /// The time that an openId is kept at least, which is longer than its delivery may take.
    pub keep_for: Duration,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for operation ids.
    pub random: Arc<dyn Random>,
}

/// The function: its capabilities, with a cache for each kind of document.
pub struct OpenIdCallback {
    apps: Arc<SecretCache<AlipayApp>>,
    platforms: Arc<SecretCache<Platform>>,
    app_id: String,
    store: Arc<dyn RecordReturns>,
    gateway: Arc<dyn TokenExchange>,
    hints: Arc<dyn HintQueue>,
    keep_for: Duration,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl OpenIdCallback {
    /// The function with empty caches.
    #[must_use]
    pub fn new(deps: Deps) -> Self {
        let Deps { secrets, app_id, store, gateway, hints, keep_for, clock, random } = deps;
        let apps = SecretCache::shared(&secrets, &clock);
        let platforms = SecretCache::shared(&secrets, &clock);
        Self { apps, platforms, app_id, store, gateway, hints, keep_for, clock, random }
    }

    /// Answers one request.
    pub async fn handle(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let below = request.uri().path().strip_prefix(PATH).is_some_and(|rest| rest.starts_with('/'));
        if request.method() == Method::POST && below {
            platform_callback::answer(self, request).await
        } else {
            show_return(self, request).await
        }
    }
}

/// What the user is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The consent is recorded, now or before.
    Authorized,
    /// The user came back without a code.
    NotAuthorized,
    /// The state names no authorization of ours.
    UnknownLink,
    /// The link's time is over.
    Expired,
    /// Another return of the same authorization is at the gateway: ask again in a moment.
    InProgress,
    /// The code did not do: the user has to authorize again, by this link.
    AuthorizeAgain(Option<Url>),
    /// Too many codes were tried on one link.
    TooManyTries,
    /// Somebody, the same user or another, had consented before with another code; this one was not used.
    AlreadyUsed,
    /// Another user had consented before.
    AnotherUser,
    /// We failed before the code was used: the same return may be tried again.
    Unavailable,
}

async fn show_return(function: &OpenIdCallback, request: &Request<Bytes>) -> Response<Bytes> {
    let began = function.clock.now();
    let returned = if request.method() == Method::GET && request.uri().path() == PATH {
        Return::parse(request.uri().query().unwrap_or_default(), &function.app_id)
    } else {
        Returned::NotOurs
    };
    let mut owner = None;
    let (outcome, reference) = match returned {
        Returned::NotOurs => (Outcome::UnknownLink, None),
        Returned::WithoutCode(state) => (Outcome::NotAuthorized, Some(state.id().clone())),
        Returned::WithCode(back) => {
            let outcome = come_back(function, &back, &mut owner).await.unwrap_or_else(|trouble| {
                tracing::error!(reference = %back.state.id(), %trouble, alarm = Alarm::Unavailable.as_str(), "a return failed");
                Outcome::Unavailable
            });
            (outcome, Some(back.state.id().clone()))
        }
    };
    let answer = page::answer(&outcome, Language::preferred(request.headers()), reference.as_ref());
    RequestLog {
        route: "openid-callback",
        outcome: Some(page::word(&outcome)),
        http_status: answer.status().as_u16(),
        reference: reference.as_ref().map(AuthorizationId::as_str),
        owner: owner.as_ref().map(|owner| owner as _),
        ..RequestLog::default()
    }
    .write(&*function.clock, began);
    answer
}

/// The flow of a return with a code. `owner` learns whose authorization it is, for the log.
async fn come_back(
    function: &OpenIdCallback,
    back: &Return,
    owner: &mut Option<Owner>,
) -> Result<Outcome, Trouble> {
    let now = function.clock.now();
    let name = SecretName::alipay_app(&function.app_id).map_err(|_| Trouble::BadAppId)?;
    let app = function.apps.get(&name).await.map_err(|error| Trouble::Keys { name: name.clone(), error })?;
    let request = ExchangeRequest::sign(&function.app_id, &back.code, now, &app)?;
    let claim = ExchangeClaim::new(&back.state, &back.code, OperationId::draw(&*function.random)?, now);

    let authorization = match claim_exchange(function, &claim).await? {
        Claimed::Ours(authorization) => {
            *owner = Some(authorization.owner());
            authorization
        }
        Claimed::Refused(refusal, old) => {
            let known = old.as_ref().filter(|_| refusal != ClaimRefusal::UnknownState);
            *owner = known.map(|old| old.owner());
            return Ok(explain(refusal, old.as_deref(), &claim));
        }
    };
    let again = || Outcome::AuthorizeAgain(link(&authorization));
    match exchange(function, request, &name, &app, now + REFRESH_UNTIL).await {
        Exchange::Identified(identity) => {
            Ok(settle(function, &authorization, identity, claim.operation).await)
        }
        Exchange::Refused(refusal) => {
            if refusal.is_about_the_code() {
                tracing::warn!(reference = %claim.id, sub_code = %refusal.sub_code, "Alipay refused the code");
            } else {
                tracing::error!(
                    reference = %claim.id, code = %refusal.code, sub_code = %refusal.sub_code, alarm = Alarm::Gateway.as_str(),
                    "Alipay refused our request"
                );
            }
            note(function.store.exchange_refused(&claim.id, &claim.operation).await, &claim.id);
            Ok(again())
        }
        Exchange::Unknown(reason) => {
            tracing::error!(reference = %claim.id, %reason, alarm = Alarm::Gateway.as_str(), "no answer from Alipay to believe");
            note(function.store.exchange_unknown(&claim.id, &claim.operation).await, &claim.id);
            Ok(again())
        }
    }
}

/// What Alipay says. Its key may have changed a moment ago, so an answer that fails only its signature is read once more
/// with the newest document.
async fn exchange(
    function: &OpenIdCallback,
    request: ExchangeRequest,
    name: &SecretName,
    app: &Arc<AlipayApp>,
    refresh_until: UnixMillis,
) -> Exchange {
    let body = match function.gateway.exchange(request).await {
        Ok(body) => body,
        Err(reason) => return Exchange::Unknown(reason),
    };
    let said = read_answer(&body, app);
    if said != Exchange::Unknown(NoAnswer::Signature) || function.clock.now() >= refresh_until {
        return said;
    }
    match function.apps.refresh_early(name, app).await {
        Ok(Some(newer)) => read_answer(&body, &newer),
        Ok(None) | Err(_) => said,
    }
}

/// A claim may be repeated: it carries its operation id, so that a repeat finds its own first try.
async fn claim_exchange(function: &OpenIdCallback, claim: &ExchangeClaim) -> Result<Claimed, StoreError> {
    match function.store.claim_exchange(claim).await {
        Err(error) if error.retryable() => function.store.claim_exchange(claim).await,
        claimed => claimed,
    }
}

async fn settle(
    function: &OpenIdCallback,
    authorization: &Authorization,
    identity: Identity,
    operation: OperationId,
) -> Outcome {
    match settlement::settle(function, authorization, identity, operation.clone()).await {
        Ok(Settled::Recorded | Settled::AlreadyRecorded) => Outcome::Authorized,
        Ok(Settled::Conflict) => Outcome::AnotherUser,
        Ok(Settled::NotFound) => Outcome::UnknownLink,
        Err(error) => {
            tracing::error!(
                reference = %authorization.id, %error, alarm = Alarm::Settlement.as_str(),
                "a consent could not be recorded; the user is asked to authorize again"
            );
            note(function.store.exchange_unknown(&authorization.id, &operation).await, &authorization.id);
            Outcome::AuthorizeAgain(link(authorization))
        }
    }
}

/// The end of a claim that changes nothing for the user: if it cannot be written, the claim ends by itself.
fn note(written: Result<bool, StoreError>, id: &AuthorizationId) {
    match written {
        Ok(true) => {}
        Ok(false) => tracing::warn!(reference = %id, "a later claim has taken over"),
        Err(error) => tracing::warn!(reference = %id, %error, "the claim will end by itself"),
    }
}

fn explain(refusal: ClaimRefusal, old: Option<&Authorization>, claim: &ExchangeClaim) -> Outcome {
    match refusal {
        ClaimRefusal::UnknownState => Outcome::UnknownLink,
        ClaimRefusal::AlreadyAuthorized if old.is_some_and(|old| old.codes.contains(&claim.code_digest)) => {
            Outcome::Authorized
        }
        ClaimRefusal::AlreadyAuthorized => {
            tracing::warn!(reference = %claim.id, "a consent came for a link that was used before");
            Outcome::AlreadyUsed
        }
        ClaimRefusal::InProgress => Outcome::InProgress,
        ClaimRefusal::Expired => Outcome::Expired,
        ClaimRefusal::CodeSpent => Outcome::AuthorizeAgain(old.and_then(link)),
        ClaimRefusal::TooManyCodes => Outcome::TooManyTries,
    }
}

fn link(authorization: &Authorization) -> Option<Url> {
    authorization.link.as_deref().and_then(|link| Url::parse(link).ok())
}
