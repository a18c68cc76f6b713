//! Deliveries while DynamoDB fails: nothing that is due is lost, and a POST is repeated only if nobody knows that it
//! was made.

use std::time::Duration;

use openid_delivery::{ATTEMPT_LEASE, Step};
use shared::delivery::schedule::Schedule;
use shared::model::authorization::Status;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::queue::{HINT_GRACE_PERIOD, Hint};
use shared::store::StoreError;
use tests::world::Issued;

use crate::proxy::{DOWN, Fate, THROTTLED, TRIES};
use crate::stage::Stage;

const UPDATE: &str = "UpdateItem";

/// A consent whose hint was taken from the queue.
async fn authorized() -> (Stage, Issued, Hint) {
    let stage = Stage::new().await;
    let issued = stage.world.authorized("S1", "open-1").await;
    let hint = stage.queue.take_hints().await.pop().expect("a hint");
    (stage, issued, hint)
}

async fn status(stage: &Stage, issued: &Issued) -> Status {
    stage.world.record(&issued.id).await.status()
}

/// Counts the POSTs, which are the same but for their signatures.
fn posts(stage: &Stage) -> usize {
    let posts = stage.world.merchant.posts();
    assert!(posts.iter().all(|posted| posted.body == posts[0].body), "the same bytes on each attempt");
    posts.len()
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_or_throttled_changes_nothing() {
    for fates in [
        [Fate::Untold, Fate::Passed, Fate::Untold],
        [THROTTLED, Fate::Passed, THROTTLED],
        [DOWN, Fate::Passed, DOWN],
    ] {
        let (stage, issued, hint) = authorized().await;
        stage.account.proxy.next(UPDATE, &fates);
        assert_eq!(stage.deliver(&hint).await, Ok(Step::Delivered), "{fates:?}");
        assert_eq!((posts(&stage), status(&stage, &issued).await), (1, Status::Delivered));
        assert_eq!(stage.world.record(&issued.id).await.history().len(), 1);
    }
}

#[tokio::test]
async fn without_a_claim_nothing_is_posted_and_the_sweep_delivers() {
    for fate in [THROTTLED, DOWN] {
        let (stage, _issued, hint) = authorized().await;
        stage.account.proxy.next(UPDATE, &[fate; 2 * TRIES]);
        assert!(stage.deliver(&hint).await.is_err());
        assert_eq!(posts(&stage), 0);
        assert_eq!(stage.sweep_and_drain().await, (1, vec![Step::Delivered]));
        assert_eq!(posts(&stage), 1);
    }
}

#[tokio::test]
async fn a_claim_that_nobody_was_told_of_is_followed_by_the_next_attempt() {
    let (stage, issued, hint) = authorized().await;
    stage.account.proxy.always(UPDATE, Fate::Untold);
    assert!(stage.deliver(&hint).await.is_err());
    stage.account.proxy.heal();
    assert_eq!(stage.deliver(&hint).await, Ok(Step::Nothing), "the message that comes back is of the past");
    stage.world.clock.advance(ATTEMPT_LEASE);
    assert_eq!(stage.sweep_and_drain().await, (1, vec![Step::Delivered]));
    assert_eq!((posts(&stage), status(&stage, &issued).await), (1, Status::Delivered));
}

#[tokio::test]
async fn a_post_whose_end_could_not_be_written_is_repeated_after_the_lease() {
    let (stage, issued, hint) = authorized().await;
    stage.account.proxy.next(UPDATE, &[&[Fate::Passed][..], &[DOWN; 2 * TRIES]].concat());
    assert!(stage.deliver(&hint).await.is_err());
    assert_eq!((posts(&stage), status(&stage, &issued).await), (1, Status::Authorized));
    stage.world.clock.advance(ATTEMPT_LEASE);
    assert_eq!(stage.sweep_and_drain().await, (1, vec![Step::Delivered]));
    assert_eq!((posts(&stage), status(&stage, &issued).await), (2, Status::Delivered));
}

#[tokio::test]
async fn an_end_that_nobody_was_told_of_stands() {
    let never_told = [&[Fate::Passed][..], &[Fate::Untold; 2 * TRIES]].concat();
    let (delivered, _issued, hint) = authorized().await;
    delivered.account.proxy.next(UPDATE, &never_told);
    let (failed, issued, failing_hint) = authorized().await;
    failed.account.proxy.next(UPDATE, &never_told);
    failed.world.merchant.answer(DeliveryOutcome::Status(500));
    let (first, second) = tokio::join!(delivered.deliver(&hint), failed.deliver(&failing_hint));
    assert!(first.is_err() && second.is_err());
    delivered.account.proxy.heal();
    failed.account.proxy.heal();

    delivered.world.clock.advance(Duration::from_hours(1));
    assert_eq!(delivered.sweep_and_drain().await, (0, vec![]));
    assert_eq!(posts(&delivered), 1);

    // Its hint was never sent: the net catches it.
    let at = failed.world.record(&issued.id).await.next_attempt_at().expect("another attempt");
    failed.world.clock.set(at);
    assert_eq!(failed.sweep_and_drain().await, (0, vec![]));
    failed.world.clock.set(at + HINT_GRACE_PERIOD);
    assert_eq!(failed.sweep_and_drain().await, (1, vec![Step::Delivered]));
    assert_eq!(posts(&failed), 2);
}

#[tokio::test]
async fn a_sweep_that_fails_half_way_loses_nothing() {
    let (stage, issued, _hint) = authorized().await;
    stage.account.proxy.always("Query", DOWN);
    let away = StoreError::Unavailable("ServiceUnavailable".to_owned());
    assert_eq!(openid_delivery::sweep(&stage.world.delivery).await, Err(away.into()));
    stage.account.proxy.heal();
    // Taken for another sweep's, because nobody was told that it was ours.
    stage.account.proxy.next(UPDATE, &[Fate::Untold]);
    assert_eq!(stage.sweep_and_drain().await, (0, vec![]));
    stage.world.clock.advance(HINT_GRACE_PERIOD);
    assert_eq!(stage.sweep_and_drain().await, (1, vec![Step::Delivered]));
    assert_eq!((posts(&stage), status(&stage, &issued).await), (1, Status::Delivered));
}

#[tokio::test]
async fn the_last_failure_that_nobody_was_told_of_can_be_resent() {
    let (mut stage, issued, hint) = authorized().await;
    stage.world.deps.delivery.schedule = Schedule::from_secs(&[]);
    stage.world.rebuild();
    stage.world.merchant.answer(DeliveryOutcome::Status(500));
    stage.account.proxy.next(UPDATE, &[Fate::Passed, Fate::Untold]);
    assert_eq!(stage.deliver(&hint).await, Ok(Step::GivenUp));
    assert_eq!(stage.world.operated.undeliverable(None).await, Ok(vec![issued.id.clone()]));
    assert_eq!(stage.world.resend(&issued.id).await, Ok(true));
    assert_eq!(stage.sweep_and_drain().await, (1, vec![Step::Delivered]));
    assert_eq!(posts(&stage), 2);
}
