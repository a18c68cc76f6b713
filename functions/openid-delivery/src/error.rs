//! The errors that keep a step from being made. Nothing is lost by any of it: the record is due, or becomes due again.

use shared::model::random::RandomError;
use shared::store::StoreError;
use shared::telemetry::{Alarm, Alarming};

/// A step was not made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// The store is unavailable.
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl Alarming for DeliveryError {
    fn alarm(&self) -> Alarm {
        match self {
            Self::Store(error) => error.alarm(),
            Self::Random(_) => Alarm::Unavailable,
        }
    }
}
