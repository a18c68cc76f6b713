//! The machine's clock is set while the local loop delivers: nothing stops, and nothing is made twice at once.

use std::sync::Arc;
use std::time::Duration;

use openid_delivery::ATTEMPT_LEASE;
use serde_json::Value;
use shared::model::authorization::Status;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::id::AuthorizationId;
use shared::queue::HINT_GRACE_PERIOD;
use shared::store::FindDue as _;
use tests::local_loop::while_it_delivers;
use tests::logs::Logs;
use tests::parties::{HeldMerchant, identified};
use tests::world::World;

const HOUR: Duration = Duration::from_hours(1);

async fn becomes(world: &World, id: &AuthorizationId, holds: impl Fn(Status, u32) -> bool) {
    loop {
        let record = world.record(id).await;
        if holds(record.status(), record.attempts_begun()) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Lets time pass, until a sweep has taken up what is due then.
async fn swept(world: &World) {
    world.clock.advance(HINT_GRACE_PERIOD);
    while world.store.due(world.now(), 1).await.is_ok_and(|due| !due.is_empty()) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_request_has_taken_the_time_that_passed_whatever_the_clock_was_set_to() {
    let (logs, world) = (Logs::keep(), World::new());
    let issued = world.link("S1").await;
    let let_go = world.gateway.answer_later();
    tokio::join!(world.complete_return(&issued.state, "codeA"), async {
        world.gateway.asked(1).await;
        world.clock.step_to(world.now() + HOUR);
        let_go.send(identified("open-1")).expect("someone waits");
    });
    let lines = logs.text();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let took: Vec<_> = lines.filter_map(|line| line["millis"].as_u64()).collect();
    assert_eq!(took, [0, 0]);
}

/// The loop has seen that the clock was set.
async fn seen(logs: &Logs) {
    while steps(logs).is_empty() {
        tokio::task::yield_now().await;
    }
}

/// The steps that the log tells of, with their seconds.
fn steps(logs: &Logs) -> Vec<(String, u64)> {
    let lines = logs.text();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let said = |line: Value| {
        let secs = line["by_secs"].as_u64()?;
        line["message"].as_str().map(|message| (message.to_owned(), secs))
    };
    lines.filter_map(said).collect()
}

#[tokio::test]
async fn a_clock_that_is_set_forward_makes_no_attempt_twice_at_once() {
    let logs = Logs::keep();
    let merchant = Arc::new(HeldMerchant::default());
    let world = World::new().with_sender(merchant.clone());
    let issued = world.authorized("S1", "open-1").await;
    while_it_delivers(world, async |world| {
        merchant.posted(1).await;
        world.clock.step_to(world.now() + HOUR);
        seen(&logs).await;
        for _ in 0..3 {
            swept(world).await;
        }
        merchant.let_go();
        becomes(world, &issued.id, |status, _| status == Status::Delivered).await;
        assert_eq!(merchant.posts(), 1);
    })
    .await;
    assert_eq!(steps(&logs), [("the clock was set forward".to_owned(), 3_600)]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_no_retry_and_no_sweep_waiting() {
    let logs = Logs::keep();
    let world = World::new();
    world.merchant.answer(DeliveryOutcome::Status(500));
    let retried = world.authorized("S1", "open-1").await;
    while_it_delivers(world, async |world| {
        becomes(world, &retried.id, |_, attempts| attempts == 1).await;
        while world.record(&retried.id).await.next_attempt_at().is_none_or(|next| next <= world.now()) {
            tokio::task::yield_now().await;
        }
        world.clock.step_to(world.now() - HOUR);
        seen(&logs).await;
        let swept = world.authorized("S2", "open-2").await;
        world.queue.lose_all();
        // No hint is left of either; sweeps go on by the time that passes.
        world.clock.advance(ATTEMPT_LEASE + HINT_GRACE_PERIOD);
        for id in [&retried.id, &swept.id] {
            becomes(world, id, |status, _| status == Status::Delivered).await;
        }
        assert_eq!(world.merchant.posts().len(), 3);
    })
    .await;
    assert_eq!(steps(&logs), [("the clock was set back; waits follow it".to_owned(), 3_600)]);
}
