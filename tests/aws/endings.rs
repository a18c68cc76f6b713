//! Giving up and resending while DynamoDB fails: a record that has no attempt left is listed and alarmed, and a resend
//! is done or not done.

use std::time::Duration;

use openid_delivery::{ATTEMPT_LEASE, Step};
use shared::delivery::schedule::Schedule;
use shared::model::authorization::Status;
use shared::model::claim::AttemptClaim;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::id::OperationId;
use shared::queue::Hint;
use shared::store::{AttemptClaimed, StoreError};
use tests::logs::Logs;
use tests::world::{Issued, b1};

use crate::proxy::{DOWN, Fate, THROTTLED, TRIES};
use crate::stage::Stage;

const UPDATE: &str = "UpdateItem";
const ALARM: &str = r#""alarm":"undeliverable""#;

/// A delivery of which there is but one attempt.
async fn with_one_attempt() -> (Stage, Issued, Hint) {
    let mut stage = Stage::new().await;
    stage.world.deps.delivery.schedule = Schedule::from_secs(&[]);
    stage.world.rebuild();
    let issued = stage.world.authorized("S1", "open-1").await;
    let hint = stage.queue.take_hints().await.pop().expect("a hint");
    (stage, issued, hint)
}

/// A record whose only attempt was begun by a worker that died; and the hint that finds it so.
async fn abandoned() -> (Stage, Issued, Hint) {
    let (stage, issued, hint) = with_one_attempt().await;
    let claim = AttemptClaim {
        id: issued.id.clone(),
        attempts_before: 0,
        attempts_allowed: 1,
        operation: OperationId::generate(&*stage.world.random).expect("an id"),
        now: stage.world.now(),
        lease_until: stage.world.now() + ATTEMPT_LEASE,
    };
    let claimed = stage.world.deps.delivery.store.claim_attempt(&claim).await;
    assert!(matches!(claimed, Ok(AttemptClaimed::Ours(_))));
    stage.world.clock.advance(ATTEMPT_LEASE);
    let hint = Hint::new(hint.id, hint.owner, 1);
    (stage, issued, hint)
}

/// A record that was given up after one POST.
async fn given_up() -> (Stage, Issued) {
    let (stage, issued, hint) = with_one_attempt().await;
    stage.world.merchant.answer(DeliveryOutcome::Status(500));
    assert_eq!(stage.deliver(&hint).await, Ok(Step::GivenUp));
    (stage, issued)
}

fn away(reason: &str) -> StoreError {
    StoreError::Unavailable(reason.to_owned())
}

async fn status(stage: &Stage, issued: &Issued) -> Status {
    stage.world.record(&issued.id).await.status()
}

#[tokio::test]
async fn giving_up_is_done_once_though_its_answer_was_lost_or_throttled() {
    for fate in [Fate::Untold, THROTTLED, DOWN] {
        let (stage, issued, hint) = abandoned().await;
        stage.account.proxy.next(UPDATE, &[Fate::Passed, fate]);
        assert_eq!(stage.deliver(&hint).await, Ok(Step::GivenUp), "{fate:?}");
        assert_eq!(stage.deliver(&hint).await, Ok(Step::Nothing));
        assert_eq!(stage.world.operated.undeliverable(Some(&b1())).await, Ok(vec![issued.id]));
    }
}

#[tokio::test]
async fn giving_up_that_could_not_be_written_is_alarmed_and_left_to_the_next_sweep() {
    let logs = Logs::keep();
    let (stage, issued, hint) = abandoned().await;
    stage.account.proxy.next(UPDATE, &[&[Fate::Passed][..], &[DOWN; TRIES]].concat());
    assert_eq!(stage.deliver(&hint).await, Err(away("ServiceUnavailable").into()));
    assert_eq!(logs.text().matches(ALARM).count(), 1);
    assert_eq!(status(&stage, &issued).await, Status::Authorized);
    assert_eq!(stage.sweep_and_drain().await, (1, vec![Step::GivenUp]));
}

#[tokio::test]
async fn giving_up_that_nobody_was_told_of_is_alarmed_and_listed() {
    let logs = Logs::keep();
    let (stage, issued, hint) = abandoned().await;
    stage.account.proxy.next(UPDATE, &[Fate::Passed, Fate::Untold, Fate::Untold, Fate::Untold]);
    assert!(stage.deliver(&hint).await.is_err());
    assert_eq!(logs.text().matches(ALARM).count(), 1);
    assert_eq!(stage.world.operated.undeliverable(None).await, Ok(vec![issued.id.clone()]));
    assert_eq!(stage.world.resend(&issued.id).await, Ok(true));
    assert_eq!(stage.sweep_and_drain().await, (1, vec![Step::Delivered]));
}

#[tokio::test]
async fn a_resend_is_done_once_though_its_answer_was_lost_or_throttled() {
    for fate in [Fate::Untold, THROTTLED, DOWN] {
        let (stage, issued) = given_up().await;
        stage.account.proxy.next(UPDATE, &[fate]);
        assert_eq!(stage.world.resend(&issued.id).await, Ok(true), "{fate:?}");
        assert_eq!(stage.world.resend(&issued.id).await, Ok(false));
        assert_eq!(stage.sweep_and_drain().await, (1, vec![Step::Delivered]));
        assert_eq!(stage.world.merchant.posts().len(), 2);
    }
}

#[tokio::test]
async fn a_resend_that_could_not_be_written_left_everything_as_it_was() {
    for (fate, reason) in [(THROTTLED, "ThrottlingException"), (DOWN, "ServiceUnavailable")] {
        let (stage, issued) = given_up().await;
        stage.account.proxy.next(UPDATE, &[fate; TRIES]);
        assert_eq!(stage.world.resend(&issued.id).await, Err(away(reason)));
        assert_eq!(status(&stage, &issued).await, Status::Undeliverable);
        assert_eq!(stage.world.resend(&issued.id).await, Ok(true));
    }
}

#[tokio::test]
async fn a_resend_that_nobody_was_told_of_is_done_and_another_changes_nothing() {
    let (stage, issued) = given_up().await;
    stage.account.proxy.always(UPDATE, Fate::Untold);
    assert_eq!(stage.world.resend(&issued.id).await, Err(away("time-out")));
    stage.account.proxy.heal();
    assert_eq!(stage.world.resend(&issued.id).await, Ok(false));
    assert_eq!(stage.sweep_and_drain().await, (1, vec![Step::Delivered]));
    stage.world.clock.advance(Duration::from_hours(1));
    assert_eq!(stage.sweep_and_drain().await, (0, vec![]));
    assert_eq!(stage.world.merchant.posts().len(), 2);
}
