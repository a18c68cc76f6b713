//! The queue while it fails, and messages that come twice or are no hints: the record decides, so that a lost hint
//! costs minutes and a doubled one nothing.

use std::time::Duration;

use futures_util::future::join_all;
use openid_delivery::{Step, sweep};
use serde_json::json;
use shared::model::authorization::Status;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::queue::HINT_GRACE_PERIOD;
use shared::runtime::lambda::answer_event;

use crate::proxy::{DOWN, Fate, THROTTLED};
use crate::queue::RECEIVED_AT_MOST;
use crate::stage::Stage;

const SEND: &str = "SendMessage";

#[tokio::test]
async fn while_the_queue_is_away_consents_are_recorded_and_the_sweep_delivers_them() {
    for fate in [THROTTLED, DOWN, Fate::Stuck] {
        let stage = Stage::new().await;
        stage.account.proxy.always(SEND, fate);
        let issued = stage.world.authorized("S1", "open-1").await;
        assert_eq!(stage.drain().await, [], "{fate:?}");
        // Even a sweep meets the queue away; what it could not queue waits for the next one.
        assert_eq!(stage.sweep_and_drain().await, (1, vec![]));
        stage.world.clock.advance(HINT_GRACE_PERIOD);
        stage.account.proxy.heal();
        assert_eq!(stage.sweep_and_drain().await, (1, vec![Step::Delivered]));
        assert_eq!(stage.world.record(&issued.id).await.status(), Status::Delivered);
        assert_eq!(stage.world.merchant.posts().len(), 1);
    }
}

#[tokio::test]
async fn while_the_queue_is_away_further_attempts_are_found_by_the_sweep() {
    let stage = Stage::new().await;
    stage.world.authorized("S1", "open-1").await;
    stage.world.merchant.answer(DeliveryOutcome::Timeout);
    stage.account.proxy.always(SEND, DOWN);
    let at = stage.world.now() + Duration::from_secs(15);
    assert_eq!(stage.drain().await, [Step::Failed(at)]);
    stage.account.proxy.heal();
    stage.world.clock.set(at + HINT_GRACE_PERIOD - Duration::from_millis(1));
    assert_eq!(stage.sweep_and_drain().await, (0, vec![]));
    stage.world.clock.set(at + HINT_GRACE_PERIOD);
    assert_eq!(stage.sweep_and_drain().await, (1, vec![Step::Delivered]));
}

#[tokio::test]
async fn a_hint_whose_answer_was_lost_is_on_the_queue_twice_and_posts_once() {
    let stage = Stage::new().await;
    stage.account.proxy.next(SEND, &[Fate::Untold]);
    stage.world.authorized("S1", "open-1").await;
    assert_eq!(stage.drain().await, [Step::Delivered, Step::Nothing]);
    assert_eq!(stage.world.merchant.posts().len(), 1);
}

#[tokio::test]
async fn the_same_message_at_many_workers_at_once_posts_once() {
    let stage = Stage::new().await;
    let workers: Vec<_> = (0..8).map(|_| stage.another_process()).collect();
    for number in 0..5 {
        stage.world.authorized(&format!("S{number}"), "open-1").await;
        let hint = stage.queue.take_hints().await.pop().expect("a hint");
        let steps = workers.iter().map(|worker| openid_delivery::deliver(&worker.delivery, &hint));
        let steps = join_all(steps).await;
        let counted = |step| steps.iter().filter(|made| **made == Ok(step)).count();
        assert_eq!((counted(Step::Delivered), counted(Step::Nothing)), (1, 7), "{steps:?}");
        assert_eq!(stage.world.merchant.posts().len(), number + 1);
    }
}

#[tokio::test]
async fn a_poisoned_message_goes_to_the_dead_letters_and_keeps_no_hint_back() {
    let stage = Stage::new().await;
    let poison = r#"{"v":1,"id":"../..","business":"B1","attempt":0}"#;
    stage.queue.send(poison).await;
    stage.world.authorized("S1", "open-1").await;
    stage.world.authorized("S2", "open-2").await;
    let function = async |event| {
        let answer = answer_event(&async |event| stage.world.delivery.handle(event).await, event).await;
        json!(answer.expect("an answer"))
    };
    let mut received = Vec::new();
    for _ in 0..=RECEIVED_AT_MOST {
        received.push(stage.queue.trigger(function).await);
    }
    assert_eq!(received, [3, 1, 1, 0], "the poison came back, the hints did not");
    assert_eq!(stage.queue.dead_letters().await, [poison]);
    assert_eq!(stage.world.merchant.posts().len(), 2);
}

#[tokio::test]
async fn a_hint_that_could_not_be_followed_is_left_to_the_sweep() {
    let stage = Stage::new().await;
    stage.world.authorized("S1", "open-1").await;
    stage.account.proxy.next("UpdateItem", &[DOWN; 6]);
    let function = async |event| {
        let answer = answer_event(&async |event| stage.world.delivery.handle(event).await, event).await;
        json!(answer.expect("an answer"))
    };
    assert_eq!([stage.queue.trigger(function).await, stage.queue.trigger(function).await], [1, 0]);
    assert_eq!(sweep(&stage.world.delivery).await, Ok(1));
    assert_eq!([stage.queue.trigger(function).await, stage.queue.trigger(function).await], [1, 0]);
    assert_eq!(stage.world.merchant.posts().len(), 1);
}
