//! `POST /v1/openapi/auth/alipay/callback/{state}`: the platform that made a link says who its user is.
//!
//! There is no nonce and no window here. The state in the path finds the record and is known to its platform alone;
//! the signature is that platform's, over the raw body; and settling is idempotent. So the same callback may come
//! again at any time, after an answer that was lost or after the link's end, and is answered `SUCCESS` again: but
//! never before the user is recorded. A user who was forgotten is not recorded again, and answered `SUCCESS`, too: the
//! platform would send the same again and again.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use shared::model::authorization::Authorization;
use shared::model::deny_list::{KeyFingerprint, PartyKind};
use shared::model::id::{OperationId, State};
use shared::model::identity::{AlipayUserId, Identity, OpenId};
use shared::protocol::open_api::client::callback::{callback_state, serial_numbers};
use shared::protocol::open_api::{Fields, MAX_BODY_BYTES, MAX_FIELD_CHARACTERS};
use shared::registry::Platform;
use shared::secrets::SecretName;
use shared::signing::open_api::diagnosis::diagnose;
use shared::signing::open_api::{AuthHeaders, VerificationKeys};
use shared::store::Settled;
use shared::store::budget::StoreBudget;
use shared::telemetry::{Metric, RequestLog};

use crate::OpenIdCallback;
use crate::error::CallbackError;
use crate::response::respond;
use crate::settlement::{SETTLE_WITHIN, alarm_different, settle};

/// Answers one callback: `SUCCESS`, or `FAIL`.
pub(crate) async fn answer(function: &OpenIdCallback, request: &Request<Bytes>) -> Response<Bytes> {
    let began = function.clock.monotonic();
    let mut known = None;
    let outcome = complete_callback(function, request, &mut known).await;
    let error = outcome.as_ref().err();
    let (status, alarm) = error.map_or((StatusCode::OK, None), CallbackError::refusal);
    let reference = known.as_ref().map(|known| known.id.as_str());
    let reason = error.map(CallbackError::log_reason);
    if let (Some(reason), Some(alarm)) = (&reason, alarm) {
        tracing::error!(reference, reason, alarm = alarm.as_str(), "a platform's callback was refused");
    }
    let said = if error.is_none() { "SUCCESS" } else { "FAIL" };
    RequestLog {
        route: "openid-callback",
        outcome: Some(said),
        http_status: status.as_u16(),
        reason: reason.as_ref().map(|reason| reason as _),
        cause: error.and_then(CallbackError::cause),
        reference,
        owner: known.as_ref().map(Authorization::owner).as_ref().map(|owner| owner as _),
        source: known.as_ref().map(|known| &known.source as _),
        counts: error.is_none().then_some(Metric::Consents),
        ..RequestLog::default()
    }
    .write(&*function.clock, began);
    respond(status, said)
}

/// The flow of a callback. `known` learns which authorization its sender has the state of, for the log.
async fn complete_callback(
    function: &OpenIdCallback,
    request: &Request<Bytes>,
    known: &mut Option<Authorization>,
) -> Result<(), CallbackError> {
    let settle_until = function.clock.monotonic() + SETTLE_WITHIN;
    let budget = StoreBudget::for_request(&*function.clock);
    let state = callback_state(request.uri().path()).ok_or(CallbackError::NoState)?;
    // First of all, so that whatever else is wrong with a callback whose sender knows the state raises an alarm.
    let authorization = known.insert(find(function, &state, &budget).await?);
    let platform = authorization.source.platform().ok_or(CallbackError::UnknownState)?;
    if request.body().len() > MAX_BODY_BYTES {
        return Err(CallbackError::BodyTooLarge);
    }
    let headers = AuthHeaders::read(request.headers())?;
    verify(function, platform, &headers, request.body(), &budget).await?;
    let identity = read(request.body(), &state)?;
    if authorization.forgotten_at().is_some() {
        return Ok(());
    }
    match authorization.identity() {
        Some(recorded) if recorded.agrees_with(&identity) => Ok(()),
        Some(_) => {
            alarm_different(authorization);
            Err(CallbackError::AnotherUser)
        }
        None => {
            let operation = OperationId::generate(&*function.random)?;
            match settle(function, authorization, identity, None, operation, settle_until).await? {
                Settled::Recorded | Settled::AlreadyRecorded | Settled::Forgotten => Ok(()),
                Settled::Conflict => Err(CallbackError::AnotherUser),
                Settled::NotFound => Err(CallbackError::UnknownState),
            }
        }
    }
}

/// The authorization whose state this is, if a platform makes its link.
async fn find(
    function: &OpenIdCallback,
    state: &State,
    budget: &StoreBudget<'_>,
) -> Result<Authorization, CallbackError> {
    let found = budget.repeat_once(|| function.store.authorization(state.id())).await;
    found?
        .filter(|found| found.source.platform().is_some() && found.has_state_digest(&state.digest()))
        .ok_or(CallbackError::UnknownState)
}

/// Verifies that the platform has signed this, for us.
async fn verify(
    function: &OpenIdCallback,
    platform: &str,
    headers: &AuthHeaders,
    body: &[u8],
    budget: &StoreBudget<'_>,
) -> Result<(), CallbackError> {
    let name = SecretName::platform(platform).map_err(|_| CallbackError::UnknownState)?;
    let (document, denied) =
        tokio::join!(function.platforms.get(&name), budget.wait(function.deny_list.current()));
    let document = document.map_err(|error| CallbackError::Keys { name: name.clone(), error })?;
    let denied = denied?;
    if denied.denies(PartyKind::Platform, platform) {
        return Err(CallbackError::DisabledPlatform);
    }
    let is_denied = |key: &KeyFingerprint| denied.denies_key(PartyKind::Platform, platform, key);
    let check = |document: &Arc<Platform>| {
        verify_with(headers, body, document, &document.keys.without(is_denied)).into()
    };
    match function.platforms.check_keys(&name, &document, check).await {
        Err(CallbackError::Signature { error, .. }) if function.platforms.may_diagnose() => {
            let newest = function.platforms.get(&name).await.unwrap_or(document);
            let diagnosis = diagnose(headers, body, &newest.keys.without(is_denied));
            let cause = diagnosis.map(|diagnosis| diagnosis.cause());
            Err(CallbackError::Signature { error, cause })
        }
        checked => checked,
    }
}

fn verify_with(
    headers: &AuthHeaders,
    body: &[u8],
    platform: &Platform,
    keys: &VerificationKeys,
) -> Result<(), CallbackError> {
    if headers.business_id() != platform.business_id {
        return Err(CallbackError::OthersBusiness);
    }
    headers.verify(body, keys).map(drop).map_err(|error| CallbackError::Signature { error, cause: None })
}

/// The user, by a body that speaks of this authorization.
fn read(body: &[u8], state: &State) -> Result<Identity, CallbackError> {
    let fields = Fields::read(body).map_err(CallbackError::Body)?;
    let serial_no = fields.required("serialNo").map_err(CallbackError::Body)?;
    if !serial_numbers(state.id()).contains(&serial_no) {
        return Err(CallbackError::OthersSerial);
    }
    // Of two ids one that is well-formed will do: the user has consented.
    let open_id = id(&fields, "openId", OpenId::parse);
    let user_id = id(&fields, "alipayUserId", AlipayUserId::parse);
    Identity::new(open_id, user_id).ok_or(CallbackError::NoUser)
}

fn id<T>(fields: &Fields, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    let text = fields.optional(name, MAX_FIELD_CHARACTERS);
    let id = text.as_ref().ok().and_then(Option::as_deref).and_then(parse);
    if id.is_none() && text != Ok(None) {
        tracing::warn!(field = name, "a platform's callback names its user in a form that is not known");
    }
    id
}
