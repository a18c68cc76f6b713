//! `openid-delivery`: the signed POST, its attempts at exactly their times, and the sweep.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use openid_delivery::{Step, deliver, sweep};
use serde_json::json;
use shared::delivery::response::{AnswerText, AttemptResult};
use shared::delivery::schedule::{OPEN_API_WAITS_SECS, Schedule};
use shared::delivery::sender::HttpSender;
use shared::egress::callback_url::CallbackRules;
use shared::egress::resolver::Resolver;
use shared::model::authorization::{Attempt, Status};
use shared::model::delivery_outcome::AddressRefusal;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::random::RandomError;
use shared::queue::{DeliveryEvent, HINT_GRACE_PERIOD, Hint};
use shared::signing::md5::Md5Key;
use shared::signing::open_api::{AuthHeaders, SignType, VerificationKeys};
use shared::signing::rsa::VerifyingKey;
use shared::store::RecordDeliveries as _;
use tests::flaky::{Failure, FlakyStore};
use tests::keys::{callback, merchant_md5, public_pem};
use tests::parties::{Ending, Posted, identified};
use tests::request::{LinkCall, link_body, state_of};
use tests::world::{World, b1, business};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Checks a POST's signature as the receiver does.
fn verify(posted: &Posted, keys: &VerificationKeys) -> AuthHeaders {
    let headers: HeaderMap = posted
        .headers
        .iter()
        .map(|(name, value)| {
            (http::HeaderName::from_bytes(name.as_bytes()).expect("a name"), value.parse().expect("a value"))
        })
        .collect();
    let headers = AuthHeaders::read(&headers).expect("auth headers");
    assert!(headers.verify(&posted.body, keys).is_ok());
    headers
}

#[tokio::test]
async fn a_consent_is_delivered_at_once_signed_with_our_key() {
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    assert_eq!(world.drain().await, [Step::Delivered]);
    let [posted] = &world.merchant.posts()[..] else { panic!("one POST") };
    assert_eq!(posted.url, "https://merchant.example.com/cb");
    let ours = VerifyingKey::parse(&public_pem(callback())).expect("a key");
    let headers = verify(posted, &VerificationKeys { rsa: vec![ours], md5: Vec::new() });
    assert_eq!((headers.business_id(), headers.timestamp()), ("B1", world.now()));
    assert_eq!(headers.sign_type(), SignType::Sha256Rsa);
    assert!(headers.nonce().starts_with("authlink-") && headers.nonce().len() == 9 + 32);
    let body: serde_json::Value = serde_json::from_slice(&posted.body).expect("JSON");
    assert_eq!((&body["serialNo"], &body["openId"]), (&json!("S1"), &json!("open-1")));
    assert!(posted.body.starts_with(br#"{"serialNo":"S1","#));

    let record = world.record(&issued.id).await;
    assert_eq!((record.status(), record.pending_delivery()), (Status::Delivered, None));
    let made = Attempt { millis: Some(0), ..Attempt::new(1, world.now(), DeliveryOutcome::Success) };
    assert_eq!(record.history(), [made]);
}

#[tokio::test]
async fn a_business_that_only_has_an_md5_key_gets_md5() {
    let world = World::new();
    let mut md5_only = business();
    md5_only["publicKeys"] = json!([]);
    world.secrets.set("business/B1", &md5_only);
    let link = world.ask(&LinkCall::new("S1", world.now()).by_md5()).await.expect_link();
    world.gateway.answer(identified("open-1"));
    world.complete_return(&state_of(&link), "codeA").await;
    world.drain().await;
    let [posted] = &world.merchant.posts()[..] else { panic!("one POST") };
    assert_eq!(posted.headers["signtype"], "MD5");
    let key = Md5Key::new(merchant_md5()).expect("a key");
    verify(posted, &VerificationKeys { rsa: Vec::new(), md5: vec![key] });
}

#[tokio::test]
async fn an_md5_key_that_an_answer_repeats_is_masked() {
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    let key = "of short words, a key";
    let mut md5_only = business();
    (md5_only["publicKeys"], md5_only["md5Keys"]) = (json!([]), json!([key]));
    world.secrets.set("business/B1", &md5_only);
    let answer = Some(AnswerText { text: format!("not MD5(body + {key})"), is_cut: false });
    world.merchant.answer(AttemptResult { answer, ..DeliveryOutcome::WrongAnswer.into() });
    world.drain().await;
    let record = world.record(&issued.id).await;
    assert_eq!(record.history()[0].answer.as_deref(), Some("not MD5(body + …)"));
}

/// Advances to the next attempt's time, seeing that nothing is sent a millisecond before it, and makes it.
async fn next_attempt(world: &World, issued: &tests::world::Issued, sweep_needed: bool) -> Vec<Step> {
    let at = world.record(&issued.id).await.next_attempt_at().expect("another attempt");
    world.clock.set(at - Duration::from_millis(1));
    sweep(&world.delivery).await.expect("the store answers");
    let early = world.drain().await;
    assert!(early.iter().all(|step| *step == Step::Postponed), "{early:?}");
    world.clock.set(at);
    if sweep_needed { world.sweep_and_drain().await } else { world.drain().await }
}

#[tokio::test]
async fn ten_attempts_are_made_at_exactly_their_times_with_the_same_bytes() {
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    let began = world.now();
    for _ in 0..10 {
        world.merchant.answer(DeliveryOutcome::Status(500));
    }
    let mut due = began;
    let mut steps = world.drain().await;
    for (index, wait) in OPEN_API_WAITS_SECS.into_iter().enumerate() {
        due = due + secs(wait);
        assert_eq!(steps, [Step::Failed(due)], "after attempt {}", index + 1);
        // What waits longer than a queue can hold is found by the sweep.
        steps = next_attempt(&world, &issued, wait > 15 * 60).await;
    }
    assert_eq!(steps, [Step::GivenUp]);
    assert_eq!(due, began + secs(11 * 3_600 + 3 * 60 + 45));

    let posts = world.merchant.posts();
    assert_eq!(posts.len(), 10);
    let mut nonces: Vec<_> = posts.iter().map(|posted| posted.headers["nonce"].clone()).collect();
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), 10, "a nonce for each attempt");
    assert!(posts.iter().all(|posted| posted.body == posts[0].body), "the same bytes on each attempt");
    assert!(posts.iter().all(|posted| posted.headers["timestamp"] == posted.at.to_string()));

    let record = world.record(&issued.id).await;
    assert_eq!(
        (record.status(), record.attempts_begun(), record.next_attempt_at()),
        (Status::Undeliverable, 10, None)
    );
    assert_eq!(
        record.history().iter().map(|attempt| attempt.number).collect::<Vec<_>>(),
        (1..=10).collect::<Vec<_>>()
    );
    world.clock.advance(secs(7 * 24 * 3_600));
    assert!(world.sweep_and_drain().await.is_empty(), "nothing more is sent");
}

#[tokio::test]
async fn a_resend_sets_the_same_body_due_again_from_the_first_attempt() {
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    for _ in 0..10 {
        world.merchant.answer(DeliveryOutcome::Timeout);
    }
    world.drain().await;
    for wait in OPEN_API_WAITS_SECS {
        next_attempt(&world, &issued, wait > 15 * 60).await;
    }
    assert_eq!(world.record(&issued.id).await.status(), Status::Undeliverable);
    assert_eq!(world.resend(&issued.id).await, Ok(true));
    assert_eq!(world.resend(&issued.id).await, Ok(false));
    world.merchant.answer(DeliveryOutcome::Connect);
    assert_eq!(world.sweep_and_drain().await, [Step::Failed(world.now() + secs(15))]);
    assert_eq!(next_attempt(&world, &issued, false).await, [Step::Delivered]);
    let posts = world.merchant.posts();
    assert_eq!(posts.len(), 12);
    assert_eq!(posts[11].body, posts[0].body);
}

#[tokio::test]
async fn jitter_delays_an_attempt_by_a_tenth_at_most() {
    for (byte, wait) in
        [(0, secs(15)), (255, Duration::from_millis(16_500)), (51, Duration::from_millis(15_300))]
    {
        let world = World::new();
        world.random.set_single_byte(byte);
        world.authorized("S1", "open-1").await;
        world.merchant.answer(DeliveryOutcome::Status(500));
        assert_eq!(world.drain().await, [Step::Failed(world.now() + wait)]);
    }
}

/// The claim's operation id, the POST's nonce, and the jitter of the next wait are drawn, in this order.
#[tokio::test]
async fn an_attempt_that_cannot_be_signed_does_not_count_and_one_that_was_made_is_recorded() {
    let mut world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    let hint = world.queue.take().expect("a hint");
    let (delivery, random) = (world.deps.delivery.clone(), world.random.clone());
    world.merchant.answer(DeliveryOutcome::Status(500));
    for (draws, attempts) in [(1, 0), (2, 1)] {
        world.deps.delivery.random = Arc::new(Ending::after(draws));
        world.rebuild();
        let made = deliver(&world.delivery, &hint).await;
        assert_eq!(world.queue.take(), None, "what fails at once is not tried again at once");
        let record = world.record(&issued.id).await;
        assert_eq!((record.attempts_begun(), record.history().len()), (attempts, attempts as usize));
        assert_eq!(world.merchant.posts().len(), attempts as usize);
        let expected =
            if attempts == 0 { Err(RandomError.into()) } else { Ok(Step::Failed(world.now() + secs(15))) };
        assert_eq!(made, expected);
    }
    world.deps.delivery = delivery;
    world.deps.delivery.random = random;
    world.rebuild();
    world.clock.advance(secs(15));
    assert_eq!(world.drain().await.last(), Some(&Step::Delivered));
}

#[tokio::test]
async fn retry_after_stretches_a_wait_to_twice_its_length_at_most() {
    for (asked_for, wait) in [(1, 15), (20, 20), (3_600, 30)] {
        let world = World::new();
        world.authorized("S1", "open-1").await;
        let asked =
            AttemptResult { retry_after: Some(secs(asked_for)), ..DeliveryOutcome::Status(429).into() };
        world.merchant.answer(asked);
        assert_eq!(world.drain().await, [Step::Failed(world.now() + secs(wait))], "{asked_for}");
    }
}

#[tokio::test]
async fn hints_that_are_doubled_late_or_of_the_past_change_nothing() {
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    world.merchant.answer(DeliveryOutcome::Status(500));
    let first = Hint::new(issued.id.clone(), b1(), 0);
    assert!(matches!(deliver(&world.delivery, &first).await, Ok(Step::Failed(_))));
    assert_eq!(deliver(&world.delivery, &first).await, Ok(Step::Nothing));
    let early = Hint::new(issued.id.clone(), b1(), 1);
    assert_eq!(deliver(&world.delivery, &early).await, Ok(Step::Postponed));
    assert_eq!(deliver(&world.delivery, &Hint::new(issued.id.clone(), b1(), 7)).await, Ok(Step::Nothing));
    let unknown = shared::model::id::AuthorizationId::from_serial("B1", "nobody");
    assert_eq!(deliver(&world.delivery, &Hint::new(unknown, b1(), 0)).await, Ok(Step::Nothing));
    assert_eq!(world.merchant.posts().len(), 1);
    world.clock.advance(secs(15));
    // The hint of the failed attempt, the postponed one, and the one that came for the settlement.
    let steps = world.drain().await;
    assert_eq!(steps.iter().filter(|step| **step == Step::Delivered).count(), 1);
    assert_eq!(world.merchant.posts().len(), 2);
    assert_eq!(deliver(&world.delivery, &early).await, Ok(Step::Nothing));
}

#[tokio::test]
async fn losing_every_hint_costs_two_minutes_at_most() {
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    world.queue.lose_all();
    world.merchant.answer(DeliveryOutcome::Status(500));
    assert_eq!(world.sweep_and_drain().await, [Step::Failed(world.now() + secs(15))]);
    world.queue.lose_all();
    world.clock.advance(secs(15) + HINT_GRACE_PERIOD - Duration::from_millis(1));
    assert!(world.sweep_and_drain().await.is_empty(), "the hint has its time first");
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(world.sweep_and_drain().await, [Step::Delivered]);
    assert_eq!(world.record(&issued.id).await.status(), Status::Delivered);
}

#[tokio::test]
async fn a_backlog_is_queued_once() {
    let world = World::new();
    for number in 0..5 {
        world.authorized(&format!("S{number}"), "open-1").await;
    }
    world.queue.lose_all();
    assert_eq!(sweep(&world.delivery).await, Ok(5));
    assert_eq!(sweep(&world.delivery).await, Ok(0));
    assert_eq!(world.drain().await, [Step::Delivered; 5]);
}

#[tokio::test]
async fn a_backlog_larger_than_one_batch_is_swept_whole() {
    let world = World::new();
    for number in 0..250 {
        world.authorized(&format!("S{number}"), "open-1").await;
    }
    world.queue.lose_all();
    assert_eq!(sweep(&world.delivery).await, Ok(250));
    assert_eq!(world.drain().await.len(), 250);
    assert_eq!(world.merchant.posts().len(), 250);
}

#[tokio::test]
async fn two_workers_on_one_database_with_the_same_message_post_once() {
    let world = Arc::new(World::new());
    let another = Arc::new(world.another_process());
    for number in 0..20 {
        let issued = world.authorized(&format!("S{number}"), "open-1").await;
        let hint = Hint::new(issued.id, b1(), 0);
        let (one, other) = tokio::join!(deliver(&world.delivery, &hint), deliver(&another.delivery, &hint));
        let mut steps = [one.expect("a step"), other.expect("a step")];
        steps.sort_unstable_by_key(|step| *step == Step::Nothing);
        assert_eq!(steps, [Step::Delivered, Step::Nothing]);
    }
    assert_eq!(world.merchant.posts().len(), 20);
}

#[tokio::test]
async fn an_attempt_whose_worker_died_is_followed_by_the_next_when_its_lease_ends() {
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    claim_and_die(&world, &issued, 0).await;
    assert!(world.sweep_and_drain().await.iter().all(|step| *step == Step::Nothing));
    world.clock.advance(openid_delivery::ATTEMPT_LEASE);
    assert_eq!(world.sweep_and_drain().await, [Step::Delivered]);
    let record = world.record(&issued.id).await;
    let history = record.history();
    assert_eq!(
        history.iter().map(|attempt| attempt.number).collect::<Vec<_>>(),
        [2],
        "the first was interrupted"
    );
}

#[tokio::test]
async fn a_last_attempt_whose_worker_died_ends_undeliverable_and_can_be_resent() {
    let mut world = World::new();
    world.deps.delivery.schedule = Schedule::from_secs(&[]);
    world.rebuild();
    let issued = world.authorized("S1", "open-1").await;
    world.queue.lose_all();
    claim_and_die(&world, &issued, 0).await;
    world.clock.advance(openid_delivery::ATTEMPT_LEASE);
    assert_eq!(world.sweep_and_drain().await, [Step::GivenUp]);
    assert_eq!(world.record(&issued.id).await.status(), Status::Undeliverable);
    assert_eq!(world.resend(&issued.id).await, Ok(true));
    assert_eq!(world.sweep_and_drain().await, [Step::Delivered]);
}

/// The store was locked, or the process paused, between the claim and the POST.
#[tokio::test]
async fn nothing_is_posted_when_the_lease_might_end_before_the_post_does() {
    let milli = Duration::from_millis(1);
    for (waited, is_posted) in
        [(secs(20) - milli, true), (secs(20), false), (secs(30), false), (secs(43), false)]
    {
        let mut world = World::new();
        let issued = world.authorized("S1", "open-1").await;
        let slow = FlakyStore::new(world.store.clone(), &[]).by(&world.clock, &[waited]);
        world.deps.delivery.store = Arc::new(slow);
        world.rebuild();
        let steps: &[Step] = if is_posted { &[Step::Delivered] } else { &[Step::Postponed, Step::Delivered] };
        assert_eq!(world.drain().await, steps, "{waited:?}");
        assert_eq!(world.merchant.posts().len(), 1);
        let numbers: Vec<_> =
            world.record(&issued.id).await.history().iter().map(|made| made.number).collect();
        assert_eq!(numbers, [1], "an attempt that was not made does not count");
    }
}

async fn claim_and_die(world: &World, issued: &tests::world::Issued, attempts_before: u32) {
    let claim = shared::model::claim::AttemptClaim {
        id: issued.id.clone(),
        attempts_before,
        attempts_allowed: world.deps.delivery.schedule.attempts(),
        operation: shared::model::id::OperationId::generate(&*world.random).expect("an id"),
        now: world.now(),
        lease_until: world.now() + openid_delivery::ATTEMPT_LEASE,
    };
    let claimed = world.store.claim_attempt(&claim).await.expect("the store answers");
    assert!(matches!(claimed, shared::store::AttemptClaimed::Ours(_)));
}

#[tokio::test]
async fn a_default_address_is_read_at_each_attempt() {
    let world = World::new();
    let mut document = business();
    document["defaultCallbackUrl"] = json!("https://one.example.com/cb");
    world.secrets.set("business/B1", &document);
    let mut body = link_body("S1");
    body["callbackUrl"] = json!("");
    let link = world.ask(&LinkCall::with_body(&body, world.now())).await.expect_link();
    world.gateway.answer(identified("open-1"));
    world.complete_return(&state_of(&link), "codeA").await;
    world.merchant.answer(DeliveryOutcome::Status(410));
    world.drain().await;

    document["defaultCallbackUrl"] = json!(null);
    world.secrets.set("business/B1", &document);
    world.clock.advance(secs(300));
    world.sweep_and_drain().await;
    document["defaultCallbackUrl"] = json!("https://two.example.com/cb");
    world.secrets.set("business/B1", &document);
    world.clock.advance(secs(300));
    world.sweep_and_drain().await;

    let urls: Vec<_> = world.merchant.posts().into_iter().map(|posted| posted.url).collect();
    assert_eq!(urls, ["https://one.example.com/cb", "https://two.example.com/cb"]);
    let id = shared::model::id::AuthorizationId::from_serial("B1", "S1");
    let outcomes: Vec<_> = world.record(&id).await.history().iter().map(|attempt| attempt.outcome).collect();
    let expected =
        [DeliveryOutcome::Status(410), DeliveryOutcome::NoCallbackAddress, DeliveryOutcome::Success];
    assert_eq!(outcomes, expected);
}

#[tokio::test]
async fn keys_that_are_not_there_cost_an_attempt_and_lose_nothing() {
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    world.secrets.delete("callback-key");
    assert_eq!(world.drain().await, [Step::Failed(world.now() + secs(15))]);
    assert_eq!(world.record(&issued.id).await.history()[0].outcome, DeliveryOutcome::KeyUnavailable);
    let key = json!({"privateKey": tests::keys::private_pem(callback())});
    world.secrets.set("callback-key", &key);
    world.clock.advance(secs(60));
    assert_eq!(world.drain().await, [Step::Delivered]);
}

/// A name server that sends every name to an address of this machine.
struct Inwards;

#[async_trait::async_trait]
impl Resolver for Inwards {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
        Ok(vec![[127, 0, 0, 1].into()])
    }
}

#[tokio::test]
async fn a_name_that_leads_inwards_is_recorded_with_its_reason_at_every_attempt() {
    let sender = HttpSender::new(Arc::new(Inwards), CallbackRules::default());
    let world = World::new().with_sender(Arc::new(sender));
    let issued = world.authorized("S1", "open-1").await;
    assert_eq!(world.drain().await, [Step::Failed(world.now() + secs(15))]);
    next_attempt(&world, &issued, false).await;
    let refused = DeliveryOutcome::AddressRefused(AddressRefusal::Loopback);
    let outcomes: Vec<_> =
        world.record(&issued.id).await.history().iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [refused, refused]);
}

#[tokio::test]
async fn a_store_that_is_away_for_a_moment_costs_neither_an_attempt_nor_a_second_post() {
    // The first write claims the attempt, the next one concludes it.
    for failures in [
        vec![Failure::NotDone],
        vec![Failure::AnswerLost],
        vec![Failure::None, Failure::NotDone],
        vec![Failure::None, Failure::AnswerLost],
    ] {
        let mut world = World::new();
        let issued = world.authorized("S1", "open-1").await;
        world.deps.delivery.store = Arc::new(FlakyStore::new(world.store.clone(), &failures));
        world.rebuild();
        assert_eq!(world.drain().await, [Step::Delivered], "{failures:?}");
        assert_eq!(world.record(&issued.id).await.attempts_begun(), 1);
        assert_eq!(world.merchant.posts().len(), 1);
    }
}

#[tokio::test]
async fn attempts_taken_from_the_schedule_end_what_is_beyond_them() {
    let mut world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    world.merchant.answer(DeliveryOutcome::Status(500));
    world.merchant.answer(DeliveryOutcome::Status(500));
    world.drain().await;
    next_attempt(&world, &issued, false).await;
    world.deps.delivery.schedule = Schedule::from_secs(&[15]);
    world.rebuild();
    world.clock.advance(secs(24 * 3_600));
    assert!(world.sweep_and_drain().await.contains(&Step::GivenUp));
    assert_eq!(world.record(&issued.id).await.status(), Status::Undeliverable);
    assert_eq!(world.resend(&issued.id).await, Ok(true));
}

#[tokio::test]
async fn what_the_queue_neglects_is_delivered_by_the_second_sweep_itself() {
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    world.queue.lose_all();
    world.delivery.handle(DeliveryEvent::Sweep).await.expect("the store answers");
    assert_eq!(world.merchant.posts().len(), 0, "the hint has its time first");
    world.queue.lose_all();
    world.clock.advance(HINT_GRACE_PERIOD);
    world.delivery.handle(DeliveryEvent::Sweep).await.expect("the store answers");
    assert_eq!(world.merchant.posts().len(), 1);
    assert_eq!(world.record(&issued.id).await.status(), Status::Delivered);
    assert_eq!(world.drain().await, [Step::Nothing], "the hint that came too late");
}

#[tokio::test]
async fn what_fails_in_a_sweep_has_its_next_attempt_at_the_usual_time() {
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    world.queue.lose_all();
    world.clock.advance(HINT_GRACE_PERIOD);
    world.merchant.answer(DeliveryOutcome::Status(500));
    world.delivery.handle(DeliveryEvent::Sweep).await.expect("the store answers");
    let record = world.record(&issued.id).await;
    assert_eq!((record.status(), record.attempts_begun()), (Status::Authorized, 1));
    assert_eq!(record.next_attempt_at(), Some(world.now() + secs(15)));
}
