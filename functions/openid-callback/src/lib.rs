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
mod exchange;
mod gateway_outcome;
mod page;
mod platform_callback;
mod refusal;
mod request;
mod settlement;
mod way_back;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use shared::egress::breakers::{Breakers, Hanging};
use shared::model::authorization::Authorization;
use shared::model::claim::{ClaimRefusal, ExchangeClaim, ExchangeEnding, standing_refusal};
use shared::model::clock::{Clock, Stopwatch};
use shared::model::id::OperationId;
use shared::model::random::Random;
use shared::model::request_id::RequestId;
use shared::protocol::alipay::gateway::{ExchangeRequest, TokenExchange};
use shared::protocol::open_api::name_request;
use shared::queue::HintQueue;
use shared::registry::{AlipayApp, CallbackKey, DenyListCache, Platform};
use shared::secrets::{Bringer, SecretCache, SecretError, SecretName, SecretSource};
use shared::store::patience::Patience;
use shared::store::{Claimed, RecordReturns};
use shared::telemetry::{Metric, RequestLog, request_ids};
use shared::web::language::Language;
use tracing::Instrument as _;
use url::Url;

use self::conclusion::{Held, conclude};
pub use self::error::ReturnError;
use self::exchange::{app_of_exchange, exchange};
use self::page::About;
use self::refusal::refuse;
use self::request::{Return, ReturnQuery};
pub use self::settlement::SETTLE_WITHIN;
pub use self::way_back::SIGN_WITHIN;
use self::way_back::way_back;

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
    /// The keys of our apps, the platforms that links are asked of, and the key that ways back are signed by.
    pub secrets: Arc<dyn SecretSource>,
    /// The list of those who are disabled, whatever their documents say.
    pub deny_list: DenyListCache,
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
    callback_keys: Arc<SecretCache<CallbackKey>>,
    deny_list: DenyListCache,
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
        let Deps { secrets, deny_list, store, gateway, hints, keep_for, clock, random } = deps;
        let apps = SecretCache::of_callers(&secrets, &clock);
        let platforms = SecretCache::shared(&secrets, &clock);
        let callback_keys = SecretCache::shared(&secrets, &clock);
        let breakers = Breakers::new(Arc::clone(&clock));
        Self {
            apps,
            platforms,
            callback_keys,
            deny_list,
            store,
            gateway,
            breakers,
            hints,
            keep_for,
            clock,
            random,
        }
    }

    /// Alipay's gateway, if it hangs.
    #[must_use]
    pub fn hanging(&self) -> Vec<Hanging> {
        self.breakers.hanging()
    }

    /// Answers one request.
    pub async fn handle(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let request_id = RequestId::generate(&*self.random);
        let span = request_ids::call(request_id.as_str());
        let mut answer = self.answer(request).instrument(span).await;
        name_request(answer.headers_mut(), &request_id);
        answer
    }

    async fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
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
    /// The user came back without a code, and may authorize after all, by this link.
    NotAuthorized(Option<Url>),
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
    let arrived = Stopwatch::start(&*function.clock);
    let returned = if request.method() == Method::GET && request.uri().path() == PATH {
        Return::parse(request.uri().query().unwrap_or_default())
    } else {
        ReturnQuery::NotOurs
    };
    let mut proved = Proved::default();
    let (completed, stated) = match returned {
        ReturnQuery::NotOurs => (Ok(Outcome::UnknownLink), None),
        ReturnQuery::WithoutCode(app, state) => {
            (refuse(function, (&app, &state), &mut proved).await, Some(state.id().clone()))
        }
        ReturnQuery::WithCode(back) => {
            (complete_return(function, &back, &mut proved).await, Some(back.state.id().clone()))
        }
    };
    let outcome = completed.unwrap_or_else(|error| failed(&error, &proved));
    let back = match &proved.record {
        Some(record) => way_back(function, record, &outcome, arrived).await,
        None => None,
    };
    let about = About {
        reference: stated.as_ref(),
        merchant: proved.record.as_ref().and_then(|record| record.terms.merchant_name.as_deref()),
        back: back.as_ref(),
    };
    let owner = proved.record.as_ref().map(|record| record.owner());
    let answer = page::answer(&outcome, Language::preferred(request.headers()), &about);
    RequestLog {
        route: "openid-callback",
        outcome: Some(page::log_reason(&outcome)),
        http_status: answer.status().as_u16(),
        reason: proved.reason.as_ref().map(|reason| reason as _),
        reference: proved.reference(),
        owner: owner.as_ref().map(|owner| owner as _),
        counts: (outcome == Outcome::Authorized).then_some(Metric::Consents),
        ..RequestLog::default()
    }
    .write(&*function.clock, arrived.began());
    answer
}

/// Why somebody was not asked, for the log.
#[derive(Debug, thiserror::Error)]
enum NotAsked {
    /// The gateway's breaker kept the code from being claimed.
    #[error("the gateway hangs and is not asked")]
    Gateway,
    /// The app's document was not looked up for a return that no record of ours agrees with.
    #[error(transparent)]
    Keys(SecretError),
}

/// The facts of a return, for the page and the log. A state proves nothing before the record of its authorization was
/// compared with it: until then it is any text that somebody has made up.
#[derive(Default)]
struct Proved {
    /// The record whose state came back, as it stood before what followed.
    record: Option<Box<Authorization>>,
    /// What kept us from asking for keys, or the gateway.
    reason: Option<NotAsked>,
}

impl Proved {
    /// Whoever came back knows the state of `authorization`.
    fn learn(&mut self, authorization: &Authorization) {
        self.record = Some(Box::new(authorization.clone()));
    }

    /// The record that would refuse the claim, or did.
    fn learn_refused(&mut self, refusal: ClaimRefusal, old: Option<&Authorization>) {
        if let Some(old) = old.filter(|_| refusal != ClaimRefusal::UnknownState) {
            self.learn(old);
        }
    }

    fn reference(&self) -> Option<&str> {
        self.record.as_ref().map(|record| record.id.as_str())
    }
}

fn failed(error: &ReturnError, proved: &Proved) -> Outcome {
    let reference = proved.reference();
    match error.alarm() {
        Some(alarm) => {
            tracing::error!(reference, trouble = %error, alarm = alarm.as_str(), "a return failed");
        }
        None => tracing::warn!(reference, trouble = %error, "a return failed"),
    }
    Outcome::Unavailable
}

/// The flow of a return with a code.
async fn complete_return(
    function: &OpenIdCallback,
    back: &Return,
    proved: &mut Proved,
) -> Result<Outcome, ReturnError> {
    let (arrived, now) = (Stopwatch::start(&*function.clock), function.clock.now());
    let patience = Patience::of_a_request(&*function.clock);
    let operation = OperationId::generate(&*function.random)?;
    let claim = ExchangeClaim::new(&back.app, &back.state, &back.code, operation, now);
    // By the name that came back: the claim holds only if the link was made with this app.
    let name = SecretName::alipay_app(&back.app);
    let app = match app_of_exchange(function, &name, Bringer::Caller, now).await {
        Ok(app) => app,
        // A record that the return agrees with names the app as well.
        Err(ReturnError::Keys { error: error @ SecretError::TooManyLookUps, .. }) => {
            if let Some(outcome) = standing_outcome(function, &claim, &patience, proved).await? {
                // What a record refuses by itself needs no keys.
                proved.reason = (outcome == Outcome::UnknownLink).then_some(NotAsked::Keys(error));
                return Ok(outcome);
            }
            app_of_exchange(function, &name, Bringer::Record, now).await?
        }
        // Of two failures that of the keys is told: it lasts until an operator acts.
        Err(error) => {
            return standing_outcome(function, &claim, &patience, proved).await.ok().flatten().ok_or(error);
        }
    };
    let in_address = function.gateway.address_parameters();
    let request = ExchangeRequest::sign(&back.app, &back.code, now, &app.own, in_address)?;
    // Before the claim: the same return does once the gateway answers again.
    let Some(permit) = function.breakers.ask(GATEWAY) else {
        let standing = standing_outcome(function, &claim, &patience, proved).await?;
        proved.reason = standing.is_none().then_some(NotAsked::Gateway);
        return Ok(standing.unwrap_or(Outcome::Unavailable));
    };

    let authorization = match patience.repeat_once(|| function.store.claim_exchange(&claim)).await? {
        Claimed::Ours(authorization) => {
            proved.learn(&authorization);
            authorization
        }
        Claimed::Refused(refusal, old) => {
            proved.learn_refused(refusal, old.as_deref());
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

/// The outcome that the record has for `claim` by itself, where nothing is claimed; `None` if it would not refuse it.
/// Anybody can make up a state, or name an app: the record alone says that there is such a link.
async fn standing_outcome(
    function: &OpenIdCallback,
    claim: &ExchangeClaim,
    patience: &Patience<'_>,
    proved: &mut Proved,
) -> Result<Option<Outcome>, ReturnError> {
    let record = patience.repeat_once(|| function.store.authorization(&claim.id)).await?;
    if let Some(refusal) = standing_refusal(record.as_ref(), claim) {
        proved.learn_refused(refusal, record.as_ref());
        return Ok(Some(refusal_outcome(refusal, record.as_ref(), claim)));
    }
    record.iter().for_each(|record| proved.learn(record));
    Ok(None)
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
        // Whoever was here is nobody's business any more; the link is over in any case.
        ClaimRefusal::Expired | ClaimRefusal::Forgotten => Outcome::Expired,
        ClaimRefusal::CodeSpent => Outcome::AuthorizeAgain(old.and_then(link)),
        ClaimRefusal::TooManyCodes => Outcome::TooManyTries,
    }
}

fn link(authorization: &Authorization) -> Option<Url> {
    authorization.link().cloned()
}
