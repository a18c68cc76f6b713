//! The cache in front of a source: one caller fetches a secret, the others wait or use the old document, and names that
//! are not known are looked up at a limited rate. The rules about time are in [`crate::secrets::entry`].
//!
//! One fetch per secret at a time: its right is an asynchronous mutex, so a caller that is dropped half-way (the
//! client left, the function timed out) hands it to the next one. No other lock is held while waiting.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::clock::{Clock, UnixMillis};
use crate::secrets::entry::{CacheEntry, Lookup};
use crate::secrets::error::{AbsentReason, FetchError, SecretError};
use crate::secrets::lookup_limit::LookupLimit;
use crate::secrets::name::SecretName;
use crate::secrets::source::{Document, SecretSource};
use crate::telemetry::Alarm;

/// This many names without a document are remembered; then the oldest is forgotten.
const MAX_UNKNOWN_NAMES: usize = 1_000;

/// Parsed secrets of one kind, in front of their source.
///
/// - A document is fresh for 5 minutes. Then the first caller refreshes it in line, and the others use the old one
///   meanwhile. Callers who find no document wait for the one fetch.
/// - While the source does not answer, a document is used for up to an hour since its source last vouched for it, and
///   a failed refresh is repeated after 30 s, not by every caller.
/// - A secret that is missing, deleted or denied is revoked at once, and remembered as absent for 30 s.
/// - A version that does not parse leaves the last good one in force and is logged as an error, once.
/// - The same version is the same `Arc`.
/// - Names never seen are looked up 50 at once and 20 a second; names with a document are not limited.
pub struct SecretCache<T> {
    source: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    names: Mutex<Names<T>>,
}

/// The result of a check with a document's keys.
#[derive(Debug)]
pub enum KeyCheck<R> {
    /// The keys were enough to tell.
    Decided(R),
    /// No key of the document fits; a newer document may have one that does.
    NoKeyFits(R),
}

/// Every error means that no key fits.
impl<R, E> From<Result<R, E>> for KeyCheck<Result<R, E>> {
    fn from(result: Result<R, E>) -> Self {
        if result.is_ok() { Self::Decided(result) } else { Self::NoKeyFits(result) }
    }
}

struct Names<T> {
    slots: HashMap<SecretName, Arc<Slot<T>>>,
    /// The names in `slots` that have no document, oldest first.
    unknown_names: VecDeque<SecretName>,
    lookup_limit: LookupLimit,
}

/// The place of one secret.
struct Slot<T> {
    name: SecretName,
    flight: tokio::sync::Mutex<()>,
    entry: Mutex<CacheEntry<T>>,
}

impl<T: Document> SecretCache<T> {
    /// An empty cache. Whoever asks for different kinds of documents has one cache for each.
    #[must_use]
    pub fn new(source: Arc<dyn SecretSource>, clock: Arc<dyn Clock>) -> Self {
        let names = Names {
            slots: HashMap::new(),
            unknown_names: VecDeque::new(),
            lookup_limit: LookupLimit::full(),
        };
        Self { source, clock, names: Mutex::new(names) }
    }

    /// An empty cache over a source and a clock that others use as well.
    #[must_use]
    pub fn shared(source: &Arc<dyn SecretSource>, clock: &Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self::new(Arc::clone(source), Arc::clone(clock)))
    }

    /// The secret's document.
    ///
    /// # Errors
    /// [`SecretError::Absent`] when there is none for us, [`SecretError::Unavailable`] when the source does not answer
    /// and nothing young enough is known, [`SecretError::Unparsable`] when no version was a document, and
    /// [`SecretError::Busy`] when too many unknown names are being looked up.
    pub async fn get(&self, name: &SecretName) -> Result<Arc<T>, SecretError> {
        let slot = self.slot(name)?;
        let (seen, lookup) = {
            let entry = slot.entry();
            (entry.fetches(), entry.lookup(self.clock.now()))
        };
        let flight = match lookup {
            Lookup::Ready(answer) => return answer,
            Lookup::Stale(old) => match slot.flight.try_lock() {
                Ok(flight) => flight,
                Err(_) => return Ok(old),
            },
            Lookup::Missing => slot.flight.lock().await,
        };
        if slot.entry().fetches() == seen {
            self.fetch(&slot).await?;
        }
        drop(flight);
        slot.entry().answer(self.clock.now())
    }

    /// Runs `check` with `document`, and once more with a newer one if no key fits, because the keys may have been
    /// changed a moment ago. The second result counts if it is [`KeyCheck::Decided`].
    ///
    /// The secret is fetched for that if its last fetch is 10 s old or older. If that brings nothing newer, or fails,
    /// the first result stands.
    pub async fn check_keys<R>(
        &self,
        name: &SecretName,
        document: &Arc<T>,
        check: impl Fn(&Arc<T>) -> KeyCheck<R>,
    ) -> R {
        let first = match check(document) {
            KeyCheck::Decided(result) => return result,
            KeyCheck::NoKeyFits(result) => result,
        };
        match self.refresh_early(name, document).await.map(|newer| newer.as_ref().map(&check)) {
            Ok(Some(KeyCheck::Decided(result))) => result,
            Ok(Some(KeyCheck::NoKeyFits(_)) | None) | Err(_) => first,
        }
    }

    /// Fetches the secret again if its last fetch is 10 s old or older, and returns its document if that is another one
    /// than `used` now.
    ///
    /// `None` means that there is nothing newer to try: also when the source does not answer, or the newer version
    /// does not parse, while the old one may still be used.
    ///
    /// # Errors
    /// As [`SecretCache::get`].
    async fn refresh_early(&self, name: &SecretName, used: &Arc<T>) -> Result<Option<Arc<T>>, SecretError> {
        let slot = self.slot(name)?;
        let flight = slot.flight.lock().await;
        let is_the_one_used =
            slot.entry().answer(self.clock.now()).is_ok_and(|known| Arc::ptr_eq(&known, used));
        if is_the_one_used && slot.entry().early_refresh_is_due(self.clock.now()) {
            self.fetch(&slot).await?;
        }
        drop(flight);
        let document = slot.entry().answer(self.clock.now())?;
        Ok((!Arc::ptr_eq(&document, used)).then_some(document))
    }

    /// The slot of this name; a new name takes one look-up of the limit, which covers its first fetch.
    fn slot(&self, name: &SecretName) -> Result<Arc<Slot<T>>, SecretError> {
        let mut names = self.names();
        if let Some(slot) = names.slots.get(name) {
            return Ok(Arc::clone(slot));
        }
        names.take_lookup(self.clock.now())?;
        let entry = Mutex::new(CacheEntry::empty(name.clone()));
        let slot = Arc::new(Slot { name: name.clone(), flight: tokio::sync::Mutex::new(()), entry });
        names.slots.insert(name.clone(), Arc::clone(&slot));
        names.remember_unknown_name(name);
        Ok(slot)
    }

    /// Fetches once and takes in the outcome. Only for the holder of the slot's flight.
    async fn fetch(&self, slot: &Arc<Slot<T>>) -> Result<(), SecretError> {
        let asked_at = self.clock.now();
        let (was_known, is_counted) = {
            let entry = slot.entry();
            (entry.is_known(), entry.fetches() == 0)
        };
        if !was_known && !is_counted {
            self.names().take_lookup(asked_at)?;
        }
        let fetched = self.source.fetch(&slot.name).await;
        log_failure(&slot.name, fetched.as_ref().err(), was_known);
        let (alarm, is_known) = {
            let mut entry = slot.entry();
            (entry.record_fetch(fetched, asked_at), entry.is_known())
        };
        if let Some(reason) = alarm {
            tracing::error!(secret = %slot.name, reason, alarm = Alarm::Keys.as_str(), "a secret's new version is unreadable");
        }
        match (was_known, is_known) {
            (false, true) => self.names().promote(slot),
            (true, false) => self.names().remember_unknown_name(&slot.name),
            (false, false) | (true, true) => {}
        }
        Ok(())
    }

    fn names(&self) -> MutexGuard<'_, Names<T>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Names<T> {
    fn take_lookup(&mut self, now: UnixMillis) -> Result<(), SecretError> {
        if self.lookup_limit.take(now) { Ok(()) } else { Err(SecretError::Busy) }
    }

    fn remember_unknown_name(&mut self, name: &SecretName) {
        self.unknown_names.push_back(name.clone());
        if self.unknown_names.len() > MAX_UNKNOWN_NAMES
            && let Some(oldest) = self.unknown_names.pop_front()
        {
            self.slots.remove(&oldest);
        }
    }

    fn promote(&mut self, slot: &Arc<Slot<T>>) {
        self.unknown_names.retain(|unknown| *unknown != slot.name);
        // An unknown name may have been forgotten while it was being fetched.
        self.slots.insert(slot.name.clone(), Arc::clone(slot));
    }
}

impl<T> Slot<T> {
    fn entry(&self) -> MutexGuard<'_, CacheEntry<T>> {
        self.entry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_failure(name: &SecretName, failure: Option<&FetchError>, was_known: bool) {
    let name = if was_known { name.as_str() } else { name.log_text_of_unknown() };
    match failure {
        Some(FetchError::Unavailable(reason)) => {
            tracing::warn!(secret = name, reason, "a secret could not be fetched");
        }
        Some(FetchError::Absent(reason)) if was_known => {
            tracing::warn!(secret = name, %reason, "a secret is revoked");
        }
        Some(FetchError::Absent(AbsentReason::Denied)) => {
            tracing::error!(secret = name, alarm = Alarm::Keys.as_str(), "a secret is denied");
        }
        Some(FetchError::Absent(AbsentReason::NotFound | AbsentReason::Deleted)) | None => {}
    }
}

#[cfg(test)]
mod tests;
