//! The ways in which a consent comes back: `GET /v1/openapi/auth/alipay/callback`, the user's browser from Alipay
//! with a code; and `POST` below it, a platform with the user's openId ([`platform_callback`]). Both settle the same
//! way.

mod conclusion;
mod error;
mod exchange;
mod gateway_outcome;
mod page;
mod platform_callback;
mod refusal;
mod request;
mod response;
mod return_context;
mod return_with_code;
mod settlement;
mod way_back;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use shared::egress::breakers::{Breakers, Hanging};
use shared::model::authorization::Authorization;
use shared::model::clock::{Clock, Stopwatch};
use shared::model::random::Random;
use shared::model::request_id::RequestId;
use shared::protocol::alipay::gateway::TokenExchange;
use shared::protocol::open_api::set_request_id;
use shared::queue::HintQueue;
use shared::registry::{AlipayApp, CallbackKey, DenyListCache, Platform};
use shared::secrets::{SecretCache, SecretSource};
use shared::store::RecordReturns;
use shared::telemetry::{Metric, RequestLog, request_ids};
use shared::web::language::Language;
use tracing::Instrument as _;
use url::Url;

pub use self::error::ReturnError;
use self::page::About;
use self::refusal::refuse;
use self::request::ReturnQuery;
use self::return_context::ReturnContext;
use self::return_with_code::complete_return;
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
    pub gateway: Arc<dyn TokenExchange>,
    /// Starts the delivery at once.
    pub hints: Arc<dyn HintQueue>,
    /// The least time that an openId is kept, which is longer than its delivery may take.
    pub keep_for: Duration,
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
        let apps = Arc::new(SecretCache::new(&secrets, &clock).named_by_callers());
        let platforms = Arc::new(SecretCache::new(&secrets, &clock));
        let callback_keys = Arc::new(SecretCache::new(&secrets, &clock));
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

    pub async fn handle(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let request_id = RequestId::generate(&*self.random);
        let span = request_ids::call(request_id.as_str());
        let mut answer = self.answer(request).instrument(span).await;
        set_request_id(answer.headers_mut(), &request_id);
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
    /// The code named nobody: refused, spent, or without an answer to believe. The user has to authorize again, by this
    /// link.
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

impl Outcome {
    /// The outcome's name, in the log and in the page's `data-outcome`.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Authorized => "authorized",
            Self::NotAuthorized(_) => "not-authorized",
            Self::UnknownLink => "unknown-link",
            Self::Expired => "expired",
            Self::InProgress => "in-progress",
            Self::AuthorizeAgain(_) => "authorize-again",
            Self::OurFault => "our-fault",
            Self::NotRecorded(_) => "not-recorded",
            Self::TooManyTries => "too-many-tries",
            Self::AlreadyUsed => "already-used",
            Self::AnotherUser => "another-user",
            Self::Unavailable => "unavailable",
        }
    }
}

async fn show_return(function: &OpenIdCallback, request: &Request<Bytes>) -> Response<Bytes> {
    let arrived = Stopwatch::start(&*function.clock);
    let mut context = ReturnContext::default();
    let (completed, stated) = match returned(request) {
        ReturnQuery::NotOurs => (Ok(Outcome::UnknownLink), None),
        ReturnQuery::WithoutCode(app, state) => {
            (refuse(function, (&app, &state), &mut context).await, Some(state.id().clone()))
        }
        ReturnQuery::WithCode(back) => {
            (complete_return(function, &back, &mut context).await, Some(back.state.id().clone()))
        }
    };
    let outcome = completed.unwrap_or_else(|error| failed(&error, &context));
    let back = match &context.record {
        Some(record) => way_back(function, record, &outcome, arrived).await,
        None => None,
    };
    let about = About {
        reference: stated.as_ref(),
        merchant: context.record.as_ref().and_then(|record| record.terms.merchant_name.as_deref()),
        back: back.as_ref(),
    };
    let owner = context.record.as_ref().map(|record| record.owner());
    let answer = page::answer(&outcome, Language::preferred(request.headers()), &about);
    RequestLog {
        route: "openid-callback",
        outcome: Some(outcome.as_str()),
        http_status: answer.status().as_u16(),
        reason: context.reason.as_ref().map(|reason| reason as _),
        reference: context.reference(),
        owner: owner.as_ref().map(|owner| owner as _),
        counts: (outcome == Outcome::Authorized).then_some(Metric::Consents),
        ..RequestLog::default()
    }
    .write(&*function.clock, arrived.began());
    answer
}

fn returned(request: &Request<Bytes>) -> ReturnQuery {
    if request.method() == Method::GET && request.uri().path() == PATH {
        ReturnQuery::parse(request.uri().query().unwrap_or_default())
    } else {
        ReturnQuery::NotOurs
    }
}

fn failed(error: &ReturnError, context: &ReturnContext) -> Outcome {
    let reference = context.reference();
    match error.alarm() {
        Some(alarm) => {
            tracing::error!(reference, %error, alarm = alarm.as_str(), "a return failed");
        }
        None => tracing::warn!(reference, %error, "a return failed"),
    }
    Outcome::Unavailable
}

fn link(authorization: &Authorization) -> Option<Url> {
    authorization.link().cloned()
}
