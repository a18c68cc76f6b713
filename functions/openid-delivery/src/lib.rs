//! Delivers openIds: one attempt for a hint, and the sweep that finds what no hint came for.
//!
//! Both are steps: whoever hosts them repeats them. The record decides what may be done; a hint that is late, early,
//! doubled or of the past changes nothing.

mod answer;
mod attempt;
mod confidential;
mod error;
mod expiry;
mod fair_queue;
mod forgetting;
mod own_key;
mod post;
mod redirect;
mod sweep;
mod warming;

use std::sync::Arc;
use std::time::Duration;

use shared::delivery::schedule::Schedule;
use shared::delivery::sender::CallbackSender;
use shared::egress::callback_url::CallbackRules;
use shared::model::clock::{Clock, UnixMillis};
use shared::model::random::Random;
use shared::queue::in_process::InProcessQueue;
use shared::queue::{DeliveryEvent, Hint, HintQueue, MAX_DELAY};
use shared::registry::{Business, CallbackKey, Scheme};
use shared::secrets::{SecretCache, SecretSource};
use shared::store::{FindDue, ForgetDelivered, RecordDeliveries};

use self::attempt::deliver_before;
pub use self::error::DeliveryError;
pub use self::fair_queue::{FairQueue, Limits};
pub use self::forgetting::forget_what_is_due;
use self::own_key::OwnKeys;
pub use self::sweep::{ATTEMPTS_WITHIN, TAKE_UP_WITHIN, drain, sweep};
pub use self::warming::warm;
pub use shared::model::claim::ATTEMPT_LEASE;

/// The capabilities of this function.
#[derive(Clone)]
pub struct Deps {
    /// Default addresses, MD5 keys of businesses that only have one, and our signing key.
    pub secrets: Arc<dyn SecretSource>,
    pub store: Arc<dyn RecordDeliveries>,
    pub due: Arc<dyn FindDue>,
    pub sender: Arc<dyn CallbackSender>,
    /// For the next attempt.
    pub hints: Arc<dyn HintQueue>,
    pub clock: Arc<dyn Clock>,
    /// Randomness, for nonces and jitter.
    pub random: Arc<dyn Random>,
    /// The rules for callback addresses.
    pub callbacks: CallbackRules,
    pub schedule: Schedule,
    /// The end of personal data, if it is not that of the record.
    pub personal_data: Option<PersonalData>,
}

/// Personal data that is not kept for as long as its record.
#[derive(Clone)]
pub struct PersonalData {
    /// The time that it is kept after the delivery.
    pub kept_for: Duration,
    /// Removes it then.
    pub store: Arc<dyn ForgetDelivered>,
}

/// The function: its capabilities, with a cache for each kind of document.
pub struct OpenIdDelivery {
    businesses: Arc<SecretCache<Business>>,
    schemes: Arc<SecretCache<Scheme>>,
    callback_key: Arc<SecretCache<CallbackKey>>,
    own_keys: OwnKeys,
    store: Arc<dyn RecordDeliveries>,
    due: Arc<dyn FindDue>,
    sender: Arc<dyn CallbackSender>,
    hints: Arc<dyn HintQueue>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    callbacks: CallbackRules,
    schedule: Schedule,
    personal_data: Option<PersonalData>,
}

impl OpenIdDelivery {
    /// The function with empty caches.
    #[must_use]
    pub fn new(deps: Deps) -> Self {
        let Deps { secrets, store, due, sender, hints, clock, random, callbacks, schedule, personal_data } =
            deps;
        let businesses = Arc::new(SecretCache::new(&secrets, &clock).with_rules(&callbacks));
        let schemes = Arc::new(SecretCache::new(&secrets, &clock).with_rules(&callbacks));
        let callback_key = Arc::new(SecretCache::new(&secrets, &clock));
        Self {
            businesses,
            schemes,
            callback_key,
            own_keys: OwnKeys::default(),
            store,
            due,
            sender,
            hints,
            clock,
            random,
            callbacks,
            schedule,
            personal_data,
        }
    }

    /// Does what an event asks for.
    ///
    /// # Errors
    /// As [`deliver`] and [`sweep`].
    pub async fn handle(&self, event: DeliveryEvent) -> Result<(), DeliveryError> {
        match event {
            DeliveryEvent::Hint(hint) => deliver(self, &hint).await.map(drop),
            DeliveryEvent::Sweep => {
                let swept = sweep::sweep_and_deliver_what_is_neglected(self);
                let (swept, forgotten) = futures_util::future::join(swept, forget_what_is_due(self)).await;
                swept.and_then(|()| forgotten.map(drop))
            }
        }
    }

    /// [`OpenIdDelivery::handle`], and then the attempts whose hints have arrived on `queue`: without a queue between
    /// processes, what is due now is delivered by the same invocation.
    ///
    /// # Errors
    /// As [`deliver`] and [`sweep`].
    pub async fn handle_and_drain(
        &self,
        event: DeliveryEvent,
        queue: &InProcessQueue,
    ) -> Result<(), DeliveryError> {
        let handled = self.handle(event).await;
        drain(self, queue).await.map(drop).and(handled)
    }
}

/// The outcome of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The merchant answered SUCCESS.
    Delivered,
    /// The attempt failed; the next one may begin at the moment given.
    Failed(UnixMillis),
    /// It was the last attempt.
    GivenUp,
    /// The hint came before its time and was sent again; or the source of keys is away, and the sweep comes back to it.
    Postponed,
    /// There was nothing to do: another worker has it, or the hint is of the past.
    Nothing,
}

/// Makes the attempt that `hint` speaks of, if it is its turn.
///
/// # Errors
/// When the store is unavailable. Nothing is lost then: the record is still due, or becomes due when the lease ends.
pub async fn deliver(function: &OpenIdDelivery, hint: &Hint) -> Result<Step, DeliveryError> {
    deliver_before(function, hint, None).await
}

/// Sends a hint, and says whether it got onto the queue.
async fn send_hint(function: &OpenIdDelivery, hint: Hint, delay: Duration) -> bool {
    let reference = hint.id.clone();
    let sent = function.hints.send(hint, delay.min(MAX_DELAY)).await;
    if let Err(error) = &sent {
        tracing::debug!(%reference, %error, "the sweep will deliver");
    }
    sent.is_ok()
}
