//! The end of the time that a look-up may take, whatever it has to wait for.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// The longest that a look-up may take: for a list of names, if one is needed, for another caller's fetch, and for its
/// own.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// The moment at which a look-up ends.
#[derive(Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// That of a look-up that begins now.
    pub(super) fn for_lookup() -> Self {
        Self(Instant::now() + LOOKUP_TIMEOUT)
    }

    /// Waits for `what`; nothing if it has not come by then.
    pub(super) async fn wait<F: Future>(self, what: F) -> Option<F::Output> {
        timeout_at(self.0, what).await.ok()
    }
}
