//! `POST /v1/openapi/auth/alipay/callback/{state}`: the platform that made a link says who its user is.
//!
//! There is no nonce and no window here. The state in the path finds the record and is known to its platform alone; the
//! signature is that platform's, over the raw body; and settling is idempotent. So the same callback may come again at any
//! time, after an answer that was lost or after the link's end, and is answered `SUCCESS` again: but never before the
//! user is recorded.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use shared::model::authorization::Authorization;
use shared::model::id::{OperationId, State, same_digest};
use shared::model::identity::{AlipayUserId, Identity, OpenId};
use shared::model::random::RandomError;
use shared::protocol::open_api::client::callback::{callback_state, serial_numbers};
use shared::protocol::open_api::{CallRefusal, Fields, MAX_BODY_BYTES, MAX_FIELD_CHARACTERS};
use shared::registry::Platform;
use shared::secrets::{SecretError, SecretName};
use shared::signing::open_api::{AuthHeaders, HeaderError, SignatureError};
use shared::store::{Settled, StoreError};
use shared::telemetry::{Alarm, RequestLog};

use crate::OpenIdCallback;
use crate::settlement::{alarm_different, settle};

/// Why a callback was not answered with SUCCESS. What it displays is for the log.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    /// The path ends in nothing that is a state.
    #[error("no state")]
    NoState,
    /// Over 16 KiB.
    #[error("the body is too large")]
    BodyTooLarge,
    /// The auth headers are not well-formed.
    #[error("{0}")]
    Headers(#[from] HeaderError),
    /// The state names no authorization whose link a platform makes.
    #[error("no such authorization")]
    UnknownState,
    /// The callback speaks of a business that we are not at this platform.
    #[error("the businessId is not ours at the platform")]
    OthersBusiness,
    /// The signature is not the platform's.
    #[error("{0}")]
    Signature(SignatureError),
    /// The body is not what the protocol has.
    #[error("{0}")]
    Body(CallRefusal),
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
    Keys {
        /// Which secret.
        name: SecretName,
        /// Why not.
        error: SecretError,
    },
    /// The store cannot be had.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// No randomness.
    #[error("{0}")]
    Random(#[from] RandomError),
}

/// Who has to know of a refusal besides the sender.
enum Notice {
    /// Nobody: anybody can send such a thing.
    None,
    /// Already logged with its alarm.
    Given,
    /// An operator, under this alarm.
    Alarm(Alarm),
}

impl Refusal {
    const fn notice(&self) -> Notice {
        match self {
            Self::NoState | Self::UnknownState => Notice::None,
            // The sender knows the state, so it is most likely the platform, and its callbacks are being lost.
            Self::BodyTooLarge
            | Self::Headers(_)
            | Self::OthersBusiness
            | Self::Signature(_)
            | Self::Body(_)
            | Self::OthersSerial
            | Self::NoUser => Notice::Alarm(Alarm::Upstream),
            Self::AnotherUser => Notice::Given,
            Self::Keys { error: SecretError::Absent | SecretError::Unparsable { .. }, .. } => {
                Notice::Alarm(Alarm::Keys)
            }
            Self::Keys { error: SecretError::Unavailable { .. } | SecretError::Busy, .. }
            | Self::Store(_)
            | Self::Random(_) => Notice::Alarm(Alarm::Unavailable),
        }
    }

    /// 200 for what was refused on purpose; 503 when it was we who failed.
    const fn http_status(&self) -> StatusCode {
        match self {
            Self::Keys { .. } | Self::Store(_) | Self::Random(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoState
            | Self::BodyTooLarge
            | Self::Headers(_)
            | Self::UnknownState
            | Self::OthersBusiness
            | Self::Signature(_)
            | Self::Body(_)
            | Self::OthersSerial
            | Self::NoUser
            | Self::AnotherUser => StatusCode::OK,
        }
    }
}

/// Answers one callback: `SUCCESS`, or `FAIL`.
pub(crate) async fn answer(function: &OpenIdCallback, request: &Request<Bytes>) -> Response<Bytes> {
    let began = function.clock.now();
    let mut known = None;
    let outcome = come_back(function, request, &mut known).await;
    let refusal = outcome.as_ref().err();
    let reference = known.as_ref().map(|known| known.id.as_str());
    if let Some(refusal) = refusal
        && let Notice::Alarm(alarm) = refusal.notice()
    {
        tracing::error!(reference, %refusal, alarm = alarm.as_str(), "a platform's callback was refused");
    }
    let status = refusal.map_or(StatusCode::OK, Refusal::http_status);
    RequestLog {
        route: "openid-callback",
        outcome: Some(if refusal.is_none() { "SUCCESS" } else { "FAIL" }),
        http_status: status.as_u16(),
        reason: refusal.map(|refusal| refusal as _),
        reference,
        owner: known.as_ref().map(Authorization::owner).as_ref().map(|owner| owner as _),
        source: known.as_ref().map(|known| &known.source as _),
        ..RequestLog::default()
    }
    .write(&*function.clock, began);
    let mut answer = Response::new(Bytes::from_static(if refusal.is_none() { b"SUCCESS" } else { b"FAIL" }));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The flow of a callback. `known` learns which authorization its sender has the state of, for the log.
async fn come_back(
    function: &OpenIdCallback,
    request: &Request<Bytes>,
    known: &mut Option<Authorization>,
) -> Result<(), Refusal> {
    let state = callback_state(request.uri().path()).ok_or(Refusal::NoState)?;
    // First of all, so that whatever else is wrong with a callback whose sender knows the state raises an alarm.
    let authorization = known.insert(find(function, &state).await?);
    let platform = authorization.source.platform().ok_or(Refusal::UnknownState)?;
    if request.body().len() > MAX_BODY_BYTES {
        return Err(Refusal::BodyTooLarge);
    }
    let headers = AuthHeaders::read(request.headers())?;
    verify(function, platform, &headers, request.body()).await?;
    let identity = read(request.body(), &state)?;
    match &authorization.identity {
        Some(recorded) if recorded.agrees_with(&identity) => Ok(()),
        Some(_) => {
            alarm_different(authorization);
            Err(Refusal::AnotherUser)
        }
        None => {
            let operation = OperationId::draw(&*function.random)?;
            match settle(function, authorization, identity, operation).await? {
                Settled::Recorded | Settled::AlreadyRecorded => Ok(()),
                Settled::Conflict => Err(Refusal::AnotherUser),
                Settled::NotFound => Err(Refusal::UnknownState),
            }
        }
    }
}

/// The authorization whose state this is, if a platform makes its link.
async fn find(function: &OpenIdCallback, state: &State) -> Result<Authorization, Refusal> {
    let found = match function.store.authorization(state.id()).await {
        Err(error) if error.retryable() => function.store.authorization(state.id()).await,
        found => found,
    };
    found?
        .filter(|found| {
            found.source.platform().is_some() && same_digest(&found.state_digest, &state.digest())
        })
        .ok_or(Refusal::UnknownState)
}

/// Whether the platform has signed this, for us.
async fn verify(
    function: &OpenIdCallback,
    platform: &str,
    headers: &AuthHeaders,
    body: &[u8],
) -> Result<(), Refusal> {
    let name = SecretName::upstream(platform).map_err(|_| Refusal::UnknownState)?;
    let document = function.platforms.get(&name).await;
    let document = document.map_err(|error| Refusal::Keys { name: name.clone(), error })?;
    let Err(first) = is_for_us(headers, body, &document) else { return Ok(()) };
    // The platform's document may have been changed a moment ago.
    match function.platforms.refresh_early(&name, &document).await {
        Ok(Some(newer)) if is_for_us(headers, body, &newer).is_ok() => Ok(()),
        Ok(_) | Err(_) => Err(first),
    }
}

fn is_for_us(headers: &AuthHeaders, body: &[u8], platform: &Platform) -> Result<(), Refusal> {
    if headers.business_id() != platform.business_id {
        return Err(Refusal::OthersBusiness);
    }
    headers.verify(body, &platform.keys).map_err(Refusal::Signature)
}

/// Who the user is, by a body that speaks of this authorization.
fn read(body: &[u8], state: &State) -> Result<Identity, Refusal> {
    let fields = Fields::read(body).map_err(Refusal::Body)?;
    let serial_no = fields.required("serialNo").map_err(Refusal::Body)?;
    if !serial_numbers(state.id()).contains(&serial_no) {
        return Err(Refusal::OthersSerial);
    }
    // Of two ids one that is well-formed will do: the user has consented.
    let open_id = id(&fields, "openId", |id| OpenId::parse(id).ok());
    let user_id = id(&fields, "alipayUserId", |id| AlipayUserId::parse(id).ok());
    Identity::new(open_id, user_id).ok_or(Refusal::NoUser)
}

fn id<T>(fields: &Fields, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    let text = fields.optional(name, MAX_FIELD_CHARACTERS);
    let id = text.as_ref().ok().and_then(Option::as_deref).and_then(parse);
    if id.is_none() && text != Ok(None) {
        tracing::warn!(field = name, "a platform's callback names its user in a form that is not known");
    }
    id
}
