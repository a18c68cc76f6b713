//! The cache in front of a source: one caller fetches a secret, the others wait or use the old document, and look-ups
//! of names that strangers invent are limited. The rules about time are in [`crate::secrets::entry`].
//!
//! One fetch per secret at a time: its right is an asynchronous mutex, so a caller that is dropped half-way (the
//! client left, the function timed out) hands it to the next one. No other lock is held while waiting.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::clock::Clock;
use crate::secrets::entry::{CacheEntry, Lookup};
use crate::secrets::error::{FetchError, SecretError};
use crate::secrets::known_names::KnownNames;
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
/// - A secret that is missing or deleted is revoked at once, and remembered as absent for 30 s. One that is denied
///   counts as one that cannot be had.
/// - A version that does not parse leaves the last good one in force and is logged as an error, once.
/// - The same version is the same `Arc`.
/// - Where callers bring the names, 50 look-ups at once and 20 a second may end in nothing. While these are used up, a
///   name that the source does not list is not looked up; whoever is listed is.
pub struct SecretCache<T> {
    source: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    names: Mutex<Names<T>>,
    /// None if no stranger can bring a name.
    strangers: Option<Strangers>,
}

/// The limit on what strangers cost.
struct Strangers {
    lookup_limit: Mutex<LookupLimit>,
    known: KnownNames,
}

/// The price of a look-up, which is kept if the name is unknown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Charge {
    None,
    OneLookUp,
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
}

/// The place of one secret.
struct Slot<T> {
    name: SecretName,
    flight: tokio::sync::Mutex<()>,
    entry: Mutex<CacheEntry<T>>,
}

impl<T: Document> SecretCache<T> {
    /// An empty cache of documents whose names are our own: they stand in settings, records and other documents.
    /// Whoever asks for different kinds of documents has one cache for each.
    #[must_use]
    pub fn new(source: Arc<dyn SecretSource>, clock: Arc<dyn Clock>) -> Self {
        let names = Names { slots: HashMap::new(), unknown_names: VecDeque::new() };
        Self { source, clock, names: Mutex::new(names), strangers: None }
    }

    /// An empty cache over a source and a clock that others use as well, of documents whose names are our own.
    #[must_use]
    pub fn shared(source: &Arc<dyn SecretSource>, clock: &Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self::new(Arc::clone(source), Arc::clone(clock)))
    }

    /// The same, of documents whose names callers bring, so that anybody can invent one.
    #[must_use]
    pub fn of_callers(source: &Arc<dyn SecretSource>, clock: &Arc<dyn Clock>) -> Arc<Self> {
        let lookup_limit = Mutex::new(LookupLimit::full());
        let strangers = Some(Strangers { lookup_limit, known: KnownNames::none() });
        Arc::new(Self { strangers, ..Self::new(Arc::clone(source), Arc::clone(clock)) })
    }

    /// True if a document of this name is here, however old: the name is no stranger's, and may be logged.
    #[must_use]
    pub fn knows(&self, name: &SecretName) -> bool {
        self.slot(name).is_some_and(|slot| slot.entry().is_known())
    }

    /// The secret's document.
    ///
    /// # Errors
    /// [`SecretError::Absent`] when there is none, [`SecretError::Unavailable`] or [`SecretError::Denied`] when the
    /// source does not answer, or not us, and nothing young enough is known, [`SecretError::Unparsable`] when no
    /// version was a document, and [`SecretError::TooManyLookUps`] when too many unknown names are being asked for.
    pub async fn get(&self, name: &SecretName) -> Result<Arc<T>, SecretError> {
        let (slot, charged) = match self.slot(name) {
            Some(slot) => (slot, None),
            None => self.new_slot(name).await?,
        };
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
            let was_known = slot.entry().is_known();
            let charge = match charged {
                Some(charge) => charge,
                None if was_known => Charge::None,
                None => self.charge(name).await?,
            };
            self.fetch(&slot, was_known, charge).await;
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
        match self.refresh_early(name, document).await.as_ref().map(&check) {
            Some(KeyCheck::Decided(result)) => result,
            Some(KeyCheck::NoKeyFits(_)) | None => first,
        }
    }

    /// Fetches the secret again if its last fetch is 10 s old or older, and returns its document if that is another one
    /// than `used` now.
    ///
    /// `None` means that there is nothing newer to try: also when the source does not answer or has no such secret any
    /// more, or the newer version does not parse, while the old one may still be used.
    async fn refresh_early(&self, name: &SecretName, used: &Arc<T>) -> Option<Arc<T>> {
        let slot = self.slot(name)?;
        let flight = slot.flight.lock().await;
        let is_the_one_used =
            slot.entry().answer(self.clock.now()).is_ok_and(|known| Arc::ptr_eq(&known, used));
        if is_the_one_used && slot.entry().early_refresh_is_due(self.clock.now()) {
            let asked_at = self.clock.now();
            let fetched = self.source.fetch(&slot.name).await;
            if let Err(error) = &fetched {
                tracing::warn!(secret = %slot.name, %error, "a secret could not be fetched before its time");
            }
            let flaw = slot.entry().record_early_fetch(fetched, asked_at);
            log_flaw(&slot.name, flaw);
        }
        drop(flight);
        let document = slot.entry().answer(self.clock.now()).ok()?;
        (!Arc::ptr_eq(&document, used)).then_some(document)
    }

    fn slot(&self, name: &SecretName) -> Option<Arc<Slot<T>>> {
        self.names().slots.get(name).cloned()
    }

    /// The slot of a name that has none, and the price of its first fetch; unless another caller was faster.
    async fn new_slot(&self, name: &SecretName) -> Result<(Arc<Slot<T>>, Option<Charge>), SecretError> {
        let charge = self.charge(name).await?;
        let mut names = self.names();
        if let Some(slot) = names.slots.get(name) {
            self.give_back(charge);
            return Ok((Arc::clone(slot), None));
        }
        let entry = Mutex::new(CacheEntry::empty());
        let slot = Arc::new(Slot { name: name.clone(), flight: tokio::sync::Mutex::new(()), entry });
        names.slots.insert(name.clone(), Arc::clone(&slot));
        names.remember_unknown_name(name);
        Ok((slot, Some(charge)))
    }

    /// The price of looking up a name that has no document here.
    async fn charge(&self, name: &SecretName) -> Result<Charge, SecretError> {
        let Some(strangers) = &self.strangers else { return Ok(Charge::None) };
        if strangers.lookup_limit().take(self.clock.now()) {
            return Ok(Charge::OneLookUp);
        }
        if strangers.known.hold(name, &*self.source, &*self.clock).await {
            return Ok(Charge::None);
        }
        Err(SecretError::TooManyLookUps)
    }

    fn give_back(&self, charge: Charge) {
        if let (Some(strangers), Charge::OneLookUp) = (&self.strangers, charge) {
            strangers.lookup_limit().give_back();
        }
    }

    /// Fetches once and takes in the outcome. Only for the holder of the slot's flight.
    async fn fetch(&self, slot: &Arc<Slot<T>>, was_known: bool, charge: Charge) {
        let asked_at = self.clock.now();
        let fetched = self.source.fetch(&slot.name).await;
        if !matches!(fetched, Err(FetchError::Absent(_))) {
            self.give_back(charge);
        }
        log_failure(&slot.name, fetched.as_ref().err(), was_known);
        let (flaw, is_known) = {
            let mut entry = slot.entry();
            (entry.record_fetch(fetched, asked_at), entry.is_known())
        };
        log_flaw(&slot.name, flaw);
        match (was_known, is_known) {
            (false, true) => self.names().promote(slot),
            (true, false) => self.names().remember_unknown_name(&slot.name),
            (false, false) | (true, true) => {}
        }
    }

    fn names(&self) -> MutexGuard<'_, Names<T>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Names<T> {
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

impl Strangers {
    fn lookup_limit(&self) -> MutexGuard<'_, LookupLimit> {
        self.lookup_limit.lock().unwrap_or_else(PoisonError::into_inner)
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
        Some(FetchError::Denied) => {
            tracing::error!(secret = name, alarm = Alarm::Keys.as_str(), "a secret may not be read");
        }
        Some(FetchError::Absent(_)) | None => {}
    }
}

fn log_flaw(name: &SecretName, flaw: Option<String>) {
    if let Some(reason) = flaw {
        tracing::error!(secret = %name, reason, alarm = Alarm::Keys.as_str(), "a secret's new version is unreadable");
    }
}

#[cfg(test)]
mod tests;
