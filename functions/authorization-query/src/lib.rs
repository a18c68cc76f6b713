//! `POST /v1/openapi/auth/alipay/query`: the state of one serialNo, for the business that has used it.
//!
//! A function of its own, so that the one that makes links reads no openId. A query reads one record and writes
//! nothing but its nonce; whatever is wrong with the serialNo is one answer, so that nobody learns which of another's
//! there are.

mod history;
mod request;
mod response;
mod view;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use shared::egress::callback_url::CallbackRules;
use shared::model::authorization::Authorization;
use shared::model::authorization_request::{AuthorizationRequest, MerchantRequest};
use shared::model::clock::{Clock, UnixMillis};
use shared::model::id::{AuthorizationId, OperationId};
use shared::model::random::Random;
use shared::model::request_id::RequestId;
use shared::protocol::open_api::{Envelope, OpenApiCallError, SUCCESS, Warning};
use shared::registry::{Business, DenyListCache, authenticate, known_business_id};
use shared::secrets::{SecretCache, SecretSource};
use shared::store::budget::StoreBudget;
use shared::store::{ReadAuthorizations, UseNonces};
use shared::telemetry::{RequestLog, request_ids};
use tracing::Instrument as _;

use self::request::Query;
pub use self::view::Delivery;
use self::view::View;

/// Beside the documented path of links.
pub const PATH: &str = "/v1/openapi/auth/alipay/query";

/// The capabilities of this function.
#[derive(Clone)]
pub struct Deps {
    /// The callers, with the keys that their requests are verified with.
    pub secrets: Arc<dyn SecretSource>,
    /// The list of those who are disabled, whatever their documents say.
    pub deny_list: DenyListCache,
    pub nonces: Arc<dyn UseNonces>,
    pub records: Arc<dyn ReadAuthorizations>,
    pub clock: Arc<dyn Clock>,
    /// Randomness, for operation ids.
    pub random: Arc<dyn Random>,
    /// The rules that the callers' documents are read by.
    pub callbacks: CallbackRules,
}

/// The function: its capabilities, with a cache of the callers.
pub struct AuthorizationQuery {
    businesses: Arc<SecretCache<Business>>,
    deny_list: DenyListCache,
    nonces: Arc<dyn UseNonces>,
    records: Arc<dyn ReadAuthorizations>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl AuthorizationQuery {
    /// The function with an empty cache.
    #[must_use]
    pub fn new(deps: Deps) -> Self {
        let Deps { secrets, deny_list, nonces, records, clock, random, callbacks } = deps;
        let businesses =
            Arc::new(SecretCache::new(&secrets, &clock).named_by_callers().with_rules(&callbacks));
        Self { businesses, deny_list, nonces, records, clock, random }
    }

    pub async fn handle(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let request_id = RequestId::generate(&*self.random);
        let span = request_ids::call(request_id.as_str());
        answer_query(self, request, &request_id).instrument(span).await
    }
}

async fn answer_query(
    function: &AuthorizationQuery,
    request: &Request<Bytes>,
    request_id: &RequestId,
) -> Response<Bytes> {
    let began = function.clock.monotonic();
    let mut warnings = Vec::new();
    let outcome = if request.method() == Method::POST && request.uri().path() == PATH {
        find(function, request, &mut warnings).await
    } else {
        Err(OpenApiCallError::NoSuchInterface)
    };
    let answer = response::respond(&outcome, &Envelope { request_id, warnings: &warnings });
    let error = outcome.as_ref().err();
    let reason = error.map(OpenApiCallError::log_reason);
    if let Some(alarm) = error.and_then(OpenApiCallError::alarm) {
        tracing::error!(error = reason, alarm = alarm.as_str(), "a request failed");
    }
    RequestLog {
        route: "authorization-query",
        status: Some(error.map_or(0, |error| error.code().status())),
        code: Some(error.map_or(SUCCESS, |error| error.code().as_str())),
        warning: warnings.first().map(Warning::code),
        http_status: answer.status().as_u16(),
        business: known_business_id(request, &function.businesses),
        reason: reason.as_ref().map(|reason| reason as _),
        cause: error.and_then(OpenApiCallError::cause),
        reference: outcome.as_ref().ok().map(|view| view.reference.as_str()),
        ..RequestLog::default()
    }
    .write(&*function.clock, began);
    answer
}

/// What is known of the serialNo, or the refusal. The warnings about the body go to `warnings`.
async fn find(
    function: &AuthorizationQuery,
    request: &Request<Bytes>,
    warnings: &mut Vec<Warning>,
) -> Result<View, OpenApiCallError> {
    let (budget, now) = (StoreBudget::for_request(&*function.clock), function.clock.now());
    let call = authenticate(request, &function.businesses, &function.deny_list, &budget, now).await?;
    let (query, about_fields) = Query::parse(request.body())?;
    *warnings = about_fields;
    call.may_speak_of(&query.business_id, &query.merchant_id)?;
    let nonce = call.nonce_use(OperationId::generate(&*function.random)?);
    if !budget.wait(function.nonces.use_nonce(&nonce)).await? {
        return Err(OpenApiCallError::NonceUsed);
    }
    let id = AuthorizationId::from_serial(&query.business_id, &query.serial_no);
    let record =
        budget.wait(function.records.authorization(&id)).await?.ok_or(OpenApiCallError::UnknownSerial)?;
    let request = asked_by(&query, &record, call.now).ok_or(OpenApiCallError::UnknownSerial)?;
    Ok(View::new(&record, request, call.now))
}

/// The request behind a record, if `query` may ask for it and it is still kept: a store may forget later than it says.
fn asked_by<'a>(query: &Query, record: &'a Authorization, now: UnixMillis) -> Option<&'a MerchantRequest> {
    let AuthorizationRequest::Merchant(request) = &record.request else { return None };
    let same = request.business_id == query.business_id
        && request.merchant_id == query.merchant_id
        && request.serial_no == query.serial_no;
    (same && now < record.retain_until).then_some(request)
}
