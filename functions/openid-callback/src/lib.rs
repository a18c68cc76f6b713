//! The ways in which a consent comes back: `GET /v1/openapi/auth/alipay/callback`, the user's browser from Alipay
//! with a code; and `POST` below it, a platform with the user's openId ([`platform_callback`]). Both settle the same
//! way.
//!
//! A code is spent by its first use, so the exchange is claimed before it is made: of all returns with one code,
//! one reaches the gateway. Keys are had and the request is signed before the claim, so that nothing of ours can fail
//! between the claim and the call. Whatever the gateway says afterwards, a user who is known is recorded, unless one is
//! recorded already.

mod conclusion;
mod error;
mod gateway_outcome;
mod page;
mod platform_callback;
mod request;
mod settlement;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use shared::egress::breakers::{Breakers, Permit};
use shared::model::authorization::Authorization;
use shared::model::claim::{ClaimRefusal, ExchangeClaim, ExchangeEnding};
use shared::model::clock::{Clock, Monotonic, Stopwatch};
use shared::model::id::{AuthorizationId, OperationId};
use shared::model::owner::Owner;
use shared::model::random::Random;
use shared::protocol::alipay::gateway::{
    Exchange, ExchangeRequest, GatewayError, TokenExchange, read_answer,
};
use shared::queue::HintQueue;
use shared::registry::{AlipayApp, Platform};
use shared::secrets::{KeyCheck, SecretCache, SecretName, SecretSource};
use shared::store::repeat::repeat_once;
use shared::store::{Claimed, RecordReturns};
use shared::telemetry::RequestLog;
use shared::web::language::Language;
use url::Url;

use self::conclusion::{Held, conclude};
pub use self::error::ReturnError;
use self::request::{Return, ReturnQuery};
pub use self::settlement::SETTLE_WITHIN;

pub use shared::protocol::alipay::authorize::RETURN_PATH as PATH;

/// The time in a request within which an exchange may begin: what follows must end within the function's time, and
/// before the claim's lease is over. A store that was slow, or a process that was paused, may have used it up.
pub const EXCHANGE_WITHIN: Duration = Duration::from_secs(12);

/// The time in a request within which Alipay's newest key is still asked for, if its answer fails only the signature:
/// the settlement must have its time.
pub const REFRESH_WITHIN: Duration = Duration::from_secs(14);

/// The gateway's name among the [`Breakers`].
const GATEWAY: &str = "alipay-gateway";

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
    /// The least time that an openId is kept, which is longer than its delivery may take.
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
    breakers: Breakers,
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
        let breakers = Breakers::new(Arc::clone(&clock));
        Self { apps, platforms, app_id, store, gateway, breakers, hints, keep_for, clock, random }
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

/// The outcome of a return, as the user is told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The consent is recorded: by this code now or before, or by another one of the same user.
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
    /// Alipay refused our request, whoever asks: to authorize again would be in vain.
    OurFault,
    /// The user is known to us, and the store did not take it: the user has to authorize again, by this link.
    NotRecorded(Option<Url>),
    /// Too many codes were tried on one link.
    TooManyTries,
    /// Somebody, the same user or another, had consented before with another code; this one did not settle it.
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
        ReturnQuery::NotOurs
    };
    let mut owner = None;
    let (outcome, reference) = match returned {
        ReturnQuery::NotOurs => (Outcome::UnknownLink, None),
        ReturnQuery::WithoutCode(state) => (Outcome::NotAuthorized, Some(state.id().clone())),
        ReturnQuery::WithCode(back) => {
            let outcome = complete_return(function, &back, &mut owner).await.unwrap_or_else(|error| {
                tracing::error!(reference = %back.state.id(), trouble = %error, alarm = error.alarm().as_str(), "a return failed");
                Outcome::Unavailable
            });
            (outcome, Some(back.state.id().clone()))
        }
    };
    let answer = page::answer(&outcome, Language::preferred(request.headers()), reference.as_ref());
    RequestLog {
        route: "openid-callback",
        outcome: Some(page::log_reason(&outcome)),
        http_status: answer.status().as_u16(),
        reference: reference.as_ref().map(AuthorizationId::as_str),
        owner: owner.as_ref().map(|owner| owner as _),
        ..RequestLog::default()
    }
    .write(&*function.clock, began);
    answer
}

/// The flow of a return with a code. `owner` learns whose authorization it is, for the log.
async fn complete_return(
    function: &OpenIdCallback,
    back: &Return,
    owner: &mut Option<Owner>,
) -> Result<Outcome, ReturnError> {
    let (arrived, now) = (Stopwatch::start(&*function.clock), function.clock.now());
    let name = SecretName::alipay_app(&function.app_id).map_err(|_| ReturnError::BadAppId)?;
    let app =
        function.apps.get(&name).await.map_err(|error| ReturnError::Keys { name: name.clone(), error })?;
    let in_address = function.gateway.address_parameters();
    let request = ExchangeRequest::sign(&function.app_id, &back.code, now, &app.private_key, in_address)?;
    // Before the claim: the same return does once the gateway answers again.
    let Some(permit) = function.breakers.ask(GATEWAY) else {
        tracing::warn!(reference = %back.state.id(), "the gateway hangs and is not asked");
        return Ok(Outcome::Unavailable);
    };
    let claim = ExchangeClaim::new(&back.state, &back.code, OperationId::generate(&*function.random)?, now);

    let authorization = match repeat_once(|| function.store.claim_exchange(&claim)).await? {
        Claimed::Ours(authorization) => {
            *owner = Some(authorization.owner());
            authorization
        }
        Claimed::Refused(refusal, old) => {
            let known = old.as_ref().filter(|_| refusal != ClaimRefusal::UnknownState);
            *owner = known.map(|old| old.owner());
            return Ok(refusal_outcome(refusal, old.as_deref(), &claim));
        }
    };
    let held = Held { function, authorization: &authorization, claim: &claim };
    if arrived.passed(&*function.clock) >= EXCHANGE_WITHIN {
        tracing::warn!(reference = %claim.id, "too late for an exchange; the code was not sent");
        held.end(ExchangeEnding::NotSent).await;
        return Ok(Outcome::Unavailable);
    }
    let said = exchange(function, permit, request, &name, &app, arrived.began() + REFRESH_WITHIN).await;
    Ok(conclude(&held, said, arrived.began() + SETTLE_WITHIN).await)
}

/// Alipay's answer. One that fails only its signature is read once more with the newest document, as long as there is
/// time.
async fn exchange(
    function: &OpenIdCallback,
    permit: Permit<'_>,
    request: ExchangeRequest,
    name: &SecretName,
    app: &Arc<AlipayApp>,
    refresh_until: Monotonic,
) -> Exchange {
    let answered = function.gateway.exchange(request).await;
    permit.report(answered == Err(GatewayError::Timeout));
    let body = match answered {
        Ok(body) => body,
        Err(reason) => return Exchange::Unknown(reason),
    };
    let read = |app: &Arc<AlipayApp>| match read_answer(&body, &app.alipay_public_keys) {
        unbelieved @ Exchange::Unknown(GatewayError::Signature(_))
            if function.clock.monotonic() < refresh_until =>
        {
            KeyCheck::NoKeyFits(unbelieved)
        }
        said => KeyCheck::Decided(said),
    };
    function.apps.check_keys(name, app, read).await
}

fn refusal_outcome(refusal: ClaimRefusal, old: Option<&Authorization>, claim: &ExchangeClaim) -> Outcome {
    match refusal {
        ClaimRefusal::UnknownState => Outcome::UnknownLink,
        // Another code of the same link may have been another user's, whatever came of its exchange.
        ClaimRefusal::AlreadyAuthorized
            if old.is_some_and(|old| old.was_settled_by_code(&claim.code_digest)) =>
        {
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
    authorization.link().cloned()
}
