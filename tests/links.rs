//! `alipay-auth-url`: what a right request gets, and what every wrong one gets.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::model::authorization::{Callback, Status};
use shared::model::authorization_request::{AuthorizationRequest, MerchantRequest};
use shared::model::clock::UnixMillis;
use shared::model::id::{AuthorizationId, State};
use shared::signing::open_api::diagnosis::Cause;
use shared::store::ReadAuthorizations as _;
use tests::disabling::{of_public, of_shared};
use tests::keys::{foreign, merchant, merchant_md5, public_pem, vector_text};
use tests::request::{Key, LinkAnswer, LinkCall, link_body};
use tests::world::{APP_ID, World, business};

/// The status and message of the answer to `call`.
async fn refused(world: &World, call: &LinkCall) -> (i64, String) {
    let LinkAnswer { http_status, status, message, link } = world.ask(call).await;
    assert_eq!((http_status, link), (200, None));
    (status, message)
}

fn with_body(world: &World, change: impl FnOnce(&mut Value)) -> LinkCall {
    let mut body = link_body("S1");
    change(&mut body);
    LinkCall::with_body(&body, world.now())
}

#[tokio::test]
async fn a_right_request_gets_alipays_authorize_link_with_a_state_of_its_own() {
    let world = World::new();
    let link = world.ask(&LinkCall::new("S1", world.now())).await.expect_link();
    let query: Vec<_> =
        link.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let [app_id, scope, redirect_uri, state] = query.as_slice() else { panic!("{query:?}") };
    assert!(link.as_str().starts_with("https://openauth.example/authorize?app_id="));
    assert_eq!(app_id, &("app_id".to_owned(), APP_ID.to_owned()));
    assert_eq!(scope, &("scope".to_owned(), "auth_base".to_owned()));
    let back = "https://links.example.com/v1/openapi/auth/alipay/callback";
    assert_eq!(redirect_uri, &("redirect_uri".to_owned(), back.to_owned()));
    let state = State::parse(&state.1).expect("a state");
    assert_eq!(*state.id(), AuthorizationId::from_serial("B1", "S1"));

    let record = world.record(state.id()).await;
    assert_eq!(record.status(), Status::Issued);
    assert_eq!(record.state_digest, Some(state.digest()));
    assert_eq!(record.callback, Callback::Explicit("https://merchant.example.com/cb".to_owned()));
    assert_eq!(record.expires_at, world.now() + Duration::from_hours(24));
    let other = world.link("S2").await;
    assert_ne!(other.state[32..], state.reveal()[32..]);
}

#[tokio::test]
async fn both_signatures_are_taken_with_and_without_sign_type() {
    let world = World::new();
    let plain = LinkCall::new("S1", world.now());
    let named = LinkCall { sign_type: Some("SHA256-RSA".to_owned()), ..LinkCall::new("S2", world.now()) };
    let empty = LinkCall { sign_type: Some(String::new()), ..LinkCall::new("S3", world.now()) };
    let md5 = LinkCall::new("S4", world.now()).by_md5();
    for call in [plain, named, empty, md5] {
        world.ask(&call).await.expect_link();
    }
}

#[tokio::test]
async fn the_documents_own_example_succeeds() {
    let world = World::new();
    world.secrets.set(
        "business/19",
        &json!({"publicKeys": [vector_text("public_key_spki_pem")], "merchantIds": ["19"]}),
    );
    let body = json!({
        "merchantId": "19", "businessId": "19", "serialNo": "abcd", "thirdAccount": "user1",
        "callbackUrl": "www.xn---xn--7mz-rs30a.info",
    });
    let call = LinkCall { business_id: "19".to_owned(), ..LinkCall::with_body(&body, world.now()) };
    world.ask(&call).await.expect_link();
    let record = world.record(&AuthorizationId::from_serial("19", "abcd")).await;
    let requested = MerchantRequest {
        business_id: "19".to_owned(),
        merchant_id: "19".to_owned(),
        serial_no: "abcd".to_owned(),
        user_id: "user1".to_owned(),
    };
    assert_eq!(record.request, AuthorizationRequest::Merchant(requested));
    assert_eq!(record.callback, Callback::Explicit("https://www.xn---xn--7mz-rs30a.info/".to_owned()));
}

#[tokio::test]
async fn settings_of_the_business_shape_the_link() {
    let world = World::new();
    let mut document = business();
    document["scope"] = json!("auth_user");
    document["linkLifetimeSecs"] = json!(600);
    document["defaultCallbackUrl"] = json!("https://default.example.com/cb");
    world.secrets.set("business/B1", &document);
    let call = with_body(&world, |body| body["callbackUrl"] = json!(""));
    let link = world.ask(&call).await.expect_link();
    assert!(link.as_str().contains("&scope=auth_user&"), "{link}");
    let record = world.record(&AuthorizationId::from_serial("B1", "S1")).await;
    assert_eq!(record.expires_at, world.now() + Duration::from_mins(10));
    assert_eq!(record.callback, Callback::OwnersDefault);
}

#[tokio::test]
async fn the_public_url_of_the_settings_goes_before_the_address_of_arrival() {
    let mut world = World::new();
    world.deps.auth_url.links.public_url = "https://pay.example.org/".parse().ok();
    world.rebuild();
    let link = world.ask(&LinkCall::new("S1", world.now())).await.expect_link();
    assert!(link.as_str().contains("redirect_uri=https%3A%2F%2Fpay.example.org%2Fv1%2Fopenapi"), "{link}");
    world.deps.auth_url.links.public_url = "https://pay.example.org/stage/".parse().ok();
    world.rebuild();
    let link = world.ask(&LinkCall::new("S2", world.now())).await.expect_link();
    assert!(
        link.as_str().contains("redirect_uri=https%3A%2F%2Fpay.example.org%2Fstage%2Fv1%2Fopenapi"),
        "{link}"
    );
}

#[tokio::test]
async fn any_other_path_or_method_is_no_interface() {
    let world = World::new();
    for path in ["/v1/openapi/auth/alipay/urls", "/v1/openapi/", "/v1/openapi/auth/alipay/url/"] {
        let call = LinkCall { path: path.to_owned(), ..LinkCall::new("S1", world.now()) };
        assert_eq!(refused(&world, &call).await, (4, "no such interface".to_owned()), "{path}");
    }
    let call = LinkCall { method: http::Method::GET, ..LinkCall::new("S1", world.now()) };
    assert_eq!(refused(&world, &call).await.0, 4);
}

/// Each row breaks the earliest check it can and several later ones: the earliest answers.
#[tokio::test]
async fn the_first_failing_check_answers() {
    let world = World::new();
    let now = world.now();
    let mut off = business();
    off["enabled"] = json!(false);
    off["allowedIps"] = json!(["198.51.100.0/24"]);
    world.secrets.set("business/OFF", &off);
    off["enabled"] = json!(true);
    world.secrets.set("business/NET", &off);

    let worst = LinkCall {
        business_id: "../x".to_owned(),
        nonce: "n&signType=MD5".to_owned(),
        timestamp: "soon".to_owned(),
        sign_type: Some("HMAC".to_owned()),
        key: Key::Literal("x".to_owned()),
        body: vec![b' '; 16 * 1024 + 1],
        ..LinkCall::new("S1", now)
    };
    let small = LinkCall { body: b"[".to_vec(), ..worst.clone() };
    let nonce = LinkCall { nonce: "n".to_owned(), ..small.clone() };
    let named = LinkCall { business_id: "NOBODY".to_owned(), ..nonce.clone() };
    let timed = LinkCall { timestamp: "1".to_owned(), ..named.clone() };
    let typed = LinkCall { sign_type: None, ..timed.clone() };
    let fresh = LinkCall { timestamp: now.to_string(), ..typed.clone() };
    let off = LinkCall { business_id: "OFF".to_owned(), ..fresh.clone() };
    let net = LinkCall { business_id: "NET".to_owned(), ..fresh.clone() };
    let known = LinkCall { business_id: "B1".to_owned(), ..fresh.clone() };
    let signed = LinkCall { key: Key::Rsa(merchant()), ..known.clone() };

    for (call, status, message) in [
        (&worst, 3, "the body is larger than 16384 bytes"),
        (&small, 3, "header nonce may hold printable ASCII only"),
        (&nonce, 3, "header businessId must be"),
        (&named, 3, "header timestamp must be"),
        (&timed, 2, "signType must be SHA256-RSA or MD5"),
        (&typed, 5, "the timestamp is "),
        (&fresh, 7, "this businessId is unknown or switched off"),
        (&off, 7, "this businessId is unknown or switched off"),
        (&net, 10, "requests of this business may not come from 203.0.113.7"),
        (
            &known,
            2,
            "signature verification failed: the signature is neither Base64 nor hex; the string that was checked",
        ),
        (&signed, 3, "the body must be a JSON object"),
    ] {
        let (got, text) = refused(&world, call).await;
        assert_eq!(got, status, "{text}");
        assert!(text.starts_with(message), "{text}");
    }
}

#[tokio::test]
async fn a_refused_body_names_the_field() {
    let world = World::new();
    let long = "x".repeat(129);
    type Change<'a> = Box<dyn FnOnce(&mut Value) + 'a>;
    let set = |name: &'static str, value: Value| -> Change<'_> { Box::new(move |body| body[name] = value) };
    for (change, status, message) in [
        (set("merchantId", json!("")), 3, "parameter merchantId is missing"),
        (set("serialNo", Value::Null), 3, "parameter serialNo is missing"),
        (set("userId", json!("")), 3, "parameter userId is missing"),
        (set("serialNo", json!(1)), 3, "parameter serialNo must be a string"),
        (set("callbackUrl", json!({})), 3, "parameter callbackUrl must be a string"),
        (set("userId", json!(long)), 3, "parameter userId is longer than 128 characters"),
        (set("thirdAccount", json!("another")), 3, "parameters userId and thirdAccount are two names"),
        (set("businessId", json!("B2")), 3, "parameter businessId differs from the header's"),
        (set("merchantId", json!("M9")), 7, "this merchantId is not one of the business's"),
    ] {
        let (got, text) = refused(&world, &with_body(&world, change)).await;
        assert_eq!(got, status, "{text}");
        assert!(text.starts_with(message), "{text}");
    }
    assert_eq!(nothing_recorded(&world).await, None);
}

#[tokio::test]
async fn a_callback_address_that_is_not_public_is_refused_when_the_link_is_asked_for() {
    let world = World::new();
    for address in [
        "http://merchant.example.com/cb",
        "https://user@merchant.example.com/cb",
        "https://merchant.example.com:8443/cb",
        "https://127.0.0.1/cb",
        "https://2130706433/cb",
        "https://0x7f.1/cb",
        "https://0177.0.0.1/cb",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[fe80::1]/",
        "https://[fd00:ec2::254]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://localhost/cb",
        "https://localhost./cb",
        "https://api.localhost/cb",
        "https://metadata.google.internal/",
        "ftp://merchant.example.com/",
        "javascript:alert(1)",
        "https://merchant.example.com/c b",
    ] {
        let call = with_body(&world, |body| body["callbackUrl"] = json!(address));
        let (status, message) = refused(&world, &call).await;
        assert_eq!(status, 3, "{address}");
        assert!(message.starts_with("parameter callbackUrl: the callback address "), "{message}");
    }
    let long = format!("https://merchant.example.com/{}", "x".repeat(2_048));
    let call = with_body(&world, |body| body["callbackUrl"] = json!(long));
    assert_eq!(refused(&world, &call).await.0, 3);
    assert_eq!(nothing_recorded(&world).await, None);
}

#[tokio::test]
async fn an_md5_request_of_an_rsa_only_business_is_refused_and_the_other_way_round() {
    let world = World::new();
    let mut rsa_only = business();
    rsa_only["md5Keys"] = json!([]);
    world.secrets.set("business/B1", &rsa_only);
    let md5 = LinkCall::new("S1", world.now()).by_md5();
    let message = "signature verification failed: no MD5 key is registered for this business";
    assert_eq!(refused(&world, &md5).await, (2, message.to_owned()));

    let mut md5_only = business();
    md5_only["publicKeys"] = json!([]);
    world.secrets.set("business/B1", &md5_only);
    world.clock.advance(Duration::from_mins(5));
    let message = "signature verification failed: no SHA256-RSA key is registered for this business";
    assert_eq!(refused(&world, &LinkCall::new("S1", world.now())).await, (2, message.to_owned()));
}

#[tokio::test]
async fn a_bad_signature_names_the_string_without_the_md5_key() {
    let world = World::new();
    for (call, cause) in [
        (LinkCall { key: Key::Rsa(foreign()), ..LinkCall::new("S1", world.now()) }, Cause::OtherKey),
        (
            LinkCall { key: Key::Literal("!!!".to_owned()), ..LinkCall::new("S1", world.now()) },
            Cause::EncodingUnknown,
        ),
        (
            LinkCall { key: Key::Md5("another-key-of-16"), ..LinkCall::new("S1", world.now()).by_md5() },
            Cause::Md5OtherKey,
        ),
    ] {
        let (status, message) = refused(&world, &call).await;
        let checked = String::from_utf8(call.string_to_sign()).expect("text");
        assert_eq!(status, 2);
        assert_eq!(
            message,
            format!(
                "signature verification failed: {}; the string that was checked is: {checked}",
                cause.sentence()
            )
        );
        assert!(!message.contains(merchant_md5()));
    }
    assert_eq!(nothing_recorded(&world).await, None);
}

#[tokio::test]
async fn a_stale_or_future_timestamp_is_told_the_servers_time_and_the_skew() {
    let world = World::new();
    let now = world.now();
    for (offset, words) in [(-300_001, "300001 ms behind"), (400_000, "400000 ms ahead of")] {
        let call = LinkCall::new("S1", UnixMillis(now.0 + offset));
        let message = format!("the timestamp is {words} the server's time {now}; 300000 ms are allowed");
        assert_eq!(refused(&world, &call).await, (5, message));
    }
}

#[tokio::test]
async fn a_nonce_works_once_for_all_requests_of_a_business() {
    let world = World::new();
    let first = LinkCall { nonce: "n1".to_owned(), ..LinkCall::new("S1", world.now()) };
    world.ask(&first).await.expect_link();
    let second = LinkCall { nonce: "n1".to_owned(), ..LinkCall::new("S2", world.now()) };
    let used = (6, "this nonce was used before".to_owned());
    assert_eq!(refused(&world, &second).await, used);
    assert_eq!(refused(&world, &first).await, used, "the nonce is judged before the serialNo");

    let mut other = business();
    other["merchantIds"] = json!(["M1"]);
    world.secrets.set("business/B2", &other);
    let mut body = link_body("S1");
    body["businessId"] = json!("B2");
    let theirs = LinkCall {
        business_id: "B2".to_owned(),
        nonce: "n1".to_owned(),
        ..LinkCall::with_body(&body, world.now())
    };
    world.ask(&theirs).await.expect_link();
}

#[tokio::test]
async fn of_a_hundred_requests_with_one_nonce_at_once_exactly_one_passes() {
    let world = Arc::new(World::new());
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..100 {
        let world = world.clone();
        tasks.spawn(async move {
            let call =
                LinkCall { nonce: "same".to_owned(), ..LinkCall::new(&format!("S{number}"), world.now()) };
            world.ask(&call).await.status
        });
    }
    let mut statuses = tasks.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 0);
    assert_eq!(statuses[1..], [6; 99]);
}

#[tokio::test]
async fn a_repeated_request_gets_its_link_again_with_8_and_another_one_does_not() {
    let world = World::new();
    let first = world.link("S1").await;
    let again = world.ask(&LinkCall::new("S1", world.now())).await;
    assert_eq!((again.http_status, again.status), (200, 8));
    assert_eq!(again.message, "this serialNo was used before");
    assert_eq!(again.link.as_deref(), Some(first.link.as_str()));

    let call = with_body(&world, |body| body["userId"] = json!("user-2"));
    let other = world.ask(&call).await;
    assert_eq!((other.status, other.link), (8, None));
    let consumed = LinkCall { nonce: call.nonce, ..LinkCall::new("S2", world.now()) };
    assert_eq!(world.ask(&consumed).await.status, 6, "an 8 consumes its nonce too");
}

#[tokio::test]
async fn a_link_that_no_longer_works_is_not_given_again() {
    let world = World::new();
    world.authorized("S1", "open-1").await;
    let again = world.ask(&LinkCall::new("S1", world.now())).await;
    assert_eq!((again.status, again.link), (8, None));

    world.link("S2").await;
    world.clock.advance(Duration::from_hours(24));
    let again = world.ask(&LinkCall::new("S2", world.now())).await;
    assert_eq!((again.status, again.link), (8, None));
}

#[tokio::test]
async fn a_nonce_of_our_own_callbacks_is_no_nonce_of_a_request() {
    let world = World::new();
    let call = LinkCall { nonce: "authlink-00".to_owned(), ..LinkCall::new("S1", world.now()).by_md5() };
    let message = "signature verification failed: a nonce may not begin with authlink-";
    assert_eq!(refused(&world, &call).await, (2, message.to_owned()));
}

#[tokio::test]
async fn during_a_change_of_keys_both_work_and_a_new_one_works_at_once() {
    let world = World::new();
    world.link("S1").await;
    let mut both = business();
    both["publicKeys"] = json!([vector_text("public_key_spki_pem"), public_pem(foreign())]);
    world.secrets.set("business/B1", &both);
    // The cache still has the document with one key, and is refreshed because the signature fails.
    world.clock.advance(Duration::from_secs(11));
    let by_new = |serial| LinkCall { key: Key::Rsa(foreign()), ..LinkCall::new(serial, world.now()) };
    world.ask(&by_new("S2")).await.expect_link();
    world.link("S3").await;
    world.ask(&LinkCall::new("S3m", world.now()).by_md5()).await.expect_link();
    let (old, new, md5) = (of_public(merchant()), of_public(foreign()), of_shared(merchant_md5()));
    for (serial_no, key) in [("S1", old), ("S2", new), ("S3", old), ("S3m", md5)] {
        let record = world.record(&AuthorizationId::from_serial("B1", serial_no)).await;
        assert_eq!(record.verified_by, Some(key.short()), "{serial_no}");
    }
    assert_eq!(world.secrets.fetches("business/B1"), 2);

    let mut new_only = business();
    new_only["publicKeys"] = json!([public_pem(foreign())]);
    world.secrets.set("business/B1", &new_only);
    world.clock.advance(Duration::from_mins(6));
    world.ask(&by_new("S4")).await.expect_link();
    assert_eq!(world.ask(&LinkCall::new("S5", world.now())).await.status, 2);
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_our_failure_and_leave_nothing_behind() {
    let world = World::new();
    world.secrets.set_unavailable(true);
    let answer = world.ask(&LinkCall::new("S1", world.now())).await;
    assert_eq!((answer.http_status, answer.status), (503, 1));
    assert_eq!(answer.message, "temporarily unavailable, try again");
    assert_eq!(nothing_recorded(&world).await, None);
}

#[tokio::test]
async fn a_deleted_business_is_unknown_as_soon_as_it_is_looked_up_again() {
    let world = World::new();
    world.link("S1").await;
    world.secrets.delete("business/B1");
    world.clock.advance(Duration::from_mins(5));
    assert_eq!(world.ask(&LinkCall::new("S2", world.now())).await.status, 7);
}

#[tokio::test]
async fn a_refused_request_leaves_its_nonce_free() {
    let world = World::new();
    let good = LinkCall::new("S1", world.now());
    let forged = LinkCall { key: Key::Rsa(foreign()), ..good.clone() };
    let foreign_merchant =
        LinkCall { nonce: good.nonce.clone(), ..with_body(&world, |body| body["merchantId"] = json!("M9")) };
    let inwards = LinkCall {
        nonce: good.nonce.clone(),
        ..with_body(&world, |body| body["callbackUrl"] = json!("https://10.0.0.1"))
    };
    for call in [forged, foreign_merchant, inwards] {
        assert_ne!(world.ask(&call).await.status, 0);
    }
    world.ask(&good).await.expect_link();
}

#[tokio::test]
async fn two_processes_on_one_database_take_a_nonce_and_a_serial_once() {
    let world = World::new();
    let another = world.another_process();
    for number in 0..20 {
        let serial = format!("S{number}");
        let one = LinkCall::new(&serial, world.now());
        let same_nonce =
            LinkCall { nonce: one.nonce.clone(), ..LinkCall::new(&format!("T{number}"), world.now()) };
        let (first, second) = tokio::join!(world.ask(&one), another.ask(&same_nonce));
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [0, 6]);

        let serial = format!("U{number}");
        let calls = [(); 2].map(|()| LinkCall::new(&serial, world.now()));
        let (first, second) = tokio::join!(world.ask(&calls[0]), another.ask(&calls[1]));
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [0, 8]);
    }
}

#[tokio::test]
async fn a_repeated_auth_header_is_refused_whichever_it_is() {
    let world = World::new();
    for name in ["businessId", "nonce", "timestamp", "sign", "signType"] {
        let mut request = LinkCall::new("S1", world.now()).build();
        let header = http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
        request.headers_mut().append(header.clone(), "x".parse().expect("a value"));
        request.headers_mut().append(header, "x".parse().expect("a value"));
        let answer = LinkAnswer::read(&world.auth_url.handle(&request).await);
        assert_eq!((answer.status, answer.message), (3, format!("header {name} is repeated")));
    }
}

#[tokio::test]
async fn a_sender_outside_the_allowed_ranges_is_refused_in_both_families() {
    let world = World::new();
    let mut document = business();
    document["allowedIps"] = json!(["203.0.113.0/24", "2001:db8:1::/48"]);
    world.secrets.set("business/B1", &document);
    for (number, (source, status)) in [
        (Some("203.0.113.9"), 0),
        (Some("203.0.114.9"), 10),
        (Some("2001:db8:1::9"), 0),
        (Some("2001:db8:2::9"), 10),
        (None, 10),
    ]
    .into_iter()
    .enumerate()
    {
        let source_ip = source.map(|address| address.parse().expect("an address"));
        let call = LinkCall { source_ip, ..LinkCall::new(&format!("S{number}"), world.now()) };
        assert_eq!(world.ask(&call).await.status, status, "{source:?}");
    }
}

/// The record of serialNo S1, which a refused request must not have made.
async fn nothing_recorded(world: &World) -> Option<Status> {
    let id = AuthorizationId::from_serial("B1", "S1");
    world.store.authorization(&id).await.expect("the store answers").map(|record| record.status())
}
