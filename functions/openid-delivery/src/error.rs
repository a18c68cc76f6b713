//! What keeps a step from being made. Nothing is lost by any of it: the record is due, or becomes due again.

use shared::model::random::RandomError;
use shared::store::StoreError;

/// Why a step was not made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The store cannot be had.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// No randomness.
    #[error("{0}")]
    Random(#[from] RandomError),
}
