//! Returns while DynamoDB fails: a code reaches Alipay at most once, a consent that was given is recorded if the store
//! comes back in time, and a user who is told to authorize again can.

use std::sync::Arc;
use std::time::Duration;

use openid_callback::SETTLE_WITHIN;
use openid_delivery::Step;
use shared::model::authorization::Status;
use shared::model::claim::EXCHANGE_LEASE;
use shared::model::clock::{Clock, ManualClock, Monotonic, UnixMillis};
use tests::parties::{ScriptedGateway, identified};
use tests::world::{Issued, World};

use crate::proxy::{DOWN, Fate, THROTTLED, TRIES};
use crate::stage::Stage;

const UPDATE: &str = "UpdateItem";

/// A clock that is in a hurry once Alipay has been asked: the time that a settlement may take passes whenever somebody
/// looks how much has passed, so that no wait takes long.
struct Hurried(Arc<ManualClock>, Arc<ScriptedGateway>);

impl Clock for Hurried {
    fn now(&self) -> UnixMillis {
        self.0.now()
    }

    fn monotonic(&self) -> Monotonic {
        if !self.1.codes().is_empty() {
            self.0.advance(SETTLE_WITHIN);
        }
        self.0.monotonic()
    }
}

impl Hurried {
    fn over(world: &World) -> Arc<Self> {
        Arc::new(Self(world.clock.clone(), world.gateway.clone()))
    }
}

async fn complete_return(stage: &Stage, issued: &Issued, code: &str) -> (u16, String) {
    let shown = stage.world.complete_return(&issued.state, code).await;
    (shown.http_status, shown.outcome)
}

fn page(http_status: u16, outcome: &str) -> (u16, String) {
    (http_status, outcome.to_owned())
}

/// The consent to `issued` is delivered, once.
async fn is_delivered_once(stage: &Stage, issued: &Issued, open_id: &str) {
    stage.world.clock.advance(Duration::from_mins(3));
    stage.sweep_and_drain().await;
    let posts = stage.world.merchant.posts();
    let [posted] = posts.as_slice() else { panic!("{} POSTs", posts.len()) };
    let body: serde_json::Value = serde_json::from_slice(&posted.body).expect("JSON");
    assert_eq!(body["openId"], open_id);
    assert_eq!(stage.world.record(&issued.id).await.status(), Status::Delivered);
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_or_throttled_is_made_once() {
    for fate in [Fate::Untold, THROTTLED, DOWN] {
        let stage = Stage::new().await;
        let issued = stage.world.link("S1").await;
        stage.account.proxy.next(UPDATE, &[fate]);
        stage.world.gateway.answer(identified("open-1"));
        assert_eq!(complete_return(&stage, &issued, "codeA").await, page(200, "authorized"), "{fate:?}");
        assert_eq!(stage.world.gateway.codes(), ["codeA"]);
        is_delivered_once(&stage, &issued, "open-1").await;
    }
}

#[tokio::test]
async fn without_a_claim_the_code_is_kept_for_the_next_try() {
    for fate in [THROTTLED, DOWN] {
        let stage = Stage::new().await;
        let issued = stage.world.link("S1").await;
        stage.account.proxy.always(UPDATE, fate);
        assert_eq!(complete_return(&stage, &issued, "codeA").await, page(503, "unavailable"), "{fate:?}");
        assert!(stage.world.gateway.codes().is_empty());
        stage.account.proxy.heal();
        stage.world.gateway.answer(identified("open-1"));
        assert_eq!(complete_return(&stage, &issued, "codeA").await, page(200, "authorized"), "{fate:?}");
    }
}

#[tokio::test]
async fn a_claim_that_nobody_was_told_of_ends_by_itself_and_a_new_code_works() {
    let stage = Stage::new().await;
    let issued = stage.world.link("S1").await;
    stage.account.proxy.always(UPDATE, Fate::Untold);
    assert_eq!(complete_return(&stage, &issued, "codeA").await, page(503, "unavailable"));
    stage.account.proxy.heal();
    assert_eq!(complete_return(&stage, &issued, "codeA").await, page(200, "in-progress"));
    stage.world.clock.advance(EXCHANGE_LEASE);
    assert_eq!(complete_return(&stage, &issued, "codeA").await, page(200, "authorize-again"));
    assert!(stage.world.gateway.codes().is_empty(), "nobody knows that it was not used");
    stage.world.gateway.answer(identified("open-1"));
    assert_eq!(complete_return(&stage, &issued, "codeB").await, page(200, "authorized"));
    is_delivered_once(&stage, &issued, "open-1").await;
}

#[tokio::test]
async fn a_settlement_is_tried_until_it_is_told() {
    for fates in [&[Fate::Passed, Fate::Untold][..], &[Fate::Passed, THROTTLED, DOWN, THROTTLED, DOWN][..]] {
        let stage = Stage::new().await;
        let issued = stage.world.link("S1").await;
        stage.account.proxy.next(UPDATE, fates);
        stage.world.gateway.answer(identified("open-1"));
        assert_eq!(complete_return(&stage, &issued, "codeA").await, page(200, "authorized"), "{fates:?}");
        assert_eq!(stage.drain().await, [Step::Delivered], "the hint came");
        is_delivered_once(&stage, &issued, "open-1").await;
    }
}

#[tokio::test]
async fn a_consent_that_nobody_was_told_of_is_found_recorded_and_delivered_at_once() {
    let mut stage = Stage::new().await;
    let issued = stage.world.link("S1").await;
    stage.world.deps.callback.clock = Hurried::over(&stage.world);
    stage.world.rebuild();
    stage.account.proxy.next(UPDATE, &[Fate::Passed, Fate::Untold, Fate::Untold, Fate::Untold]);
    stage.world.gateway.answer(identified("open-1"));
    assert_eq!(complete_return(&stage, &issued, "codeA").await, page(200, "authorized"));
    assert_eq!(stage.drain().await, [Step::Delivered], "the hint came");
    is_delivered_once(&stage, &issued, "open-1").await;
    stage.world.deps.callback.clock = stage.world.clock.clone();
    stage.world.rebuild();
    assert_eq!(complete_return(&stage, &issued, "codeB").await, page(409, "already-used"));
}

#[tokio::test]
async fn a_consent_that_could_not_be_recorded_is_asked_for_again() {
    let mut stage = Stage::new().await;
    let issued = stage.world.link("S1").await;
    stage.world.deps.callback.clock = Hurried::over(&stage.world);
    stage.world.rebuild();
    stage.account.proxy.next(UPDATE, &[&[Fate::Passed][..], &[DOWN; 3 * TRIES]].concat());
    stage.world.gateway.answer(identified("open-1"));
    assert_eq!(complete_return(&stage, &issued, "codeA").await, page(503, "not-recorded"));
    assert_eq!(
        stage.world.record(&issued.id).await.status(),
        Status::Exchanging,
        "no end was written either"
    );
    stage.world.deps.callback.clock = stage.world.clock.clone();
    stage.world.rebuild();
    stage.world.clock.advance(EXCHANGE_LEASE);
    stage.world.gateway.answer(identified("open-1"));
    assert_eq!(complete_return(&stage, &issued, "codeB").await, page(200, "authorized"));
    assert_eq!(stage.world.gateway.codes(), ["codeA", "codeB"]);
    is_delivered_once(&stage, &issued, "open-1").await;
}
