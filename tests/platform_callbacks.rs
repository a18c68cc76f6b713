//! `POST /v1/openapi/auth/alipay/callback/{state}`: what a platform may settle, and what nobody else may.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use shared::delivery::schedule::Schedule;
use shared::egress::transport_error::TransportError;
use shared::model::authorization::{Authorization, Status};
use shared::model::id::AuthorizationId;
use tests::flaky::{Failure, FlakyStore};
use tests::keys;
use tests::logs::Logs;
use tests::parties::identified;
use tests::platform::{SHARED_KEY, by_rsa, callback, callback_body, state_asked_with};
use tests::request::{Key, LinkCall};
use tests::world::{CallbackAnswer, World};

/// A link of the platform `rsa`: the state that its callback address has, and its id.
async fn linked(world: &World, serial_no: &str) -> (String, AuthorizationId) {
    world.links_come_from("rsa");
    world.platforms.grant("https://platform.example/consent");
    world.ask(&LinkCall::new(serial_no, world.now())).await.expect_link();
    let asked = world.platforms.asked().pop().expect("a request");
    (state_asked_with(&asked), AuthorizationId::from_serial("B1", serial_no))
}

fn success() -> CallbackAnswer {
    CallbackAnswer { http_status: 200, text: "SUCCESS".to_owned() }
}

fn fail() -> CallbackAnswer {
    CallbackAnswer { http_status: 200, text: "FAIL".to_owned() }
}

fn open_id_of(record: &Authorization) -> Option<&str> {
    record.identity()?.open_id().map(|id| id.reveal())
}

#[tokio::test]
async fn a_callback_settles_and_the_ordinary_delivery_follows() {
    let world = World::new();
    let (state, id) = linked(&world, "S1").await;
    let call = callback(&state, &id, "open-1", world.now());
    assert_eq!(world.receive_callback(&call).await, success());
    let record = world.record(&id).await;
    assert_eq!((record.status(), open_id_of(&record)), (Status::Authorized, Some("open-1")));
    world.drain().await;
    let posted = world.merchant.posts().pop().expect("a delivery");
    assert_eq!(posted.url, "https://merchant.example.com/cb");
    let body: Value = serde_json::from_slice(&posted.body).expect("JSON");
    assert_eq!(
        body,
        json!({
            "serialNo": "S1", "userId": "user-1", "merchantId": "M1", "businessId": "B1", "openId": "open-1",
            "authTime": world.now(),
        })
    );
    assert_eq!(world.record(&id).await.status(), Status::Delivered);
}

#[tokio::test]
async fn the_same_callback_is_a_success_at_any_time_and_changes_nothing() {
    let world = World::new();
    let (state, id) = linked(&world, "S1").await;
    let call = callback(&state, &id, "open-1", world.now());
    assert_eq!(world.receive_callback(&call).await, success());
    world.drain().await;
    let settled = world.record(&id).await;
    for later in [Duration::ZERO, Duration::from_hours(1), Duration::from_hours(24 * 30)] {
        world.clock.advance(later);
        assert_eq!(world.receive_callback(&call).await, success());
        let signed_anew = callback(&state, &id, "open-1", world.now());
        assert_eq!(world.receive_callback(&signed_anew).await, success());
    }
    assert_eq!(world.record(&id).await, settled);
    assert_eq!(world.merchant.posts().len(), 1);
}

#[tokio::test]
async fn a_consent_that_comes_after_the_links_end_is_settled() {
    let world = World::new();
    let (state, id) = linked(&world, "S1").await;
    world.clock.advance(Duration::from_hours(25));
    assert_eq!(world.receive_callback(&callback(&state, &id, "open-1", world.now())).await, success());
    assert_eq!(world.record(&id).await.status(), Status::Authorized);
}

#[tokio::test]
async fn a_record_whose_link_never_came_is_settled_by_either_serial() {
    for second in [false, true] {
        let world = World::new();
        world.links_come_from("rsa");
        world.platforms.no_answer(TransportError::Timeout);
        assert_eq!(world.ask(&LinkCall::new("S1", world.now())).await.status, 98);
        let state = state_asked_with(&world.platforms.asked()[0]);
        let id = AuthorizationId::from_serial("B1", "S1");
        let mut call = callback(&state, &id, "open-1", world.now());
        if second {
            call.body = callback_body(&format!("{id}-2"), "open-1").to_string().into_bytes();
        }
        assert_eq!(world.receive_callback(&call).await, success());
        assert_eq!(world.record(&id).await.status(), Status::Authorized);
        // The request that was cut short is now of the past.
        let again = world.ask(&LinkCall::new("S1", world.now())).await;
        assert_eq!((again.status, again.link), (8, None));
    }
}

#[tokio::test]
async fn another_openid_fails_with_an_alarm_and_the_first_stays() {
    let logs = Logs::keep();
    let world = World::new();
    let (state, id) = linked(&world, "S1").await;
    assert_eq!(world.receive_callback(&callback(&state, &id, "open-1", world.now())).await, success());
    let settled = world.record(&id).await;
    assert!(!logs.text().contains("alarm"));
    assert_eq!(world.receive_callback(&callback(&state, &id, "open-2", world.now())).await, fail());
    assert_eq!(world.record(&id).await, settled);
    let text = logs.text();
    assert_eq!(text.matches(r#""alarm":"settlement""#).count(), 1, "{text}");
    assert!(!text.contains("open-1") && !text.contains("open-2") && !text.contains(&state[32..]), "{text}");
}

#[tokio::test]
async fn two_callbacks_at_once_settle_once() {
    let world = World::new();
    let (state, id) = linked(&world, "S1").await;
    let (one, two) =
        (callback(&state, &id, "open-1", world.now()), callback(&state, &id, "open-2", world.now()));
    let (one, two) = tokio::join!(world.receive_callback(&one), world.receive_callback(&two));
    let mut texts = [one.text, two.text];
    texts.sort();
    assert_eq!(texts, ["FAIL", "SUCCESS"]);
}

#[tokio::test]
async fn success_is_said_only_after_the_write() {
    let world = World::new();
    let (state, id) = linked(&world, "S1").await;
    let call = callback(&state, &id, "open-1", world.now());
    // Not done for as long as the function may try: the callback has to come again.
    let mut other = world.another_process();
    let away = [Failure::NotDoneAfter(Duration::from_secs(6)); 4];
    let away = FlakyStore::new(world.store.clone(), &away).by(&other.clock, &[]);
    other.deps.callback.store = Arc::new(away);
    other.rebuild();
    other.deny_list().await;
    tokio::time::pause();
    let answer = other.receive_callback(&call).await;
    tokio::time::resume();
    assert_eq!(answer, CallbackAnswer { http_status: 503, text: "FAIL".to_owned() });
    assert_eq!(world.record(&id).await.status(), Status::Issued);
    // Done without our being told: the repeat finds its own write.
    let mut other = world.another_process();
    other.deps.callback.store = Arc::new(FlakyStore::new(world.store.clone(), &[Failure::AnswerLost]));
    other.rebuild();
    other.deny_list().await;
    tokio::time::pause();
    let answer = other.receive_callback(&call).await;
    tokio::time::resume();
    assert_eq!(answer, success());
    assert_eq!(world.record(&id).await.status(), Status::Authorized);
}

#[tokio::test]
async fn a_request_of_ours_to_the_platform_is_no_callback_of_the_platforms() {
    let world = World::new();
    world.links_come_from("md5");
    world.platforms.grant("https://other.example/consent");
    world.ask(&LinkCall::new("S1", world.now())).await.expect_link();
    let asked = world.platforms.asked().pop().expect("a request");
    let mut reflected =
        callback(&state_asked_with(&asked), &AuthorizationId::from_serial("B1", "S1"), "", world.now());
    reflected.nonce = asked.headers["nonce"].clone();
    reflected.timestamp = asked.headers["timestamp"].clone();
    reflected.sign_type = Some("MD5".to_owned());
    reflected.key = Key::Literal(asked.headers["sign"].clone());
    reflected.body = asked.bytes.to_vec();
    assert_eq!(world.receive_callback(&reflected).await, fail());
    assert_eq!(world.record(&AuthorizationId::from_serial("B1", "S1")).await.status(), Status::Issued);
}

#[tokio::test]
async fn a_platform_by_md5_calls_back_by_md5() {
    let world = World::new();
    world.links_come_from("md5");
    world.platforms.grant("https://other.example/consent");
    world.ask(&LinkCall::new("S1", world.now())).await.expect_link();
    let state = state_asked_with(&world.platforms.asked()[0]);
    let id = AuthorizationId::from_serial("B1", "S1");
    let mut call = callback(&state, &id, "open-1", world.now());
    assert_eq!(world.receive_callback(&call).await, fail(), "SHA256-RSA, for which it has no key");
    call.sign_type = Some("MD5".to_owned());
    call.key = Key::Md5(SHARED_KEY);
    assert_eq!(world.receive_callback(&call).await, success());
    assert_eq!(open_id_of(&world.record(&id).await), Some("open-1"));
}

#[tokio::test]
async fn a_browser_settles_no_record_of_a_platforms_and_a_callback_none_of_our_own() {
    let world = World::new();
    let ours = world.link("S1").await;
    let callback_of_ours = callback(&ours.state, &ours.id, "open-1", world.now());
    assert_eq!(world.receive_callback(&callback_of_ours).await, fail());
    assert_eq!(world.record(&ours.id).await.status(), Status::Issued);

    // Until the business's document is looked up again.
    world.clock.advance(Duration::from_mins(6));
    let (state, id) = linked(&world, "S2").await;
    let before = world.record(&id).await;
    let shown = world.complete_return(&state, "codeA").await;
    assert_eq!((shown.http_status, shown.outcome.as_str()), (404, "unknown-link"));
    assert_eq!(world.gateway.codes(), [""; 0], "its code went nowhere");
    assert_eq!(world.record(&id).await, before);

    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&ours.state, "codeB").await.outcome, "authorized");
}

#[tokio::test]
async fn only_a_post_is_a_callback() {
    let world = World::new();
    let (state, id) = linked(&world, "S1").await;
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let mut call = callback(&state, &id, "open-1", world.now());
        call.method = method;
        let answer = world.callback.handle(&call.build()).await;
        assert_eq!(answer.status(), 404);
    }
    assert_eq!(world.record(&id).await.status(), Status::Issued);
}

#[tokio::test]
async fn of_two_ids_one_that_is_well_formed_will_do() {
    let open_ids = [Value::Null, json!(""), json!(7), json!("a b"), json!("x".repeat(129))];
    for open_id in open_ids {
        let logs = Logs::keep();
        let world = World::new();
        let (state, id) = linked(&world, "S1").await;
        let mut call = callback(&state, &id, "", world.now());
        let mut body = callback_body(id.as_str(), "");
        body["openId"] = open_id.clone();
        body["alipayUserId"] = "2088123".into();
        call.body = body.to_string().into_bytes();
        assert_eq!(world.receive_callback(&call).await, success(), "{open_id}");
        let record = world.record(&id).await;
        let user_id = record.identity().and_then(|user| user.user_id()).map(|id| id.reveal());
        assert_eq!((user_id, open_id_of(&record)), (Some("2088123"), None));
        let absent = open_id.is_null() || open_id == "";
        assert_eq!(logs.text().contains(r#""field":"openId""#), !absent, "{open_id}");
    }
}

#[tokio::test]
async fn a_consent_that_comes_late_is_kept_as_long_as_its_delivery_may_take() {
    let world = World::new();
    let (state, id) = linked(&world, "S1").await;
    let kept_until = world.record(&id).await.retain_until;
    world.clock.set(kept_until - Duration::from_hours(1));
    assert_eq!(world.receive_callback(&callback(&state, &id, "open-1", world.now())).await, success());
    let record = world.record(&id).await;
    assert_eq!(record.retain_until, world.now() + Schedule::default().keeps_for());
}

#[tokio::test]
async fn a_new_business_id_of_ours_there_works_at_once() {
    let world = World::new();
    let (state, id) = linked(&world, "S1").await;
    let mut document = by_rsa();
    document["businessId"] = "us-anew".into();
    world.secrets.set("upstream/rsa", &document);
    world.clock.advance(Duration::from_secs(11));
    let mut call = callback(&state, &id, "open-1", world.now());
    call.business_id = "us-anew".to_owned();
    assert_eq!(world.receive_callback(&call).await, success());
}

#[tokio::test]
async fn a_new_key_of_the_platforms_works_at_once() {
    let world = World::new();
    let (state, id) = linked(&world, "S1").await;
    let mut document = by_rsa();
    document["publicKeys"] = json!([keys::public_pem(keys::foreign())]);
    world.secrets.set("upstream/rsa", &document);
    // What the process has cached is the old one.
    world.clock.advance(Duration::from_secs(11));
    let mut call = callback(&state, &id, "open-1", world.now());
    call.key = Key::Rsa(keys::foreign());
    assert_eq!(world.receive_callback(&call).await, success());
}

#[tokio::test]
async fn without_the_platforms_document_the_callback_has_to_come_again() {
    let logs = Logs::keep();
    let world = World::new();
    let (state, id) = linked(&world, "S1").await;
    let call = callback(&state, &id, "open-1", world.now());
    let unavailable = CallbackAnswer { http_status: 503, text: "FAIL".to_owned() };
    world.secrets.set_unavailable(true);
    let other = world.another_process();
    assert_eq!(other.receive_callback(&call).await, unavailable);
    assert!(logs.text().contains(r#""alarm":"unavailable""#));
    world.secrets.set_unavailable(false);
    world.secrets.delete("upstream/rsa");
    let other = world.another_process();
    assert_eq!(other.receive_callback(&call).await, unavailable);
    assert!(logs.text().contains(r#""alarm":"keys""#));
    world.secrets.set("upstream/rsa", &by_rsa());
    assert_eq!(world.another_process().receive_callback(&call).await, success());
}

#[tokio::test]
async fn a_platform_whose_callbacks_are_refused_raises_its_alarm_and_a_stranger_none() {
    let logs = Logs::keep();
    let world = World::new();
    let (state, id) = linked(&world, "S1").await;
    let mut stranger = callback(&"0".repeat(64), &id, "open-1", world.now());
    stranger.key = Key::Rsa(keys::foreign());
    assert_eq!(world.receive_callback(&stranger).await, fail());
    assert!(!logs.text().contains("alarm"), "{}", logs.text());
    let mut known = callback(&state, &id, "open-1", world.now());
    known.key = Key::Rsa(keys::foreign());
    assert_eq!(world.receive_callback(&known).await, fail());
    assert!(logs.text().contains(r#""alarm":"upstream""#), "{}", logs.text());
    assert!(logs.text().contains(id.as_str()));
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_not_logged_whatever_a_body_does_with_it() {
    let world = World::new();
    let (state, id) = linked(&world, "S1").await;
    let mut call = callback(&state, &id, "open-1", world.now());
    let mut body = callback_body(id.as_str(), "open-1").to_string();
    body.truncate(body.len() - 1);
    call.body = format!(r#"{body},"13900001234":1,"13900001234":2}}"#).into_bytes();
    let logs = Logs::keep();
    assert_eq!(world.receive_callback(&call).await, fail());
    let text = logs.text();
    assert_eq!(text.matches("the body gives a field twice").count(), 2, "{text}");
    assert!(!text.contains("13900001234"), "{text}");
}
