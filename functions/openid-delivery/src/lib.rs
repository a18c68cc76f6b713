//! Delivers openIds: one attempt for a hint, and the sweep that finds what no hint came for.
//!
//! Both are steps: whoever hosts them repeats them. The record decides what may be done; a hint that is late, early,
//! doubled or of the past changes nothing.

mod error;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use shared::clock::{Clock, UnixMillis};
use shared::delivery::address::AddressRefusal;
use shared::delivery::answer::{Answer, DeliveryOutcome};
use shared::delivery::schedule::{Jitter, Schedule};
use shared::delivery::sender::CallbackSender;
use shared::model::authorization::{Attempt, Authorization, Callback};
use shared::model::callback_url::{CallbackRules, CallbackUrl};
use shared::model::claim::{AttemptClaim, AttemptRefusal};
use shared::model::id::OperationId;
use shared::queue::in_process::InProcessQueue;
use shared::queue::{Event, Hint, Hints, MAX_DELAY, NET};
use shared::random::{Random, hex_128};
use shared::secrets::documents::{Business, CallbackKey};
use shared::secrets::{SecretCache, SecretError, SecretName};
use shared::signing::open_api::{CALLBACK_NONCE_PREFIX, Signer};
use shared::store::{AttemptClaimed, FindDue, Next, RecordDeliveries, StoreError};

pub use self::error::Trouble;

/// How long one attempt keeps other workers away; longer than a POST may take.
pub const ATTEMPT_LEASE: Duration = Duration::from_secs(30);

/// How many due deliveries the sweep takes up at once, and how often in one run.
const SWEEP_BATCH: u32 = 100;
const SWEEP_BATCHES: u32 = 50;

/// What this function may use.
pub struct OpenIdDelivery {
    /// Records attempts.
    pub store: Arc<dyn RecordDeliveries>,
    /// Finds what is due.
    pub due: Arc<dyn FindDue>,
    /// Default addresses, and MD5 keys of businesses that only have one.
    pub businesses: Arc<SecretCache<Business>>,
    /// Our signing key.
    pub callback_key: Arc<SecretCache<CallbackKey>>,
    /// The network.
    pub sender: Arc<dyn CallbackSender>,
    /// For the next attempt.
    pub hints: Arc<dyn Hints>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for nonces and jitter.
    pub random: Arc<dyn Random>,
    /// Where callbacks may go.
    pub callbacks: CallbackRules,
    /// When attempts are made.
    pub schedule: Schedule,
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

/// Does what an event asks for.
///
/// # Errors
/// As [`deliver`] and [`sweep`].
pub async fn handle(function: &OpenIdDelivery, event: Event) -> Result<(), Trouble> {
    match event {
        Event::Hint(hint) => deliver(function, &hint).await.map(drop),
        Event::Sweep => sweep(function).await.map(drop),
    }
}

/// Makes the attempt that `hint` speaks of, if it is its turn.
///
/// # Errors
/// When the store cannot be had. Nothing is lost then: the record is still due, or becomes due when the lease ends.
pub async fn deliver(function: &OpenIdDelivery, hint: &Hint) -> Result<Step, Trouble> {
    let now = function.clock.now();
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
        AttemptClaimed::Refused(AttemptRefusal::Exhausted) => return give_up(function, hint, now).await,
    };
    let began = function.clock.now();
    let answer = post(function, &authorization).await?;
    let now = function.clock.now();
    let (next, step, wait) = next(function, authorization.attempts, &answer, now)?;
    let attempt = Attempt { number: authorization.attempts, at: now, outcome: answer.outcome };
    let mut concluded = function.store.conclude_attempt(&claim.id, &claim.operation, &attempt, next).await;
    if concluded.as_ref().is_err_and(StoreError::retryable) {
        concluded = function.store.conclude_attempt(&claim.id, &claim.operation, &attempt, next).await;
    }
    let ours = concluded?;
    tracing::info!(
        route = "openid-delivery",
        outcome = answer.outcome.as_str(),
        refusal = answer.outcome.refusal().map(AddressRefusal::as_str),
        http_status = answer.outcome.http_status(),
        attempt = authorization.attempts,
        business = %authorization.business_id,
        reference = %authorization.id,
        millis = u64::try_from(now.since(began).as_millis()).unwrap_or(u64::MAX),
        "attempt"
    );
    if !ours {
        tracing::warn!(reference = %authorization.id, "the attempt took longer than its lease; another worker goes on");
        return Ok(Step::Nothing);
    }
    if step == Step::GivenUp {
        alarm_undeliverable(&authorization);
    }
    if let Some(wait) = wait {
        send_hint(function, Hint::new(claim.id, authorization.attempts), wait).await;
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
    let due_at = if hinted { at + NET } else { at };
    Ok((Next::Retry { at, due_at }, Step::Failed(at), hinted.then_some(wait)))
}

async fn post(function: &OpenIdDelivery, authorization: &Authorization) -> Result<Answer, Trouble> {
    let failed = |outcome| Ok(Answer::from(outcome));
    let business = match SecretName::business(&authorization.business_id) {
        Ok(name) => function.businesses.get(&name).await,
        Err(_) => Err(SecretError::Absent),
    };
    let business = match business {
        Ok(business) => business,
        Err(error) => {
            tracing::error!(reference = %authorization.id, %error, alarm = "keys", "the business cannot be read");
            return failed(DeliveryOutcome::KeyUnavailable);
        }
    };
    let address = match &authorization.callback {
        Callback::Explicit(url) => Some(url),
        Callback::BusinessDefault => business.default_callback_url.as_ref(),
        Callback::Nowhere => None,
    };
    let url = match address.map(|address| CallbackUrl::parse(address, &function.callbacks)) {
        Some(Ok(url)) => url,
        Some(Err(refused)) => {
            tracing::warn!(reference = %authorization.id, %refused, "the callback address is not acceptable");
            return failed(refused.into());
        }
        None => return failed(DeliveryOutcome::NoCallbackAddress),
    };
    let our_key;
    let signer = if let Some(key) = business.callback_md5_key() {
        Signer::Md5(key)
    } else {
        match function.callback_key.get(&SecretName::callback_key()).await {
            Ok(key) => our_key = key,
            Err(error) => {
                tracing::error!(reference = %authorization.id, %error, alarm = "keys", "our signing key cannot be read");
                return failed(DeliveryOutcome::KeyUnavailable);
            }
        }
        Signer::Rsa(&our_key.private_key)
    };
    let body = Bytes::from(authorization.body.clone().unwrap_or_default());
    let now = function.clock.now();
    let nonce = format!("{CALLBACK_NONCE_PREFIX}{}", hex_128(&*function.random)?);
    let headers = signer.sign(&authorization.business_id, &nonce, now, &body)?;
    Ok(function.sender.post(&url, headers, body, now).await)
}

/// No attempt is left, and the last one was begun by a worker that died or the schedule has become shorter.
async fn give_up(function: &OpenIdDelivery, hint: &Hint, now: UnixMillis) -> Result<Step, Trouble> {
    let given_up = function.store.give_up(&hint.id, hint.attempt, now).await;
    // Without an answer it may have been written all the same, and nobody would come back to it.
    if given_up != Ok(false) {
        tracing::error!(reference = %hint.id, alarm = "undeliverable", "given up: no attempt is left");
    }
    Ok(if given_up? { Step::GivenUp } else { Step::Nothing })
}

fn alarm_undeliverable(authorization: &Authorization) {
    tracing::error!(
        business = %authorization.business_id, reference = %authorization.id, alarm = "undeliverable",
        "given up after the last attempt; a redrive sets it due again"
    );
}

async fn send_hint(function: &OpenIdDelivery, hint: Hint, delay: Duration) {
    let reference = hint.id.clone();
    if let Err(lost) = function.hints.send(hint, delay.min(MAX_DELAY)).await {
        tracing::debug!(%reference, %lost, "the sweep will deliver");
    }
}

/// Queues a hint for everything that is due, and counts them.
///
/// Each is first pushed forward, so that the next sweep does not queue it again; if this process dies between the two,
/// the next sweep but one finds it.
///
/// # Errors
/// When the store cannot be had; the next sweep goes on.
pub async fn sweep(function: &OpenIdDelivery) -> Result<u32, Trouble> {
    let mut queued = 0;
    for _ in 0..SWEEP_BATCHES {
        let now = function.clock.now();
        let batch = function.due.due(now, SWEEP_BATCH).await?;
        for due in &batch {
            if function.due.postpone(due, now + NET).await? {
                send_hint(function, Hint::new(due.id.clone(), due.attempts), Duration::ZERO).await;
                queued += 1;
            }
        }
        if batch.len() < SWEEP_BATCH as usize {
            break;
        }
    }
    if queued > 0 {
        tracing::info!(route = "openid-delivery", queued, "sweep");
    }
    Ok(queued)
}

/// Makes every attempt whose hint has arrived on a queue within this process, one after another.
///
/// # Errors
/// The first that [`deliver`] has; the other attempts are made all the same.
pub async fn drain(function: &OpenIdDelivery, queue: &InProcessQueue) -> Result<Vec<Step>, Trouble> {
    let mut steps = Ok(Vec::new());
    while let Some(hint) = queue.take() {
        match (deliver(function, &hint).await, &mut steps) {
            (Ok(step), Ok(steps)) => steps.push(step),
            (Ok(_), Err(_)) => {}
            (Err(trouble), steps) => {
                tracing::error!(reference = %hint.id, %trouble, "an attempt could not be made; the sweep will");
                if steps.is_ok() {
                    *steps = Err(trouble);
                }
            }
        }
    }
    steps
}
