//! One attempt: claim it, POST, conclude it. Nobody else makes it meanwhile, and the record says what follows.

use std::time::Duration;

use shared::delivery::response::AttemptResult;
use shared::delivery::schedule::Jitter;
use shared::delivery::sender::TimeLimits;
use shared::model::authorization::{Attempt, Authorization};
use shared::model::claim::{AttemptClaim, AttemptRefusal, lease_suffices};
use shared::model::clock::{Monotonic, Stopwatch, UnixMillis};
use shared::model::delivery_outcome::{AddressRefusal, DeliveryOutcome, TlsFailure};
use shared::model::id::OperationId;
use shared::model::owner::Owner;
use shared::queue::{HINT_GRACE_PERIOD, Hint, MAX_DELAY};
use shared::store::repeat::repeat_once;
use shared::store::{AfterAttempt, AttemptClaimed};
use shared::telemetry::Alarm;

use crate::post::{Keys, Post, Posted, log_missing_key};
use crate::redirect::redirect_for_log;
use crate::{ATTEMPT_LEASE, DeliveryError, OpenIdDelivery, Step, send_hint};

/// Makes the attempt that `hint` speaks of, unless `latest` has passed before it can be claimed.
///
/// While the source of keys is away no attempt is used up: none is claimed, and the record, which stays due, is the
/// sweep's.
pub(crate) async fn deliver_before(
    function: &OpenIdDelivery,
    hint: &Hint,
    latest: Option<Monotonic>,
) -> Result<Step, DeliveryError> {
    // Before the lease begins to run: a slow source of keys must not let a POST outlast it.
    let keys = Keys::fetch(function, &hint.owner).await;
    if let Some(error) = keys.kept_back() {
        log_missing_key(&hint.id, &hint.owner, error);
        return Ok(Step::Postponed);
    }
    let (asked, now) = (Stopwatch::start(&*function.clock), function.clock.now());
    if latest.is_some_and(|latest| latest <= asked.began()) {
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
            match make(function, &authorization, keys, &hint.owner, &asked).await {
                Ok(Some(posted)) => conclude(function, claim, &authorization, &posted).await,
                Ok(None) => release_and_hint(function, claim, &authorization).await,
                // Whoever asked is told why. What fails now may fail again at once: the sweep comes back to it.
                Err(error) => release(function, &claim).await.and(Err(error)),
            }
        }
        AttemptClaimed::Refused(AttemptRefusal::Stale | AttemptRefusal::Taken) => Ok(Step::Nothing),
        AttemptClaimed::Refused(AttemptRefusal::Early(at)) => {
            send_hint(function, hint.clone(), at.since(now)).await;
            Ok(Step::Postponed)
        }
        AttemptClaimed::Refused(AttemptRefusal::Exhausted) => give_up(function, hint, &claim).await,
    }
}

/// `keys` are those of `hinted`. The message is untrusted: if the record has another owner, its keys are used. Nothing
/// is sent if so much time has passed since the claim was `asked` for that the lease might end before the POST does:
/// the store was slow, or this process was paused, and another worker would send the same meanwhile.
async fn make(
    function: &OpenIdDelivery,
    authorization: &Authorization,
    mut keys: Keys,
    hinted: &Owner,
    asked: &Stopwatch,
) -> Result<Option<Posted>, DeliveryError> {
    let owner = authorization.owner();
    if owner != *hinted {
        keys = Keys::fetch(function, &owner).await;
        if let Some(error) = keys.kept_back() {
            log_missing_key(&authorization.id, &owner, error);
            return Ok(None);
        }
    }
    let post_takes = TimeLimits::default().total;
    Ok(match Post::prepare(function, authorization, &keys)? {
        Err(outcome) => Some(Posted::not_sent(outcome, function.clock.now())),
        Ok(_) if !lease_suffices(ATTEMPT_LEASE, asked.passed(&*function.clock), post_takes) => None,
        Ok(post) => Some(post.send(function).await),
    })
}

/// Takes an attempt back that was not made. It does not count; its hint is sent at once, and the sweep comes in two
/// minutes.
async fn release_and_hint(
    function: &OpenIdDelivery,
    claim: AttemptClaim,
    authorization: &Authorization,
) -> Result<Step, DeliveryError> {
    if !release(function, &claim).await? {
        return Ok(Step::Nothing);
    }
    let hint = Hint::new(claim.id, authorization.owner(), claim.attempts_before);
    send_hint(function, hint, Duration::ZERO).await;
    Ok(Step::Postponed)
}

/// Takes an attempt back, and says whether the lease was still ours.
async fn release(function: &OpenIdDelivery, claim: &AttemptClaim) -> Result<bool, DeliveryError> {
    let due_at = function.clock.now() + HINT_GRACE_PERIOD;
    let released =
        repeat_once(|| function.store.release_attempt(&claim.id, &claim.operation, due_at)).await?;
    if released {
        tracing::warn!(reference = %claim.id, "nothing was sent under this claim; the attempt is made anew");
    } else {
        tracing::warn!(reference = %claim.id, "the lease was over before the POST; another worker goes on");
    }
    Ok(released)
}

/// Records the attempt and what follows it, and sends the hint for the next one.
async fn conclude(
    function: &OpenIdDelivery,
    claim: AttemptClaim,
    authorization: &Authorization,
    posted: &Posted,
) -> Result<Step, DeliveryError> {
    let number = authorization.attempts_begun();
    let next_step = next_step(function, authorization, &posted.result, posted.ended);
    let history = history(authorization, number, posted);
    let conclude =
        || function.store.conclude_attempt(&claim.id, &claim.operation, &history, next_step.record);
    let concluded = repeat_once(conclude).await;
    // Without an answer it may have been written all the same, and nobody would come back to it.
    if next_step.step == Step::GivenUp && concluded != Ok(false) {
        alarm_undeliverable(authorization);
    }
    // Said even if it could not be recorded: the next worker then makes it again, and the two lines explain the double.
    log(authorization, number, posted);
    if !concluded? {
        tracing::warn!(reference = %authorization.id, "the attempt took longer than its lease; another worker goes on");
        return Ok(Step::Nothing);
    }
    if let Some(wait) = next_step.hint_after {
        send_hint(function, Hint::new(claim.id, authorization.owner(), number), wait).await;
    }
    Ok(next_step.step)
}

/// The record's history with this attempt.
fn history(authorization: &Authorization, number: u32, posted: &Posted) -> Vec<Attempt> {
    let attempt = Attempt {
        millis: posted.millis(),
        answer: posted.answer.clone(),
        ..Attempt::new(number, posted.ended, posted.result.outcome)
    };
    authorization.attempts().cloned().unwrap_or_default().history_with(attempt)
}

fn log(authorization: &Authorization, number: u32, posted: &Posted) {
    let outcome = posted.result.outcome;
    let redirect = posted.result.redirect.as_ref().map(|target| redirect_for_log(target, authorization));
    tracing::info!(
        route = "openid-delivery",
        outcome = outcome.as_str(),
        refusal = outcome.refusal().map(AddressRefusal::as_str),
        cause = outcome.tls_failure().map(TlsFailure::as_str),
        http_status = outcome.http_status(),
        redirect,
        attempt = number,
        owner = %authorization.owner(),
        reference = %authorization.id,
        millis = u64::try_from(posted.took.as_millis()).unwrap_or(u64::MAX),
        attempts = 1_u64,
        "attempt"
    );
}

/// The consequences of an attempt.
struct NextStep {
    record: AfterAttempt,
    step: Step,
    /// The delay of the next attempt's hint, if a queue can bear it.
    hint_after: Option<Duration>,
}

fn next_step(
    function: &OpenIdDelivery,
    authorization: &Authorization,
    result: &AttemptResult,
    now: UnixMillis,
) -> NextStep {
    if result.outcome == DeliveryOutcome::Success {
        let record = AfterAttempt::Delivered { forget_at: function.forget_at(authorization, now) };
        return NextStep { record, step: Step::Delivered, hint_after: None };
    }
    let attempts = authorization.attempts_begun();
    // A POST that was made is recorded in any case: otherwise it would be made again.
    let jitter = Jitter::generate(&*function.random).unwrap_or(Jitter::NONE);
    let Some(wait) = function.schedule.wait_after(attempts, jitter, result.retry_after) else {
        let record = AfterAttempt::Undeliverable { at: now };
        return NextStep { record, step: Step::GivenUp, hint_after: None };
    };
    let at = now + wait;
    let hinted = wait <= MAX_DELAY;
    let due_at = if hinted { at + HINT_GRACE_PERIOD } else { at };
    NextStep {
        record: AfterAttempt::Retry { at, due_at },
        step: Step::Failed(at),
        hint_after: hinted.then_some(wait),
    }
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
        "given up after the last attempt; a resend sets it due again"
    );
}
