//! Our own key in a business's document. Whoever wrote it took our public key, which the business verifies by, for the
//! business's own. Each of the two documents is sound by itself, so no cache has raised an alarm about it.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use shared::model::owner::Owner;
use shared::registry::{Business, CallbackKey};
use shared::secrets::SecretError;
use shared::telemetry::Alarm;

const OWN_KEY: &str =
    "publicKeys hold the public half of our callback-key; the business's own public key belongs there";

/// The documents that were found to hold it, each version once.
#[derive(Default)]
pub(crate) struct OwnKeys(Mutex<Vec<Weak<Business>>>);

impl OwnKeys {
    /// The flaw of `business`, if it is there; its alarm is raised when its version is first met.
    pub(crate) fn flaw(
        &self,
        owner: &Owner,
        business: &Arc<Business>,
        callback_key: &CallbackKey,
    ) -> Option<SecretError> {
        if !business.has_public_half_of(&callback_key.private_key) {
            return None;
        }
        if self.is_first(business) {
            tracing::error!(%owner, reason = OWN_KEY, alarm = Alarm::Keys.as_str(), "a document does not go with ours");
        }
        Some(SecretError::Unparsable(OWN_KEY.to_owned()))
    }

    /// A version has one `Arc`, which its cache holds as long as it uses it.
    fn is_first(&self, business: &Arc<Business>) -> bool {
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        met.retain(|known| known.strong_count() > 0);
        let is_first = !met.iter().any(|known| Weak::as_ptr(known) == Arc::as_ptr(business));
        if is_first {
            met.push(Arc::downgrade(business));
        }
        is_first
    }
}
