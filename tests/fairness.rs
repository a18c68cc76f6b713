//! A merchant that does not answer, with more due than can be tried at once: the others are delivered to all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderName;
use shared::delivery::response::AttemptResult;
use shared::delivery::sender::CallbackSender;
use shared::egress::callback_url::CallbackUrl;
use shared::model::authorization::Status;
use shared::model::clock::UnixMillis;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::id::AuthorizationId;
use shared::queue::{DeliveryEvent, HINT_GRACE_PERIOD};
use tests::local_loop::while_it_delivers;
use tests::parties::identified;
use tests::request::{LinkCall, link_body, state_of};
use tests::world::{World, business};
use tokio::sync::watch;

/// More than any worker makes attempts at once.
const OF_THE_SILENT: u32 = 140;
const OF_THE_OTHER: u32 = 10;
const DONE_WITHIN: Duration = Duration::from_secs(20);

/// The silent merchant's POSTs last until the other merchant has got all of its own.
struct Network {
    delivered: watch::Sender<u32>,
    silent_now: AtomicU32,
    silent_at_most: AtomicU32,
}

#[async_trait]
impl CallbackSender for Network {
    async fn post(
        &self,
        url: &CallbackUrl,
        _: Vec<(HeaderName, String)>,
        _: Bytes,
        _: UnixMillis,
    ) -> AttemptResult {
        if !url.as_str().contains("silent") {
            self.delivered.send_modify(|delivered| *delivered += 1);
            return DeliveryOutcome::Success.into();
        }
        let now = self.silent_now.fetch_add(1, Ordering::SeqCst) + 1;
        self.silent_at_most.fetch_max(now, Ordering::SeqCst);
        self.all_delivered().await;
        // Whoever else would be let in at the same time has to come before this one goes.
        tokio::task::yield_now().await;
        self.silent_now.fetch_sub(1, Ordering::SeqCst);
        DeliveryOutcome::Timeout.into()
    }
}

impl Network {
    fn new() -> Arc<Self> {
        let (silent_now, silent_at_most) = (AtomicU32::new(0), AtomicU32::new(0));
        Arc::new(Self { delivered: watch::Sender::new(0), silent_now, silent_at_most })
    }

    async fn all_delivered(&self) {
        let mut delivered = self.delivered.subscribe();
        delivered.wait_for(|delivered| *delivered == OF_THE_OTHER).await.expect("lives");
    }
}

/// The silent merchant's users come first.
async fn all_consent(world: &World) {
    world.secrets.set("business/B2", &business());
    for number in 0..OF_THE_SILENT {
        let mut body = link_body(&format!("S{number}"));
        body["businessId"] = "B2".into();
        body["callbackUrl"] = "https://silent.example.com/cb".into();
        let mut call = LinkCall::with_body(&body, world.now()).by_md5();
        call.business_id = "B2".to_owned();
        let link = world.ask(&call).await.expect_link();
        world.gateway.answer(identified("open-1"));
        assert_eq!(
            world.complete_return(&state_of(&link), &format!("code{number}")).await.outcome,
            "authorized"
        );
    }
    world.clock.advance(Duration::from_secs(1));
    for number in 0..OF_THE_OTHER {
        world.authorized(&format!("S{number}"), "open-2").await;
    }
}

async fn attempts_of_the_silent(world: &World) -> u32 {
    let mut attempts = 0;
    for number in 0..OF_THE_SILENT {
        attempts +=
            world.record(&AuthorizationId::from_serial("B2", &format!("S{number}"))).await.attempts_begun();
    }
    attempts
}

#[tokio::test]
async fn a_sweep_delivers_to_others_what_a_silent_merchant_leaves_waiting() {
    let network = Network::new();
    let world = World::new().with_sender(network.clone());
    all_consent(&world).await;
    world.queue.lose_all();
    world.clock.advance(HINT_GRACE_PERIOD);
    let swept = tokio::time::timeout(DONE_WITHIN, world.delivery.handle(DeliveryEvent::Sweep)).await;
    assert_eq!(swept.expect("nobody waits for the silent"), Ok(()));
    for number in 0..OF_THE_OTHER {
        let id = AuthorizationId::from_serial("B1", &format!("S{number}"));
        assert_eq!(world.record(&id).await.status(), Status::Delivered, "S{number}");
    }
    assert_eq!(attempts_of_the_silent(&world).await, 125, "as many as a sweep takes of one");
    assert_eq!(network.silent_at_most.load(Ordering::SeqCst), 8, "as many as are made at once for one");
}

#[tokio::test]
async fn the_local_loop_delivers_to_others_while_one_merchant_is_silent() {
    let network = Network::new();
    let world = World::new().with_sender(network.clone());
    all_consent(&world).await;
    let world = while_it_delivers(world, async |_| network.all_delivered().await).await;
    assert_eq!(attempts_of_the_silent(&world).await, 8, "as many as are made at once for one");
}
