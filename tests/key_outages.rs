//! Keys that are unavailable: their source is away or denies them, or strangers ask for more names than are looked up.
//! No party of ours is told that it does not exist, and no delivery loses an attempt.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use openid_delivery::Step;
use serde_json::{Value, json};
use shared::model::forgetting::Forgetting;
use shared::model::id::AuthorizationId;
use shared::secrets::FetchError;
use shared::store::ForgetPersons as _;
use tests::keys::{alipay, app, callback, foreign, merchant_md5, private_pem, public_pem};
use tests::logs::Logs;
use tests::parties::identified;
use tests::platform::{self, state_asked_with};
use tests::request::{Key, LinkCall, QueryAnswer};
use tests::rpc::{Protocol, RpcCall};
use tests::world::{APP_ID, Shown, World, business, scheme};

const TEMPLATE: &str = include_str!("../template.yaml");
const TOO_MANY: &str = "too many look-ups of unknown names";

fn away() -> FetchError {
    FetchError::Unavailable("told to".to_owned())
}

fn lines(logs: &Logs) -> Vec<Value> {
    logs.text().lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// The alarms of all lines, in order.
fn alarms(logs: &Logs) -> Vec<String> {
    lines(logs).iter().filter_map(|line| line["alarm"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn an_hour_without_a_key_costs_a_delivery_no_attempt() {
    let by_md5 = json!({"md5Keys": [merchant_md5()], "merchantIds": ["M1"]});
    for (document, kept_back, failure) in [
        (business(), "callback-key", away()),
        (business(), "business/B1", away()),
        (business(), "callback-key", FetchError::Denied),
        (by_md5, "business/B1", FetchError::Denied),
    ] {
        let world = World::new();
        let issued = world.authorized("S1", "open-1").await;
        world.secrets.set("business/B1", &document);
        let process = world.another_process();
        world.secrets.fail(kept_back, Some(failure.clone()));
        let mut tried = 0;
        for _ in 0..60 {
            world.clock.advance(Duration::from_mins(1));
            let steps = process.sweep_and_drain().await;
            assert!(steps.iter().all(|step| *step == Step::Postponed), "{steps:?}");
            tried += steps.len();
        }
        assert!(tried >= 29, "it is looked at every two minutes: {tried}");
        assert_eq!((world.record(&issued.id).await.attempts_begun(), world.merchant.posts().len()), (0, 0));
        world.secrets.fail(kept_back, None);
        world.clock.advance(Duration::from_mins(2));
        assert_eq!(process.sweep_and_drain().await, [Step::Delivered], "{kept_back} {failure}");
        assert_eq!(world.record(&issued.id).await.history()[0].number, 1);
    }
}

#[tokio::test]
async fn our_own_key_in_a_businesss_document_is_named_and_its_deliveries_wait() {
    let (logs, world) = (Logs::keep(), World::new());
    let issued = world.authorized("S1", "open-1").await;
    let mut wrong = business();
    wrong["publicKeys"] = json!([public_pem(callback()), public_pem(foreign())]);
    world.secrets.set("business/B1", &wrong);
    let process = world.another_process();
    for _ in 0..3 {
        world.clock.advance(Duration::from_mins(2));
        assert_eq!(process.sweep_and_drain().await, [Step::Postponed]);
    }
    assert_eq!((world.record(&issued.id).await.attempts_begun(), world.merchant.posts().len()), (0, 0));
    assert!(logs.text().contains("publicKeys hold the public half of our callback-key"));
    assert_eq!(alarms(&logs), ["keys"], "one of a version, not of a delivery");
    assert!(lines(&logs).iter().all(|line| line["alarm"] != "keys" || line["owner"] == "B1"));
    wrong["publicKeys"] = json!([public_pem(callback())]);
    world.secrets.set("business/B1", &wrong);
    world.clock.advance(Duration::from_mins(6));
    assert_eq!(process.sweep_and_drain().await, [Step::Postponed]);
    assert_eq!(alarms(&logs), ["keys", "keys"], "another version");
    world.secrets.set("business/B1", &business());
    world.clock.advance(Duration::from_mins(5));
    assert_eq!(process.sweep_and_drain().await, [Step::Delivered]);
}

/// The alarms of two versions of a document that cannot be read, each needed three times, by one process.
async fn needed_unreadable(world: &World, name: &str, mut need: impl AsyncFnMut(&World)) -> Vec<String> {
    let logs = Logs::keep();
    let process = world.another_process();
    for version in 0..2 {
        world.secrets.set(name, &json!({"unreadable": version}));
        for _ in 0..3 {
            world.clock.advance(Duration::from_mins(1));
            need(&process).await;
        }
    }
    alarms(&logs)
}

#[tokio::test]
async fn an_unreadable_app_raises_one_alarm_a_version_however_many_come_back() {
    let world = World::new();
    let state = world.link("S1").await.state;
    let app = format!("alipay-app/{APP_ID}");
    let raised = needed_unreadable(&world, &app, async |process| {
        assert_eq!(process.complete_return(&state, "codeA").await.outcome, "unavailable");
    });
    assert_eq!(raised.await, ["keys"; 2]);
}

#[tokio::test]
async fn an_unreadable_platform_raises_one_alarm_a_version_however_often_it_calls_back() {
    let world = World::new();
    world.links_come_from("rsa");
    world.platforms.grant("https://platform.example/consent");
    world.ask(&LinkCall::new("S1", world.now())).await.expect_link();
    let state = state_asked_with(&world.platforms.asked().pop().expect("a request"));
    let id = AuthorizationId::from_serial("B1", "S1");
    let raised = needed_unreadable(&world, "upstream/rsa", async |process| {
        let call = platform::callback(&state, &id, "open-1", process.now());
        assert_eq!(process.receive_callback(&call).await.http_status, 503);
    });
    assert_eq!(raised.await, ["keys"; 2]);
}

#[tokio::test]
async fn an_unreadable_callback_key_raises_one_alarm_a_version_however_many_deliveries_need_it() {
    let world = World::new();
    for number in 1..=3 {
        world.authorized(&format!("S{number}"), "open-1").await;
    }
    let mut tried = 0;
    let raised = needed_unreadable(&world, "callback-key", async |process| {
        let steps = process.sweep_and_drain().await;
        assert!(steps.iter().all(|step| matches!(step, Step::Failed(_))), "{steps:?}");
        tried += steps.len();
    });
    assert_eq!(raised.await, ["keys"; 2]);
    assert!(tried > 6, "{tried}");
}

#[tokio::test]
async fn unreadable_keys_of_links_raise_one_alarm_a_version_however_often_pages_are_opened() {
    let world = World::new();
    let link = world.call(&RpcCall::new(Protocol::V3, world.now())).await.link.expect("a link");
    for name in ["link-token", "scheme/234"] {
        let raised = needed_unreadable(&world, name, async |process| {
            let link = Request::builder().uri(&link).body(Bytes::new()).expect("a request");
            assert_eq!(process.authorization_url.handle(&link).await.status(), 503, "{name}");
        });
        assert_eq!(raised.await, ["keys"; 2], "{name}");
        world.secrets.set("link-token", &json!({"keys": ["0123456789abcdef0123456789abcdef"]}));
    }
}

#[tokio::test]
async fn strangers_beyond_the_limit_come_again_later_and_raise_no_alarm() {
    let logs = Logs::keep();
    let world = World::new();
    let message = "too many unknown businessIds are being asked for, try again in a second".to_owned();
    for number in 0..60 {
        let business_id = format!("stranger{number}");
        let link = LinkCall { business_id: business_id.clone(), ..LinkCall::new("S1", world.now()) };
        let query = LinkCall { business_id, ..LinkCall::query("S1", world.now()) };
        let (link, query) = (world.ask(&link).await, world.query(&query).await);
        if number < 50 {
            assert_eq!([(link.http_status, link.status), (query.http_status, query.status)], [(200, 7); 2]);
        } else {
            assert_eq!((link.http_status, link.status, &link.message), (429, 1, &message));
            let message = message.clone();
            assert_eq!(query, QueryAnswer { http_status: 429, status: 1, message, data: json!({}) });
        }
    }
    world.link("S1").await;
    assert_eq!(logs.text().matches(TOO_MANY).count(), 20);
    assert_eq!(alarms(&logs), [""; 0]);
    assert!(!logs.text().contains("stranger"), "who is not known is not logged");
}

#[tokio::test]
async fn what_counts_refused_look_ups_reads_the_word_of_the_log() {
    let logs = Logs::keep();
    let world = World::new();
    for number in 0..51 {
        let access_key_id = format!("nobody{number}");
        let call = RpcCall { access_key_id, ..RpcCall::new(Protocol::V1, world.now()) };
        world.call(&call).await;
    }
    let last = lines(&logs).pop().expect("a line");
    assert_eq!((last["code"].as_str(), last["reason"].as_str()), (Some("Throttling.System"), Some(TOO_MANY)));
    let filter = format!("FilterPattern: '{{ $.reason = \"{TOO_MANY}\" }}'");
    assert_eq!(TEMPLATE.matches(&filter).count(), 4, "one for each function that strangers can ask");
}

#[tokio::test]
async fn apps_that_browsers_invent_are_counted_and_one_that_a_record_names_is_looked_up_all_the_same() {
    let (world, invented) = (World::new(), "5".repeat(64));
    let flood = async |app_ids: std::ops::Range<u32>| {
        for app_id in app_ids {
            let shown = world.complete_return_for(&app_id.to_string(), &invented, "codeX").await;
            assert_eq!(shown.outcome, "unknown-link");
        }
    };
    flood(1..52).await;
    let logs = Logs::keep();
    flood(52..53).await;
    let line = lines(&logs).pop().expect("a line");
    assert_eq!((line["outcome"].as_str(), line["reason"].as_str()), (Some("unknown-link"), Some(TOO_MANY)));
    assert_eq!(alarms(&logs), [""; 0]);

    // One of ours that is newer than the list of names.
    let mut business = business();
    business["alipayApp"] = json!("2021000000000002");
    world.secrets.set("business/B1", &business);
    let app = json!({"privateKey": private_pem(app()), "alipayPublicKeys": [public_pem(alipay())]});
    world.secrets.set("alipay-app/2021000000000002", &app);
    let over = world.link("S2").await;
    assert_eq!(world.store.forget(&over.id, world.now()).await, Ok(Forgetting::Done));
    world.complete_return_for("2021000000000002", &over.state, "codeB").await;
    let line = lines(&logs).pop().expect("a line");
    assert_eq!((line["outcome"].as_str(), line["reason"].as_str()), (Some("expired"), None), "by the record");

    let issued = world.link("S1").await;
    world.gateway.answer(identified("open-1"));
    let shown = world.complete_return_for("2021000000000002", &issued.state, "codeA").await;
    assert_eq!(shown.outcome, "authorized");
}

#[tokio::test]
async fn a_page_reads_the_scheme_that_its_record_names_whatever_strangers_ask_for() {
    let world = World::new();
    let process = world.another_process();
    for scheme_id in 1..52_u64 {
        let call = RpcCall::new(Protocol::V1, world.now()).with("SchemeId", scheme_id.to_string());
        process.call(&call).await;
    }
    world.secrets.set("scheme/2340001", &scheme());
    let of_new_scheme = || RpcCall::new(Protocol::V1, world.now()).with("SchemeId", "2340001");
    let link = world.call(&of_new_scheme()).await.link.expect("a link");
    assert_eq!(process.call(&of_new_scheme()).await.code, "Throttling.System", "it is newer than the list");
    let page = Request::get(&link).header("user-agent", "an iPhone, Mobile").body(Bytes::new());
    let shown = Shown::read(&process.authorization_url.handle(&page.expect("a request")).await);
    assert_eq!((shown.http_status, shown.outcome.as_str()), (200, "open"));
}

#[tokio::test]
async fn a_denied_document_tells_nobody_that_they_do_not_exist() {
    let logs = Logs::keep();
    let world = World::new();
    world.secrets.fail("business/B1", Some(FetchError::Denied));
    let link = world.ask(&LinkCall::new("S1", world.now())).await;
    let query = world.query(&LinkCall::query("S1", world.now())).await;
    assert_eq!([(link.http_status, link.status), (query.http_status, query.status)], [(503, 1); 2]);
    world.secrets.fail("scheme/234", Some(FetchError::Denied));
    let of_scheme = world.call(&RpcCall::new(Protocol::V1, world.now())).await;
    let process = world.another_process();
    world.secrets.fail("access-key/testAccessKeyId", Some(FetchError::Denied));
    let of_key = process.call(&RpcCall::new(Protocol::V3, world.now())).await;
    assert_eq!([of_scheme, of_key].map(|answer| (answer.http_status, answer.code)), {
        let failed = || (500, "SystemError".to_owned());
        [failed(), failed()]
    });
    // One of the cache, and one of the request.
    assert_eq!(alarms(&logs), ["keys"; 8]);
    assert!(lines(&logs).iter().all(|line| line["business"].is_null()), "nobody is known yet");
}

#[tokio::test]
async fn a_bad_signature_revokes_nobody() {
    let world = World::new();
    world.link("S1").await;
    world.secrets.delete("business/B1");
    world.clock.advance(Duration::from_secs(10));
    let forged = LinkCall { key: Key::Rsa(foreign()), ..LinkCall::new("S2", world.now()) };
    assert_eq!(world.ask(&forged).await.status, 2);
    world.link("S2").await;
    world.clock.advance(Duration::from_mins(5));
    assert_eq!(world.ask(&LinkCall::new("S3", world.now())).await.status, 7);
}

#[tokio::test]
async fn a_denial_switches_nobody_off_who_was_known_and_raises_an_alarm() {
    for failure in [FetchError::Denied, away()] {
        let world = World::new();
        world.link("S1").await;
        world.call(&RpcCall::new(Protocol::V3, world.now())).await.link.expect("a link");
        let logs = Logs::keep();
        for document in ["business/B1", "access-key/testAccessKeyId"] {
            world.secrets.fail(document, Some(failure.clone()));
        }
        for minutes in [5, 30, 24] {
            world.clock.advance(Duration::from_mins(minutes));
            world.link(&format!("S-{}", world.now())).await;
            assert_eq!(world.call(&RpcCall::new(Protocol::V1, world.now())).await.code, "OK");
        }
        let is_denied = failure == FetchError::Denied;
        assert_eq!(alarms(&logs).contains(&"keys".to_owned()), is_denied, "at the first look");
        world.clock.advance(Duration::from_mins(1));
        let link = world.ask(&LinkCall::new("S2", world.now())).await;
        let called = world.call(&RpcCall::new(Protocol::V3, world.now())).await;
        assert_eq!((link.http_status, link.status, called.code.as_str()), (503, 1, "SystemError"));
        let expected = if is_denied { "keys" } else { "unavailable" };
        assert_eq!(alarms(&logs).last().map(String::as_str), Some(expected));
    }
}
