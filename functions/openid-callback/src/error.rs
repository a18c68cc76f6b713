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
    /// The alarm that it raises.
    pub(crate) fn alarm(&self) -> Alarm {
        match self {
            Self::OutOfValidity { .. } => Alarm::Keys,
            Self::Keys { error, .. } => error.alarm().unwrap_or(Alarm::Unavailable),
            Self::Store(error) => error.alarm(),
            Self::Random(_) => Alarm::Unavailable,
        }
    }
}
