//! `GetAuthorizationUrl` (Dypnsapi 2017-05-25), as Alibaba Cloud's own SDKs call it, and the page behind its links.
//!
//! `GET` and `POST` on `/`: a call that is signed as V1 or V3 becomes a link, by the source that its scheme names: to our
//! own page, which takes the user to Alipay, or to Alibaba Cloud's, which is asked for it. The checks come in the order of
//! Alibaba Cloud's gateway, and then in the order of the action's error table; the first failure answers. A call whose
//! signature holds consumes its nonce, unless it may come again as it is: it was throttled, or we failed before anybody
//! else was asked.

mod alipay;
mod aliyun;
mod error;
mod fault;
mod landing;
mod link;
mod request_id;
mod sender;
mod wire;
mod wish;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use shared::model::clock::Clock;
use shared::model::id::OperationId;
use shared::model::random::Random;
use shared::protocol::alibaba_cloud::AlibabaCloudNetwork;
use shared::protocol::alipay::authorize::LinkSettings;
use shared::rate_limit::RateLimiter;
use shared::registry::{AccessKey, Account, AlibabaCloudKey, LinkToken, PhoneKey, Scheme, SchemeSource};
use shared::secrets::{Document, SecretCache, SecretName, SecretSource};
use shared::signing::alibaba_cloud::{Call, NONCE_LIFETIME};
use shared::store::{NonceUse, RecordLinks, SchemeLinks, StoreError, UseNonces};
use tracing::Instrument as _;

pub use self::aliyun::ASK_UNTIL;
pub use self::error::Refusal;
use self::fault::Fault;
pub use self::landing::{Landing, PATH as LINK_PATH};
use self::link::Link;
use self::request_id::RequestId;

/// The path that the SDKs call.
pub const PATH: &str = "/";

/// The largest body that is read.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

const ACTION: &str = "GetAuthorizationUrl";
const VERSION: &str = "2017-05-25";

/// What this function may use.
pub struct GetAuthorizationUrl {
    /// The callers.
    pub access_keys: Arc<SecretCache<AccessKey>>,
    /// Whom they belong to.
    pub accounts: Arc<SecretCache<Account>>,
    /// Under which terms users are asked.
    pub schemes: Arc<SecretCache<Scheme>>,
    /// Signs links, and verifies them when they are opened.
    pub link_token: Arc<SecretCache<LinkToken>>,
    /// Hides phone numbers.
    pub phone_key: Arc<SecretCache<PhoneKey>>,
    /// The accounts' own keys at Alibaba Cloud.
    pub aliyun_keys: Arc<SecretCache<AlibabaCloudKey>>,
    /// The way there.
    pub aliyun: Arc<dyn AlibabaCloudNetwork>,
    /// How much each account may ask for.
    pub allowance: RateLimiter,
    /// Records nonce and authorization.
    pub store: Arc<dyn RecordLinks>,
    /// Records nonces of calls that are refused, and of those that are passed on.
    pub nonces: Arc<dyn UseNonces>,
    /// The page behind the links.
    pub landing: Landing,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for ids and states.
    pub random: Arc<dyn Random>,
    /// How links are made.
    pub links: LinkSettings,
}

impl GetAuthorizationUrl {
    /// Wires the function: documents from `secrets`, records in `store`, and `aliyun` as the way to Alibaba Cloud.
    #[must_use]
    pub fn new(
        secrets: &Arc<dyn SecretSource>,
        store: SchemeLinks,
        aliyun: Arc<dyn AlibabaCloudNetwork>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        links: LinkSettings,
    ) -> Self {
        let schemes = cache(secrets, &clock);
        let link_token = cache(secrets, &clock);
        Self {
            access_keys: cache(secrets, &clock),
            accounts: cache(secrets, &clock),
            schemes: Arc::clone(&schemes),
            link_token: Arc::clone(&link_token),
            phone_key: cache(secrets, &clock),
            aliyun_keys: cache(secrets, &clock),
            aliyun,
            allowance: RateLimiter::new(store.rates, clock.clone()),
            store: store.record,
            nonces: store.nonces,
            landing: Landing {
                keys: link_token,
                links: store.find,
                merchants: schemes,
                settings: links.clone(),
                clock: clock.clone(),
            },
            clock,
            random,
            links,
        }
    }
}

fn cache<T: Document>(secrets: &Arc<dyn SecretSource>, clock: &Arc<dyn Clock>) -> Arc<SecretCache<T>> {
    Arc::new(SecretCache::new(Arc::clone(secrets), Arc::clone(clock)))
}

/// Answers one request.
pub async fn handle(function: &GetAuthorizationUrl, request: &Request<Bytes>) -> Response<Bytes> {
    let request_id = RequestId::draw(&*function.random);
    // Of the highest level, so that lines of every level carry it.
    let span = tracing::error_span!("request", request_id = request_id.as_str());
    async {
        match request.uri().path() {
            LINK_PATH => landing::show(&function.landing, request).await,
            _ => answer_call(function, request, &request_id).await,
        }
    }
    .instrument(span)
    .await
}

async fn answer_call(
    function: &GetAuthorizationUrl,
    request: &Request<Bytes>,
    request_id: &RequestId,
) -> Response<Bytes> {
    let began = function.clock.now();
    let call = Call::read(request);
    let outcome = issue_link(function, request, &call, request_id).await;
    let answer = wire::answer(&outcome, call.format(), request_id, request.headers());
    let refusal = outcome.as_ref().err();
    match refusal.map(|refusal| (refusal, refusal.fault())) {
        Some((refusal, Fault::Ours)) => {
            tracing::error!(trouble = %refusal, alarm = "unavailable", "a request failed");
        }
        Some((refusal, Fault::Document)) => {
            tracing::error!(trouble = %refusal, alarm = "keys", "a request failed");
        }
        // What Alibaba Cloud did is logged where it is known for whom it was asked.
        Some((_, Fault::Upstream | Fault::Caller | Fault::Moment)) | None => {}
    }
    let known = refusal.is_none_or(Refusal::is_of_a_known_access_key);
    let access_key = call.access_key_id().ok().filter(|_| known);
    tracing::info!(
        route = "get-authorization-url",
        code = refusal.map_or("OK", |refusal| refusal.answer().1),
        http_status = answer.status().as_u16(),
        access_key,
        reason = refusal.map(tracing::field::display),
        reference = outcome.as_ref().ok().and_then(Link::reference),
        upstream_code = outcome.as_ref().map_or_else(Refusal::upstream_code, Link::upstream_code),
        upstream_request_id =
            outcome.as_ref().map_or_else(Refusal::upstream_request_id, Link::upstream_request_id),
        millis = u64::try_from(function.clock.now().since(began).as_millis()).unwrap_or(u64::MAX),
        "request"
    );
    answer
}

async fn issue_link(
    function: &GetAuthorizationUrl,
    request: &Request<Bytes>,
    call: &Call<'_>,
    request_id: &RequestId,
) -> Result<Link, Refusal> {
    if request.body().len() > MAX_BODY_BYTES {
        return Err(Refusal::BodyTooLarge);
    }
    let named = call.action() == Some(ACTION) && call.version() == Some(VERSION);
    let routed = request.uri().path() == PATH && matches!(*request.method(), Method::GET | Method::POST);
    if !named || !routed {
        return Err(Refusal::NoSuchAction);
    }
    let now = function.clock.now();
    let key = sender::verify(function, call, now).await?;
    let nonce = NonceUse {
        space: format!("access-key:{}", call.access_key_id()?),
        nonce: call.nonce()?.to_owned(),
        used_at: now,
        until: now + NONCE_LIFETIME,
        operation: OperationId::generate(&*function.random)?,
    };
    let account = match sender::admit(function, &key).await {
        Ok(account) => account,
        Err(refusal) => return Err(refuse(function, refusal, &nonce).await?),
    };
    let outcome = match wish::check(function, call, &key, &account, now).await {
        Ok(wish) => match &wish.scheme.source {
            SchemeSource::Alipay => alipay::issue(function, request, wish, request_id, &nonce).await,
            SchemeSource::AlibabaCloud(key) => aliyun::ask(function, &wish, key, &nonce).await,
        },
        Err(refusal) => Err(refuse(function, refusal, &nonce).await?),
    };
    if let Err(Refusal::NonceUsed) = outcome {
        function.allowance.give_back(&key.account_id).await;
    }
    outcome
}

/// Consumes the nonce of a call that is refused, and says why it is: the nonce is judged before everything else that
/// follows the signature.
///
/// A call that did nothing and that its caller is to send again keeps its nonce, so that a flood of them costs the store
/// nothing.
async fn refuse(
    function: &GetAuthorizationUrl,
    refusal: Refusal,
    nonce: &NonceUse,
) -> Result<Refusal, StoreError> {
    let kept = match refusal.fault() {
        Fault::Caller => false,
        Fault::Moment | Fault::Ours | Fault::Document | Fault::Upstream => true,
    };
    let repeated = !kept && !function.nonces.use_nonce(nonce).await?;
    Ok(if repeated { Refusal::NonceUsed } else { refusal })
}

/// A document that has to be there.
async fn document<T: Document>(cache: &SecretCache<T>, name: SecretName) -> Result<Arc<T>, Refusal> {
    cache.get(&name).await.map_err(|error| Refusal::document(name, error))
}
