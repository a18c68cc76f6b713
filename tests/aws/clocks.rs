//! Two machines whose clocks are a minute apart. What each does is right by its own clock; where that costs something,
//! it is one more POST of the same openId after a lease that had ended by one of them, never another's openId.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderName;
use openid_delivery::{Step, deliver, sweep};
use shared::delivery::response::AttemptResult;
use shared::delivery::sender::CallbackSender;
use shared::egress::callback_url::CallbackUrl;
use shared::model::authorization::Status;
use shared::model::clock::{ManualClock, UnixMillis};
use shared::signing::open_api::WINDOW;
use tests::parties::{ScriptedMerchant, identified};
use tests::request::LinkCall;
use tests::world::World;
use tokio::sync::Notify;

use crate::stage::Stage;

const MINUTE: Duration = Duration::from_mins(1);
const MILLI: Duration = Duration::from_millis(1);

/// Another machine, whose clock shows `now`.
fn another(stage: &Stage, now: UnixMillis) -> World {
    stage.another_process_by(Arc::new(ManualClock::at(now)))
}

#[tokio::test]
async fn a_nonce_is_used_once_as_long_as_any_clock_accepts_its_request() {
    let stage = Stage::new().await;
    let now = stage.world.now();
    // Signed as far in the future as the first machine accepts, so that the request is valid longest.
    let call = LinkCall::new("S1", now + WINDOW);
    assert_eq!(stage.world.ask(&call).await.status, 0);
    let last_valid = now + WINDOW + WINDOW;
    for (shown, status) in [
        (now - MINUTE, 5),
        (now, 6),
        (now + MINUTE, 6),
        (last_valid, 6),
        (last_valid + MILLI, 5),
        (last_valid + MINUTE, 5),
    ] {
        let another = another(&stage, shown);
        assert_eq!(another.ask(&call).await.status, status, "by a clock {} ms on", shown.0 - now.0);
    }
}

#[tokio::test]
async fn a_link_ends_by_the_clock_of_who_is_asked_and_a_consent_is_never_late() {
    let stage = Stage::new().await;
    let issued = stage.world.link("S1").await;
    let expires_at = stage.world.record(&issued.id).await.expires_at;
    stage.world.clock.set(expires_at - MINUTE / 2);
    let ahead = another(&stage, expires_at + MINUTE / 2);
    assert_eq!(ahead.complete_return(&issued.state, "codeA").await.outcome, "expired");
    assert!(stage.world.gateway.codes().is_empty(), "the code was not used");

    // The clock that is behind lets it in, and it is settled after the end by either clock.
    let answer = stage.world.gateway.answer_later();
    let coming_back = stage.world.complete_return(&issued.state, "codeA");
    let late = async {
        stage.world.gateway.asked(1).await;
        stage.world.clock.set(expires_at + MINUTE);
        answer.send(identified("open-1")).expect("somebody waits");
    };
    let (shown, ()) = tokio::join!(coming_back, late);
    assert_eq!(shown.outcome, "authorized");
}

/// The page of a machine whose exchange takes longer than its claim lasts by the clock of another one, which comes back
/// with `codeB` meanwhile and learns of "open-1"; and the user that is delivered.
async fn overtaken(open_id: &str) -> (String, String) {
    let stage = Stage::new().await;
    let issued = stage.world.link("S1").await;
    let ahead = another(&stage, stage.world.now() + MINUTE);
    let answer = stage.world.gateway.answer_later();
    let slow = stage.world.complete_return(&issued.state, "codeA");
    let meanwhile = async {
        stage.world.gateway.asked(1).await;
        assert_eq!(ahead.complete_return(&issued.state, "codeA").await.outcome, "authorize-again");
        assert_eq!(stage.world.gateway.codes(), ["codeA"], "no code reaches Alipay twice");
        ahead.gateway.answer(identified("open-1"));
        assert_eq!(ahead.complete_return(&issued.state, "codeB").await.outcome, "authorized");
        answer.send(identified(open_id)).expect("somebody waits");
    };
    let (shown, ()) = tokio::join!(slow, meanwhile);
    // What was settled by the clock ahead is not due by this one before a minute has passed.
    stage.world.clock.advance(MINUTE);
    assert_eq!(stage.drain().await, [Step::Delivered]);
    stage.world.clock.advance(Duration::from_hours(1));
    assert_eq!(stage.sweep_and_drain().await, (0, vec![]));
    let posts = stage.world.merchant.posts();
    let [posted] = posts.as_slice() else { panic!("{} POSTs", posts.len()) };
    let body: serde_json::Value = serde_json::from_slice(&posted.body).expect("JSON");
    (shown.outcome, body["openId"].as_str().expect("a string").to_owned())
}

#[tokio::test]
async fn an_exchange_that_a_clock_ahead_takes_over_records_and_delivers_one_user() {
    assert_eq!(overtaken("open-1").await, ("authorized".to_owned(), "open-1".to_owned()));
    assert_eq!(overtaken("open-2").await, ("another-user".to_owned(), "open-1".to_owned()));
}

#[tokio::test]
async fn a_clock_behind_waits_for_an_exchange_longer() {
    let stage = Stage::new().await;
    let issued = stage.world.link("S1").await;
    let behind = another(&stage, stage.world.now() - MINUTE);
    let answer = stage.world.gateway.answer_later();
    let meanwhile = async {
        stage.world.gateway.asked(1).await;
        for code in ["codeA", "codeB"] {
            assert_eq!(behind.complete_return(&issued.state, code).await.outcome, "in-progress");
        }
        answer.send(identified("open-1")).expect("somebody waits");
    };
    let (shown, ()) = tokio::join!(stage.world.complete_return(&issued.state, "codeA"), meanwhile);
    assert_eq!(shown.outcome, "authorized");
    assert_eq!(behind.complete_return(&issued.state, "codeA").await.outcome, "authorized");
}

/// A merchant who gets every POST at once and answers when it is let go.
struct Slow {
    merchant: Arc<ScriptedMerchant>,
    got: Notify,
    let_go: Notify,
}

#[async_trait]
impl CallbackSender for Slow {
    async fn post(
        &self,
        url: &CallbackUrl,
        headers: Vec<(HeaderName, String)>,
        body: Bytes,
        now: UnixMillis,
    ) -> AttemptResult {
        let answer = self.merchant.post(url, headers, body, now).await;
        self.got.notify_one();
        self.let_go.notified().await;
        answer
    }
}

#[tokio::test]
async fn an_attempt_whose_lease_has_ended_by_a_clock_ahead_is_followed_by_one_more_with_the_same_openid() {
    let mut stage = Stage::new().await;
    let issued = stage.world.authorized("S1", "open-1").await;
    let slow =
        Arc::new(Slow { merchant: stage.world.merchant.clone(), got: Notify::new(), let_go: Notify::new() });
    stage.world.deps.delivery.sender = slow.clone();
    stage.world.rebuild();
    let ahead = another(&stage, stage.world.now() + MINUTE);
    let hint = stage.queue.take_hints().await.pop().expect("a hint");
    let meanwhile = async {
        slow.got.notified().await;
        assert_eq!(sweep(&ahead.delivery).await, Ok(1));
        let second = stage.queue.take_hints().await.pop().expect("a hint");
        assert_eq!(deliver(&ahead.delivery, &second).await, Ok(Step::Delivered));
        slow.let_go.notify_one();
    };
    let (step, ()) = tokio::join!(deliver(&stage.world.delivery, &hint), meanwhile);
    assert_eq!(step, Ok(Step::Nothing), "its lease was taken over");
    let posts = stage.world.merchant.posts();
    assert_eq!(posts.len(), 2);
    assert_eq!(posts[0].body, posts[1].body);
    let record = stage.world.record(&issued.id).await;
    assert_eq!((record.status(), record.attempts_begun()), (Status::Delivered, 2));
    assert_eq!(record.history().iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [2]);
    stage.world.clock.advance(Duration::from_hours(1));
    assert_eq!(sweep(&stage.world.delivery).await, Ok(0));
}

#[tokio::test]
async fn a_clock_behind_takes_no_lease_over_and_sends_an_early_hint_on() {
    let mut stage = Stage::new().await;
    let behind = another(&stage, stage.world.now() - MINUTE);
    stage.world.authorized("S1", "open-1").await;
    let hint = stage.queue.take_hints().await.pop().expect("a hint");
    assert_eq!(deliver(&behind.delivery, &hint).await, Ok(Step::Postponed), "not due by its clock");
    assert_eq!(sweep(&behind.delivery).await, Ok(0));
    assert!(stage.world.merchant.posts().is_empty());
    // The hint comes back in a minute; the sweep of the other is faster.
    assert_eq!(sweep(&stage.world.delivery).await, Ok(1));
    let hint = stage.queue.take_hints().await.pop().expect("a hint");
    let slow =
        Arc::new(Slow { merchant: stage.world.merchant.clone(), got: Notify::new(), let_go: Notify::new() });
    stage.world.deps.delivery.sender = slow.clone();
    stage.world.rebuild();
    let meanwhile = async {
        slow.got.notified().await;
        behind.clock.advance(MINUTE);
        let next = shared::queue::Hint::new(hint.id.clone(), hint.owner.clone(), 1);
        for hint in [&hint, &next] {
            assert_eq!(deliver(&behind.delivery, hint).await, Ok(Step::Nothing));
        }
        slow.let_go.notify_one();
    };
    let (step, ()) = tokio::join!(deliver(&stage.world.delivery, &hint), meanwhile);
    assert_eq!(step, Ok(Step::Delivered));
    assert_eq!(stage.world.merchant.posts().len(), 1);
}
