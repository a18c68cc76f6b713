//! `GetAuthorizationUrl`: every row of its error table and of the gateway's, as a golden file has it, and what a right
//! call gets.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request};
use serde_json::json;
use shared::model::authorization::{Authorization, Callback, Status};
use shared::model::authorization_request::AuthorizationRequest;
use shared::model::id::AuthorizationId;
use shared::model::reservation::{Reservation, ReservationOutcome};
use shared::rate_limit::RateLimiter;
use shared::store::{NonceUse, RecordLinks, Recorded, ReserveRate, StoreError, UseNonces};
use tests::disabling::of_shared;
use tests::rpc::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, HOST, Protocol, RpcAnswer, RpcCall, utc, whole};
use tests::world::{BEGINNING, World, access_key, scheme};

/// A store that is away.
struct Away;

/// A rate that is reserved for a long time to come.
struct UsedUp;

#[async_trait]
impl ReserveRate for UsedUp {
    async fn reserve(&self, reservation: &Reservation) -> Result<ReservationOutcome, StoreError> {
        Ok(ReservationOutcome::Full { again_at: reservation.now + Duration::from_secs(1) })
    }
}

#[async_trait]
impl RecordLinks for Away {
    async fn record_link(&self, _: &Authorization, _: &NonceUse) -> Result<Recorded, StoreError> {
        Err(StoreError::Unavailable("told to".to_owned()))
    }
}

#[async_trait]
impl UseNonces for Away {
    async fn use_nonce(&self, _: &NonceUse) -> Result<bool, StoreError> {
        Err(StoreError::Unavailable("told to".to_owned()))
    }
}

/// The name of a golden file, and what has to be so for its answer.
type Row = (&'static str, fn(&mut World), fn(RpcCall) -> RpcCall);

/// Makes one thing more wrong.
type Spoil = fn(&mut World, RpcCall) -> RpcCall;

fn as_it_is(_: &mut World) {}

fn account(world: &World, document: &serde_json::Value) {
    world.secrets.set("account/1001", document);
}

/// Every row of the action's error table, each message of a code that has two, and success.
const OF_THE_ACTION: &[Row] = &[
    ("ok", as_it_is, |call| call),
    ("InvalidParameters", as_it_is, |call| call.with("SchemeId", "scheme")),
    ("MissingParameter", as_it_is, |call| call.without("PhoneNo")),
    ("Throttling.System", |world| account(world, &json!({"requestsPerSecond": 1})), |call| call),
    ("MobileNumberIllgeal", as_it_is, |call| call.with("PhoneNo", "12345")),
    ("DataNotFound", as_it_is, |call| call.with("SchemeId", "235")),
    ("IllegalParameter", as_it_is, |call| call.with("EndDate", "2026-02-30")),
    (
        "SchemeNotPassed",
        |world| {
            let mut document = scheme();
            document["passed"] = json!(false);
            world.secrets.set("scheme/234", &document);
        },
        |call| call,
    ),
    (
        "Forbidden",
        |world| {
            let mut document = scheme();
            document["accountId"] = json!("1002");
            world.secrets.set("scheme/234", &document);
        },
        |call| call,
    ),
    (
        "UnauthorizedOperation.disabled",
        |world| {
            let mut document = access_key();
            document["enabled"] = json!(false);
            world.secrets.set("access-key/testAccessKeyId", &document);
        },
        |call| call,
    ),
    (
        "UnauthorizedOperation.permission",
        |world| {
            let mut document = access_key();
            document["permissions"] = json!(["dypns:QuerySendDetails"]);
            world.secrets.set("access-key/testAccessKeyId", &document);
        },
        |call| call,
    ),
    ("IdentityCertifyNotExist", |world| account(world, &json!({"identityVerified": false})), |call| call),
    ("InternalError.unreadable", |world| account(world, &json!({"suspendet": true})), |call| call),
    ("InternalError.absent", |world| world.secrets.delete("account/1001"), |call| call),
    ("SystemError.keys", |world| world.secrets.set_unavailable(true), |call| call),
    (
        "SystemError.store",
        |world| {
            world.deps.authorization_url.store.record = Arc::new(Away);
            world.rebuild();
        },
        |call| call,
    ),
    ("OutOfService", |world| account(world, &json!({"suspended": true})), |call| call),
    ("FunctionNotSubscribed", |world| account(world, &json!({"subscribed": false})), |call| call),
];

/// The gateway's own errors.
const OF_THE_GATEWAY: &[Row] = &[
    ("MissingAccessKeyId", as_it_is, |mut call| {
        call.access_key_id.clear();
        call
    }),
    ("InvalidAccessKeyId.NotFound", as_it_is, |mut call| {
        call.access_key_id = "nobody".to_owned();
        call
    }),
    ("InvalidSecurityToken.NotSupported", as_it_is, |mut call| {
        call.security_token = Some("a-session".to_owned());
        call
    }),
    ("IncompleteSignature", as_it_is, |mut call| {
        call.nonce = "n".repeat(129);
        call
    }),
    ("InvalidTimeStamp.Format", as_it_is, |mut call| {
        call.timestamp = "2026-11-22 00:00:00".to_owned();
        call
    }),
    ("InvalidTimeStamp.Expired", as_it_is, |mut call| {
        call.timestamp = utc(BEGINNING - Duration::from_secs(901));
        call
    }),
    ("InvalidAction.NotFound", as_it_is, |mut call| {
        call.action = "GetAuthToken".to_owned();
        call
    }),
    ("SignatureNonceUsed", as_it_is, |mut call| {
        call.nonce = "a-nonce".to_owned();
        call
    }),
    ("SignatureDoesNotMatch", as_it_is, |mut call| {
        call.secret = "another".to_owned();
        call.nonce = "a-nonce".to_owned();
        call
    }),
];

/// The answer in the world that the row describes, with the rate limit used up where the row says so.
async fn answer(row: &Row, protocol: Protocol, format: Option<&str>) -> String {
    let (name, set, change) = row;
    let mut world = World::new();
    set(&mut world);
    let call = || {
        let mut call = RpcCall::new(protocol, world.now());
        call.format = format.map(str::to_owned);
        change(call)
    };
    if *name == "Throttling.System" {
        world.call(&RpcCall::new(protocol, world.now())).await;
    }
    if *name == "SignatureNonceUsed" {
        world.call(&RpcCall { format: Some("JSON".to_owned()), ..call() }).await;
    }
    whole(&world.authorization_url.handle(&call().build()).await)
}

fn golden(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/get-authorization-url").join(name);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[tokio::test]
async fn every_answer_is_as_its_golden_file_has_it() {
    for row in OF_THE_ACTION.iter().chain(OF_THE_GATEWAY) {
        let answered = answer(row, Protocol::V3, Some("JSON")).await;
        assert_eq!(answered, golden(&format!("{}.json.http", row.0)), "{}", row.0);
    }
}

#[tokio::test]
async fn an_answer_in_xml_has_the_same_fields() {
    for name in ["ok", "MissingParameter"] {
        let row = OF_THE_ACTION.iter().find(|row| row.0 == name).unwrap();
        for (protocol, format) in [(Protocol::V1, None), (Protocol::V3, Some("xml"))] {
            assert_eq!(answer(row, protocol, format).await, golden(&format!("{name}.xml.http")), "{name}");
        }
    }
}

#[tokio::test]
async fn both_signatures_get_the_same_answers() {
    for row in OF_THE_ACTION.iter().chain(OF_THE_GATEWAY) {
        if row.0 == "SignatureDoesNotMatch" {
            continue;
        }
        for protocol in [Protocol::V1, Protocol::V1Form] {
            let answered = answer(row, protocol, Some("JSON")).await;
            assert_eq!(answered, golden(&format!("{}.json.http", row.0)), "{} {protocol:?}", row.0);
        }
    }
    let row = OF_THE_GATEWAY.iter().find(|row| row.0 == "SignatureDoesNotMatch").unwrap();
    assert_eq!(answer(row, Protocol::V1, Some("JSON")).await, golden("SignatureDoesNotMatch.v1.json.http"));
}

/// The record of a link that was granted.
async fn record(world: &World, link: &str) -> Authorization {
    let token = link.split("token=").nth(1).and_then(|rest| rest.split('&').next()).expect("a token");
    let claims = token.split('.').nth(1).expect("claims");
    let claims: serde_json::Value = {
        use base64::Engine as _;
        let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).expect("base64url");
        serde_json::from_slice(&json).expect("JSON")
    };
    let id = AuthorizationId::parse(claims["bizId"].as_str().expect("bizId")).expect("an id");
    world.record(&id).await
}

#[tokio::test]
async fn a_right_call_is_recorded_with_the_phones_tail_and_hash_alone() {
    let world = World::new();
    let call = RpcCall::new(Protocol::V3, world.now())
        .with("PhoneNo", "+8613900001234")
        .with("EndDate", "2026-11-22");
    let answer = world.call(&call).await;
    let link = answer.link.expect("a link");
    assert!(
        link.starts_with(
            "https://links.example.com/p/s/web-call-minapp/auth-bao?page=commauth/index&token=eyJ"
        )
    );
    assert!(link.ends_with("&_env=prod"));
    let record = record(&world, &link).await;
    assert_eq!((record.status(), record.callback), (Status::Issued, Callback::OwnersDefault));
    assert_eq!(record.expires_at, world.now() + Duration::from_hours(24));
    let AuthorizationRequest::Scheme(requested) = record.request else { panic!("{:?}", record.request) };
    assert_eq!(requested.account_id, "1001");
    assert_eq!(requested.scheme_id.to_string(), "234");
    assert_eq!(requested.request_id, answer.request_id);
    assert_eq!(requested.phone_tail, "1234");
    // echo -n 13900001234 | openssl dgst -sha256 -hmac fedcba9876543210fedcba9876543210
    assert_eq!(requested.phone_hash, "860ad8c38f56bc534b9b25544e86b5306fc2ed9fd4587d7476558ae9c10aea21");
    assert_eq!(requested.end_date.map(|date| date.to_string()).as_deref(), Some("2026-11-22"));
}

#[tokio::test]
async fn a_record_names_the_secret_that_its_call_is_signed_with() {
    let world = World::new();
    let (old, new) = (ACCESS_KEY_SECRET, "anotherAccessKeySecret");
    let mut document = access_key();
    document["secrets"] = json!([old, new]);
    world.secrets.set("access-key/testAccessKeyId", &document);
    for (protocol, secret) in
        [(Protocol::V1, old), (Protocol::V3, old), (Protocol::V1, new), (Protocol::V3, new)]
    {
        let call = RpcCall { secret: secret.to_owned(), ..RpcCall::new(protocol, world.now()) };
        let link = world.call(&call).await.link.expect("a link");
        assert_eq!(record(&world, &link).await.verified_by, Some(of_shared(secret).short()), "{secret}");
    }
}

#[tokio::test]
async fn a_scheme_of_the_contract_type_needs_an_end_date_that_is_not_over_in_beijing() {
    let world = World::new();
    let mut document = scheme();
    document["contract"] = json!(true);
    world.secrets.set("scheme/234", &document);
    // 2026-11-22 15:59:59 UTC is the last second of that day in Beijing.
    world.clock.set(BEGINNING + Duration::from_secs(16 * 60 * 60 - 1));
    let code = async |end_date: Option<&str>| {
        let call = RpcCall::new(Protocol::V1, world.now());
        world.call(&end_date.iter().fold(call, |call, date| call.with("EndDate", date))).await.code
    };
    assert_eq!(code(None).await, "MissingParameter");
    assert_eq!(code(Some("")).await, "MissingParameter");
    assert_eq!(code(Some("2026-11-21")).await, "IllegalParameter");
    assert_eq!(code(Some("2026-11-22")).await, "OK");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(code(Some("2026-11-22")).await, "IllegalParameter");
    assert_eq!(code(Some("2026-11-23")).await, "OK");
}

#[tokio::test]
async fn the_first_thing_that_is_wrong_answers() {
    let wrong: [(&str, Spoil); 22] = [
        ("IdentityCertifyNotExist", |world, call| {
            account(world, &json!({"identityVerified": false}));
            call
        }),
        ("IllegalParameter", |_, call| call.with("EndDate", "tomorrow")),
        ("MissingParameter", |world, call| {
            let mut document = scheme();
            document["contract"] = json!(true);
            world.secrets.set("scheme/234", &document);
            call.with("EndDate", "")
        }),
        ("SchemeNotPassed", |world, call| {
            let mut document = scheme();
            document["passed"] = json!(false);
            world.secrets.set("scheme/234", &document);
            call
        }),
        ("Forbidden", |world, call| {
            let mut document = scheme();
            document["passed"] = json!(false);
            document["accountId"] = json!("1002");
            world.secrets.set("scheme/234", &document);
            call
        }),
        ("DataNotFound", |_, call| call.with("SchemeId", "999")),
        ("InvalidParameters", |_, call| call.with("SchemeId", "-1")),
        ("MobileNumberIllgeal", |_, call| call.with("PhoneNo", "x")),
        ("MissingParameter", |_, call| call.with("SchemeId", "")),
        ("Throttling.System", |world, call| {
            let used_up = RateLimiter::new(Arc::new(UsedUp), world.clock.clone());
            world.deps.authorization_url.rate_limiter = Arc::new(used_up);
            world.rebuild();
            call
        }),
        ("UnauthorizedOperation", |world, call| {
            let mut document = access_key();
            document["permissions"] = json!([]);
            world.secrets.set("access-key/testAccessKeyId", &document);
            call
        }),
        ("FunctionNotSubscribed", |world, call| {
            account(world, &json!({"subscribed": false, "identityVerified": false}));
            call
        }),
        ("OutOfService", |world, call| {
            account(world, &json!({"suspended": true, "subscribed": false}));
            call
        }),
        ("SignatureNonceUsed", |_, mut call| {
            call.nonce = "nonce-of-OutOfService".to_owned();
            call
        }),
        ("IncompleteSignature", |_, mut call| {
            call.nonce = String::new();
            call
        }),
        ("SignatureDoesNotMatch", |_, mut call| {
            call.secret = "another".to_owned();
            call
        }),
        ("InvalidTimeStamp.Expired", |world, mut call| {
            call.timestamp = utc(world.now() + Duration::from_secs(902));
            call
        }),
        ("InvalidTimeStamp.Format", |_, mut call| {
            call.timestamp = "now".to_owned();
            call
        }),
        ("InvalidAccessKeyId.NotFound", |_, mut call| {
            call.access_key_id = "../account/1001".to_owned();
            call
        }),
        ("MissingAccessKeyId", |_, mut call| {
            call.access_key_id = String::new();
            call
        }),
        ("InvalidSecurityToken.NotSupported", |_, mut call| {
            call.security_token = Some("a-session".to_owned());
            call
        }),
        ("InvalidAction.NotFound", |_, mut call| {
            call.version = "2017-05-26".to_owned();
            call
        }),
    ];
    let mut world = World::new();
    let mut call = RpcCall::new(Protocol::V1, world.now());
    for (code, spoil) in wrong {
        // Documents are looked up again; what was wrong before stays wrong.
        world.clock.advance(Duration::from_mins(6));
        if call.timestamp == utc(world.now() - Duration::from_mins(6)) {
            call.timestamp = utc(world.now());
        }
        if !call.nonce.is_empty() {
            call.nonce = format!("nonce-of-{code}");
        }
        call = spoil(&mut world, call);
        assert_eq!(world.call(&call).await.code, code);
    }
}

#[tokio::test]
async fn a_nonce_is_used_once_by_whatever_call_whose_signature_holds() {
    let world = World::new();
    let mut refused = RpcCall::new(Protocol::V3, world.now()).without("PhoneNo");
    assert_eq!(world.call(&refused).await.code, "MissingParameter");
    assert_eq!(world.call(&refused).await.code, "SignatureNonceUsed");
    let granted = RpcCall::new(Protocol::V3, world.now());
    assert_eq!(world.call(&granted).await.code, "OK");
    let again = world.call(&granted).await;
    assert_eq!((again.http_status, again.code.as_str()), (400, "SignatureNonceUsed"));
    assert_eq!(again.message, "Specified signature nonce was used already.");
    // By the other protocol too, and as long as the time stamp could be believed.
    let mut late = RpcCall::new(Protocol::V1, world.now());
    late.nonce = granted.nonce.clone();
    late.timestamp = utc(world.now() + Duration::from_mins(15));
    world.clock.advance(Duration::from_mins(30));
    assert_eq!(world.call(&late).await.code, "SignatureNonceUsed");
    // A forged one does not consume it.
    refused = RpcCall::new(Protocol::V1, world.now());
    let forged = RpcCall { secret: "another".to_owned(), ..refused.clone() };
    assert_eq!(world.call(&forged).await.code, "SignatureDoesNotMatch");
    assert_eq!(world.call(&refused).await.code, "OK");
}

#[tokio::test]
async fn two_secrets_hold_while_one_replaces_the_other() {
    let world = World::new();
    assert_eq!(world.call(&RpcCall::new(Protocol::V3, world.now())).await.code, "OK");
    let with =
        |secret: &str| RpcCall { secret: secret.to_owned(), ..RpcCall::new(Protocol::V3, world.now()) };
    let mut document = access_key();
    document["secrets"] = json!([ACCESS_KEY_SECRET, "newAccessKeySecret"]);
    world.secrets.set("access-key/testAccessKeyId", &document);
    world.clock.advance(Duration::from_secs(11));
    assert_eq!(world.call(&with("newAccessKeySecret")).await.code, "OK", "looked up again at once");
    assert_eq!(world.call(&with(ACCESS_KEY_SECRET)).await.code, "OK");
    document["secrets"] = json!(["newAccessKeySecret"]);
    world.secrets.set("access-key/testAccessKeyId", &document);
    world.clock.advance(Duration::from_mins(6));
    assert_eq!(world.call(&with("newAccessKeySecret")).await.code, "OK");
    assert_eq!(world.call(&with(ACCESS_KEY_SECRET)).await.code, "SignatureDoesNotMatch");
}

#[tokio::test]
async fn bad_input_gets_the_right_error_and_never_a_500() {
    let world = World::new();
    let call = || RpcCall::new(Protocol::V3, world.now());
    let long = "1".repeat(5_000);
    for (code, call) in [
        ("InvalidParameters", call().and("PhoneNo", "13900001234")),
        ("InvalidParameters", call().and("SchemeId", "234")),
        ("InvalidParameters", call().and("EndDate", "2026-12-28").and("EndDate", "2026-12-29")),
        ("MissingParameter", call().with("PhoneNo", "")),
        ("OK", call().with("EndDate", "")),
        (
            "OK",
            call()
                .and("OwnerId", "1")
                .and("ResourceOwnerAccount", "a")
                .and("Unknown", "x")
                .and("Unknown", "y"),
        ),
        ("MobileNumberIllgeal", call().with("PhoneNo", [0xff, 0xfe])),
        ("InvalidParameters", call().with("SchemeId", [0xff])),
        ("IllegalParameter", call().with("EndDate", [0xff])),
        ("MobileNumberIllgeal", call().with("PhoneNo", &long)),
        ("InvalidParameters", call().with("SchemeId", &long)),
        ("IllegalParameter", call().with("EndDate", &long)),
        ("InvalidParameters", call().with("SchemeId", "9223372036854775808")),
        ("DataNotFound", call().with("SchemeId", "9223372036854775807")),
        ("DataNotFound", call().with("SchemeId", "0")),
        ("MobileNumberIllgeal", call().with("PhoneNo", "139 0000 1234")),
        ("InvalidAccessKeyId.NotFound", RpcCall { access_key_id: "a.b/../c".to_owned(), ..call() }),
        ("InvalidAccessKeyId.NotFound", RpcCall { access_key_id: "k".repeat(65), ..call() }),
        ("InvalidAction.NotFound", RpcCall { method: Method::PUT, ..call() }),
        ("InvalidAction.NotFound", RpcCall { path: "/other".to_owned(), ..call() }),
        ("InvalidAction.NotFound", RpcCall { action: "getauthorizationurl".to_owned(), ..call() }),
        ("SignatureDoesNotMatch", RpcCall { signature: Some("0".repeat(64)), ..call() }),
        ("IncompleteSignature", RpcCall { signature: Some("0".repeat(63)), ..call() }),
    ] {
        let answer = world.call(&call).await;
        assert_eq!(answer.code, code, "{:?}", call.parameters);
        assert!(answer.http_status < 500, "{}", answer.whole);
    }
    let mut large = call().build();
    *large.body_mut() = vec![b'x'; get_authorization_url::MAX_BODY_BYTES + 1].into();
    let answer = world.authorization_url.handle(&large).await;
    assert!(whole(&answer).contains(r#""Code":"InvalidParameters""#));
}

#[tokio::test]
async fn whose_document_cannot_be_read_is_led_to_a_page_that_says_who_has_to_act() {
    for document in [&format!("access-key/{ACCESS_KEY_ID}"), "account/1001", "scheme/234"] {
        let world = World::new();
        world.secrets.set(document, &json!({"unreadable": true}));
        let call = RpcCall::new(Protocol::V3, world.now()).build();
        let answer = world.authorization_url.handle(&call).await;
        let refused = RpcAnswer::read(&answer);
        let said = (refused.http_status, refused.code.as_str(), refused.message.as_str());
        assert_eq!(said, (500, "InternalError", "An internal error occurred."), "{document}");
        let body: serde_json::Value = serde_json::from_slice(answer.body()).expect("JSON");
        let page = Request::builder()
            .uri(body["Recommend"].as_str().expect("an address"))
            .header("accept-language", "en")
            .body(Bytes::new())
            .expect("a request");
        let page = world.auth_url.handle(&page).await;
        let page = str::from_utf8(page.body()).expect("text");
        assert!(page.contains("Who acts: operator") && page.contains("trying again does not help"), "{page}");
    }
}

#[tokio::test]
async fn a_call_that_is_signed_for_another_host_is_refused_where_our_address_is_set() {
    let mut world = World::new();
    for (public_url, v3) in [
        (None, "OK"),
        (Some(format!("https://{HOST}/stage")), "OK"),
        (Some("https://other.example.com".to_owned()), "InvalidAction.NotFound"),
    ] {
        let links = &mut world.deps.authorization_url.links;
        links.public_url = public_url.as_ref().map(|url| url.parse().expect("a URL"));
        world.rebuild();
        assert_eq!(world.call(&RpcCall::new(Protocol::V3, world.now())).await.code, v3, "{public_url:?}");
        let v1 = world.call(&RpcCall::new(Protocol::V1, world.now())).await;
        assert_eq!(v1.code, "OK", "V1 does not sign the host");
    }
}

#[tokio::test]
async fn who_is_over_the_rate_limit_is_told_when_to_come_again_and_others_are_not_held_back() {
    let world = World::new();
    account(&world, &json!({"requestsPerSecond": 2}));
    world.secrets.set("account/1002", &json!({"requestsPerSecond": 2}));
    let mut other = access_key();
    other["accountId"] = json!("1002");
    world.secrets.set("access-key/otherAccessKeyId", &other);
    // Whoever cannot sign uses up nobody's rate.
    for _ in 0..20 {
        let forged = RpcCall { secret: "another".to_owned(), ..RpcCall::new(Protocol::V1, world.now()) };
        assert_eq!(world.call(&forged).await.code, "SignatureDoesNotMatch");
    }
    let mut answers = Vec::new();
    while answers.last().is_none_or(|answer: &RpcAnswer| answer.code == "OK") {
        answers.push(world.call(&RpcCall::new(Protocol::V1, world.now())).await);
    }
    let throttled = answers.pop().expect("one");
    assert_eq!(answers.len(), 2);
    assert_eq!((throttled.http_status, throttled.code.as_str()), (400, "Throttling.System"));
    let wait = throttled.retry_after_millis.expect("x-acs-retry-after");
    assert!((1..=2_000).contains(&wait), "{wait}");
    let of_another =
        RpcCall { access_key_id: "otherAccessKeyId".to_owned(), ..RpcCall::new(Protocol::V1, world.now()) };
    assert_eq!(world.call(&of_another).await.code, "Forbidden");
    world.clock.advance(Duration::from_millis(wait));
    assert_eq!(world.call(&RpcCall::new(Protocol::V1, world.now())).await.code, "OK");
}

#[tokio::test]
async fn a_consent_is_delivered_to_the_schemes_address_with_the_schemes_body() {
    let world = World::new();
    let call = RpcCall::new(Protocol::V3, world.now()).with("EndDate", "2026-12-28");
    let answer = world.call(&call).await;
    let record = record(&world, &answer.link.expect("a link")).await;
    let link = record.link().expect("the authorize link");
    world.gateway.answer(tests::parties::identified("open-1"));
    let shown = world.complete_return(&tests::request::state_of(link), "codeA").await;
    assert_eq!(shown.outcome, "authorized");
    world.drain().await;
    let posts = world.merchant.posts();
    let [post] = posts.as_slice() else { panic!("{} posts", posts.len()) };
    assert_eq!(post.url, "https://merchant.example.com/cb");
    assert_eq!(post.headers["businessid"], "1001");
    let body = format!(
        r#"{{"requestId":"{}","bizId":"{}","schemeId":234,"phoneTail":"1234","endDate":"2026-12-28","openId":"open-1","authTime":{}}}"#,
        answer.request_id,
        record.id,
        world.now()
    );
    assert_eq!(str::from_utf8(&post.body), Ok(body.as_str()));
    assert_eq!(world.record(&record.id).await.status(), Status::Delivered);
}

#[tokio::test]
async fn a_repeated_call_uses_up_nobodys_rate() {
    let world = World::new();
    account(&world, &json!({"requestsPerSecond": 1}));
    let caught = RpcCall::new(Protocol::V1, world.now());
    assert_eq!(world.call(&caught).await.code, "OK");
    world.clock.advance(Duration::from_secs(2));
    for _ in 0..50 {
        assert_eq!(world.call(&caught).await.code, "SignatureNonceUsed");
    }
    assert_eq!(world.call(&RpcCall::new(Protocol::V1, world.now())).await.code, "OK");
}

#[tokio::test]
async fn what_is_changed_after_it_was_signed_is_refused_by_cause() {
    type Change = fn(&mut Request<Bytes>);
    fn set(request: &mut Request<Bytes>, name: &'static str, value: &str) {
        request.headers_mut().insert(name, value.parse().expect("a value"));
    }
    fn rewrite(request: &mut Request<Bytes>, from: &str, to: &str) {
        let target = request.uri().to_string();
        assert!(target.contains(from), "{target}");
        *request.uri_mut() = target.replace(from, to).parse().expect("a target");
    }
    fn reauthorize(request: &mut Request<Bytes>, from: &str, to: &str) {
        let value = request.headers()["authorization"].to_str().expect("text").replace(from, to);
        set(request, "authorization", &value);
    }
    /// The last rows are about a number with a space in it.
    const SPACED: usize = 3;
    let rows: &[(&str, Protocol, Change)] = &[
        ("SignatureDoesNotMatch", Protocol::V3, |request| rewrite(request, "SchemeId=234", "SchemeId=235")),
        ("SignatureDoesNotMatch", Protocol::V1, |request| rewrite(request, "SchemeId=234", "SchemeId=235")),
        ("SignatureDoesNotMatch", Protocol::V1, |request| *request.method_mut() = Method::GET),
        ("SignatureDoesNotMatch", Protocol::V1Form, |request| {
            *request.body_mut() = [request.body(), &b"&EndDate=2027-01-01"[..]].concat().into();
        }),
        ("SignatureDoesNotMatch", Protocol::V3, |request| {
            set(request, "content-type", "application/json");
            reauthorize(request, "SignedHeaders=", "SignedHeaders=content-type;");
            *request.body_mut() = Bytes::from_static(b"{}");
        }),
        ("IncompleteSignature", Protocol::V3, |request| *request.body_mut() = Bytes::from_static(b"{}")),
        ("IncompleteSignature", Protocol::V1, |request| *request.body_mut() = Bytes::from_static(b"{}")),
        ("IncompleteSignature", Protocol::V3, |request| set(request, "x-acs-unsigned", "1")),
        ("IncompleteSignature", Protocol::V3, |request| {
            request.headers_mut().remove("x-acs-content-sha256");
        }),
        ("SignatureDoesNotMatch", Protocol::V3, |request| set(request, "x-acs-content-sha256", "0")),
        ("IncompleteSignature", Protocol::V3, |request| reauthorize(request, "host;", "")),
        ("IncompleteSignature", Protocol::V3, |request| reauthorize(request, "host;", "host;x-not-there;")),
        ("IncompleteSignature", Protocol::V3, |request| reauthorize(request, "HMAC-SHA256", "RSA-SHA256")),
        ("IncompleteSignature", Protocol::V3, |request| {
            let value = request.headers()["authorization"].clone();
            request.headers_mut().append("authorization", value);
        }),
        ("IncompleteSignature", Protocol::V1, |request| rewrite(request, "HMAC-SHA1", "HMAC-SHA256")),
        ("IncompleteSignature", Protocol::V1, |request| {
            rewrite(request, "SignatureVersion=1.0", "SignatureVersion=2.0")
        }),
        ("IncompleteSignature", Protocol::V1, |request| rewrite(request, "?", "?Timestamp=x&")),
        ("InvalidAccessKeyId.NotFound", Protocol::V1, |request| rewrite(request, "testAccessKeyId", "%FF")),
        ("InvalidAccessKeyId.NotFound", Protocol::V1, |request| {
            rewrite(request, "testAccessKeyId", "%C3%A9")
        }),
        // Other spellings of the same parameters are the same call.
        ("OK", Protocol::V1, |request| rewrite(request, "234", "%32%33%34")),
        ("OK", Protocol::V3, |request| rewrite(request, "234", "%32%33%34")),
        ("OK", Protocol::V1, |request| {
            rewrite(request, "Timestamp=2026-11-22T00%3A00%3A00Z", "Timestamp=2026-11-22T00%3a00:00Z")
        }),
        ("MobileNumberIllgeal", Protocol::V1, |request| rewrite(request, "139%2000001234", "139+00001234")),
        ("MobileNumberIllgeal", Protocol::V3, |request| rewrite(request, "139%2000001234", "139+00001234")),
        ("SignatureDoesNotMatch", Protocol::V1, |request| {
            rewrite(request, "139%2000001234", "139%2B00001234")
        }),
    ];
    for (index, (code, protocol, change)) in rows.iter().enumerate() {
        let world = World::new();
        let mut call = RpcCall::new(*protocol, world.now());
        if index >= rows.len() - SPACED {
            call = call.with("PhoneNo", "139 00001234");
        }
        let mut request = call.build();
        change(&mut request);
        let answer = world.authorization_url.handle(&request).await;
        assert_eq!(RpcAnswer::read(&answer).code, *code, "row {index}");
        assert!(answer.status().as_u16() < 500);
    }
}

#[tokio::test]
async fn who_asks_for_too_many_unknown_names_is_told_to_come_again() {
    let world = World::new();
    let mut codes = BTreeMap::new();
    for number in 0..200 {
        let call =
            RpcCall { access_key_id: format!("nobody{number}"), ..RpcCall::new(Protocol::V1, world.now()) };
        let answer = world.call(&call).await;
        assert!(answer.http_status < 500);
        if answer.code == "Throttling.System" {
            assert_eq!(answer.retry_after_millis, Some(1_000));
        }
        *codes.entry(answer.code).or_insert(0) += 1;
    }
    assert_eq!(
        codes.keys().collect::<Vec<_>>(),
        ["InvalidAccessKeyId.NotFound", "Throttling.System"],
        "{codes:?}"
    );
}

#[tokio::test]
async fn a_call_that_we_failed_may_be_sent_again_as_it_is() {
    let world = World::new();
    let call = RpcCall::new(Protocol::V3, world.now());
    world.secrets.set_unavailable(true);
    assert_eq!(world.call(&call).await.code, "SystemError");
    world.secrets.set_unavailable(false);
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(world.call(&call).await.code, "OK");
}
