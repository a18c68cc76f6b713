//! The names that a source lists. They tell a party of ours from a stranger while so many unknown names are being asked
//! for that not each can be looked up.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::clock::{Clock, UnixMillis};
use crate::secrets::error::FetchError;
use crate::secrets::name::SecretName;
use crate::secrets::source::SecretSource;
use crate::telemetry::Alarm;

/// A list is used this long; then one caller asks for a newer one, and the others use the old one meanwhile.
const FRESH: Duration = Duration::from_secs(30);
/// The wait after a list that was not given.
const PAUSE: Duration = Duration::from_secs(5);

/// The names of one kind, as their source has listed them last.
pub(super) struct KnownNames {
    flight: tokio::sync::Mutex<()>,
    listed: Mutex<Listed>,
}

struct Listed {
    names: Arc<HashSet<SecretName>>,
    next: UnixMillis,
    /// False until the source has been asked once.
    is_there: bool,
}

impl KnownNames {
    /// No list yet.
    pub(super) fn none() -> Self {
        let listed = Listed { names: Arc::default(), next: UnixMillis(0), is_there: false };
        Self { flight: tokio::sync::Mutex::new(()), listed: Mutex::new(listed) }
    }

    /// True if `source` lists this name.
    pub(super) async fn hold(&self, name: &SecretName, source: &dyn SecretSource, clock: &dyn Clock) -> bool {
        let (listed, is_there) = self.listed(clock.now());
        if let Some(names) = listed {
            return names.contains(name);
        }
        let flight = match self.flight.try_lock() {
            Ok(flight) => flight,
            Err(_) if is_there => return self.names().contains(name),
            Err(_) => self.flight.lock().await,
        };
        if self.listed(clock.now()).0.is_none() {
            let asked_at = clock.now();
            let names = source.names(name.kind()).await;
            self.take_in(names, name.kind(), asked_at);
        }
        drop(flight);
        self.names().contains(name)
    }

    /// The list if it is fresh, and whether there is one at all.
    fn listed(&self, now: UnixMillis) -> (Option<Arc<HashSet<SecretName>>>, bool) {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        ((now < listed.next).then(|| Arc::clone(&listed.names)), listed.is_there)
    }

    fn names(&self) -> Arc<HashSet<SecretName>> {
        Arc::clone(&self.listed.lock().unwrap_or_else(PoisonError::into_inner).names)
    }

    /// A list that was not given leaves the last one in use.
    fn take_in(&self, names: Result<HashSet<SecretName>, FetchError>, kind: &str, asked_at: UnixMillis) {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.is_there = true;
        match names {
            Ok(names) => {
                listed.names = Arc::new(names);
                listed.next = asked_at + FRESH;
            }
            Err(error) => {
                listed.next = asked_at + PAUSE;
                log_failure(kind, &error);
            }
        }
    }
}

fn log_failure(kind: &str, error: &FetchError) {
    match error {
        FetchError::Denied => {
            tracing::error!(kind, alarm = Alarm::Keys.as_str(), "the names of secrets may not be listed");
        }
        FetchError::Absent(_) | FetchError::Unavailable(_) => {
            tracing::warn!(kind, %error, "the names of secrets could not be listed");
        }
    }
}
