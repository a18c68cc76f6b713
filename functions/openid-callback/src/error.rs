//! The errors of both ways back. A return has only those of our own before its code is used: the user may then try the
//! same return again. A platform's callback is refused for whatever is wrong with it.

use http::StatusCode;
use shared::model::random::RandomError;
use shared::protocol::alipay::app_keys::ValidityError;
use shared::protocol::open_api::OpenApiCallError;
use shared::secrets::{SecretError, SecretName};
use shared::signing::open_api::diagnosis::Cause;
use shared::signing::open_api::{HeaderError, SignatureError};
use shared::store::StoreError;
use shared::telemetry::Alarm;

/// A return could not be completed; for the log only.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReturnError {
    /// The app's keys are unavailable.
    #[error("secret {name}: {error}")]
    Keys { name: SecretName, error: SecretError },
    /// A certificate of the app's is not valid now.
    #[error("secret {name}: {certificate}")]
    OutOfValidity { name: SecretName, certificate: ValidityError },
    /// The store is unavailable.
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl ReturnError {
    /// The alarm that it raises; none for a document of which the cache has said that it is unreadable.
    pub(crate) fn alarm(&self) -> Option<Alarm> {
        match self {
            Self::OutOfValidity { .. } => Some(Alarm::Keys),
            Self::Keys { error: SecretError::TooManyLookUps, .. } | Self::Random(_) => {
                Some(Alarm::Unavailable)
            }
            Self::Keys { error, .. } => error.alarm(),
            Self::Store(error) => Some(error.alarm()),
        }
    }
}

/// A callback was not answered with SUCCESS.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallbackError {
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
    Body(OpenApiCallError),
    /// The body speaks of another serialNo.
    #[error("the serialNo is not this authorization's")]
    OthersSerial,
    /// The body names no user.
    #[error("no well-formed openId")]
    NoUser,
    /// Another user is recorded.
    #[error("another user is recorded")]
    AnotherUser,
    /// The platform's document is unavailable.
    #[error("secret {name}: {error}")]
    Keys { name: SecretName, error: SecretError },
    /// The store is unavailable.
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl CallbackError {
    /// The table of refusals: 200 for what was refused on purpose, 503 for what failed on our side; and the alarm that
    /// an operator is told by.
    pub(crate) const fn refusal(&self) -> (StatusCode, Option<Alarm>) {
        match self {
            // Anybody can send such a thing; and the other user's alarm was raised as the record was seen.
            Self::NoState | Self::UnknownState | Self::AnotherUser => (StatusCode::OK, None),
            // The sender knows the state, so it is most likely the platform, and its callbacks are being lost.
            Self::BodyTooLarge
            | Self::Headers(_)
            | Self::OthersBusiness
            | Self::DisabledPlatform
            | Self::Signature { .. }
            | Self::Body(_)
            | Self::OthersSerial
            | Self::NoUser => (StatusCode::OK, Some(Alarm::Upstream)),
            Self::Keys { error, .. } => (StatusCode::SERVICE_UNAVAILABLE, error.alarm()),
            Self::Store(error) => (StatusCode::SERVICE_UNAVAILABLE, Some(error.alarm())),
            Self::Random(_) => (StatusCode::SERVICE_UNAVAILABLE, Some(Alarm::Unavailable)),
        }
    }

    /// The cause for the log, where the message would say too much: a body's may quote a name that nobody knows.
    pub(crate) fn log_reason(&self) -> String {
        match self {
            Self::Body(error) => error.log_reason(),
            other => other.to_string(),
        }
    }

    /// The word for the cause of a refused signature.
    pub(crate) fn cause(&self) -> Option<&'static str> {
        match self {
            Self::Signature { cause, .. } => cause.map(Cause::as_str),
            _ => None,
        }
    }
}
