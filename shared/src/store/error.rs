//! What a store says when it could not do its work.

use crate::telemetry::Alarm;

/// The store could not do its work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It is away, too busy, or does not let us in; nothing is known about the write.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// It holds something that is no record of ours.
    #[error("the store holds a record that cannot be read: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// True if the same call may succeed a moment later.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Corrupt(_) => false,
        }
    }

    /// The alarm that a failure raises wherever it is met.
    #[must_use]
    pub const fn alarm(&self) -> Alarm {
        match self {
            Self::Unavailable(_) => Alarm::Unavailable,
            Self::Corrupt(_) => Alarm::Record,
        }
    }
}
