//! More is due than can be tried at once, after a restart: the keys of what waits are there before its turn comes.

use std::sync::Arc;
use std::time::Duration;

use shared::queue::{DeliveryEvent, HINT_GRACE_PERIOD};
use tests::local_loop::while_it_delivers;
use tests::parties::{HeldMerchant, identified};
use tests::request::{LinkCall, link_body, state_of};
use tests::world::{World, business};

/// More than a sweep, and more than the local loop, makes attempts at once.
const BUSINESSES: usize = 140;
/// For a failing test only.
const DONE_WITHIN: Duration = Duration::from_secs(20);

fn businesses() -> impl Iterator<Item = String> {
    (0..BUSINESSES).map(|number| format!("B{number}"))
}

/// One delivery is due for each business.
async fn all_consent() -> World {
    let world = World::new();
    for id in businesses() {
        world.secrets.set(&format!("business/{id}"), &business());
        let mut body = link_body("S1");
        body["businessId"] = id.as_str().into();
        let mut call = LinkCall::with_body(&body, world.now()).by_md5();
        call.business_id = id;
        let link = world.ask(&call).await.expect_link();
        world.gateway.answer(identified("open-1"));
        assert_eq!(world.complete_return(&state_of(&link), "code").await.outcome, "authorized");
    }
    world.clock.advance(HINT_GRACE_PERIOD);
    world
}

/// The second fetch is that of the process that has just begun; the first made the links.
fn are_fetched_once_more(world: &World) -> bool {
    businesses().all(|id| world.secrets.fetches(&format!("business/{id}")) == 2)
}

/// The first attempts are under way, and the others wait for their turn; now all may end.
async fn all_are_fetched_before_their_turn(world: &World, merchants: &HeldMerchant) {
    while !are_fetched_once_more(world) {
        tokio::task::yield_now().await;
    }
    assert!(merchants.posts() < BUSINESSES);
    merchants.let_go();
    merchants.posted(BUSINESSES).await;
    assert!(are_fetched_once_more(world));
}

#[tokio::test]
async fn a_sweep_has_all_keys_while_its_first_attempts_are_made_and_fetches_each_once() {
    let merchants = Arc::new(HeldMerchant::default());
    let world = all_consent().await;
    let process = world.another_process().with_sender(merchants.clone());
    let swept = async {
        let watching = all_are_fetched_before_their_turn(&world, &merchants);
        tokio::join!(process.delivery.handle(DeliveryEvent::Sweep), watching).0
    };
    assert_eq!(tokio::time::timeout(DONE_WITHIN, swept).await, Ok(Ok(())));
}

#[tokio::test]
async fn the_local_loop_has_all_keys_while_its_first_attempts_are_made_and_fetches_each_once() {
    let merchants = Arc::new(HeldMerchant::default());
    let world = all_consent().await;
    let process = world.another_process().with_sender(merchants.clone());
    while_it_delivers(process, async |_| all_are_fetched_before_their_turn(&world, &merchants).await).await;
}
