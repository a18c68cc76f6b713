//! Logs: one JSON line for each request, and nothing in them that must not be.

use serde_json::{Value, json};
use shared::delivery::response::AttemptResult;
use shared::model::delivery_outcome::DeliveryOutcome;
use tests::keys::{foreign, merchant_md5};
use tests::logs::Logs;
use tests::parties::{code_invalid, identified};
use tests::request::{Key, LinkCall, link_body, state_of};
use tests::rpc::{Protocol, RpcCall};
use tests::world::World;

#[tokio::test]
async fn a_whole_journey_with_all_its_failures_leaves_one_line_a_request_and_no_secret() {
    let logs = Logs::keep();
    let world = World::new();
    let mut body = link_body("S1");
    body["userId"] = json!("customer-4711");
    let good = LinkCall::with_body(&body, world.now());
    let link = world.ask(&good).await.expect_link();
    let state = state_of(&link);
    let forged = LinkCall { key: Key::Rsa(foreign()), ..LinkCall::with_body(&body, world.now()) };
    let md5 =
        LinkCall { key: Key::Md5("another-key-of-16"), ..LinkCall::with_body(&body, world.now()).by_md5() };
    let odd = LinkCall { business_id: "../x".to_owned(), ..LinkCall::with_body(&body, world.now()) };
    for call in [&good, &forged, &md5, &odd] {
        assert_ne!(world.ask(call).await.status, 0);
    }
    world.gateway.answer(code_invalid());
    world.complete_return(&state, "secretCodeA").await;
    world.gateway.answer(identified("open-identity-1"));
    world.complete_return(&state, "secretCodeB").await;
    world.browse("app_id=1&auth_code=secretCodeC&state=x").await;
    let login = "https://login.example.com/of/open-identity-1/x".parse().ok();
    world.merchant.answer(AttemptResult { redirect: login, ..DeliveryOutcome::Status(302).into() });
    world.drain().await;
    world.secrets.set("business/B1", &json!({"publicKeys": ["a-broken-secret-key"], "merchantIds": ["M1"]}));
    world.clock.advance(std::time::Duration::from_mins(5));
    world.ask(&LinkCall::new("S2", world.now())).await;
    world.drain().await;

    let text = logs.text();
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let of = |route: &str, message: &str| {
        lines.iter().filter(|line| line["route"] == route && line["message"] == message).collect::<Vec<_>>()
    };
    let requests = of("alipay-auth-url", "request");
    let statuses: Vec<_> = requests.iter().map(|line| line["status"].as_i64().expect("a status")).collect();
    assert_eq!(statuses, [0, 6, 2, 2, 3, 0]);
    assert!(requests[..4].iter().all(|line| line["business"] == "B1" && line["millis"].is_u64()));
    assert_eq!(requests[4]["business"], Value::Null, "what is no businessId is not repeated");
    let returns = of("openid-callback", "request");
    let outcomes: Vec<_> = returns.iter().map(|line| line["outcome"].as_str().expect("an outcome")).collect();
    assert_eq!(outcomes, ["authorize-again", "authorized", "unknown-link"]);
    assert!(returns[..2].iter().all(|line| line["owner"] == "B1" && line["millis"].is_u64()));
    let unreadable =
        lines.iter().find(|line| line["secret"] == "business/B1").expect("the broken secret is named");
    assert_eq!(unreadable["reason"], "publicKeys[0] is neither PEM nor Base64 at line 1 column 37");
    let attempts = of("openid-delivery", "attempt");
    let redirects: Vec<_> = attempts.iter().map(|line| line["redirect"].as_str()).collect();
    assert_eq!(redirects, [Some("https://login.example.com/of/…/x"), None]);

    let sign = |call: &LinkCall| {
        let request = call.build();
        request.headers()["sign"].to_str().expect("text").to_owned()
    };
    for secret in [
        "customer-4711",
        "user-1",
        "open-identity-1",
        "secretCode",
        "a-broken-secret-key",
        "PRIVATE KEY",
        merchant_md5(),
        "another-key-of-16",
        &sign(&good),
        &sign(&forged),
        &sign(&md5),
        &state[32..],
        "../x",
    ] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
    assert!(!text.contains("MII"), "every RSA key in Base64 begins so");
}

#[tokio::test]
async fn every_line_of_a_call_has_its_request_id_and_none_has_what_was_asked_or_signed() {
    let logs = Logs::keep();
    let world = World::new();
    let good = RpcCall::new(Protocol::V1, world.now());
    let answer = world.call(&good).await;
    let link = answer.link.expect("a link");
    let v3 = RpcCall::new(Protocol::V3, world.now());
    world.call(&v3).await;
    let forged = RpcCall { secret: "another-secret".to_owned(), ..RpcCall::new(Protocol::V1, world.now()) };
    world.call(&forged).await;
    world.secrets.set("account/1001", &json!({"suspendet": true}));
    world.clock.advance(std::time::Duration::from_mins(6));
    world.call(&RpcCall::new(Protocol::V3, world.now())).await;
    for odd in ["../x", "aSecretInThePlaceOfAnId"] {
        let call = RpcCall { access_key_id: odd.to_owned(), ..RpcCall::new(Protocol::V1, world.now()) };
        world.call(&call).await;
    }
    world.secrets.set_unavailable(true);
    let away = RpcCall {
        access_key_id: "aSecretWhileKeysAreAway".to_owned(),
        ..RpcCall::new(Protocol::V1, world.now())
    };
    assert_eq!(world.call(&away).await.code, "SystemError");
    world.secrets.set_unavailable(false);
    let path = link.strip_prefix("https://links.example.com").expect("our own").to_owned();
    let page = http::Request::builder().uri(&path).body(bytes::Bytes::new()).expect("a request");
    world.authorization_url.handle(&page).await;

    let text = logs.text();
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    assert!(lines.iter().all(|line| line["span"]["request_id"].is_string()), "{text}");
    let of = |route: &str| lines.iter().filter(|line| line["route"] == route).collect::<Vec<_>>();
    let calls = of("get-authorization-url");
    let codes: Vec<_> = calls.iter().map(|line| line["code"].as_str().expect("a code")).collect();
    assert_eq!(
        codes,
        [
            "OK",
            "OK",
            "SignatureDoesNotMatch",
            "OK",
            "InvalidAccessKeyId.NotFound",
            "InvalidAccessKeyId.NotFound",
            "SystemError"
        ]
    );
    assert_eq!(calls[0]["span"]["request_id"], answer.request_id);
    assert!(calls[..4].iter().all(|line| line["access_key"] == "testAccessKeyId" && line["millis"].is_u64()));
    assert!(
        calls[4..].iter().all(|line| line["access_key"].is_null()),
        "what is no AccessKeyId is not repeated"
    );
    assert_eq!(of("landing").len(), 1);
    assert!(lines.iter().any(|line| line["secret"] == "account/1001"), "the broken document is named");

    let token = link.split("token=").nth(1).and_then(|rest| rest.split('&').next()).expect("a token");
    let signature = good
        .build()
        .uri()
        .query()
        .and_then(|query| query.split("Signature=").nth(1)?.split('&').next().map(str::to_owned));
    for secret in [
        "13900001234",
        "another-secret",
        tests::rpc::ACCESS_KEY_SECRET,
        "0123456789abcdef0123456789abcdef",
        "aSecretInThePlaceOfAnId",
        "aSecretWhileKeysAreAway",
        token,
        &signature.expect("a signature"),
        "../x",
    ] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}
