//! The errors of our own before a code is used. The user may then try the same return again.

use shared::model::random::RandomError;
use shared::protocol::alipay::app_keys::OutOfValidity;
use shared::secrets::{SecretError, SecretName};
use shared::store::StoreError;
use shared::telemetry::Alarm;

/// A return could not be completed; for the log only.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReturnError {
    /// The app's keys cannot be had.
    #[error("secret {name}: {error}")]
    Keys { name: SecretName, error: SecretError },
    /// A certificate of the app's is not valid now.
    #[error("secret {name}: {certificate}")]
    OutOfValidity { name: SecretName, certificate: OutOfValidity },
    /// The store cannot be had.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No randomness.
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
