//! `GetAuthorizationUrl` (Dypnsapi 2017-05-25), as Alibaba Cloud's own SDKs call it, and the page behind its links.
//!
//! `GET` and `POST` on `/`: a call that is signed as V1 or V3 becomes a link to our own page, which takes the user to
//! Alipay. The checks come in the order of Alibaba Cloud's gateway, and then in the order of the action's error table;
//! the first failure answers. A call whose signature holds consumes its nonce, unless it may come again as it is: it was
//! throttled, or we failed.

mod error;
mod landing;
mod request_id;
mod sender;
mod wire;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use shared::alipay::authorize::LinkSettings;
use shared::allowance::Allowance;
use shared::clock::{Clock, UnixMillis};
use shared::http::arrival;
use shared::model::authorization::{Authorization, Callback, Issue, NewLink};
use shared::model::id::{AuthorizationId, OperationId, State};
use shared::model::owner::SchemeId;
use shared::model::requested::{Requested, SchemeRequest};
use shared::random::Random;
use shared::secrets::documents::{AccessKey, Account, LinkToken, PhoneKey, Scheme};
use shared::secrets::{Document, SecretCache, SecretError, SecretName, SecretSource};
use shared::signing::alibaba_cloud::{Call, NONCE_LIFETIME};
use shared::signing::link_token;
use shared::store::{NonceUse, RecordLinks, Recorded, SchemeLinks, StoreError, UseNonces};
use tracing::Instrument as _;

use self::error::Fault;
pub use self::error::Refusal;
pub use self::landing::{Landing, PATH as LINK_PATH};
use self::request_id::RequestId;
use self::wire::Wanted;

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
    /// How much each account may ask for.
    pub allowance: Allowance,
    /// Records nonce and authorization.
    pub store: Arc<dyn RecordLinks>,
    /// Records nonces of calls that are refused.
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
    /// Wires the function: documents from `secrets`, records in `store`.
    #[must_use]
    pub fn new(
        secrets: &Arc<dyn SecretSource>,
        store: SchemeLinks,
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
            allowance: Allowance::new(store.allowance, clock.clone()),
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
        Some((_, Fault::Caller | Fault::Moment)) | None => {}
    }
    let known = refusal.is_none_or(Refusal::is_of_a_known_access_key);
    let access_key = call.access_key_id().ok().filter(|_| known);
    tracing::info!(
        route = "get-authorization-url",
        code = refusal.map_or("OK", |refusal| refusal.answer().1),
        http_status = answer.status().as_u16(),
        access_key,
        reason = refusal.map(tracing::field::display),
        reference = outcome.as_ref().ok().map(|link| link.id.as_str()),
        millis = u64::try_from(function.clock.now().since(began).as_millis()).unwrap_or(u64::MAX),
        "request"
    );
    answer
}

/// A link that was issued.
struct Link {
    id: AuthorizationId,
    url: String,
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
        operation: OperationId::draw(&*function.random)?,
    };
    let account = match sender::admit(function, &key).await {
        Ok(account) => account,
        Err(refusal) => return Err(refuse(function, refusal, &nonce).await?),
    };
    let outcome = match prepare(function, request, call, &key, &account, request_id, now).await {
        Ok((new, link)) => match function.store.record_link(&new, &nonce).await? {
            Recorded::New => Ok(link),
            // The id is random: only a repetition finds it taken.
            Recorded::NonceUsed | Recorded::SerialUsed(_) => Err(Refusal::NonceUsed),
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
        Fault::Moment | Fault::Ours | Fault::Document => true,
    };
    let repeated = !kept && !function.nonces.use_nonce(nonce).await?;
    Ok(if repeated { Refusal::NonceUsed } else { refusal })
}

/// The record to write for a call that may be granted, and its link.
async fn prepare(
    function: &GetAuthorizationUrl,
    request: &Request<Bytes>,
    call: &Call<'_>,
    key: &AccessKey,
    account: &Account,
    request_id: &RequestId,
    now: UnixMillis,
) -> Result<(Authorization, Link), Refusal> {
    let wanted = Wanted::read(call)?;
    // At once, because each is a round trip when the process is new; what is wrong with the call is told first.
    let (scheme, phone_key, link_token) = tokio::join!(
        scheme(function, key, wanted.scheme_id),
        document(&function.phone_key, SecretName::phone_key()),
        document(&function.link_token, SecretName::link_token()),
    );
    let scheme = scheme?;
    let end_date = wire::end_date(call, scheme.contract, now)?;
    if !account.identity_verified {
        return Err(Refusal::IdentityNotVerified);
    }
    let (phone_key, link_token) = (phone_key?, link_token?);

    let links = &function.links;
    let origin = arrival(request).origin;
    let public_url = links.public_url(origin.as_ref()).ok_or(Refusal::NoPublicUrl)?;
    let state = State::draw(AuthorizationId::draw(&*function.random)?, &*function.random)?;
    let authorize = links.authorize_link(public_url, scheme.scope, &state);
    let new = Authorization::issued(Issue {
        requested: Requested::Scheme(SchemeRequest {
            account_id: key.account_id.clone(),
            scheme_id: wanted.scheme_id,
            request_id: request_id.to_string(),
            phone_tail: wanted.phone.tail().to_owned(),
            phone_hash: wanted.phone.hash(&phone_key.0),
            end_date,
        }),
        callback: match scheme.callback_url {
            Some(_) => Callback::OwnersDefault,
            None => Callback::Nowhere,
        },
        state,
        link: NewLink::Ours(authorize.into()),
        now,
        lifetime: scheme.link_lifetime,
        retention: links.retention,
    });
    let token = link_token::issue(&link_token.keys[0], &new.id, new.expires_at);
    let link = Link { id: new.id.clone(), url: landing::address(public_url, &token) };
    Ok((new, link))
}

/// The scheme, if it is the account's and approved.
async fn scheme(
    function: &GetAuthorizationUrl,
    key: &AccessKey,
    scheme_id: SchemeId,
) -> Result<Arc<Scheme>, Refusal> {
    let name = SecretName::scheme(scheme_id);
    let scheme = match function.schemes.get(&name).await {
        Err(SecretError::Absent) => return Err(Refusal::UnknownScheme),
        found => found.map_err(|error| Refusal::document(name, error))?,
    };
    if scheme.account_id != key.account_id {
        return Err(Refusal::ForeignScheme);
    }
    if !scheme.passed {
        return Err(Refusal::SchemeNotPassed);
    }
    Ok(scheme)
}

/// A document that has to be there.
async fn document<T: Document>(cache: &SecretCache<T>, name: SecretName) -> Result<Arc<T>, Refusal> {
    cache.get(&name).await.map_err(|error| Refusal::document(name, error))
}
