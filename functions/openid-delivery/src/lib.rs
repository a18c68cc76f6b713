//! Delivers openIds: one attempt for a hint, and the sweep that finds what no hint came for.
//!
//! Both are steps: whoever hosts them repeats them. The record decides what may be done; a hint that is late, early,
//! doubled or of the past changes nothing.

mod error;
mod post;
mod sweep;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use shared::delivery::response::Answer;
use shared::delivery::schedule::{Jitter, Schedule};
use shared::delivery::sender::CallbackSender;
use shared::egress::callback_url::CallbackRules;
use shared::model::authorization::{Attempt, Authorization};
use shared::model::claim::{AttemptClaim, AttemptRefusal};
use shared::model::clock::{Clock, UnixMillis};
use shared::model::delivery_outcome::AddressRefusal;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::id::OperationId;
use shared::model::random::Random;
use shared::queue::in_process::InProcessQueue;
use shared::queue::{Event, HINT_GRACE_PERIOD, Hint, HintQueue, MAX_DELAY};
use shared::registry::{Business, CallbackKey, Scheme};
use shared::secrets::{SecretCache, SecretSource};
use shared::store::{AttemptClaimed, FindDue, Next, RecordDeliveries, StoreError};
use shared::telemetry::Alarm;

pub use self::error::Trouble;
use self::post::{Keys, post};
pub use self::sweep::{ATTEMPTS_UNTIL, SWEEP_PATIENCE, drain, sweep};
pub use self::turns::{FairQueue, Limits};

/// How long one attempt keeps other workers away; longer than a POST may take.
pub const ATTEMPT_LEASE: Duration = Duration::from_secs(30);

/// The capabilities of this function.
#[derive(Clone)]
pub struct Deps {
    /// Default addresses, MD5 keys of businesses that only have one, and our signing key.
    pub secrets: Arc<dyn SecretSource>,
    /// Records attempts.
    pub store: Arc<dyn RecordDeliveries>,
    /// Finds what is due.
    pub due: Arc<dyn FindDue>,
    /// The network.
    pub sender: Arc<dyn CallbackSender>,
    /// For the next attempt.
    pub hints: Arc<dyn HintQueue>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for nonces and jitter.
    pub random: Arc<dyn Random>,
    /// The addresses that callbacks may go to.
    pub callbacks: CallbackRules,
    /// The waits between attempts.
    pub schedule: Schedule,
}

/// The function: its capabilities, with a cache for each kind of document.
pub struct OpenIdDelivery {
    businesses: Arc<SecretCache<Business>>,
    schemes: Arc<SecretCache<Scheme>>,
    callback_key: Arc<SecretCache<CallbackKey>>,
    store: Arc<dyn RecordDeliveries>,
    due: Arc<dyn FindDue>,
    sender: Arc<dyn CallbackSender>,
    hints: Arc<dyn HintQueue>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    callbacks: CallbackRules,
    schedule: Schedule,
}

impl OpenIdDelivery {
    /// The function with empty caches.
    #[must_use]
    pub fn new(deps: Deps) -> Self {
        let Deps { secrets, store, due, sender, hints, clock, random, callbacks, schedule } = deps;
        let businesses = SecretCache::shared(&secrets, &clock);
        let schemes = SecretCache::shared(&secrets, &clock);
        let callback_key = SecretCache::shared(&secrets, &clock);
        Self {
            businesses,
            schemes,
            callback_key,
            store,
            due,
            sender,
            hints,
            clock,
            random,
            callbacks,
            schedule,
        }
    }

    /// Does what an event asks for.
    ///
    /// # Errors
    /// As [`deliver`] and [`sweep`].
    pub async fn handle(&self, event: Event) -> Result<(), Trouble> {
        match event {
            Event::Hint(hint) => deliver(self, &hint).await.map(drop),
            Event::Sweep => sweep::sweep_and_deliver_what_is_neglected(self).await,
        }
    }

    /// [`OpenIdDelivery::handle`], and then the attempts whose hints have arrived on `queue`: without a queue between
    /// processes, what is due now is delivered by the same invocation.
    ///
    /// # Errors
    /// As [`deliver`] and [`sweep`].
    pub async fn handle_and_drain(&self, event: Event, queue: &InProcessQueue) -> Result<(), Trouble> {
        let handled = self.handle(event).await;
        drain(self, queue).await.map(drop).and(handled)
    }
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The merchant answered SUCCESS.
    Delivered,
    /// The attempt failed; the next one may begin at the moment given.
    Failed(UnixMillis),
    /// It was the last attempt.
    GivenUp,
    /// The hint came before its time and was sent again.
    Postponed,
    /// There was nothing to do: another worker has it, or the hint is of the past.
    Nothing,
}

/// Makes the attempt that `hint` speaks of, if it is its turn.
///
/// # Errors
/// When the store cannot be had. Nothing is lost then: the record is still due, or becomes due when the lease ends.
pub async fn deliver(function: &OpenIdDelivery, hint: &Hint) -> Result<Step, Trouble> {
    deliver_before(function, hint, None).await
}

/// [`deliver`], unless it is `latest` already when the attempt could be claimed.
async fn deliver_before(
    function: &OpenIdDelivery,
    hint: &Hint,
    latest: Option<UnixMillis>,
) -> Result<Step, Trouble> {
    // Before the lease begins to run: a slow source of keys must not let a POST outlast it.
    let mut keys = Keys::fetch(function, &hint.owner).await;
    let now = function.clock.now();
    if latest.is_some_and(|latest| latest <= now) {
        return Ok(Step::Nothing);
    }
    let claim = AttemptClaim {
        id: hint.id.clone(),
        attempts_before: hint.attempt,
        attempts_allowed: function.schedule.attempts(),
        operation: OperationId::draw(&*function.random)?,
        now,
        lease_until: now + ATTEMPT_LEASE,
    };
    // Both writes carry an operation id, so that a repeat finds its own first try.
    let mut claimed = function.store.claim_attempt(&claim).await;
    if claimed.as_ref().is_err_and(StoreError::retryable) {
        claimed = function.store.claim_attempt(&claim).await;
    }
    let authorization = match claimed? {
        AttemptClaimed::Ours(authorization) => authorization,
        AttemptClaimed::Refused(AttemptRefusal::Stale | AttemptRefusal::Taken) => return Ok(Step::Nothing),
        AttemptClaimed::Refused(AttemptRefusal::Early(at)) => {
            send_hint(function, hint.clone(), at.since(now)).await;
            return Ok(Step::Postponed);
        }
        AttemptClaimed::Refused(AttemptRefusal::Exhausted) => return give_up(function, hint, &claim).await,
    };
    let owner = authorization.owner();
    if owner != hint.owner {
        // A message says what it likes; the record decides.
        keys = Keys::fetch(function, &owner).await;
    }
    let began = function.clock.now();
    let answer = post(function, &authorization, &keys).await?;
    let now = function.clock.now();
    let (next, step, wait) = next(function, authorization.attempts, &answer, now)?;
    let attempt = Attempt { number: authorization.attempts, at: now, outcome: answer.outcome };
    let mut concluded = function.store.conclude_attempt(&claim.id, &claim.operation, &attempt, next).await;
    if concluded.as_ref().is_err_and(StoreError::retryable) {
        concluded = function.store.conclude_attempt(&claim.id, &claim.operation, &attempt, next).await;
    }
    // Without an answer it may have been written all the same, and nobody would come back to it.
    if step == Step::GivenUp && concluded != Ok(false) {
        alarm_undeliverable(&authorization);
    }
    let ours = concluded?;
    tracing::info!(
        route = "openid-delivery",
        outcome = answer.outcome.as_str(),
        refusal = answer.outcome.refusal().map(AddressRefusal::as_str),
        http_status = answer.outcome.http_status(),
        attempt = authorization.attempts,
        %owner,
        reference = %authorization.id,
        millis = now.millis_since(began),
        "attempt"
    );
    if !ours {
        tracing::warn!(reference = %authorization.id, "the attempt took longer than its lease; another worker goes on");
        return Ok(Step::Nothing);
    }
    if let Some(wait) = wait {
        send_hint(function, Hint::new(claim.id, owner, authorization.attempts), wait).await;
    }
    Ok(step)
}

/// The record, the step and, if a queue can bear it, the wait that follow an attempt.
fn next(
    function: &OpenIdDelivery,
    attempts: u32,
    answer: &Answer,
    now: UnixMillis,
) -> Result<(Next, Step, Option<Duration>), Trouble> {
    if answer.outcome == DeliveryOutcome::Success {
        return Ok((Next::Delivered, Step::Delivered, None));
    }
    let jitter = Jitter::draw(&*function.random)?;
    let Some(wait) = function.schedule.wait_after(attempts, jitter, answer.retry_after) else {
        return Ok((Next::Undeliverable, Step::GivenUp, None));
    };
    let at = now + wait;
    let hinted = wait <= MAX_DELAY;
    let due_at = if hinted { at + HINT_GRACE_PERIOD } else { at };
    Ok((Next::Retry { at, due_at }, Step::Failed(at), hinted.then_some(wait)))
}

/// No attempt is left, and the last one was begun by a worker that died or the schedule has become shorter.
async fn give_up(function: &OpenIdDelivery, hint: &Hint, claim: &AttemptClaim) -> Result<Step, Trouble> {
    let given_up = function.store.give_up(&hint.id, hint.attempt, &claim.operation, claim.now).await;
    // Without an answer it may have been written all the same, and nobody would come back to it.
    if given_up != Ok(false) {
        tracing::error!(reference = %hint.id, alarm = Alarm::Undeliverable.as_str(), "given up: no attempt is left");
    }
    Ok(if given_up? { Step::GivenUp } else { Step::Nothing })
}

fn alarm_undeliverable(authorization: &Authorization) {
    tracing::error!(
        owner = %authorization.owner(), reference = %authorization.id, alarm = Alarm::Undeliverable.as_str(),
        "given up after the last attempt; a redrive sets it due again"
    );
}

/// Whether it got onto the queue.
async fn send_hint(function: &OpenIdDelivery, hint: Hint, delay: Duration) -> bool {
    let reference = hint.id.clone();
    let sent = function.hints.send(hint, delay.min(MAX_DELAY)).await;
    if let Err(lost) = &sent {
        tracing::debug!(%reference, %lost, "the sweep will deliver");
    }
    sent.is_ok()
}
