//! A queue within one process, for the local host and for tests. It is as forgetful as a hint may be.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::model::clock::{Clock, Monotonic};
use crate::model::id::AuthorizationId;
use crate::model::owner::Owner;
use crate::queue::{Hint, HintError, HintQueue};

/// Hints that are waiting at most; more are lost.
const CAPACITY: usize = 100_000;

/// A delay queue by the time that passes, however the clock is set. Clones share it.
#[derive(Clone)]
pub struct InProcessQueue {
    clock: Arc<dyn Clock>,
    waiting: Arc<Mutex<BinaryHeap<Reverse<Waiting>>>>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    at: Monotonic,
    id: AuthorizationId,
    owner: Owner,
    attempt: u32,
}

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
        if waiting.peek()?.0.at > now {
            return None;
        }
        waiting.pop().map(|Reverse(hint)| Hint::new(hint.id, hint.owner, hint.attempt))
    }

    /// Loses every hint, as a restart does.
    pub fn lose_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BinaryHeap<Reverse<Waiting>>> {
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
        waiting.push(Reverse(Waiting { at, id: hint.id, owner: hint.owner, attempt: hint.attempt }));
        Ok(())
    }
}
