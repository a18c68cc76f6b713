//! `POST /v1/openapi/auth/alipay/callback/{state}`: the platform that made a link says who its user is.
//!
//! There is no nonce and no window here. The state in the path finds the record and is known to its platform alone;
//! the signature is that platform's, over the raw body; and settling is idempotent. So the same callback may come
//! again at any time, after an answer that was lost or after the link's end, and is answered `SUCCESS` again: but
//! never before the user is recorded. A user who was forgotten is not recorded again, and answered `SUCCESS`, too: the
//! platform would send the same again and again.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use shared::model::authorization::Authorization;
use shared::model::deny_list::{KeyFingerprint, PartyKind};
use shared::model::id::{OperationId, State, same_digest};
use shared::model::identity::{AlipayUserId, Identity, OpenId};
use shared::model::random::RandomError;
use shared::protocol::open_api::client::callback::{callback_state, serial_numbers};
use shared::protocol::open_api::{CallError, Fields, MAX_BODY_BYTES, MAX_FIELD_CHARACTERS};
use shared::registry::Platform;
use shared::secrets::{SecretError, SecretName};
use shared::signing::open_api::diagnosis::{Cause, diagnose};
use shared::signing::open_api::{AuthHeaders, HeaderError, SignatureError, VerificationKeys};
use shared::store::patience::Patience;
use shared::store::{Settled, StoreError};
use shared::telemetry::{Alarm, Metric, RequestLog};

use crate::OpenIdCallback;
use crate::settlement::{SETTLE_WITHIN, alarm_different, settle};

/// A callback was not answered with SUCCESS.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum CallbackError {
    /// The path ends in nothing that is a state.
    #[error("no state")]
    NoState,
    /// Over 16 KiB.
    #[error("the body is too large")]
    BodyTooLarge,
    /// The auth headers are not well-formed.
    #[error(transparent)]
    Headers(#[from] HeaderError),
    /// The state names no authorization whose link a platform makes.
    #[error("no such authorization")]
    UnknownState,
    /// The callback speaks of a business that we are not at this platform.
    #[error("the businessId is not ours at the platform")]
    OthersBusiness,
    /// The platform is on the deny list.
    #[error("the platform is disabled")]
    DisabledPlatform,
    /// The signature is not the platform's.
    #[error("{error}")]
    Signature {
        error: SignatureError,
        /// Only for the log: the platform is told nothing but FAIL.
        cause: Option<Cause>,
    },
    /// The body is not what the protocol has.
    #[error(transparent)]
    Body(CallError),
    /// The body speaks of another serialNo.
    #[error("the serialNo is not this authorization's")]
    OthersSerial,
    /// The body names no user.
    #[error("no well-formed openId")]
    NoUser,
    /// Another user is recorded.
    #[error("another user is recorded")]
    AnotherUser,
    /// The platform's document cannot be had.
    #[error("secret {name}: {error}")]
    Keys { name: SecretName, error: SecretError },
    /// The store cannot be had.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// The party that has to know of a refusal besides the sender.
#[derive(Clone, Copy)]
enum Concerned {
    /// Nobody: anybody can send such a thing, or an operator was told when its cause was met.
    Nobody,
    /// An operator, who has it already in a log line with its alarm.
    Told,
    /// An operator, under this alarm.
    Operator(Alarm),
}

impl Concerned {
    const fn by(alarm: Option<Alarm>) -> Self {
        match alarm {
            Some(alarm) => Self::Operator(alarm),
            None => Self::Nobody,
        }
    }
}

impl CallbackError {
    /// The table of refusals: 200 for what was refused on purpose, 503 for what failed on our side; and who is told.
    const fn refusal(&self) -> (StatusCode, Concerned) {
        match self {
            Self::NoState | Self::UnknownState => (StatusCode::OK, Concerned::Nobody),
            // The sender knows the state, so it is most likely the platform, and its callbacks are being lost.
            Self::BodyTooLarge
            | Self::Headers(_)
            | Self::OthersBusiness
            | Self::DisabledPlatform
            | Self::Signature { .. }
            | Self::Body(_)
            | Self::OthersSerial
            | Self::NoUser => (StatusCode::OK, Concerned::Operator(Alarm::Upstream)),
            Self::AnotherUser => (StatusCode::OK, Concerned::Told),
            Self::Keys { error, .. } => (StatusCode::SERVICE_UNAVAILABLE, Concerned::by(error.alarm())),
            Self::Store(error) => (StatusCode::SERVICE_UNAVAILABLE, Concerned::Operator(error.alarm())),
            Self::Random(_) => (StatusCode::SERVICE_UNAVAILABLE, Concerned::Operator(Alarm::Unavailable)),
        }
    }
}

impl CallbackError {
    /// The cause for the log, where the message would say too much: a body's may quote a name that nobody knows.
    fn log_reason(&self) -> String {
        match self {
            Self::Body(error) => error.log_reason(),
            other => other.to_string(),
        }
    }

    /// The word for the cause of a refused signature.
    fn cause(&self) -> Option<&'static str> {
        match self {
            Self::Signature { cause, .. } => cause.map(Cause::word),
            _ => None,
        }
    }
}

/// Answers one callback: `SUCCESS`, or `FAIL`.
pub(crate) async fn answer(function: &OpenIdCallback, request: &Request<Bytes>) -> Response<Bytes> {
    let began = function.clock.monotonic();
    let mut known = None;
    let outcome = complete_callback(function, request, &mut known).await;
    let error = outcome.as_ref().err();
    let (status, concerned) = error.map_or((StatusCode::OK, Concerned::Nobody), CallbackError::refusal);
    let reference = known.as_ref().map(|known| known.id.as_str());
    let reason = error.map(CallbackError::log_reason);
    if let (Some(refusal), Concerned::Operator(alarm)) = (&reason, concerned) {
        tracing::error!(reference, refusal, alarm = alarm.as_str(), "a platform's callback was refused");
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

fn respond(status: StatusCode, said: &'static str) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from_static(said.as_bytes()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The flow of a callback. `known` learns which authorization its sender has the state of, for the log.
async fn complete_callback(
    function: &OpenIdCallback,
    request: &Request<Bytes>,
    known: &mut Option<Authorization>,
) -> Result<(), CallbackError> {
    let settle_until = function.clock.monotonic() + SETTLE_WITHIN;
    let patience = Patience::of_a_request(&*function.clock);
    let state = callback_state(request.uri().path()).ok_or(CallbackError::NoState)?;
    // First of all, so that whatever else is wrong with a callback whose sender knows the state raises an alarm.
    let authorization = known.insert(find(function, &state, &patience).await?);
    let platform = authorization.source.platform().ok_or(CallbackError::UnknownState)?;
    if request.body().len() > MAX_BODY_BYTES {
        return Err(CallbackError::BodyTooLarge);
    }
    let headers = AuthHeaders::read(request.headers())?;
    verify(function, platform, &headers, request.body(), &patience).await?;
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
    patience: &Patience<'_>,
) -> Result<Authorization, CallbackError> {
    let found = patience.repeat_once(|| function.store.authorization(state.id())).await;
    found?
        .filter(|found| {
            found.source.platform().is_some() && same_digest(&found.state_digest, &state.digest())
        })
        .ok_or(CallbackError::UnknownState)
}

/// Verifies that the platform has signed this, for us.
async fn verify(
    function: &OpenIdCallback,
    platform: &str,
    headers: &AuthHeaders,
    body: &[u8],
    patience: &Patience<'_>,
) -> Result<(), CallbackError> {
    let name = SecretName::upstream(platform).map_err(|_| CallbackError::UnknownState)?;
    let (document, denied) =
        tokio::join!(function.platforms.get(&name), patience.wait(function.deny_list.current()));
    let document = document.map_err(|error| CallbackError::Keys { name: name.clone(), error })?;
    let denied = denied?;
    if denied.denies(PartyKind::Platform, platform) {
        return Err(CallbackError::DisabledPlatform);
    }
    let is_denied = |key: &KeyFingerprint| denied.denies_key(PartyKind::Platform, platform, key);
    let check = |document: &Arc<Platform>| {
        is_for_us(headers, body, document, &document.keys.without(is_denied)).into()
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

fn is_for_us(
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
    let open_id = id(&fields, "openId", |id| OpenId::parse(id).ok());
    let user_id = id(&fields, "alipayUserId", |id| AlipayUserId::parse(id).ok());
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
