//! A person who is forgotten: what is told of the authorization from then on, and what becomes of whoever comes back
//! to it.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use openid_delivery::{PersonalData, Step, forget_what_is_due};
use rusqlite::Connection;
use serde_json::{Value, json};
use shared::model::authorization::{AuthorizationState, Status};
use shared::model::claim::EXCHANGE_LEASE;
use shared::model::clock::UnixMillis;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::forgetting::Forgetting;
use shared::model::id::AuthorizationId;
use shared::model::purge::RECORDS_APART;
use shared::queue::{DeliveryEvent, HINT_GRACE_PERIOD};
use shared::store::{ForgetDelivered, ForgottenSome, StoreError};
use tests::keys::foreign;
use tests::logs::Logs;
use tests::parties::identified;
use tests::platform::{callback, state_asked_with};
use tests::request::{Key, LinkCall, link_body, state_of};
use tests::rpc::{Protocol, RpcCall};
use tests::world::{APP_ID, CallbackAnswer, Shown, World, business};

/// As the tests' merchant names its customer.
const USER_ID: &str = "user-1";

async fn forget(world: &World, id: &AuthorizationId) {
    assert_eq!(world.operated.forget(id, world.now()).await, Ok(Forgetting::Done));
}

#[tokio::test]
async fn its_merchant_is_told_what_happened_and_when_and_not_to_whom() {
    let world = World::new();
    let began = world.now();
    let issued = world.authorized("S1", "open-1").await;
    assert_eq!(world.drain().await, [Step::Delivered]);
    world.clock.advance(Duration::from_hours(1));
    let before = world.told("S1").await;
    forget(&world, &issued.id).await;
    let told = world.told("S1").await;
    let expected = json!({
        "serialNo": "S1", "merchantId": "M1", "businessId": "B1",
        "reference": issued.id,
        "state": "DELIVERED",
        "expiresAt": began + Duration::from_hours(24),
        "authTime": began,
        "forgottenAt": world.now(),
        "delivery": before["delivery"],
        "timeline": before["timeline"],
    });
    assert_eq!(told, expected);
    let again = world.ask(&LinkCall::new("S1", world.now())).await;
    assert_eq!((again.status, again.link), (8, None), "the serialNo stays used");
}

#[tokio::test]
async fn a_delivery_that_is_due_ends_and_posts_nothing() {
    let world = World::new();
    world.merchant.answer(DeliveryOutcome::Status(500));
    let retried = world.authorized("S1", "open-1").await;
    assert!(matches!(world.drain().await[..], [Step::Failed(_)]));
    let unsent = world.authorized("S2", "open-2").await;
    let posts = world.merchant.posts().len();
    for issued in [&retried, &unsent] {
        forget(&world, &issued.id).await;
    }
    // Both hints are on the queue, and arrive.
    world.clock.advance(Duration::from_mins(10));
    assert_eq!(world.drain().await, [Step::Nothing, Step::Nothing]);
    world.delivery.handle(DeliveryEvent::Sweep).await.expect("the store answers");
    world.clock.advance(HINT_GRACE_PERIOD);
    world.delivery.handle(DeliveryEvent::Sweep).await.expect("the store answers");
    assert_eq!(world.drain().await, []);
    assert_eq!(world.merchant.posts().len(), posts);
    let told = world.told("S1").await;
    assert_eq!((&told["state"], &told["delivery"]["state"]), (&json!("AUTHORIZED"), &json!("NONE")));
    assert_eq!(told["delivery"]["attempts"][0]["outcome"], "status");
    for id in [&retried.id, &unsent.id] {
        assert_eq!(world.resend(id).await, Ok(false));
    }
}

#[tokio::test]
async fn a_browser_that_comes_back_meets_a_link_that_is_over() {
    let world = World::new();
    let used = world.authorized("S1", "open-1").await;
    let unused = world.link("S2").await;
    for issued in [&used, &unused] {
        forget(&world, &issued.id).await;
        let left = world.record(&issued.id).await;
        let asked = world.gateway.codes().len();
        for code in ["codeS1", "codeB"] {
            assert_eq!(world.complete_return(&issued.state, code).await.outcome, "expired");
        }
        let refused = format!("app_id={APP_ID}&source=alipay_wallet&state={}", issued.state);
        assert_eq!(world.browse(&refused).await.outcome, "expired");
        assert_eq!(world.gateway.codes().len(), asked, "no code is spent on it");
        assert_eq!(world.record(&issued.id).await, left);
    }
    let forged = format!("{}{}", used.id, "0".repeat(32));
    assert_eq!(world.complete_return(&forged, "codeC").await.outcome, "unknown-link");
}

#[tokio::test]
async fn a_platform_that_calls_back_is_done_and_nobody_is_recorded() {
    let logs = Logs::keep();
    let world = World::new();
    world.links_come_from("rsa");
    let mut left = Vec::new();
    for (serial_no, settles) in [("S1", true), ("S2", false)] {
        world.platforms.grant("https://platform.example/consent");
        world.ask(&LinkCall::new(serial_no, world.now())).await.expect_link();
        let state = state_asked_with(&world.platforms.asked().pop().expect("a request"));
        let id = AuthorizationId::from_serial("B1", serial_no);
        let call = callback(&state, &id, "open-1", world.now());
        let success = CallbackAnswer { http_status: 200, text: "SUCCESS".to_owned() };
        if settles {
            assert_eq!(world.receive_callback(&call).await, success);
        }
        forget(&world, &id).await;
        left.push((id.clone(), world.record(&id).await));
        for open_id in ["open-1", "open-2"] {
            let call = callback(&state, &id, open_id, world.now());
            assert_eq!(world.receive_callback(&call).await, success);
        }
        let forged = LinkCall { key: Key::Rsa(foreign()), ..call };
        assert_eq!(world.receive_callback(&forged).await.text, "FAIL");
    }
    for (id, left) in left {
        assert_eq!(world.record(&id).await, left);
    }
    assert!(!logs.text().contains("open-"), "{}", logs.text());
}

#[tokio::test]
async fn no_notice_follows_and_one_that_is_due_names_nobody_any_more() {
    let world = World::new();
    let mut document = business();
    document["notifyRefusals"] = true.into();
    document["notifyExpired"] = true.into();
    world.secrets.set("business/B1", &document);
    let mut body = link_body("S1");
    body["callbackUrl"] = "https://merchant.example.com/cb".into();
    let call = LinkCall::with_body(&body, world.now());
    let link = world.ask(&call).await.expect_link();
    let id = AuthorizationId::from_serial("B1", "S1");
    let refused = format!("app_id={APP_ID}&source=alipay_wallet&state={}", state_of(&link));
    assert_eq!(world.browse(&refused).await.outcome, "not-authorized");
    let [itself, of_refusal, of_end] = id.with_its_notices();
    for id in [&itself, &of_refusal] {
        forget(&world, id).await;
    }
    assert_eq!(world.operated.forget(&of_end, world.now()).await, Ok(Forgetting::NotFound));
    world.clock.advance(Duration::from_hours(25));
    world.delivery.handle(DeliveryEvent::Sweep).await.expect("the store answers");
    assert!(!world.drain().await.contains(&Step::Delivered));
    assert_eq!(world.merchant.posts().len(), 0);
    assert_eq!(world.operated.authorization(&of_end).await, Ok(None));
}

#[tokio::test]
async fn nobody_is_forgotten_during_an_exchange_and_a_dead_one_ends_unknown() {
    let world = World::new();
    let issued = world.link("S1").await;
    let exchanging =
        "UPDATE authorizations SET status = 'EXCHANGING', exchange_by = 'w', exchange_until = ?1";
    let until = world.now() + EXCHANGE_LEASE;
    Connection::open(&world.file).expect("opens").execute(exchanging, [until.0]).expect("set");
    assert_eq!(world.operated.forget(&issued.id, world.now()).await, Ok(Forgetting::Busy(until)));
    assert!(matches!(world.record(&issued.id).await.state, AuthorizationState::Exchanging { .. }));
    world.clock.advance(EXCHANGE_LEASE);
    forget(&world, &issued.id).await;
    assert_eq!(world.record(&issued.id).await.status(), Status::ExchangeUnknown);
}

#[tokio::test]
async fn the_page_behind_a_link_leads_nowhere() {
    let world = World::new();
    let link = world.call(&RpcCall::new(Protocol::V3, world.now())).await.link.expect("a link");
    let id = only_id(&world);
    forget(&world, &id).await;
    let request = http::Request::builder().uri(link.as_str()).body(bytes::Bytes::new()).expect("a request");
    let shown = Shown::read(&world.authorization_url.handle(&request).await);
    assert_eq!(shown.outcome, "gone");
}

fn only_id(world: &World) -> AuthorizationId {
    let connection = Connection::open(&world.file).expect("opens");
    let id: String =
        connection.query_row("SELECT id FROM authorizations", [], |row| row.get(0)).expect("one record");
    AuthorizationId::parse(&id).expect("an id")
}

#[tokio::test]
async fn nothing_of_a_person_is_left_in_the_database_once_its_log_is_written_back() {
    let world = World::new();
    let issued = world.link("S1").await;
    // Of the merchant's name for the user and little else, so that it could be guessed.
    let digest = world.record(&issued.id).await.parameters_digest.expect("an open link's");
    let written_back = || {
        let connection = Connection::open(&world.file).expect("opens");
        let busy: i64 = connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .expect("written back");
        assert_eq!(busy, 0);
        let wal = fs::read(world.file.with_extension("db-wal")).unwrap_or_default();
        [fs::read(&world.file).expect("a database"), wal].concat()
    };
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds(&written_back(), &digest));
    world.gateway.answer(identified("open-of-this-person"));
    assert_eq!(world.complete_return(&issued.state, "code").await.outcome, "authorized");
    world.drain().await;
    let before = written_back();
    assert!(!holds(&before, &digest), "a repetition is told by other means");
    let open = world.link("S2").await;
    let digest = world.record(&open.id).await.parameters_digest.expect("an open link's");
    assert!(holds(&written_back(), &digest));
    forget(&world, &open.id).await;
    assert!(!holds(&written_back(), &digest));
    assert!(holds(&before, "open-of-this-person") && holds(&before, USER_ID));
    forget(&world, &issued.id).await;
    let after = written_back();
    assert!(!holds(&after, "open-of-this-person") && !holds(&after, USER_ID));
    assert!(holds(&after, issued.id.as_str()));
    let told: Value = world.told("S1").await;
    assert_eq!(told["state"], "DELIVERED");
}

const DAY: Duration = Duration::from_hours(24);

/// A world that keeps personal data for `days` after a delivery.
fn world_that_keeps_for(days: u32) -> World {
    let mut world = World::new();
    let store = Arc::new(world.store.clone());
    world.deps.delivery.personal_data = Some(PersonalData { kept_for: DAY * days, store });
    world.rebuild();
    world
}

async fn sweep(world: &World) {
    world.delivery.handle(DeliveryEvent::Sweep).await.expect("the store answers");
}

#[tokio::test]
async fn what_was_delivered_is_forgotten_when_its_time_is_over() {
    let world = world_that_keeps_for(30);
    world.authorized("S1", "open-1").await;
    assert_eq!(world.drain().await, [Step::Delivered]);
    // Days are counted from the delivery, and one more for the second look.
    for day in 0..31 {
        assert_eq!(world.told("S1").await["openId"], "open-1", "day {day}");
        world.clock.advance(DAY);
        sweep(&world).await;
    }
    let told = world.told("S1").await;
    assert_eq!((&told["state"], &told["forgottenAt"]), (&json!("DELIVERED"), &json!(world.now())));
    assert!(told.get("openId").is_none());
}

#[tokio::test]
async fn a_time_that_outlasts_the_record_is_none_and_neither_is_there_one_unless_it_is_set() {
    for world in [world_that_keeps_for(3_000), World::new()] {
        world.authorized("S1", "open-1").await;
        assert_eq!(world.drain().await, [Step::Delivered]);
        let connection = Connection::open(&world.file).expect("opens");
        let forget_at: Option<i64> = connection
            .query_row("SELECT forget_at FROM authorizations", [], |row| row.get(0))
            .expect("one record");
        assert_eq!(forget_at, None);
        assert_eq!(forget_what_is_due(&world.delivery).await, Ok(0));
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_keeps_nobody_from_being_forgotten() {
    for (column, value) in [("requested", "x"), ("history", "x"), ("history", "")] {
        let world = world_that_keeps_for(1);
        let mut delivered = Vec::new();
        for serial_no in ["S1", "S2", "S3"] {
            delivered.push(world.authorized(serial_no, "open-1").await.id);
            assert_eq!(world.drain().await, [Step::Delivered]);
            world.clock.advance(Duration::from_secs(1));
        }
        let [broken, sound @ ..] = &delivered[..] else { panic!("three") };
        let damage = format!("UPDATE authorizations SET {column} = ?1 WHERE id = ?2");
        let connection = Connection::open(&world.file).expect("opens");
        assert_eq!(connection.execute(&damage, [value, broken.as_str()]), Ok(1));

        let logs = Logs::keep();
        let first = world.now() + DAY;
        assert_eq!(world.store.forget_delivered(first, 1).await, Ok(ForgottenSome::all(0)));
        let second = first + RECORDS_APART;
        for (limit, some) in [
            (1, ForgottenSome::all(1)),
            (2, ForgottenSome { found: 2, forgotten: 1 }),
            (2, ForgottenSome { found: 1, forgotten: 0 }),
        ] {
            assert_eq!(world.store.forget_delivered(second, limit).await, Ok(some), "{column}");
        }
        for id in sound {
            assert_eq!(world.record(id).await.forgotten_at(), Some(second));
        }
        let told = logs.lines().into_iter().any(|line| {
            (line["alarm"].as_str(), line["reference"].as_str()) == (Some("record"), Some(broken.as_str()))
        });
        assert!(told, "{}", logs.text());
        assert!(matches!(world.operated.forget(broken, second).await, Err(StoreError::Corrupt(_))));
    }
}

/// A store with more to forget than anybody can.
#[derive(Default)]
struct Endless(AtomicU32);

#[async_trait]
impl ForgetDelivered for Endless {
    async fn forget_delivered(&self, _: UnixMillis, limit: u32) -> Result<ForgottenSome, StoreError> {
        self.0.fetch_add(limit, Ordering::SeqCst);
        // One of each is beyond reading.
        Ok(ForgottenSome { found: limit, forgotten: limit - 1 })
    }
}

/// A store of which nothing can be read.
#[derive(Default)]
struct Unreadable(AtomicU32);

#[async_trait]
impl ForgetDelivered for Unreadable {
    async fn forget_delivered(&self, _: UnixMillis, limit: u32) -> Result<ForgottenSome, StoreError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(ForgottenSome { found: limit, forgotten: 0 })
    }
}

/// A store that is away.
struct Away;

#[async_trait]
impl ForgetDelivered for Away {
    async fn forget_delivered(&self, _: UnixMillis, _: u32) -> Result<ForgottenSome, StoreError> {
        Err(StoreError::Unavailable("away".to_owned()))
    }
}

#[tokio::test]
async fn a_sweep_forgets_its_share_and_leaves_the_rest_to_the_next() {
    let mut world = World::new();
    let endless = Arc::new(Endless::default());
    world.deps.delivery.personal_data = Some(PersonalData { kept_for: DAY, store: endless.clone() });
    world.rebuild();
    assert_eq!(
        forget_what_is_due(&world.delivery).await,
        Ok(10 * 199),
        "one that cannot be read ends nothing"
    );
    assert_eq!(endless.0.load(Ordering::SeqCst), 2_000);

    let unreadable = Arc::new(Unreadable::default());
    world.deps.delivery.personal_data = Some(PersonalData { kept_for: DAY, store: unreadable.clone() });
    world.rebuild();
    assert_eq!(forget_what_is_due(&world.delivery).await, Ok(0));
    assert_eq!(unreadable.0.load(Ordering::SeqCst), 1, "the same would be found again");
}

#[tokio::test]
async fn a_store_that_forgets_nobody_keeps_no_delivery_back() {
    let mut world = World::new();
    world.deps.delivery.personal_data = Some(PersonalData { kept_for: DAY, store: Arc::new(Away) });
    world.rebuild();
    world.authorized("S1", "open-1").await;
    world.clock.advance(HINT_GRACE_PERIOD);
    assert!(world.delivery.handle(DeliveryEvent::Sweep).await.is_err());
    assert_eq!(world.merchant.posts().len(), 1);
}
