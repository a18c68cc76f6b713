//! `POST /v1/openapi/auth/alipay/url`: a merchant's signed request becomes a link to Alipay's authorize page.
//!
//! The checks come cheapest first and the first failure answers. A request that fails before the record is written
//! leaves nothing behind. Every other path below `/v1/openapi/` is answered here as well: there is no such interface.

mod error;
mod wire;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use shared::alipay::authorize::LinkSettings;
use shared::clock::Clock;
use shared::http::{Arrival, arrival};
use shared::model::authorization::{Authorization, Callback, Issue};
use shared::model::callback_url::{CallbackRules, CallbackUrl};
use shared::model::id::{AuthorizationId, OperationId, State};
use shared::model::requested::{MerchantRequest, Requested};
use shared::random::Random;
use shared::secrets::documents::Business;
use shared::secrets::{SecretCache, SecretError, SecretName};
use shared::signing::open_api::{
    AuthHeaders, BUSINESS_ID, CALLBACK_NONCE_PREFIX, NONCE_LIFETIME, SignatureError, is_business_id, is_fresh,
};
use shared::store::{NonceUse, RecordLinks, Recorded};

pub use self::error::Refusal;
use self::wire::LinkRequest;

/// The documented path.
pub const PATH: &str = "/v1/openapi/auth/alipay/url";

/// The largest body that is read.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// What this function may use.
pub struct AlipayAuthUrl {
    /// The callers, and the keys their requests are verified with.
    pub businesses: Arc<SecretCache<Business>>,
    /// Records nonce and authorization.
    pub store: Arc<dyn RecordLinks>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for states.
    pub random: Arc<dyn Random>,
    /// How links are made.
    pub links: LinkSettings,
    /// Where callbacks may go.
    pub callbacks: CallbackRules,
}

/// Answers one request.
pub async fn handle(function: &AlipayAuthUrl, request: &Request<Bytes>) -> Response<Bytes> {
    let began = function.clock.now();
    let outcome = if request.method() == Method::POST && request.uri().path() == PATH {
        issue_link(function, request).await
    } else {
        Err(Refusal::NoSuchInterface)
    };
    let answer = wire::answer(&outcome);
    if let Err(refusal) = &outcome
        && answer.http_status.is_server_error()
    {
        tracing::error!(trouble = refusal.word(), alarm = "unavailable", "a request failed");
    }
    let business = request.headers().get(BUSINESS_ID).and_then(|value| value.to_str().ok());
    tracing::info!(
        route = "alipay-auth-url",
        status = answer.code,
        http_status = answer.http_status.as_u16(),
        business = business.filter(|id| is_business_id(id)),
        reason = outcome.as_ref().err().map(Refusal::word),
        reference = outcome.as_ref().ok().map(|link| link.id.as_str()),
        millis = u64::try_from(function.clock.now().since(began).as_millis()).unwrap_or(u64::MAX),
        "request"
    );
    answer.into_response()
}

/// A link that was issued.
struct Link {
    id: AuthorizationId,
    url: String,
}

async fn issue_link(function: &AlipayAuthUrl, request: &Request<Bytes>) -> Result<Link, Refusal> {
    let body = request.body();
    if body.len() > MAX_BODY_BYTES {
        return Err(Refusal::BodyTooLarge);
    }
    let headers = AuthHeaders::read(request.headers())?;
    let now = function.clock.now();
    if !is_fresh(headers.timestamp(), now) {
        return Err(Refusal::OutOfWindow { sent: headers.timestamp(), now });
    }
    let Arrival { source_ip, origin } = arrival(request);
    let business = verify_sender(function, &headers, source_ip, body).await?;

    let wanted = LinkRequest::parse(body)?;
    if wanted.business_id != headers.business_id() {
        return Err(Refusal::BusinessIdsDiffer);
    }
    if !business.merchant_ids.contains(&wanted.merchant_id) {
        return Err(Refusal::UnknownMerchant);
    }
    let callback = callback(&wanted, &business, &function.callbacks)?;

    let links = &function.links;
    let id = AuthorizationId::of_serial(&wanted.business_id, &wanted.serial_no);
    let state = State::draw(id, &*function.random)?;
    let public_url = links.public_url(origin.as_ref()).ok_or(Refusal::NoPublicUrl)?;
    let link = links.authorize_link(public_url, business.scope, &state);

    let nonce = NonceUse {
        space: wanted.business_id.clone(),
        nonce: headers.nonce().to_owned(),
        used_at: now,
        until: now + NONCE_LIFETIME,
        operation: OperationId::draw(&*function.random)?,
    };
    let new = Authorization::issued(Issue {
        requested: Requested::Merchant(MerchantRequest {
            business_id: wanted.business_id,
            merchant_id: wanted.merchant_id,
            serial_no: wanted.serial_no,
            user_id: wanted.user_id,
        }),
        callback,
        state,
        link: link.into(),
        now,
        lifetime: business.link_lifetime,
        retention: links.retention,
    });
    match function.store.record_link(&new, &nonce).await? {
        Recorded::New => Ok(Link { id: new.id, url: new.link.unwrap_or_default() }),
        Recorded::NonceUsed => Err(Refusal::NonceUsed),
        Recorded::SerialUsed(old) => {
            let repeated = old.parameters_digest == new.parameters_digest && old.link_works(now);
            Err(Refusal::SerialUsed { link: old.link.filter(|_| repeated) })
        }
    }
}

/// Who sent the request: known, switched on, from where it may be, and rightly signed.
async fn verify_sender(
    function: &AlipayAuthUrl,
    headers: &AuthHeaders,
    source_ip: Option<std::net::IpAddr>,
    body: &[u8],
) -> Result<Arc<Business>, Refusal> {
    let name = SecretName::business(headers.business_id()).map_err(|_| Refusal::UnknownBusiness)?;
    let business = match function.businesses.get(&name).await {
        Err(SecretError::Absent) => return Err(Refusal::UnknownBusiness),
        found => found?,
    };
    if !business.enabled {
        return Err(Refusal::UnknownBusiness);
    }
    if !business.allows(source_ip) {
        return Err(Refusal::AddressNotAllowed { source_ip });
    }
    if headers.nonce().starts_with(CALLBACK_NONCE_PREFIX) {
        return Err(Refusal::NonceOfCallback);
    }
    let Err(first) = headers.verify(body, &business.keys) else { return Ok(business) };
    // The business may have changed its keys a moment ago.
    if let Ok(Some(newer)) = function.businesses.refresh_early(&name, &business).await
        && newer.enabled
        && newer.allows(source_ip)
        && headers.verify(body, &newer.keys).is_ok()
    {
        return Ok(newer);
    }
    Err(match first {
        SignatureError::NoKey(sign_type) => Refusal::NoKey(sign_type),
        SignatureError::Mismatch => Refusal::BadSignature { checked: headers.string_to_sign(body) },
    })
}

fn callback(wanted: &LinkRequest, business: &Business, rules: &CallbackRules) -> Result<Callback, Refusal> {
    match &wanted.callback_url {
        Some(text) => Ok(Callback::Explicit(CallbackUrl::parse(text, rules)?.as_str().to_owned())),
        None if business.default_callback_url.is_some() => Ok(Callback::OwnersDefault),
        None => Ok(Callback::Nowhere),
    }
}
