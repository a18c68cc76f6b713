//! The deny list as one instance knows it. A request takes what was read last, and has a newer one read beside it when
//! that is ten seconds old; only a list that may be too old to say what it must is waited for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use crate::model::clock::{Clock, Monotonic};
use crate::model::deny_list::DenyList;
use crate::model::passed_time::PassedTime;
use crate::store::{ReadDenyList, StoreError};

/// The store is asked this often at most, while it answers.
pub const READ_EVERY: Duration = Duration::from_secs(10);

/// A list is waited for if the last one was asked for so long ago: an instance that has stood idle reads before it
/// answers, so that what is disabled stops everywhere within fifteen seconds.
const OLDEST: Duration = Duration::from_secs(14);

/// The wait for a newer list; then the last one holds.
const READ_WITHIN: Duration = Duration::from_millis(500);

/// The longest wait for the first list of a process: as long as one call of the store. It is spent while the caller's
/// keys are fetched.
pub const FIRST_READ_WITHIN: Duration = Duration::from_secs(2);

/// After a read that failed the last list holds unasked, this long since that read began.
const PAUSE: Duration = Duration::from_secs(2);

/// The deny list of one process. Its functions share it.
#[derive(Clone)]
pub struct DenyListCache(Arc<Inner>);

struct Inner {
    store: Arc<dyn ReadDenyList>,
    time: PassedTime,
    /// The right to read.
    flight: Arc<tokio::sync::Mutex<()>>,
    held: Mutex<Held>,
}

struct Held {
    /// The last list, and when it was asked for.
    list: Option<(Arc<DenyList>, Monotonic)>,
    /// The failure of the last read, if it failed.
    failure: Option<StoreError>,
    /// No read begins before.
    next: Monotonic,
}

impl DenyListCache {
    /// The list that `store` keeps; it is not read yet.
    #[must_use]
    pub fn new(store: Arc<dyn ReadDenyList>, clock: Arc<dyn Clock>) -> Self {
        let held = Held { list: None, failure: None, next: Monotonic(Duration::ZERO) };
        let (flight, time) = (Arc::default(), PassedTime::new(clock));
        Self(Arc::new(Inner { store, time, flight, held: Mutex::new(held) }))
    }

    /// The list, as it stood less than fifteen seconds ago; older, while the store does not give it.
    ///
    /// # Errors
    /// When no list was ever read, and the store does not give one in its time: whether a caller is disabled is not
    /// known then.
    pub async fn current(&self) -> Result<Arc<DenyList>, StoreError> {
        let inner = &self.0;
        let age = inner.age();
        if age.is_some_and(|age| age < READ_EVERY) {
            return inner.last();
        }
        inner.read_beside();
        match age {
            Some(age) if age < OLDEST => {}
            Some(_) => drop(timeout(READ_WITHIN, inner.wait()).await),
            None => drop(timeout(FIRST_READ_WITHIN, inner.wait()).await),
        }
        inner.last()
    }
}

impl Inner {
    /// Reads on a task of its own, unless that is being done, or has failed a moment ago: a caller who leaves does not
    /// take it along.
    fn read_beside(self: &Arc<Self>) {
        let began = self.time.now();
        if began < self.held().next {
            return;
        }
        if let Ok(flight) = Arc::clone(&self.flight).try_lock_owned() {
            tokio::spawn(Arc::clone(self).read(began, flight));
        }
    }

    async fn read(self: Arc<Self>, began: Monotonic, flight: OwnedMutexGuard<()>) {
        let read = self.store.deny_list().await;
        if let Err(error) = &read {
            tracing::error!(%error, alarm = error.alarm().as_str(), "the deny list could not be read; the last one holds");
        }
        self.held().take_in(read, began);
        drop(flight);
    }

    /// Until the list is young enough. A read that was begun long ago, before the instance was frozen, does not count,
    /// whatever came of it.
    async fn wait(self: &Arc<Self>) {
        while self.age().is_none_or(|age| age >= OLDEST) {
            self.read_beside();
            drop(self.flight.lock().await);
            if self.time.now() < self.held().next {
                return;
            }
        }
    }

    fn age(&self) -> Option<Duration> {
        let asked_at = self.held().list.as_ref().map(|(_, asked_at)| *asked_at);
        asked_at.map(|asked_at| self.time.now().since(asked_at))
    }

    fn last(&self) -> Result<Arc<DenyList>, StoreError> {
        let held = self.held();
        match (&held.list, &held.failure) {
            (Some((list, _)), _) => Ok(Arc::clone(list)),
            (None, Some(failure)) => Err(failure.clone()),
            (None, None) => Err(StoreError::Unavailable("time-out".to_owned())),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn take_in(&mut self, read: Result<DenyList, StoreError>, began: Monotonic) {
        match read {
            Ok(list) => {
                self.list = Some((Arc::new(list), began));
                self.failure = None;
                self.next = began;
            }
            Err(error) => {
                self.failure = Some(error);
                self.next = began + PAUSE;
            }
        }
    }
}

#[cfg(test)]
mod tests;
