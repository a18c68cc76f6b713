//! The limit on look-ups of unknown names: a look-up takes a permit before it is made, and the permit is spent if it
//! ends in an unknown name.

use std::sync::{Mutex, PoisonError};

use crate::model::clock::Monotonic;
use crate::secrets::error::SecretError;
use crate::secrets::known_names::KnownNames;
use crate::secrets::name::SecretName;
use crate::secrets::source::SecretSource;
use crate::secrets::token_bucket::TokenBucket;

#[derive(Clone, Copy, Debug)]
pub enum NameOrigin {
    /// A caller, who may have made it up.
    Caller,
    /// A record of ours.
    Record,
}

/// The limit, and the names that it is not for.
pub(super) struct LookupLimit {
    bucket: Mutex<TokenBucket>,
    known: KnownNames,
}

/// The right to one look-up. Dropped, also by a caller that leaves, it goes back to the limit, unless it was spent.
#[must_use]
pub(super) struct LookupPermit<'a>(Option<&'a Mutex<TokenBucket>>);

impl LookupLimit {
    /// A full bucket, and no list yet.
    pub(super) fn new() -> Self {
        Self { bucket: Mutex::new(TokenBucket::full()), known: KnownNames::none() }
    }

    /// A permit to look `name` up, while the limit has any; then an unlimited one, if `name` is listed.
    pub(super) async fn permit(
        &self,
        name: &SecretName,
        source: &dyn SecretSource,
        now: impl Fn() -> Monotonic,
    ) -> Result<LookupPermit<'_>, SecretError> {
        if take(&self.bucket, now()) {
            return Ok(LookupPermit(Some(&self.bucket)));
        }
        if self.known.contains(name, source, now).await? {
            Ok(LookupPermit::unlimited())
        } else {
            Err(SecretError::TooManyLookUps)
        }
    }
}

fn take(bucket: &Mutex<TokenBucket>, now: Monotonic) -> bool {
    bucket.lock().unwrap_or_else(PoisonError::into_inner).take(now)
}

impl LookupPermit<'_> {
    /// A permit that is not counted.
    pub(super) const fn unlimited() -> Self {
        Self(None)
    }

    /// The name was unknown.
    pub(super) fn spend(mut self) {
        self.0 = None;
    }
}

impl Drop for LookupPermit<'_> {
    fn drop(&mut self) {
        if let Some(bucket) = self.0 {
            bucket.lock().unwrap_or_else(PoisonError::into_inner).give_back();
        }
    }
}
