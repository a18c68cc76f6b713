//! The errors that keep a step from being made. Nothing is lost by any of it: the record is due, or becomes due again.

use shared::model::random::RandomError;
use shared::store::StoreError;

/// A step was not made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// The store cannot be had.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
}
