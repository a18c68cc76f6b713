//! The storm's own time.

use std::time::Duration;

use tokio::time::Instant;

/// Milliseconds since the storm began.
pub type Millis = u64;

/// The clock of every journal.
#[derive(Clone, Copy, Debug)]
pub struct StormClock(Instant);

impl StormClock {
    /// A clock that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the storm began.
    #[must_use]
    pub fn now(&self) -> Millis {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    /// Waits until the storm is `at` old.
    pub async fn reaches(&self, at: Millis) {
        tokio::time::sleep_until(self.0 + Duration::from_millis(at)).await;
    }
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: Millis,
    pub until: Millis,
}
