//! The names that a source lists. They tell a party of ours from a stranger while so many unknown names are being asked
//! for that not each can be looked up.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::clock::Monotonic;
use crate::secrets::error::{FetchError, SecretError};
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

#[derive(Clone)]
struct Listed {
    /// The last list that was given.
    names: Option<Arc<HashSet<SecretName>>>,
    /// The failure of the last one that was asked for, if it was not given.
    failure: Option<SecretError>,
    next: Monotonic,
}

impl KnownNames {
    pub(super) fn none() -> Self {
        let listed = Listed { names: None, failure: None, next: Monotonic(Duration::ZERO) };
        Self { flight: tokio::sync::Mutex::new(()), listed: Mutex::new(listed) }
    }

    /// True if `source` lists this name. While it gives no list, the names that it listed before count, and of any
    /// other one nothing can be told: whose it is must not be said to come too often.
    pub(super) async fn contains(
        &self,
        name: &SecretName,
        source: &dyn SecretSource,
        now: impl Fn() -> Monotonic,
    ) -> Result<bool, SecretError> {
        let listed = self.listed().clone();
        if now() < listed.next {
            return listed.contains(name);
        }
        let flight = match self.flight.try_lock() {
            Ok(flight) => flight,
            Err(_) if listed.names.is_some() => return listed.contains(name),
            Err(_) => self.flight.lock().await,
        };
        let asked_at = now();
        let is_due = self.listed().next <= asked_at;
        if is_due {
            let names = source.names(name.kind()).await;
            self.listed().take_in(names, name.kind(), asked_at);
        }
        drop(flight);
        let listed = self.listed().clone();
        listed.contains(name)
    }

    fn listed(&self) -> MutexGuard<'_, Listed> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listed {
    fn contains(&self, name: &SecretName) -> Result<bool, SecretError> {
        match &self.failure {
            _ if self.names.as_ref().is_some_and(|names| names.contains(name)) => Ok(true),
            Some(failure) => Err(failure.clone()),
            None => Ok(false),
        }
    }

    fn take_in(&mut self, names: Result<HashSet<SecretName>, FetchError>, kind: &str, asked_at: Monotonic) {
        match names {
            Ok(names) => {
                self.names = Some(Arc::new(names));
                self.failure = None;
                self.next = asked_at + FRESH;
            }
            Err(error) => {
                log_failure(kind, &error);
                self.failure = Some(match error {
                    FetchError::Denied => SecretError::Denied,
                    error => SecretError::Unavailable(format!("names are not listed: {error}")),
                });
                self.next = asked_at + PAUSE;
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
