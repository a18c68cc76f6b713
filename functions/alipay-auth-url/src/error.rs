//! The causes of a refusal, and the open API's dialect for them: `status` and `message`.

use http::StatusCode;
use shared::egress::callback_url::CallbackUrlError;
use shared::model::id::AuthorizationId;
use shared::model::random::RandomError;
use shared::protocol::open_api::CallError;
use shared::protocol::open_api::client::classify::NoLink;
use shared::secrets::{SecretError, SecretName};
use shared::store::StoreError;
use shared::telemetry::Alarm;

/// The cause of a refusal. It displays as the answer's `message`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// For what all calls have in common.
    #[error(transparent)]
    Call(#[from] CallError),
    /// `userId` and `thirdAccount` are both there and differ.
    #[error("parameters userId and thirdAccount are two names of one thing and differ")]
    UserIdsDiffer,
    /// Callbacks may not go there.
    #[error("parameter callbackUrl: {0}")]
    CallbackUrl(#[from] CallbackUrlError),
    /// The serialNo was used before.
    #[error("this serialNo was used before")]
    SerialUsed {
        /// The earlier link, if the request was the same and the link still works.
        link: Option<String>,
    },
    /// The document of the platform that makes this link cannot be had.
    #[error("temporarily unavailable, try again")]
    Platform {
        /// The secret.
        name: SecretName,
        /// The cause.
        error: SecretError,
    },
    /// The platform that makes this link has not given it; what it said is in the log, under the reference.
    #[error("{0}; reference {1}")]
    NoLink(NoLink, AuthorizationId),
    /// Nobody has told this process its address.
    #[error("the server does not know its own address")]
    NoPublicUrl,
}

impl LinkError {
    /// The table of refusals: the open API's `status`, and the HTTP status, which is 200 for what is answered on
    /// purpose and 5xx when it is we who failed.
    pub(crate) const fn refusal(&self) -> (u8, StatusCode) {
        match self {
            Self::Call(error) => {
                let (status, class) = error.refusal();
                (status, class.http_status())
            }
            Self::Platform { .. } => (1, StatusCode::SERVICE_UNAVAILABLE),
            Self::NoPublicUrl => (1, StatusCode::INTERNAL_SERVER_ERROR),
            Self::UserIdsDiffer | Self::CallbackUrl(_) => (3, StatusCode::OK),
            Self::SerialUsed { .. } => (8, StatusCode::OK),
            Self::NoLink(no_link, _) => (no_link.status(), StatusCode::OK),
        }
    }

    /// The earlier link that goes with [`LinkError::SerialUsed`].
    pub(crate) fn link(&self) -> Option<&str> {
        match self {
            Self::SerialUsed { link } => link.as_deref(),
            _ => None,
        }
    }

    /// The authorization's id, if it is recorded.
    pub(crate) fn reference(&self) -> Option<&str> {
        match self {
            Self::NoLink(_, id) => Some(id.as_str()),
            _ => None,
        }
    }

    /// The cause for the log, where a message would say too much or too little.
    pub(crate) fn log_reason(&self) -> String {
        match self {
            Self::Call(error) => error.log_reason(),
            Self::Platform { name, error } => format!("secret {name}: {error}"),
            other => other.to_string(),
        }
    }

    /// The alarm of a failure of ours. What a platform did is alarmed where it is known for whom it was asked.
    pub(crate) const fn alarm(&self) -> Option<Alarm> {
        match self {
            Self::Call(error) => error.alarm(),
            Self::Platform { error, .. } => error.alarm(),
            Self::NoPublicUrl => Some(Alarm::Unavailable),
            Self::UserIdsDiffer | Self::CallbackUrl(_) | Self::SerialUsed { .. } | Self::NoLink(..) => None,
        }
    }
}

impl From<StoreError> for LinkError {
    fn from(error: StoreError) -> Self {
        Self::Call(CallError::Unavailable { reason: error.to_string(), alarm: error.alarm() })
    }
}

impl From<RandomError> for LinkError {
    fn from(error: RandomError) -> Self {
        Self::Call(error.into())
    }
}
