//! `POST /v1/openapi/auth/alipay/url`: a merchant's signed request becomes a link to Alipay's authorize page, our own
//! or one that another platform makes.
//!
//! The checks come cheapest first and the first failure answers. A request that fails before the record is written
//! leaves nothing behind. Every other path below `/v1/openapi/` is answered here as well: `GET /v1/openapi/errors` by
//! the page of a code ([`error_page`]), the rest by the word that there is no such interface.

mod error;
mod error_page;
mod platform;
mod request;
mod response;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use shared::egress::breakers::{Breakers, Hanging};
use shared::egress::callback_url::{CallbackRules, CallbackUrl};
use shared::model::authorization::{Authorization, Callback, Issue, NewLink, Status};
use shared::model::authorization_request::{AuthorizationRequest, MerchantRequest};
use shared::model::clock::{Clock, Stopwatch};
use shared::model::id::{AuthorizationId, OperationId, State};
use shared::model::random::Random;
use shared::model::request_id::RequestId;
use shared::protocol::alipay::authorize::LinkSettings;
use shared::protocol::open_api::client::transport::Platforms;
use shared::protocol::open_api::{Envelope, OpenApiCallError, SUCCESS, Warning};
use shared::registry::{
    AuthenticatedCall, Business, BusinessSource, DenyListCache, Platform, authenticate, known_business_id,
};
use shared::secrets::{SecretCache, SecretSource};
use shared::store::budget::StoreBudget;
use shared::store::{RecordPlatformLinks, Recorded};
use shared::telemetry::{Metric, RequestLog, request_ids};
use shared::web::ERRORS_PATH;
use shared::web::client_info::client_info;
use tracing::Instrument as _;
use url::Url;

pub use self::error::LinkError;
pub use self::platform::QUESTIONS_WITHIN;
use self::request::LinkRequest;

pub const PATH: &str = "/v1/openapi/auth/alipay/url";

/// The capabilities of this function.
#[derive(Clone)]
pub struct Deps {
    /// The callers with the keys that their requests are verified with, and the platforms that links are asked of.
    pub secrets: Arc<dyn SecretSource>,
    /// The list of those who are disabled, whatever their documents say.
    pub deny_list: DenyListCache,
    pub network: Arc<dyn Platforms>,
    /// Records nonce and authorization.
    pub store: Arc<dyn RecordPlatformLinks>,
    pub clock: Arc<dyn Clock>,
    /// Randomness, for states.
    pub random: Arc<dyn Random>,
    /// The settings that links are made by.
    pub links: LinkSettings,
    /// The addresses that callbacks may go to.
    pub callbacks: CallbackRules,
}

/// The function: its capabilities, with a cache for each kind of document.
pub struct AlipayAuthUrl {
    businesses: Arc<SecretCache<Business>>,
    platforms: Arc<SecretCache<Platform>>,
    deny_list: DenyListCache,
    network: Arc<dyn Platforms>,
    breakers: Breakers,
    store: Arc<dyn RecordPlatformLinks>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    links: LinkSettings,
    callbacks: CallbackRules,
}

impl AlipayAuthUrl {
    /// The function with empty caches.
    #[must_use]
    pub fn new(deps: Deps) -> Self {
        let Deps { secrets, deny_list, network, store, clock, random, links, callbacks } = deps;
        let businesses =
            Arc::new(SecretCache::new(&secrets, &clock).named_by_callers().with_rules(&callbacks));
        let platforms = Arc::new(SecretCache::new(&secrets, &clock));
        let breakers = Breakers::new(Arc::clone(&clock));
        Self { businesses, platforms, deny_list, network, breakers, store, clock, random, links, callbacks }
    }

    #[must_use]
    pub fn hanging(&self) -> Vec<Hanging> {
        self.breakers.hanging()
    }

    pub async fn handle(&self, request: &Request<Bytes>) -> Response<Bytes> {
        if request.method() == Method::GET && request.uri().path() == ERRORS_PATH {
            return show_error(self, request);
        }
        let request_id = RequestId::generate(&*self.random);
        let span = request_ids::call(request_id.as_str());
        answer_call(self, request, &request_id).instrument(span).await
    }
}

fn show_error(function: &AlipayAuthUrl, request: &Request<Bytes>) -> Response<Bytes> {
    let began = function.clock.monotonic();
    let answer = error_page::show(request.uri().query().unwrap_or_default(), request.headers());
    RequestLog { route: "errors", http_status: answer.status().as_u16(), ..RequestLog::default() }
        .write(&*function.clock, began);
    answer
}

async fn answer_call(
    function: &AlipayAuthUrl,
    request: &Request<Bytes>,
    request_id: &RequestId,
) -> Response<Bytes> {
    let began = function.clock.monotonic();
    let mut warnings = Vec::new();
    let outcome = if request.method() == Method::POST && request.uri().path() == PATH {
        issue_link(function, request, &mut warnings).await
    } else {
        Err(OpenApiCallError::NoSuchInterface.into())
    };
    let answer = response::respond(&outcome, &Envelope { request_id, warnings: &warnings });
    let error = outcome.as_ref().err();
    let reason = error.map(LinkError::log_reason);
    if let Some(alarm) = error.and_then(LinkError::alarm) {
        tracing::error!(error = reason, alarm = alarm.as_str(), "a request failed");
    }
    RequestLog {
        route: "alipay-auth-url",
        status: Some(error.map_or(0, |error| error.code().status())),
        code: Some(error.map_or(SUCCESS, |error| error.code().as_str())),
        warning: warnings.first().map(Warning::code),
        http_status: answer.status().as_u16(),
        business: known_business_id(request, &function.businesses),
        reason: reason.as_ref().map(|reason| reason as _),
        cause: error.and_then(LinkError::cause),
        reference: outcome.as_ref().map_or_else(LinkError::reference, |link| Some(link.id.as_str())),
        counts: outcome.is_ok().then_some(Metric::LinksAsked),
        ..RequestLog::default()
    }
    .write(&*function.clock, began);
    answer
}

/// A link that was issued.
struct Link {
    id: AuthorizationId,
    url: String,
}

/// The maker of a new link.
enum LinkMaker {
    /// We: the link is here.
    Us(Url),
    /// The platform that is to be asked for it.
    Platform(Arc<Platform>),
}

/// A new link before it is recorded.
struct NewRecord<'a> {
    record: Authorization,
    maker: LinkMaker,
    /// Our address for browsers.
    public_url: &'a str,
}

/// The link, or the refusal. Whatever in the body may not do what its caller expects goes to `warnings`.
async fn issue_link(
    function: &AlipayAuthUrl,
    request: &Request<Bytes>,
    warnings: &mut Vec<Warning>,
) -> Result<Link, LinkError> {
    let arrived = Stopwatch::start(&*function.clock);
    let (budget, now) = (StoreBudget::for_request(&*function.clock), function.clock.now());
    let call = authenticate(request, &function.businesses, &function.deny_list, &budget, now).await?;
    let (wanted, about_fields) = LinkRequest::parse(request.body())?;
    *warnings = about_fields;
    call.may_speak_of(&wanted.business_id, &wanted.merchant_id)?;
    let origin = &client_info(request).origin;
    let new = new_record(function, &call, wanted, origin.as_ref(), warnings).await?;
    let nonce = call.nonce_use(OperationId::generate(&*function.random)?);
    match budget.wait(function.store.record_link(&new.record, &nonce)).await? {
        Recorded::New => match new.maker {
            LinkMaker::Us(link) => Ok(Link { id: new.record.id, url: link.into() }),
            LinkMaker::Platform(platform) => {
                platform::link(function, &platform, &new.record, new.public_url, arrived).await
            }
        },
        Recorded::NonceUsed => Err(OpenApiCallError::NonceUsed.into()),
        Recorded::SerialUsed(old) => link_of_repetition(function, &call, &new, &old, arrived).await,
    }
}

/// The record that answers `wanted`, and who makes its link. Nothing is written yet.
async fn new_record<'a>(
    function: &'a AlipayAuthUrl,
    call: &AuthenticatedCall,
    wanted: LinkRequest,
    origin: Option<&'a Url>,
    warnings: &mut Vec<Warning>,
) -> Result<NewRecord<'a>, LinkError> {
    let callback = callback(&wanted, &call.business, &function.callbacks)?;
    if matches!(callback, Callback::Nowhere) {
        warnings.push(Warning::NoCallbackAddress);
    }
    let terms = call.business.users.of_link(wanted.return_url.as_deref(), &function.callbacks)?;
    let id = AuthorizationId::from_serial(&wanted.business_id, &wanted.serial_no);
    let state = State::generate(id, &*function.random)?;
    let public_url = function.links.public_url(origin).ok_or(LinkError::NoPublicUrl)?;
    let (link, maker) = new_link(function, call, public_url, &state).await?;
    let mut record = Authorization::issued(Issue {
        request: AuthorizationRequest::Merchant(MerchantRequest {
            business_id: wanted.business_id,
            merchant_id: wanted.merchant_id,
            serial_no: wanted.serial_no,
            user_id: wanted.user_id,
        }),
        callback,
        state,
        link,
        now: call.now,
        lifetime: call.business.link_lifetime,
        retention: function.links.retention,
    });
    record.take_terms(terms, wanted.return_url.as_deref());
    record.verified_by = Some(call.key.short());
    Ok(NewRecord { record, maker, public_url })
}

/// The link to an app of ours, or the platform that is to be asked for one: without its document it cannot be asked.
async fn new_link(
    function: &AlipayAuthUrl,
    call: &AuthenticatedCall,
    public_url: &str,
    state: &State,
) -> Result<(NewLink, LinkMaker), LinkError> {
    match &call.business.source {
        BusinessSource::Alipay(app) => {
            let links = &function.links;
            let app = app.as_ref().unwrap_or(&links.default_app);
            let link = links.authorize_link(app, public_url, call.business.scope, state);
            Ok((NewLink::Ours { app: app.clone(), link: link.clone() }, LinkMaker::Us(link)))
        }
        BusinessSource::Platform(name) => {
            let platform = platform::fetch(function, name, &call.denied).await?;
            Ok((NewLink::AskedOf(name.clone()), LinkMaker::Platform(platform)))
        }
    }
}

/// The answer to a serialNo that `old` has used: the earlier link if `new` asks for the same, and first the question
/// for it if a platform has not answered yet.
async fn link_of_repetition(
    function: &AlipayAuthUrl,
    call: &AuthenticatedCall,
    new: &NewRecord<'_>,
    old: &Authorization,
    arrived: Stopwatch,
) -> Result<Link, LinkError> {
    let repeated = old.parameters_digest == new.record.parameters_digest && old.link_works(call.now);
    match old.source.platform() {
        Some(name) if repeated && old.status() == Status::LinkPending => {
            let platform = platform::fetch(function, name, &call.denied).await?;
            platform::link(function, &platform, old, new.public_url, arrived).await
        }
        _ => Err(LinkError::SerialUsed { link: old.link().filter(|_| repeated).map(Url::to_string) }),
    }
}

fn callback(wanted: &LinkRequest, business: &Business, rules: &CallbackRules) -> Result<Callback, LinkError> {
    match &wanted.callback_url {
        Some(text) => Ok(Callback::Explicit(CallbackUrl::parse(text, rules)?.as_str().to_owned())),
        None if business.default_callback_url.is_some() => Ok(Callback::OwnersDefault),
        None => Ok(Callback::Nowhere),
    }
}
