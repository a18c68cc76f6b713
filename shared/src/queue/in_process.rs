//! A queue within one process, for the local host and for tests. It is as forgetful as a hint may be.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::model::clock::{Clock, Monotonic};
use crate::queue::{Hint, HintError, HintQueue};

/// Hints that are waiting at most; more are lost.
const CAPACITY: usize = 100_000;

/// A delay queue by the time that passes, however the clock is set. Clones share it.
#[derive(Clone)]
pub struct InProcessQueue {
    clock: Arc<dyn Clock>,
    waiting: Arc<Mutex<Waiting>>,
}

/// Hints by the time at which they arrive, the next one on top.
type Waiting = BinaryHeap<Reverse<(Monotonic, Hint)>>;

impl InProcessQueue {
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, waiting: Arc::default() }
    }

    /// Takes the hint that has arrived longest ago, if any has.
    #[must_use]
    pub fn take(&self) -> Option<Hint> {
        let now = self.clock.monotonic();
        let mut waiting = self.lock();
        let Reverse((at, _)) = waiting.peek()?;
        if *at > now {
            return None;
        }
        waiting.pop().map(|Reverse((_, hint))| hint)
    }

    /// Loses every hint, as a restart does.
    pub fn lose_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl HintQueue for InProcessQueue {
    async fn send(&self, hint: Hint, delay: Duration) -> Result<(), HintError> {
        let at = self.clock.monotonic() + delay;
        let mut waiting = self.lock();
        if waiting.len() >= CAPACITY {
            return Err(HintError("too many are waiting".to_owned()));
        }
        waiting.push(Reverse((at, hint)));
        Ok(())
    }
}
