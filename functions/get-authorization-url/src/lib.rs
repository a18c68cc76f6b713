//! `GetAuthorizationUrl` (Dypnsapi 2017-05-25), as Alibaba Cloud's own SDKs call it, and the page behind its links.
//!
//! `GET` and `POST` on `/`: a call that is signed as V1 or V3 becomes a link, by the source that its scheme names: to
//! our own page, which takes the user to Alipay, or to Alibaba Cloud's, which is asked for it. The checks come in the
//! order of Alibaba Cloud's gateway, and then in the order of the action's error table; the first failure answers. A
//! call whose signature holds consumes its nonce, unless it may come again as it is: it was throttled, or we failed
//! before anybody else was asked.

mod alibaba_cloud;
mod alipay;
mod authenticate;
mod error;
mod landing;
mod link;
mod link_request;
mod refusal;
mod request;
mod response;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use shared::egress::breakers::{Breakers, Hanging};
use shared::egress::callback_url::CallbackRules;
use shared::model::clock::{Clock, Stopwatch};
use shared::model::id::OperationId;
use shared::model::random::Random;
use shared::model::request_id::RequestId;
use shared::protocol::alibaba_cloud::AlibabaCloudNetwork;
use shared::protocol::alipay::authorize::LinkSettings;
use shared::rate_limit::RateLimiter;
use shared::registry::{AccessKey, Account, AlibabaCloudKey, DenyListCache, LinkTokenKeys, PhoneKey, Scheme};
use shared::secrets::{Document, SecretCache, SecretName, SecretSource};
use shared::signing::alibaba_cloud::{Call, NONCE_LIFETIME};
use shared::store::budget::StoreBudget;
use shared::store::scheme_links::SchemeLinks;
use shared::store::{NonceUse, RecordLinks, StoreError, UseNonces};
use shared::telemetry::{Metric, RefusalClass, RequestLog, request_ids};
use shared::web::client_info::client_info;
use tracing::Instrument as _;

pub use self::alibaba_cloud::ASK_WITHIN;
pub use self::error::ApiError;
use self::landing::Landing;
pub use self::landing::{Device, PATH as LINK_PATH};
use self::link::Link;
use self::link_request::{LinkMaker, LinkRequest};
use self::response::RefusedAt;

/// The path that the SDKs call.
pub const PATH: &str = "/";

/// The largest body that is read.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

const ACTION: &str = "GetAuthorizationUrl";
const VERSION: &str = "2017-05-25";

/// The capabilities of this function.
#[derive(Clone)]
pub struct Deps {
    /// The callers, their accounts and schemes, the keys of links and phone numbers, the accounts' keys at Alibaba
    /// Cloud.
    pub secrets: Arc<dyn SecretSource>,
    /// The list of those who are disabled, whatever their documents say.
    pub deny_list: DenyListCache,
    /// Records nonces and authorizations, and finds the links that users open.
    pub store: SchemeLinks,
    /// The requests that each account may send.
    pub rate_limiter: Arc<RateLimiter>,
    pub alibaba_cloud: Arc<dyn AlibabaCloudNetwork>,
    pub clock: Arc<dyn Clock>,
    /// Randomness, for ids and states.
    pub random: Arc<dyn Random>,
    /// The settings that links are made by.
    pub links: LinkSettings,
    /// The rules that the addresses of schemes are held against.
    pub callbacks: CallbackRules,
}

/// The function: its capabilities, with a cache for each kind of document.
pub struct GetAuthorizationUrl {
    access_keys: Arc<SecretCache<AccessKey>>,
    deny_list: DenyListCache,
    accounts: Arc<SecretCache<Account>>,
    schemes: Arc<SecretCache<Scheme>>,
    link_token: Arc<SecretCache<LinkTokenKeys>>,
    phone_key: Arc<SecretCache<PhoneKey>>,
    alibaba_cloud_keys: Arc<SecretCache<AlibabaCloudKey>>,
    store: Arc<dyn RecordLinks>,
    nonces: Arc<dyn UseNonces>,
    landing: Landing,
    rate_limiter: Arc<RateLimiter>,
    alibaba_cloud: Arc<dyn AlibabaCloudNetwork>,
    breakers: Breakers,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    links: LinkSettings,
    callbacks: CallbackRules,
}

impl GetAuthorizationUrl {
    /// The function with empty caches.
    #[must_use]
    pub fn new(deps: Deps) -> Self {
        let Deps { secrets, deny_list, store, rate_limiter, alibaba_cloud, clock, random, links, callbacks } =
            deps;
        let schemes = Arc::new(SecretCache::new(&secrets, &clock).named_by_callers().with_rules(&callbacks));
        let link_token = Arc::new(SecretCache::new(&secrets, &clock));
        let landing = Landing {
            keys: Arc::clone(&link_token),
            links: store.find,
            schemes: Arc::clone(&schemes),
            settings: links.clone(),
            clock: Arc::clone(&clock),
        };
        Self {
            access_keys: Arc::new(SecretCache::new(&secrets, &clock).named_by_callers()),
            deny_list,
            accounts: Arc::new(SecretCache::new(&secrets, &clock)),
            schemes,
            link_token,
            phone_key: Arc::new(SecretCache::new(&secrets, &clock)),
            alibaba_cloud_keys: Arc::new(SecretCache::new(&secrets, &clock)),
            store: store.record,
            nonces: store.nonces,
            landing,
            rate_limiter,
            alibaba_cloud,
            breakers: Breakers::new(Arc::clone(&clock)),
            clock,
            random,
            links,
            callbacks,
        }
    }

    /// The endpoints of Alibaba Cloud that hang.
    #[must_use]
    pub fn hanging(&self) -> Vec<Hanging> {
        self.breakers.hanging()
    }

    pub async fn handle(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let request_id = RequestId::generate(&*self.random);
        let span = request_ids::call(request_id.as_str());
        async {
            match request.uri().path() {
                LINK_PATH => landing::show(&self.landing, request).await,
                _ => answer_call(self, request, &request_id).await,
            }
        }
        .instrument(span)
        .await
    }
}

async fn answer_call(
    function: &GetAuthorizationUrl,
    request: &Request<Bytes>,
    request_id: &RequestId,
) -> Response<Bytes> {
    let began = function.clock.monotonic();
    let call = Call::read(request);
    let outcome = issue_link(function, request, &call, request_id).await;
    let public_url = function.links.public_url(client_info(request).origin.as_ref());
    let refused_at = RefusedAt { headers: request.headers(), public_url };
    let answer = response::answer(&outcome, call.format(), request_id, &refused_at);
    let error = outcome.as_ref().err();
    let refusal = error.map(ApiError::refusal);
    if let Some(error) = error
        && let Some(alarm) = error.alarm()
    {
        tracing::error!(%error, alarm = alarm.as_str(), "a request failed");
    }
    // An id that names no key may be a secret in the wrong place.
    let is_known = |id: &&str| SecretName::access_key(id).is_ok_and(|name| function.access_keys.knows(&name));
    RequestLog {
        route: "get-authorization-url",
        code: Some(refusal.as_ref().map_or("OK", |refusal| refusal.code)),
        misspelt: request::misspelt(&call),
        http_status: answer.status().as_u16(),
        access_key: call.access_key_id().ok().filter(is_known),
        reason: error.map(|error| error as _),
        reference: outcome.as_ref().ok().and_then(Link::reference),
        upstream_code: outcome.as_ref().map_or_else(ApiError::upstream_code, Link::upstream_code),
        upstream_request_id: outcome
            .as_ref()
            .map_or_else(ApiError::upstream_request_id, Link::upstream_request_id),
        counts: outcome.is_ok().then_some(Metric::LinksAsked),
        ..RequestLog::default()
    }
    .write(&*function.clock, began);
    answer
}

async fn issue_link(
    function: &GetAuthorizationUrl,
    request: &Request<Bytes>,
    call: &Call<'_>,
    request_id: &RequestId,
) -> Result<Link, ApiError> {
    check_address(function, request, call)?;
    let (arrived, now) = (Stopwatch::start(&*function.clock), function.clock.now());
    let budget = StoreBudget::for_request(&*function.clock);
    let caller = authenticate::verify(function, call, &budget, now).await?;
    let nonce = NonceUse {
        space: format!("access-key:{}", call.access_key_id()?),
        nonce: call.nonce()?.to_owned(),
        used_at: now,
        until: now + NONCE_LIFETIME,
        operation: OperationId::generate(&*function.random)?,
    };
    let account = match authenticate::admit(function, &caller, &budget).await {
        Ok(account) => account,
        Err(error) => return Err(refuse(function, error, &nonce, &budget).await?),
    };
    let outcome = match LinkRequest::check(function, call, &caller, &account, now).await {
        Ok(link_request) => {
            let times = Times { arrived, budget: &budget };
            make_link(function, request, &link_request, request_id, &nonce, &times).await
        }
        Err(error) => Err(refuse(function, error, &nonce, &budget).await?),
    };
    if let Err(ApiError::NonceUsed) = outcome {
        function.rate_limiter.give_back(&caller.key.account_id).await;
    }
    outcome
}

/// Checks that the call is of this action, sent to us and of a size that is read.
fn check_address(
    function: &GetAuthorizationUrl,
    request: &Request<Bytes>,
    call: &Call<'_>,
) -> Result<(), ApiError> {
    if request.body().len() > MAX_BODY_BYTES {
        return Err(ApiError::BodyTooLarge);
    }
    let named = call.action() == Some(ACTION) && call.version() == Some(VERSION);
    let routed = request.uri().path() == PATH && matches!(*request.method(), Method::GET | Method::POST);
    if !named || !routed {
        return Err(ApiError::NoSuchAction);
    }
    if !authenticate::is_for_us(call, request, &function.links) {
        return Err(ApiError::ForeignHost);
    }
    Ok(())
}

/// What a call's time is measured by.
struct Times<'c> {
    arrived: Stopwatch,
    budget: &'c StoreBudget<'c>,
}

async fn make_link(
    function: &GetAuthorizationUrl,
    request: &Request<Bytes>,
    link_request: &LinkRequest,
    request_id: &RequestId,
    nonce: &NonceUse,
    times: &Times<'_>,
) -> Result<Link, ApiError> {
    match &link_request.maker {
        LinkMaker::Us(ours) => {
            alipay::issue(function, request, (link_request, ours), request_id, nonce, times.budget).await
        }
        LinkMaker::AlibabaCloud { key } => {
            alibaba_cloud::ask(function, link_request, key, nonce, times).await
        }
    }
}

/// Consumes the nonce of a call that is refused, and says why it is: the nonce is judged before everything else that
/// follows the signature.
///
/// A call that did nothing and that its caller is to send again keeps its nonce, so that a flood of them costs the
/// store nothing.
async fn refuse(
    function: &GetAuthorizationUrl,
    error: ApiError,
    nonce: &NonceUse,
    budget: &StoreBudget<'_>,
) -> Result<ApiError, StoreError> {
    let consumed = error.refusal().class == RefusalClass::Caller;
    let repeated = consumed && !budget.wait(function.nonces.use_nonce(nonce)).await?;
    Ok(if repeated { ApiError::NonceUsed } else { error })
}

/// A document that has to be there.
async fn document<T: Document>(cache: &SecretCache<T>, name: SecretName) -> Result<Arc<T>, ApiError> {
    cache.get(&name).await.map_err(|error| ApiError::document(&name, error))
}
