//! The answer of the rate limiter.

use std::time::Duration;

/// The answer to a request for admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Within the account's rate.
    Admitted,
    /// Over the account's rate.
    Over {
        /// The wait after which it may be worth trying again; never zero.
        retry_after: Duration,
    },
}
