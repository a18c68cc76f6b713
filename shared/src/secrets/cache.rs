//! The cache in front of a source: one caller fetches a secret, the others wait or use the old document, and look-ups
//! of names that strangers invent are limited. The rules about time are in [`crate::secrets::entry`].
//!
//! One fetch per secret at a time: its right is an asynchronous mutex, so a caller that is dropped half-way (the
//! client left, the function timed out) hands it to the next one. No other lock is held while waiting.

use std::sync::{Arc, Mutex, PoisonError};

use crate::egress::callback_url::CallbackRules;
use crate::model::clock::Clock;
use crate::model::passed_time::PassedTime;
use crate::secrets::deadline::Deadline;
use crate::secrets::entry::Lookup;
use crate::secrets::error::{FetchError, SecretError};
use crate::secrets::lookup_limit::{LookupLimit, LookupPermit, NameOrigin};
use crate::secrets::name::SecretName;
use crate::secrets::slots::{Slot, Slots};
use crate::secrets::source::{Document, SecretSource};
use crate::secrets::token_bucket::TokenBucket;
use crate::telemetry::Alarm;

/// Parsed secrets of one kind, in front of their source.
///
/// - A document is fresh for 5 minutes. Then the first caller refreshes it in line, and the others use the old one
///   meanwhile. Callers who find no document wait for the one fetch.
/// - While the source does not answer, a document is used for up to an hour since its source last vouched for it, and
///   a failed refresh is repeated after 30 s, not by every caller.
/// - A secret that is missing or deleted is revoked at once, and remembered as absent for 30 s. One that is denied
///   counts as one that is unavailable.
/// - A version that does not parse leaves the last good one in force and is logged as an error, once.
/// - The same version is the same `Arc`.
/// - Where callers bring the names, 50 look-ups at once and 20 a second may end in nothing. While these are used up, a
///   name that the source does not list is not looked up; whoever is listed is.
/// - A look-up that takes longer than [`LOOKUP_TIMEOUT`](crate::secrets::LOOKUP_TIMEOUT) failed.
pub struct SecretCache<T> {
    source: Arc<dyn SecretSource>,
    time: PassedTime,
    slots: Slots<T>,
    rules: CallbackRules,
    /// The limit on diagnoses of refused signatures.
    diagnoses: Mutex<TokenBucket>,
    /// None if callers bring no names.
    lookup_limit: Option<LookupLimit>,
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

impl<T: Document> SecretCache<T> {
    /// An empty cache of documents whose names are our own: they stand in settings, records and other documents.
    /// Whoever asks for different kinds of documents has one cache for each, over one source and clock.
    #[must_use]
    pub fn new(source: &Arc<dyn SecretSource>, clock: &Arc<dyn Clock>) -> Self {
        Self {
            source: Arc::clone(source),
            time: PassedTime::new(Arc::clone(clock)),
            slots: Slots::none(),
            rules: CallbackRules::default(),
            diagnoses: Mutex::new(TokenBucket::full()),
            lookup_limit: None,
        }
    }

    /// The same, of documents whose addresses are judged by `rules`, not by the default ones.
    #[must_use]
    pub fn with_rules(self, rules: &CallbackRules) -> Self {
        Self { rules: rules.clone(), ..self }
    }

    /// The same, of documents whose names callers bring, so that anybody can invent one.
    #[must_use]
    pub fn named_by_callers(self) -> Self {
        Self { lookup_limit: Some(LookupLimit::new()), ..self }
    }

    /// True if a document of this name is here, however old: nobody made the name up, and it may be logged.
    #[must_use]
    pub fn knows(&self, name: &SecretName) -> bool {
        self.slots.slot(name).is_some_and(|slot| slot.entry().is_known())
    }

    /// Takes one diagnosis of a signature that no key of a document here fits; false while these are used up. There are
    /// as many as look-ups of unknown names: 50 at once and 20 a second.
    pub fn may_diagnose(&self) -> bool {
        self.diagnoses.lock().unwrap_or_else(PoisonError::into_inner).take(self.time.now())
    }

    /// The secret's document.
    ///
    /// # Errors
    /// [`SecretError::Absent`] when there is none, [`SecretError::Unavailable`] or [`SecretError::Denied`] when the
    /// source does not answer, or not us, and nothing young enough is known, [`SecretError::Unparsable`] when no
    /// version was a document, and [`SecretError::TooManyLookUps`] when too many unknown names are being asked for.
    pub async fn get(&self, name: &SecretName) -> Result<Arc<T>, SecretError> {
        self.get_by(name, NameOrigin::Caller, Deadline::for_lookup()).await
    }

    /// The secret's document, by a name that a record of ours has: nobody made it up, so it is looked up without a
    /// permit, however many unknown names are asked for.
    ///
    /// # Errors
    /// As of [`Self::get`], but never [`SecretError::TooManyLookUps`].
    pub async fn get_recorded(&self, name: &SecretName) -> Result<Arc<T>, SecretError> {
        self.get_by(name, NameOrigin::Record, Deadline::for_lookup()).await
    }

    /// The secret's document, by a name from `origin`, or a newer one if this fails `check`, as by
    /// [`Self::check_keys`]. Both together take no longer than a look-up.
    ///
    /// # Errors
    /// As of [`Self::get`].
    pub async fn get_checked<R>(
        &self,
        name: &SecretName,
        origin: NameOrigin,
        check: impl Fn(&Arc<T>) -> KeyCheck<R>,
    ) -> Result<R, SecretError> {
        let deadline = Deadline::for_lookup();
        let document = self.get_by(name, origin, deadline).await?;
        Ok(self.check_keys_by(name, &document, check, deadline).await)
    }

    async fn get_by(
        &self,
        name: &SecretName,
        origin: NameOrigin,
        deadline: Deadline,
    ) -> Result<Arc<T>, SecretError> {
        let slot = self.slots.slot(name);
        let ready = slot.as_ref().map(|slot| slot.entry().lookup(self.time.now()));
        match ready {
            Some(Lookup::Ready(answer)) => answer,
            _ => self.look_up(name, slot, origin, deadline).await,
        }
    }

    async fn look_up(
        &self,
        name: &SecretName,
        slot: Option<Arc<Slot<T>>>,
        origin: NameOrigin,
        deadline: Deadline,
    ) -> Result<Arc<T>, SecretError> {
        let (slot, permit) = match slot {
            Some(slot) => (slot, None),
            None => {
                let permit = self.permit(name, origin, deadline).await?;
                (self.slots.make(name), Some(permit))
            }
        };
        let (seen, lookup) = {
            let entry = slot.entry();
            (entry.fetches(), entry.lookup(self.time.now()))
        };
        let flight = match lookup {
            Lookup::Ready(answer) => return answer,
            Lookup::Stale(old) => match slot.flight.try_lock() {
                Ok(flight) => flight,
                Err(_) => return Ok(old),
            },
            Lookup::Missing => deadline.wait(slot.flight.lock()).await.ok_or_else(late)?,
        };
        if slot.entry().fetches() == seen {
            let was_known = slot.entry().is_known();
            let permit = match permit {
                Some(permit) => permit,
                None if was_known => LookupPermit::unlimited(),
                None => self.permit(name, origin, deadline).await?,
            };
            self.fetch(&slot, was_known, permit, deadline).await;
        }
        drop(flight);
        slot.entry().answer(self.time.now())
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
        self.check_keys_by(name, document, check, Deadline::for_lookup()).await
    }

    async fn check_keys_by<R>(
        &self,
        name: &SecretName,
        document: &Arc<T>,
        check: impl Fn(&Arc<T>) -> KeyCheck<R>,
        deadline: Deadline,
    ) -> R {
        let first = match check(document) {
            KeyCheck::Decided(result) => return result,
            KeyCheck::NoKeyFits(result) => result,
        };
        match self.refresh_early(name, document, deadline).await.as_ref().map(&check) {
            Some(KeyCheck::Decided(result)) => result,
            Some(KeyCheck::NoKeyFits(_)) | None => first,
        }
    }

    /// Fetches the secret again if its last fetch is 10 s old or older, and returns its document if that is another one
    /// than `used` now.
    ///
    /// `None` means that there is nothing newer to try: also when the source does not answer or has no such secret any
    /// more, or the newer version does not parse, while the old one may still be used.
    async fn refresh_early(&self, name: &SecretName, used: &Arc<T>, deadline: Deadline) -> Option<Arc<T>> {
        let slot = self.slots.slot(name)?;
        let flight = deadline.wait(slot.flight.lock()).await?;
        let is_the_one_used =
            slot.entry().answer(self.time.now()).is_ok_and(|known| Arc::ptr_eq(&known, used));
        if is_the_one_used && slot.entry().early_refresh_is_due(self.time.now()) {
            let asked_at = self.time.now();
            let fetched = deadline.wait(self.source.fetch(&slot.name)).await.unwrap_or_else(not_in_time);
            if let Err(error) = &fetched {
                tracing::warn!(secret = %slot.name, %error, "a secret could not be fetched before its time");
            }
            let flaw = slot.entry().record_early_fetch(fetched, asked_at, &self.rules);
            log_flaw(&slot.name, flaw);
        }
        drop(flight);
        let document = slot.entry().answer(self.time.now()).ok()?;
        (!Arc::ptr_eq(&document, used)).then_some(document)
    }

    /// A permit to look up a name that has no document here.
    async fn permit(
        &self,
        name: &SecretName,
        origin: NameOrigin,
        deadline: Deadline,
    ) -> Result<LookupPermit<'_>, SecretError> {
        let (Some(lookup_limit), NameOrigin::Caller) = (&self.lookup_limit, origin) else {
            return Ok(LookupPermit::unlimited());
        };
        let permit = lookup_limit.permit(name, &*self.source, || self.time.now());
        deadline.wait(permit).await.unwrap_or_else(|| Err(late()))
    }

    /// Fetches once and takes in the outcome. Only for the holder of the slot's flight.
    async fn fetch(
        &self,
        slot: &Arc<Slot<T>>,
        was_known: bool,
        permit: LookupPermit<'_>,
        deadline: Deadline,
    ) {
        let asked_at = self.time.now();
        let fetched = deadline.wait(self.source.fetch(&slot.name)).await.unwrap_or_else(not_in_time);
        if matches!(fetched, Err(FetchError::Absent(_))) {
            permit.spend();
        }
        log_failure(&slot.name, fetched.as_ref().err(), was_known);
        let (flaw, is_known) = {
            let mut entry = slot.entry();
            (entry.record_fetch(fetched, asked_at, &self.rules), entry.is_known())
        };
        log_flaw(&slot.name, flaw);
        self.slots.moved(slot, was_known, is_known);
    }
}

const LATE: &str = "time-out";

fn late() -> SecretError {
    SecretError::Unavailable(LATE.to_owned())
}

fn not_in_time<V>() -> Result<V, FetchError> {
    Err(FetchError::Unavailable(LATE.to_owned()))
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
