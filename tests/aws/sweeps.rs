//! Sweeps that run twice, one after another or at once: each record is queued once.

use std::collections::HashSet;
use std::time::Duration;

use openid_delivery::{Step, sweep};
use shared::queue::HINT_GRACE_PERIOD;

use crate::stage::Stage;

/// Consents whose hints were lost.
async fn backlog(size: usize) -> Stage {
    let stage = Stage::new().await;
    for number in 0..size {
        stage.world.authorized(&format!("S{number}"), &format!("open-{number}")).await;
    }
    assert_eq!(stage.queue.take_hints().await.len(), size);
    stage
}

#[tokio::test]
async fn a_sweep_that_runs_twice_at_once_queues_each_record_once() {
    let stage = backlog(20).await;
    let another = stage.another_process();
    let (one, other) = tokio::join!(sweep(&stage.world.delivery), sweep(&another.delivery));
    assert_eq!(one.expect("answers") + other.expect("answers"), 20);
    let hints = stage.queue.take_hints().await;
    assert_eq!((hints.len(), hints.iter().collect::<HashSet<_>>().len()), (20, 20));
    for hint in hints {
        assert_eq!(stage.deliver(&hint).await, Ok(Step::Delivered));
    }
    assert_eq!(stage.world.merchant.posts().len(), 20);
}

#[tokio::test]
async fn a_sweep_that_runs_again_finds_only_what_was_not_delivered_meanwhile() {
    let stage = backlog(3).await;
    assert_eq!(sweep(&stage.world.delivery).await, Ok(3));
    assert_eq!(sweep(&stage.world.delivery).await, Ok(0));
    let hints = stage.queue.take_hints().await;
    assert_eq!(stage.deliver(&hints[0]).await, Ok(Step::Delivered));
    stage.world.clock.advance(HINT_GRACE_PERIOD - Duration::from_millis(1));
    assert_eq!(sweep(&stage.world.delivery).await, Ok(0), "a hint is on its way");
    stage.world.clock.advance(Duration::from_millis(1));
    assert_eq!(stage.sweep_and_drain().await, (2, vec![Step::Delivered; 2]));
    for late in &hints[1..] {
        assert_eq!(stage.deliver(late).await, Ok(Step::Nothing));
    }
    assert_eq!(stage.world.merchant.posts().len(), 3);
}

#[tokio::test]
async fn a_whole_backlog_is_queued_though_it_is_spread_over_every_partition() {
    let stage = backlog(40).await;
    let partitions: HashSet<_> = {
        let due = stage.world.deps.delivery.due.due(stage.world.now(), 100).await.expect("answers");
        due.iter().map(|due| due.id.as_str()[..1].to_owned()).collect()
    };
    assert!(partitions.len() > 8, "{partitions:?}");
    let (queued, steps) = stage.sweep_and_drain().await;
    assert_eq!((queued, steps), (40, vec![Step::Delivered; 40]));
}
