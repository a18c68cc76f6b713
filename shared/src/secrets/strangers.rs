//! The limit on what strangers cost: a look-up is paid before it is made, and the price is kept if it ends in an
//! unknown name.

use std::sync::{Mutex, PoisonError};

use crate::model::clock::Monotonic;
use crate::secrets::error::SecretError;
use crate::secrets::known_names::KnownNames;
use crate::secrets::lookup_limit::LookupLimit;
use crate::secrets::name::SecretName;
use crate::secrets::source::SecretSource;

/// Whoever brings a name.
#[derive(Clone, Copy, Debug)]
pub enum Bringer {
    /// A caller, who may have made it up.
    Caller,
    /// A record of ours.
    Record,
}

/// The limit, and the list of those that it is not for.
pub(super) struct Strangers {
    lookup_limit: Mutex<LookupLimit>,
    known: KnownNames,
}

/// The price of a look-up. It is given back wherever this ends, also in a caller that leaves, unless it is kept.
#[must_use]
pub(super) struct Charge<'a>(Option<&'a Mutex<LookupLimit>>);

impl Strangers {
    /// A full limit, and no list yet.
    pub(super) fn new() -> Self {
        Self { lookup_limit: Mutex::new(LookupLimit::full()), known: KnownNames::none() }
    }

    /// The price of looking `name` up, while the limit lasts; then nothing, for whoever is listed.
    pub(super) async fn charge(
        &self,
        name: &SecretName,
        source: &dyn SecretSource,
        now: impl Fn() -> Monotonic,
    ) -> Result<Charge<'_>, SecretError> {
        if take(&self.lookup_limit, now()) {
            return Ok(Charge(Some(&self.lookup_limit)));
        }
        if self.known.hold(name, source, now).await? {
            Ok(Charge::none())
        } else {
            Err(SecretError::TooManyLookUps)
        }
    }
}

fn take(limit: &Mutex<LookupLimit>, now: Monotonic) -> bool {
    limit.lock().unwrap_or_else(PoisonError::into_inner).take(now)
}

impl Charge<'_> {
    /// Nothing to pay.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    /// The name was unknown.
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        if let Some(limit) = self.0 {
            limit.lock().unwrap_or_else(PoisonError::into_inner).give_back();
        }
    }
}
