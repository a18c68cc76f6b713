//! One attempt: claim it, POST, conclude it. Nobody else makes it meanwhile, and the record says what follows.

use std::time::Duration;

use shared::delivery::response::AttemptResult;
use shared::delivery::schedule::Jitter;
use shared::model::authorization::{Attempt, Authorization};
use shared::model::claim::{AttemptClaim, AttemptRefusal};
use shared::model::clock::UnixMillis;
use shared::model::delivery_outcome::{AddressRefusal, DeliveryOutcome};
use shared::model::id::OperationId;
use shared::model::owner::Owner;
use shared::queue::{HINT_GRACE_PERIOD, Hint, MAX_DELAY};
use shared::store::repeat::repeat_once;
use shared::store::{AfterAttempt, AttemptClaimed};
use shared::telemetry::Alarm;

use crate::post::{Keys, post};
use crate::{ATTEMPT_LEASE, DeliveryError, OpenIdDelivery, Step, send_hint};

/// Makes the attempt that `hint` speaks of, unless it is `latest` already when it could be claimed.
pub(crate) async fn deliver_before(
    function: &OpenIdDelivery,
    hint: &Hint,
    latest: Option<UnixMillis>,
) -> Result<Step, DeliveryError> {
    // Before the lease begins to run: a slow source of keys must not let a POST outlast it.
    let keys = Keys::fetch(function, &hint.owner).await;
    let now = function.clock.now();
    if latest.is_some_and(|latest| latest <= now) {
        return Ok(Step::Nothing);
    }
    let claim = AttemptClaim {
        id: hint.id.clone(),
        attempts_before: hint.attempt,
        attempts_allowed: function.schedule.attempts(),
        operation: OperationId::generate(&*function.random)?,
        now,
        lease_until: now + ATTEMPT_LEASE,
    };
    match repeat_once(|| function.store.claim_attempt(&claim)).await? {
        AttemptClaimed::Ours(authorization) => {
            let made = make(function, &authorization, keys, &hint.owner).await?;
            conclude(function, claim, &authorization, &made).await
        }
        AttemptClaimed::Refused(AttemptRefusal::Stale | AttemptRefusal::Taken) => Ok(Step::Nothing),
        AttemptClaimed::Refused(AttemptRefusal::Early(at)) => {
            send_hint(function, hint.clone(), at.since(now)).await;
            Ok(Step::Postponed)
        }
        AttemptClaimed::Refused(AttemptRefusal::Exhausted) => give_up(function, hint, &claim).await,
    }
}

/// A POST that was made, or could not be.
struct Made {
    began: UnixMillis,
    ended: UnixMillis,
    result: AttemptResult,
}

/// `keys` are those of `hinted`: a message says what it likes, the record decides.
async fn make(
    function: &OpenIdDelivery,
    authorization: &Authorization,
    mut keys: Keys,
    hinted: &Owner,
) -> Result<Made, DeliveryError> {
    let owner = authorization.owner();
    if owner != *hinted {
        keys = Keys::fetch(function, &owner).await;
    }
    let began = function.clock.now();
    let result = post(function, authorization, &keys).await?;
    Ok(Made { began, ended: function.clock.now(), result })
}

/// Records the attempt and what follows it, and sends the hint for the next one.
async fn conclude(
    function: &OpenIdDelivery,
    claim: AttemptClaim,
    authorization: &Authorization,
    made: &Made,
) -> Result<Step, DeliveryError> {
    let number = authorization.attempts_begun();
    let follows = follows(function, number, &made.result, made.ended)?;
    let attempt = Attempt { number, at: made.ended, outcome: made.result.outcome };
    let conclude = || function.store.conclude_attempt(&claim.id, &claim.operation, &attempt, follows.record);
    let concluded = repeat_once(conclude).await;
    // Without an answer it may have been written all the same, and nobody would come back to it.
    if follows.step == Step::GivenUp && concluded != Ok(false) {
        alarm_undeliverable(authorization);
    }
    let ours = concluded?;
    log(authorization, number, made);
    if !ours {
        tracing::warn!(reference = %authorization.id, "the attempt took longer than its lease; another worker goes on");
        return Ok(Step::Nothing);
    }
    if let Some(wait) = follows.hint_after {
        send_hint(function, Hint::new(claim.id, authorization.owner(), number), wait).await;
    }
    Ok(follows.step)
}

fn log(authorization: &Authorization, number: u32, made: &Made) {
    let outcome = made.result.outcome;
    tracing::info!(
        route = "openid-delivery",
        outcome = outcome.as_str(),
        refusal = outcome.refusal().map(AddressRefusal::as_str),
        http_status = outcome.http_status(),
        attempt = number,
        owner = %authorization.owner(),
        reference = %authorization.id,
        millis = u64::try_from(made.ended.since(made.began).as_millis()).unwrap_or(u64::MAX),
        "attempt"
    );
}

/// The consequences of an attempt.
struct Follows {
    record: AfterAttempt,
    step: Step,
    /// The delay of the next attempt's hint, if a queue can bear it.
    hint_after: Option<Duration>,
}

fn follows(
    function: &OpenIdDelivery,
    attempts: u32,
    result: &AttemptResult,
    now: UnixMillis,
) -> Result<Follows, DeliveryError> {
    if result.outcome == DeliveryOutcome::Success {
        return Ok(Follows { record: AfterAttempt::Delivered, step: Step::Delivered, hint_after: None });
    }
    let jitter = Jitter::generate(&*function.random)?;
    let Some(wait) = function.schedule.wait_after(attempts, jitter, result.retry_after) else {
        return Ok(Follows { record: AfterAttempt::Undeliverable, step: Step::GivenUp, hint_after: None });
    };
    let at = now + wait;
    let hinted = wait <= MAX_DELAY;
    let due_at = if hinted { at + HINT_GRACE_PERIOD } else { at };
    Ok(Follows {
        record: AfterAttempt::Retry { at, due_at },
        step: Step::Failed(at),
        hint_after: hinted.then_some(wait),
    })
}

/// No attempt is left, and the last one was begun by a worker that died or the schedule has become shorter.
async fn give_up(
    function: &OpenIdDelivery,
    hint: &Hint,
    claim: &AttemptClaim,
) -> Result<Step, DeliveryError> {
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
