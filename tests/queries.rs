//! `authorization-query`: what a business is told of its serialNo at every step, and who is told nothing.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use local::operate::summary::summary;
use openid_delivery::ATTEMPT_LEASE;
use serde_json::{Value, json};
use shared::delivery::response::{AnswerText, AttemptResult};
use shared::delivery::schedule::Schedule;
use shared::model::authorization::{Authorization, Callback, Issue, MAX_REFUSED_CODES, NewLink};
use shared::model::authorization_request::{AuthorizationRequest, MerchantRequest};
use shared::model::claim::AttemptClaim;
use shared::model::clock::UnixMillis;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::id::{AuthorizationId, OperationId, State};
use shared::model::purge::RECORDS_APART;
use shared::store::{
    ForgetPersons as _, NonceUse, PurgeExpired as _, ReadAuthorizations, RecordDeliveries as _,
    RecordLinks as _, RecordPlatformLinks as _, StoreError, UseNonces,
};
use tests::keys::{foreign, merchant, merchant_md5};
use tests::logs::Logs;
use tests::parties::{code_invalid, identified};
use tests::request::{Key, LinkCall, QueryAnswer, link_body, query_body, state_of};
use tests::world::{World, business};

const NO_SUCH_SERIAL: &str = "there is no such serialNo";

/// The status and message of the answer to `call`, which tells nothing else.
async fn refused(world: &World, call: &LinkCall) -> (i64, String) {
    let QueryAnswer { http_status, status, message, data } = world.query(call).await;
    assert_eq!((http_status, data), (200, json!({})));
    (status, message)
}

fn unknown() -> (i64, String) {
    (7, NO_SUCH_SERIAL.to_owned())
}

/// The events of a timeline, in its order.
fn events(told: &Value) -> Vec<&str> {
    let events = told["timeline"].as_array().expect("a timeline").iter();
    events.map(|happened| happened["event"].as_str().expect("an event")).collect()
}

/// The attempts' numbers and outcomes.
fn attempts(told: &Value) -> Vec<(u64, &str)> {
    let attempts = told["delivery"]["attempts"].as_array().expect("attempts").iter();
    attempts
        .map(|attempt| {
            (attempt["number"].as_u64().expect("a number"), attempt["outcome"].as_str().expect("an outcome"))
        })
        .collect()
}

#[tokio::test]
async fn a_serial_no_is_told_of_from_its_link_to_its_delivery() {
    let world = World::new();
    let began = world.now();
    let issued = world.link("S1").await;
    let mut expected = json!({
        "serialNo": "S1", "merchantId": "M1", "businessId": "B1", "userId": "user-1",
        "reference": issued.id,
        "state": "ISSUED",
        "expiresAt": began + Duration::from_hours(24),
        "delivery": {"state": "NONE", "attempts": []},
        "timeline": [{"event": "REQUESTED", "time": began}, {"event": "LINK_ISSUED", "time": began}],
    });
    assert_eq!(world.told("S1").await, expected);

    world.clock.advance(Duration::from_mins(1));
    let consented = world.now();
    world.gateway.answer(identified("open-1"));
    world.complete_return(&issued.state, "codeA").await;
    expected["state"] = json!("AUTHORIZED");
    expected["openId"] = json!("open-1");
    expected["authTime"] = json!(consented);
    expected["delivery"] = json!({"state": "PENDING", "attempts": [], "nextAttemptAt": consented});
    let timeline = expected["timeline"].as_array_mut().expect("a timeline");
    timeline.push(json!({"event": "AUTHORIZED", "time": consented}));
    assert_eq!(world.told("S1").await, expected);

    world.clock.advance(Duration::from_secs(1));
    let delivered = world.now();
    world.drain().await;
    expected["state"] = json!("DELIVERED");
    let attempt = json!({
        "number": 1, "time": delivered, "outcome": "success", "httpStatus": 200, "durationMillis": 0,
    });
    expected["delivery"] = json!({"state": "DELIVERED", "attempts": [attempt]});
    let timeline = expected["timeline"].as_array_mut().expect("a timeline");
    timeline.push(json!({"event": "DELIVERED", "time": delivered}));
    assert_eq!(world.told("S1").await, expected);

    let posted: Value = serde_json::from_slice(&world.merchant.posts()[0].body).expect("JSON");
    for name in ["serialNo", "merchantId", "businessId", "userId", "openId", "authTime"] {
        assert_eq!(posted[name], expected[name], "{name} is the same in both ways");
    }
}

#[tokio::test]
async fn a_link_that_nobody_used_has_expired() {
    let world = World::new();
    let issued = world.link("S1").await;
    world.clock.advance(Duration::from_hours(24));
    let told = world.told("S1").await;
    assert_eq!((&told["state"], &told["timeline"][2]["event"]), (&json!("ISSUED"), &json!("EXPIRED")));
    assert_eq!(told["timeline"][2]["time"], json!(world.record(&issued.id).await.expires_at));
}

#[tokio::test]
async fn without_an_address_the_open_id_is_told_here_alone() {
    let world = World::new();
    let mut body = link_body("S1");
    body["callbackUrl"] = json!("");
    let link = world.ask(&LinkCall::with_body(&body, world.now())).await.expect_link();
    world.gateway.answer(identified("open-1"));
    world.complete_return(&state_of(&link), "codeA").await;
    assert!(world.sweep_and_drain().await.is_empty());
    let told = world.told("S1").await;
    assert_eq!((&told["state"], &told["openId"]), (&json!("AUTHORIZED"), &json!("open-1")));
    assert_eq!(told["delivery"], json!({"state": "NO_ADDRESS", "attempts": []}));
}

#[tokio::test]
async fn what_was_given_up_is_told_so_and_its_resend_with_both_rounds() {
    let mut world = World::new();
    world.deps.delivery.schedule = Schedule::from_secs(&[15]);
    world.rebuild();
    let issued = world.authorized("S1", "open-1").await;
    world.merchant.answer(DeliveryOutcome::Status(500));
    world.drain().await;
    let told = world.told("S1").await;
    assert_eq!(told["delivery"]["state"], "PENDING");
    assert_eq!(told["delivery"]["nextAttemptAt"], json!(world.now() + Duration::from_secs(15)));
    assert_eq!(told["delivery"]["attempts"][0]["httpStatus"], 500);

    world.clock.advance(Duration::from_secs(15));
    world.merchant.answer(DeliveryOutcome::Timeout);
    world.drain().await;
    let given_up = world.told("S1").await;
    assert_eq!((&given_up["state"], &given_up["openId"]), (&json!("UNDELIVERABLE"), &json!("open-1")));
    assert_eq!(given_up["delivery"]["state"], "UNDELIVERABLE");
    assert_eq!(given_up["delivery"]["nextAttemptAt"], Value::Null);
    assert_eq!(attempts(&given_up), [(1, "status"), (2, "timeout")]);
    let before =
        ["REQUESTED", "LINK_ISSUED", "AUTHORIZED", "ATTEMPT_FAILED", "ATTEMPT_FAILED", "UNDELIVERABLE"];
    assert_eq!(events(&given_up), before);
    assert_eq!(given_up["timeline"][5]["time"], json!(world.now()));

    world.clock.advance(Duration::from_hours(1));
    assert_eq!(world.resend(&issued.id).await, Ok(true));
    let resent = world.told("S1").await;
    assert_eq!(
        (&resent["state"], &resent["delivery"]["nextAttemptAt"]),
        (&json!("AUTHORIZED"), &json!(world.now()))
    );
    assert_eq!((attempts(&resent), events(&resent)), (attempts(&given_up), before.to_vec()));

    world.sweep_and_drain().await;
    let delivered = world.told("S1").await;
    assert_eq!(delivered["delivery"]["state"], "DELIVERED");
    assert_eq!(attempts(&delivered), [(1, "status"), (2, "timeout"), (1, "success")]);
    assert_eq!(events(&delivered), [&before[..], &["DELIVERED"]].concat());
}

#[tokio::test]
async fn what_the_merchant_answered_is_told_without_what_it_was_sent() {
    let world = World::new();
    world.authorized("S1", "open-1").await;
    let page = "<h1>500</h1>\n{\"msg\":\"user-1 open-1 of 13900001234\"}";
    let answer = Some(AnswerText { text: page.to_owned(), is_cut: false });
    world.merchant.answer(AttemptResult { answer, ..DeliveryOutcome::Status(500).into() });
    world.drain().await;
    world.clock.advance(Duration::from_secs(15));
    world.merchant.answer(DeliveryOutcome::Dns);
    world.drain().await;
    let told = world.told("S1").await;
    let [first, second] = [0, 1].map(|index| &told["delivery"]["attempts"][index]);
    assert_eq!(first["detail"], "<h1>500</h1> {\"msg\":\"… … of …\"}");
    assert_eq!(first["durationMillis"], 0);
    assert_eq!((&second["outcome"], &second["durationMillis"]), (&json!("address_unusable"), &Value::Null));
}

#[tokio::test]
async fn an_attempt_is_under_way_until_its_lease_ends_and_then_unfinished() {
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    let claim = AttemptClaim {
        id: issued.id,
        attempts_before: 0,
        attempts_allowed: 10,
        operation: OperationId::recorded("a worker that dies".to_owned()),
        now: world.now(),
        lease_until: world.now() + ATTEMPT_LEASE,
    };
    world.store.claim_attempt(&claim).await.expect("the store answers");
    let pending = |outcome| json!({"state": "PENDING", "attempts": [{"number": 1, "outcome": outcome}]});
    assert_eq!(world.told("S1").await["delivery"], pending("under_way"));
    world.clock.advance(ATTEMPT_LEASE);
    assert_eq!(world.told("S1").await["delivery"], pending("unfinished"));
    world.sweep_and_drain().await;
    assert_eq!(attempts(&world.told("S1").await), [(1, "unfinished"), (2, "success")]);
}

#[tokio::test]
async fn a_platforms_link_is_pending_until_it_has_come() {
    let world = World::new();
    let began = world.now();
    let id = AuthorizationId::from_serial("B1", "S1");
    let new = Authorization::issued(Issue {
        request: AuthorizationRequest::Merchant(MerchantRequest {
            business_id: "B1".to_owned(),
            merchant_id: "M1".to_owned(),
            serial_no: "S1".to_owned(),
            user_id: "user-1".to_owned(),
        }),
        callback: Callback::OwnersDefault,
        state: State::parse(&format!("{id}{}", "5".repeat(32))).expect("a state"),
        link: NewLink::AskedOf("up".to_owned()),
        now: began,
        lifetime: Duration::from_hours(1),
        retention: Duration::from_hours(1),
    });
    let nonce = NonceUse {
        space: "B1".to_owned(),
        nonce: "of the link".to_owned(),
        used_at: began,
        until: began + Duration::from_mins(11),
        operation: OperationId::recorded("mine".to_owned()),
    };
    world.store.record_link(&new, &nonce).await.expect("the store answers");
    let told = world.told("S1").await;
    assert_eq!((&told["state"], events(&told)), (&json!("LINK_PENDING"), vec!["REQUESTED"]));

    world.clock.advance(Duration::from_secs(5));
    let link = "https://platform.example/a".parse().expect("a URL");
    world.store.record_platform_link(&id, &link, world.now()).await.expect("the store answers");
    let told = world.told("S1").await;
    assert_eq!(told["state"], "ISSUED");
    assert_eq!(told["timeline"][1], json!({"event": "LINK_ISSUED", "time": world.now()}));
}

#[tokio::test]
async fn both_signatures_are_taken() {
    let world = World::new();
    world.link("S1").await;
    let rsa = LinkCall::query("S1", world.now());
    let named = LinkCall { sign_type: Some("SHA256-RSA".to_owned()), ..LinkCall::query("S1", world.now()) };
    let md5 = LinkCall::query("S1", world.now()).by_md5();
    for call in [rsa, named, md5] {
        assert_eq!(world.query(&call).await.expect_data()["state"], "ISSUED");
    }
}

#[tokio::test]
async fn anothers_serial_no_is_as_unknown_as_one_that_nobody_used() {
    let world = World::new();
    world.authorized("S1", "open-1").await;
    world.secrets.set("business/B2", &business());
    let of_b2 = json!({"merchantId": "M1", "businessId": "B2", "serialNo": "S1"});
    let foreign = LinkCall { business_id: "B2".to_owned(), ..LinkCall::query_with_body(&of_b2, world.now()) };
    let mut another_merchant = query_body("S1");
    another_merchant["merchantId"] = json!("M2");
    for call in [
        foreign,
        LinkCall::query_with_body(&another_merchant, world.now()),
        LinkCall::query("S2", world.now()),
        LinkCall::query("s1", world.now()),
    ] {
        assert_eq!(refused(&world, &call).await, unknown());
    }
}

#[tokio::test]
async fn a_record_that_is_kept_no_longer_is_unknown_whether_or_not_the_store_has_forgotten_it() {
    let world = World::new();
    let issued = world.link("S1").await;
    let until = world.record(&issued.id).await.retain_until;
    world.clock.set(until - Duration::from_millis(1));
    assert_eq!(world.told("S1").await["state"], "ISSUED");
    world.clock.set(until);
    assert_eq!(refused(&world, &LinkCall::query("S1", until)).await, unknown());
    world.store.purge_expired(until).await.expect("the store answers");
    world.store.purge_expired(until + RECORDS_APART).await.expect("the store answers");
    assert_eq!(world.store.authorization(&issued.id).await, Ok(None));
    assert_eq!(refused(&world, &LinkCall::query("S1", until)).await, unknown());
}

#[tokio::test]
async fn there_is_one_space_of_nonces_for_links_and_queries() {
    let world = World::new();
    let used = (6, "this nonce was used before".to_owned());
    let link = LinkCall { nonce: "n1".to_owned(), ..LinkCall::new("S1", world.now()) };
    world.ask(&link).await.expect_link();
    let query = |nonce: &str| LinkCall { nonce: nonce.to_owned(), ..LinkCall::query("S1", world.now()) };
    assert_eq!(refused(&world, &query("n1")).await, used);

    world.query(&query("n2")).await.expect_data();
    assert_eq!(refused(&world, &query("n2")).await, used, "replayed as it was");
    let link = LinkCall { nonce: "n2".to_owned(), ..LinkCall::new("S2", world.now()) };
    assert_eq!(world.ask(&link).await.status, 6);
}

#[tokio::test]
async fn an_unknown_serial_no_consumes_the_nonce_and_a_call_that_may_not_ask_does_not() {
    let world = World::new();
    let absent = LinkCall::query("S1", world.now());
    assert_eq!(refused(&world, &absent).await, unknown());
    assert_eq!(refused(&world, &absent).await.0, 6);

    world.link("S1").await;
    let mut of_nobody = query_body("S1");
    of_nobody["merchantId"] = json!("M9");
    let denied = LinkCall::query_with_body(&of_nobody, world.now());
    let message = "this merchantId is not one of the business's";
    assert_eq!(refused(&world, &denied).await, (7, message.to_owned()));
    let allowed = LinkCall { nonce: denied.nonce, ..LinkCall::query("S1", world.now()) };
    world.query(&allowed).await.expect_data();
}

/// Each row breaks the earliest check it can and several later ones: the earliest answers.
#[tokio::test]
async fn the_first_failing_check_answers() {
    let world = World::new();
    let now = world.now();
    let mut document = business();
    document["allowedIps"] = json!(["198.51.100.0/24"]);
    world.secrets.set("business/NET", &document);
    let used = LinkCall { nonce: "n".to_owned(), ..LinkCall::query("S1", now) };
    assert_eq!(refused(&world, &used).await, unknown());

    let worst = LinkCall {
        business_id: "../x".to_owned(),
        timestamp: "1".to_owned(),
        nonce: "authlink-n".to_owned(),
        key: Key::Literal("x".to_owned()),
        body: vec![b' '; 16 * 1024 + 1],
        ..LinkCall::query("S1", now)
    };
    let small = LinkCall { body: b"[".to_vec(), ..worst.clone() };
    let named = LinkCall { business_id: "NOBODY".to_owned(), ..small.clone() };
    let fresh = LinkCall { timestamp: now.to_string(), ..named.clone() };
    let net = LinkCall { business_id: "NET".to_owned(), ..fresh.clone() };
    let known = LinkCall { business_id: "B1".to_owned(), ..fresh.clone() };
    let own_nonce = LinkCall { nonce: "n".to_owned(), ..known.clone() };
    let signed = LinkCall { key: Key::Rsa(merchant()), ..own_nonce.clone() };
    let with = |body: &Value| LinkCall { body: body.to_string().into_bytes(), ..signed.clone() };
    let mut body = json!({"merchantId": "M9", "businessId": "B2"});
    let incomplete = with(&body);
    body["serialNo"] = json!("S1");
    let of_another = with(&body);
    body["businessId"] = json!("B1");
    let of_nobody = with(&body);
    let replayed = with(&query_body("S1"));
    for (call, status, message) in [
        (&worst, 3, "the body is larger than 16384 bytes"),
        (&small, 3, "header businessId must be"),
        (&named, 5, "the timestamp is "),
        (&fresh, 7, "this businessId is unknown or switched off"),
        (&net, 10, "requests of this business may not come from 203.0.113.7"),
        (&known, 2, "signature verification failed: a nonce may not begin with authlink-"),
        (
            &own_nonce,
            2,
            "signature verification failed: the signature is neither Base64 nor hex; the string that was checked",
        ),
        (&signed, 3, "the body must be a JSON object"),
        (&incomplete, 3, "parameter serialNo is missing"),
        (&of_another, 3, "parameter businessId differs from the header's"),
        (&of_nobody, 7, "this merchantId is not one of the business's"),
        (&replayed, 6, "this nonce was used before"),
    ] {
        let (got, text) = refused(&world, call).await;
        assert_eq!(got, status, "{text}");
        assert!(text.starts_with(message), "{text}");
    }
}

#[tokio::test]
async fn a_captured_callback_is_no_query() {
    let world = World::new();
    let mut md5_only = business();
    md5_only["publicKeys"] = json!([]);
    world.secrets.set("business/B1", &md5_only);
    let link = world.ask(&LinkCall::new("S1", world.now()).by_md5()).await.expect_link();
    world.gateway.answer(identified("open-1"));
    world.complete_return(&state_of(&link), "codeA").await;
    world.drain().await;
    let [posted] = &world.merchant.posts()[..] else { panic!("one POST") };
    let captured = LinkCall {
        nonce: posted.headers["nonce"].clone(),
        timestamp: posted.headers["timestamp"].clone(),
        key: Key::Literal(posted.headers["sign"].clone()),
        body: posted.body.to_vec(),
        ..LinkCall::query("S1", world.now()).by_md5()
    };
    let message = "signature verification failed: a nonce may not begin with authlink-";
    assert_eq!(refused(&world, &captured).await, (2, message.to_owned()));
}

#[tokio::test]
async fn any_other_path_or_method_is_no_interface() {
    let world = World::new();
    let get = LinkCall { method: http::Method::GET, ..LinkCall::query("S1", world.now()) };
    let other =
        LinkCall { path: format!("{}/", authorization_query::PATH), ..LinkCall::query("S1", world.now()) };
    for call in [get, other] {
        assert_eq!(refused(&world, &call).await, (4, "no such interface".to_owned()));
    }
}

#[tokio::test]
async fn whatever_is_sent_is_answered_on_purpose() {
    let world = World::new();
    world.link("S1").await;
    let long = "x".repeat(129);
    for body in [
        "",
        "{",
        "[]",
        "null",
        "\u{feff}{}",
        r#"{"serialNo":{}}"#,
        r#"{"merchantId":1}"#,
        &format!(r#"{{"merchantId":"M1","businessId":"B1","serialNo":"{long}"}}"#),
        r#"{"merchantId":"M1","businessId":"B1","serialNo":"\u0000#💥"}"#,
        r#"{"merchantId":"M1","businessId":"B1","serialNo":"\ud800"}"#,
        &"[".repeat(16 * 1024),
    ] {
        let call = LinkCall { body: body.as_bytes().to_vec(), ..LinkCall::query("S1", world.now()) };
        assert!([3, 7].contains(&refused(&world, &call).await.0), "{body}");
    }
    let not_text = LinkCall { body: vec![0xff, 0xfe, 0], ..LinkCall::query("S1", world.now()) };
    assert_eq!(refused(&world, &not_text).await.0, 3);
    for header in ["", " ", "é", "a&b", "0", "-1", "99999999999999999999", &long] {
        let sound = LinkCall::query("S1", world.now());
        for call in [
            LinkCall { business_id: header.to_owned(), ..sound.clone() },
            LinkCall { nonce: format!("{header} "), ..sound.clone() },
            LinkCall { timestamp: header.to_owned(), ..sound.clone() },
            LinkCall { key: Key::Literal(header.to_owned()), ..sound.clone() },
        ] {
            assert!([2, 3, 5, 7].contains(&refused(&world, &call).await.0), "{header}");
        }
    }
}

/// A store that fails at everything.
struct Broken(StoreError);

#[async_trait]
impl UseNonces for Broken {
    async fn use_nonce(&self, _: &NonceUse) -> Result<bool, StoreError> {
        Err(self.0.clone())
    }
}

#[async_trait]
impl ReadAuthorizations for Broken {
    async fn authorization(&self, _: &AuthorizationId) -> Result<Option<Authorization>, StoreError> {
        Err(self.0.clone())
    }
}

#[tokio::test]
async fn when_keys_or_store_are_away_the_caller_is_told_to_try_again() {
    let logs = Logs::keep();
    let away = || Broken(StoreError::Unavailable("told to".to_owned()));
    let corrupt = Broken(StoreError::Corrupt("its attribute status is missing".to_owned()));
    let [mut nonces, mut records, mut unreadable, keys] = [(); 4].map(|()| World::new());
    nonces.deps.query.nonces = Arc::new(away());
    nonces.rebuild();
    records.deps.query.records = Arc::new(away());
    records.rebuild();
    unreadable.deps.query.records = Arc::new(corrupt);
    unreadable.rebuild();
    keys.secrets.set_unavailable(true);
    for world in [nonces, records, unreadable, keys] {
        let answer = world.query(&LinkCall::query("S1", world.now())).await;
        let message = "temporarily unavailable, try again".to_owned();
        assert_eq!(answer, QueryAnswer { http_status: 503, status: 1, message, data: json!({}) });
    }
    let alarms = |alarm: &str| logs.text().matches(&format!(r#""alarm":"{alarm}""#)).count();
    assert_eq!((alarms("unavailable"), alarms("record")), (3, 1));
}

#[tokio::test]
async fn a_query_leaves_one_line_without_who_was_asked_for() {
    let logs = Logs::keep();
    let world = World::new();
    let mut body = link_body("serial-4711");
    body["userId"] = json!("customer-4711");
    let link = world.ask(&LinkCall::with_body(&body, world.now())).await.expect_link();
    world.gateway.answer(identified("open-identity-1"));
    world.complete_return(&state_of(&link), "codeA").await;
    let good = LinkCall::query("serial-4711", world.now());
    assert_eq!(world.query(&good).await.expect_data()["openId"], "open-identity-1");
    let forged = LinkCall { key: Key::Rsa(foreign()), ..good.clone() };
    let odd = LinkCall { business_id: "../x".to_owned(), ..good.clone() };
    for call in [&forged, &odd, &good, &LinkCall::query("S2", world.now())] {
        assert_ne!(world.query(call).await.status, 0);
    }

    let text = logs.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let lines: Vec<_> = lines.iter().filter(|line| line["route"] == "authorization-query").collect();
    let reference = AuthorizationId::from_serial("B1", "serial-4711");
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            json!([line["status"], line["http_status"], line["business"], line["reason"], line["reference"]])
        })
        .collect();
    assert_eq!(
        rows,
        [
            json!([0, 200, "B1", null, reference]),
            json!([2, 200, "B1", "signature", null]),
            json!([
                3,
                200,
                null,
                "header businessId must be 1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'",
                null
            ]),
            json!([6, 200, "B1", "this nonce was used before", null]),
            json!([7, 200, "B1", NO_SUCH_SERIAL, null]),
        ]
    );
    assert!(lines.iter().all(|line| line["millis"].is_u64()));
    for secret in ["customer-4711", "serial-4711", "open-identity-1", "MII", merchant_md5(), "../x"] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn a_stale_query_is_told_the_servers_time() {
    let world = World::new();
    let now = world.now();
    let stale = LinkCall::query("S1", UnixMillis(now.0 - 300_001));
    let message = format!("the timestamp is 300001 ms behind the server's time {now}; 300000 ms are allowed");
    assert_eq!(refused(&world, &stale).await, (5, message));
}

#[tokio::test]
async fn a_link_whose_tries_are_used_up_says_so() {
    let world = World::new();
    let issued = world.link("S1").await;
    for number in 0..MAX_REFUSED_CODES {
        assert_eq!(world.told("S1").await.get("triesUsedUp"), None, "{number} were tried");
        world.gateway.answer(code_invalid());
        world.complete_return(&issued.state, &format!("code{number}")).await;
    }
    let told = world.told("S1").await;
    assert_eq!((&told["state"], &told["triesUsedUp"]), (&json!("ISSUED"), &json!(true)));
}

/// What a query alone tells: the user, and what a list of attempts says already.
const OF_THE_QUERY_ALONE: [&str; 4] = ["userId", "openId", "alipayUserId", "timeline"];

#[tokio::test]
async fn an_operators_summary_says_the_same_by_the_same_names() {
    let world = World::new();
    let compare = async |state: &str| {
        let told = world.told("S1").await;
        let record = world.record(&AuthorizationId::from_serial("B1", "S1")).await;
        let summary = summary(&record, world.now());
        assert_eq!(told["state"], state);
        for (name, value) in told.as_object().expect("fields") {
            let mut said = summary[name].clone();
            if name == "delivery" {
                said.as_object_mut().expect("fields").remove("begun");
            }
            assert!(OF_THE_QUERY_ALONE.contains(&name.as_str()) || said == *value, "{name}: {said} {value}");
        }
        for own in ["openId", "open-1", "userId", "user-1"] {
            assert!(!summary.to_string().contains(own), "{summary}");
        }
        summary
    };
    let issued = world.link("S1").await;
    compare("ISSUED").await;
    world.clock.advance(Duration::from_mins(1));
    world.gateway.answer(identified("open-1"));
    world.complete_return(&issued.state, "codeA").await;
    compare("AUTHORIZED").await;
    let answer = Some(AnswerText { text: "no".to_owned(), is_cut: false });
    world.merchant.answer(AttemptResult { answer, ..DeliveryOutcome::Status(500).into() });
    world.drain().await;
    let failed = compare("AUTHORIZED").await;
    assert_eq!(failed["delivery"]["attempts"][0]["detail"], "no");
    assert_eq!(failed["delivery"]["begun"], 1);

    world.clock.advance(Duration::from_secs(15));
    let claim = AttemptClaim {
        id: issued.id.clone(),
        attempts_before: 1,
        attempts_allowed: 10,
        operation: OperationId::recorded("a worker that dies".to_owned()),
        now: world.now(),
        lease_until: world.now() + ATTEMPT_LEASE,
    };
    world.store.claim_attempt(&claim).await.expect("the store answers");
    compare("AUTHORIZED").await;
    world.clock.advance(ATTEMPT_LEASE);
    compare("AUTHORIZED").await;
    // A retry comes into the sweep's index late.
    world.clock.advance(Duration::from_mins(3));
    world.sweep_and_drain().await;
    compare("DELIVERED").await;
    world.store.forget(&issued.id, world.now()).await.expect("the store answers");
    compare("DELIVERED").await;
}
