//! What programs go by in an answer of the open API: its word, its warnings, its request's id.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use tests::keys::foreign;
use tests::logs::Logs;
use tests::request::{Key, LinkAnswer, LinkCall, link_body, query_body};
use tests::rpc::{Protocol, RpcCall};
use tests::world::{World, business};

struct Told {
    body: Value,
    request_id: String,
}

impl Told {
    fn read(answer: &Response<Bytes>) -> Self {
        LinkAnswer::read(answer);
        let request_id = answer.headers()["x-request-id"].to_str().expect("text").to_owned();
        Self { body: serde_json::from_slice(answer.body()).expect("JSON"), request_id }
    }

    fn code(&self) -> (i64, &str) {
        (self.body["status"].as_i64().expect("a status"), self.body["code"].as_str().expect("a code"))
    }

    fn message(&self) -> &str {
        self.body["message"].as_str().expect("a message")
    }

    fn warnings(&self) -> Vec<(&str, Option<&str>)> {
        let warnings = self.body["data"]["warnings"].as_array().expect("a list");
        warnings
            .iter()
            .map(|warning| (warning["code"].as_str().expect("a code"), warning["field"].as_str()))
            .collect()
    }
}

async fn ask(world: &World, call: &LinkCall) -> Told {
    Told::read(&world.auth_url.handle(&call.build()).await)
}

async fn query(world: &World, call: &LinkCall) -> Told {
    Told::read(&world.query.handle(&call.build()).await)
}

fn with(world: &World, change: impl FnOnce(&mut Value)) -> LinkCall {
    let mut body = link_body("S1");
    change(&mut body);
    LinkCall::with_body(&body, world.now())
}

#[tokio::test]
async fn a_status_with_several_causes_has_a_word_for_each() {
    let world = World::new();
    let nobody = LinkCall { business_id: "B9".to_owned(), ..LinkCall::new("S1", world.now()) };
    assert_eq!(ask(&world, &nobody).await.code(), (7, "business_unknown"));
    let other = with(&world, |body| body["merchantId"] = json!("M9"));
    assert_eq!(ask(&world, &other).await.code(), (7, "merchant_unknown"));
    let unused = LinkCall::query("S9", world.now());
    assert_eq!(query(&world, &unused).await.code(), (7, "serial_unknown"));

    let forged = LinkCall { key: Key::Rsa(foreign()), ..LinkCall::new("S1", world.now()) };
    assert_eq!(ask(&world, &forged).await.code(), (2, "signature_mismatch"));
    let odd = LinkCall { sign_type: Some("SHA1".to_owned()), ..LinkCall::new("S1", world.now()) };
    assert_eq!(ask(&world, &odd).await.code(), (2, "sign_type_unknown"));

    let call = LinkCall::new("S1", world.now());
    assert_eq!(ask(&world, &call).await.code(), (0, "success"));
    assert_eq!(ask(&world, &call).await.code(), (6, "nonce_used"));
    assert_eq!(ask(&world, &LinkCall::new("S1", world.now())).await.code(), (8, "serial_used"));
}

#[tokio::test]
async fn a_good_request_is_answered_as_before_but_for_its_word() {
    let world = World::new();
    let answer = world.auth_url.handle(&LinkCall::new("S1", world.now()).build()).await;
    let body: Value = serde_json::from_slice(answer.body()).expect("JSON");
    let link = body["data"]["alipayAuthUrl"].as_str().expect("a link");
    let expected =
        format!(r#"{{"status":0,"code":"success","message":"success","data":{{"alipayAuthUrl":"{link}"}}}}"#);
    assert_eq!(std::str::from_utf8(answer.body()), Ok(expected.as_str()));
    assert_eq!(world.told("S1").await.get("warnings"), None);
}

#[tokio::test]
async fn unknown_fields_and_a_lost_callback_are_told_with_the_link() {
    let world = World::new();
    let call = with(&world, |body| {
        body["callbackUrl"] = Value::Null;
        body["notifyUrl"] = json!("https://shop.example/");
        body["userIp"] = json!("192.0.2.1");
    });
    let told = ask(&world, &call).await;
    assert_eq!(told.code(), (0, "success"));
    let expected = [
        ("field_unknown", Some("notifyUrl")),
        ("field_unknown", Some("userIp")),
        ("no_callback_address", None),
    ];
    assert_eq!(told.warnings(), expected);

    let mut body = query_body("S1");
    body["orderNo"] = json!("7");
    let told = query(&world, &LinkCall::query_with_body(&body, world.now())).await;
    assert_eq!((told.code(), told.warnings()), ((0, "success"), vec![("field_unknown", Some("orderNo"))]));

    let mut with_default = business();
    with_default["defaultCallbackUrl"] = json!("https://shop.example/");
    world.secrets.set("business/B1", &with_default);
    world.clock.advance(Duration::from_mins(5));
    let mut body = link_body("S2");
    body["callbackUrl"] = Value::Null;
    let told = ask(&world, &LinkCall::with_body(&body, world.now())).await;
    assert_eq!((told.code(), told.body["data"].get("warnings")), ((0, "success"), None));
}

#[tokio::test]
async fn a_misspelt_field_is_refused_with_the_one_that_was_meant_and_leaves_nothing_behind() {
    let world = World::new();
    for name in ["callbackURL", "callbackUlr", "callback_url", "calbackUrl"] {
        let call = with(&world, |body| {
            let url = body["callbackUrl"].take();
            body.as_object_mut().expect("an object").remove("callbackUrl");
            body[name] = url;
        });
        let told = ask(&world, &call).await;
        assert_eq!(told.code(), (3, "field_misspelt"));
        assert_eq!(told.message(), format!("parameter {name} is unknown, did you mean callbackUrl?"));
    }
    let mut body = query_body("S1");
    body["serialNO"] = body["serialNo"].take();
    let told = query(&world, &LinkCall::query_with_body(&body, world.now())).await;
    assert_eq!(told.message(), "parameter serialNO is unknown, did you mean serialNo?");
    world.link("S1").await;
}

#[tokio::test]
async fn all_missing_fields_are_one_answer_and_a_repeated_one_is_named() {
    let world = World::new();
    let told = ask(&world, &LinkCall::with_body(&json!({"businessId": "B1"}), world.now())).await;
    assert_eq!(told.code(), (3, "field_missing"));
    assert_eq!(told.message(), "parameters merchantId, serialNo, userId are missing");
    let twice = br#"{"merchantId":"M1","businessId":"B1","serialNo":"S1","userId":"u","userId":"v"}"#;
    let call = LinkCall { body: twice.to_vec(), ..LinkCall::new("S1", world.now()) };
    let told = ask(&world, &call).await;
    assert_eq!((told.code(), told.message()), ((3, "field_repeated"), "the body gives userId twice"));
}

#[tokio::test]
async fn a_broken_document_is_its_operators_to_mend_and_one_alarm_a_version() {
    let logs = Logs::keep();
    let world = World::new();
    world.secrets.set("business/B1", &json!({"publicKeys": ["broken"], "merchantIds": ["M1"]}));
    for version in 1..=2 {
        for _ in 0..3 {
            let told = ask(&world, &LinkCall::new("S1", world.now())).await;
            assert_eq!(told.code(), (1, "account_misconfigured"));
            assert!(told.message().contains("operator has to act"), "{}", told.message());
            assert!(!told.message().contains("try again"), "{}", told.message());
            world.clock.advance(Duration::from_mins(1));
        }
        assert_eq!(logs.text().matches(r#""alarm":"keys""#).count(), version, "{}", logs.text());
        world.secrets.set("business/B1", &json!({"publicKeys": ["broken too"], "merchantIds": ["M1"]}));
    }
    assert!(logs.text().contains("at line 1 column"), "{}", logs.text());
}

#[tokio::test]
async fn the_request_id_stands_in_the_log_line_and_no_unknown_name_does() {
    let logs = Logs::keep();
    let world = World::new();
    let misspelt = with(&world, |body| body["callbackURL"] = json!("x"));
    let unknown = with(&world, |body| body["bankAccount"] = json!("x"));
    let ids = [ask(&world, &misspelt).await.request_id, ask(&world, &unknown).await.request_id];
    assert_ne!(ids[0], ids[1]);
    let text = logs.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let requests: Vec<_> = lines.iter().filter(|line| line["message"] == "request").collect();
    let of = |line: &Value| {
        [&line["span"]["request_id"], &line["code"]].map(|text| text.as_str().unwrap_or("").to_owned())
    };
    assert_eq!(of(requests[0]), [ids[0].clone(), "field_misspelt".to_owned()]);
    assert_eq!(of(requests[1]), [ids[1].clone(), "success".to_owned()]);
    assert_eq!(requests[0]["reason"], "misspelt: callbackUrl");
    assert_eq!(requests[1]["warning"], "field_unknown");
    assert!(!text.contains("callbackURL") && !text.contains("bankAccount"), "{text}");
}

#[tokio::test]
async fn an_sdks_misspelt_parameter_is_logged_and_unknown_ones_are_nobodys_business() {
    let logs = Logs::keep();
    let world = World::new();
    let call = RpcCall::new(Protocol::V3, world.now()).without("SchemeId");
    let call = call.and("schemeId", "234").and("RegionId", "cn-hangzhou");
    assert_eq!(world.call(&call).await.code, "MissingParameter");
    let text = logs.text();
    let line: Value = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .find(|line: &Value| line["route"] == "get-authorization-url")
        .expect("a line");
    assert_eq!(line["misspelt"], "SchemeId");
    assert!(!text.contains("schemeId"), "{text}");
}
