//! The places of the secrets that a cache knows. Names without a document, which anybody can invent, have places too,
//! but not without number.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::secrets::entry::CacheEntry;
use crate::secrets::name::SecretName;
use crate::secrets::source::Document;

/// This many names without a document are remembered; then the oldest is forgotten.
const MAX_UNKNOWN_NAMES: usize = 1_000;

/// The place of one secret.
pub(super) struct Slot<T> {
    pub(super) name: SecretName,
    /// The right to fetch it.
    pub(super) flight: tokio::sync::Mutex<()>,
    entry: Mutex<CacheEntry<T>>,
}

pub(super) struct Slots<T>(Mutex<Names<T>>);

struct Names<T> {
    slots: HashMap<SecretName, Arc<Slot<T>>>,
    /// The names in `slots` that have no document, oldest first.
    unknown_names: VecDeque<SecretName>,
}

impl<T: Document> Slots<T> {
    pub(super) fn none() -> Self {
        Self(Mutex::new(Names { slots: HashMap::new(), unknown_names: VecDeque::new() }))
    }

    pub(super) fn slot(&self, name: &SecretName) -> Option<Arc<Slot<T>>> {
        self.names().slots.get(name).cloned()
    }

    /// The place of a name that has none; the one that another caller was faster to make, if one was.
    pub(super) fn make(&self, name: &SecretName) -> Arc<Slot<T>> {
        let mut names = self.names();
        if let Some(slot) = names.slots.get(name) {
            return Arc::clone(slot);
        }
        let entry = Mutex::new(CacheEntry::empty());
        let slot = Arc::new(Slot { name: name.clone(), flight: tokio::sync::Mutex::new(()), entry });
        names.slots.insert(name.clone(), Arc::clone(&slot));
        names.remember_unknown(name);
        slot
    }

    /// Its secret has a document now, or none any more.
    pub(super) fn moved(&self, slot: &Arc<Slot<T>>, was_known: bool, is_known: bool) {
        match (was_known, is_known) {
            (false, true) => self.names().promote(slot),
            (true, false) => self.names().remember_unknown(&slot.name),
            (false, false) | (true, true) => {}
        }
    }

    /// The names that have a place, and those of them that have no document.
    #[cfg(test)]
    pub(super) fn counted(&self) -> (usize, Vec<SecretName>) {
        let names = self.names();
        (names.slots.len(), names.unknown_names.iter().cloned().collect())
    }

    fn names(&self) -> MutexGuard<'_, Names<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Names<T> {
    fn remember_unknown(&mut self, name: &SecretName) {
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
    pub(super) fn entry(&self) -> MutexGuard<'_, CacheEntry<T>> {
        self.entry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
