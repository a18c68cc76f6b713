//! The causes of a refusal, and the open API's dialect for them: `status` and `message`.

use shared::egress::callback_url::CallbackUrlError;
use shared::model::id::AuthorizationId;
use shared::model::random::RandomError;
use shared::protocol::open_api::client::classify::NoLinkError;
use shared::protocol::open_api::{Code, OpenApiCallError};
use shared::registry::ReturnUrlError;
use shared::secrets::{SecretError, SecretName};
use shared::store::StoreError;
use shared::telemetry::Alarm;

/// The cause of a refusal. It displays as the answer's `message`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// For what a call of any route may be refused for.
    #[error(transparent)]
    Call(#[from] OpenApiCallError),
    /// `userId` and `thirdAccount` are both there and differ.
    #[error("parameters userId and thirdAccount are two names of one thing and differ")]
    UserIdsDiffer,
    /// Callbacks may not go there.
    #[error("parameter callbackUrl: the callback address {0}")]
    CallbackUrl(#[from] CallbackUrlError),
    /// Result pages may not lead back there.
    #[error("parameter returnUrl: {0}")]
    ReturnUrl(#[from] ReturnUrlError),
    /// The serialNo was used before.
    #[error("this serialNo was used before")]
    SerialUsed {
        /// The earlier link, if the request was the same and the link still works.
        link: Option<String>,
    },
    /// The document of the platform that makes this link is unavailable.
    #[error("{}", without_document(.error))]
    Platform { name: SecretName, error: SecretError },
    /// The platform that makes this link is disabled, as an operator knows.
    #[error("temporarily unavailable, try again")]
    PlatformDisabled,
    /// The platform that makes this link has not given it; what it said is in the log, under the reference.
    #[error("{0}; reference {1}")]
    NoLink(NoLinkError, AuthorizationId),
    /// Nobody has told this process its address.
    #[error("the server does not know its own address")]
    NoPublicUrl,
}

impl LinkError {
    /// The word of the refusal, which stands for its row in the table of refusals.
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::Call(error) => error.code(),
            Self::UserIdsDiffer => Code::UserIdsDiffer,
            Self::CallbackUrl(_) => Code::CallbackUrlRefused,
            Self::ReturnUrl(_) => Code::ReturnUrlRefused,
            Self::SerialUsed { .. } => Code::SerialUsed,
            Self::PlatformDisabled => Code::Unavailable,
            Self::Platform { error, .. } if error.is_transient() => Code::Unavailable,
            Self::Platform { .. } => Code::AccountMisconfigured,
            Self::NoLink(no_link, _) => no_link.code(),
            Self::NoPublicUrl => Code::ServerMisconfigured,
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
            Self::PlatformDisabled => "the platform is disabled".to_owned(),
            Self::Platform { name, error } => format!("secret {name}: {error}"),
            other => other.to_string(),
        }
    }

    /// The word for the cause of a refused signature, for the log.
    pub(crate) fn cause(&self) -> Option<&'static str> {
        match self {
            Self::Call(error) => error.cause(),
            _ => None,
        }
    }

    /// The alarm of a failure of ours. What a platform did is alarmed where it is known for whom it was asked.
    pub(crate) const fn alarm(&self) -> Option<Alarm> {
        match self {
            Self::Call(error) => error.alarm(),
            Self::Platform { error, .. } => error.alarm(),
            // An operator has disabled it.
            Self::PlatformDisabled => None,
            // A setting is missing, and no document wrong.
            Self::NoPublicUrl => Some(Alarm::Unavailable),
            _ => self.code().class().alarm(),
        }
    }
}

impl From<StoreError> for LinkError {
    fn from(error: StoreError) -> Self {
        Self::Call(error.into())
    }
}

impl From<RandomError> for LinkError {
    fn from(error: RandomError) -> Self {
        Self::Call(error.into())
    }
}

/// The message without a platform's document: its operator has to act, or its source is away.
fn without_document(error: &SecretError) -> &'static str {
    if error.is_transient() {
        "temporarily unavailable, try again"
    } else {
        "the platform that makes this link is misconfigured on the server; its operator has to act, trying again does \
         not help"
    }
}
