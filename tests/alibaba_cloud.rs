//! Schemes whose links Alibaba Cloud makes: what it says becomes ours, and what it is sent is signed with the account's
//! own key.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use shared::egress::transport_error::TransportError;
use shared::model::authorization::Authorization;
use shared::model::clock::Clock as _;
use shared::protocol::alibaba_cloud::AlibabaCloudClient;
use shared::secrets::SecretName;
use shared::store::{NonceUse, RecordLinks, Recorded, StoreError, UseNonces};
use shared::web::client_info::ClientInfo;
use tests::alibaba_cloud::{granted, refused};
use tests::logs::Logs;
use tests::raw_server::{RawRequest, RawServer, Reply, http};
use tests::rpc::{Checked, Protocol, RpcAnswer, RpcCall};
use tests::server;
use tests::world::{World, access_key, scheme};
use tokio::task::JoinSet;

const ENDPOINT: &str = "https://dypnsapi.aliyuncs.com";
const KEY_ID: &str = "LTAI5tTheirKey";
const SECRET: &str = "the-account-s-secret-there";
const LINK: &str =
    "https://render.example.com/p/s/web-call-minapp/auth-bao?page=commauth/index&token=eyJ&_env=prod";
const SYSTEM_ERROR: (u16, &str, &str) = (500, "SystemError", "A system error occurred.");

/// A world in which the links of scheme 234 are Alibaba Cloud's, which is at `endpoint`.
fn world_at(endpoint: &str) -> World {
    let world = World::new();
    let mut document = scheme();
    document["source"] = json!("aliyun");
    world.secrets.set("scheme/234", &document);
    world
        .secrets
        .set("aliyun/1001", &json!({"accessKeyId": KEY_ID, "accessKeySecret": SECRET, "endpoint": endpoint}));
    world
}

fn world() -> World {
    world_at(ENDPOINT)
}

/// The same, over the wire.
async fn world_of(replies: Vec<Reply>) -> (World, RawServer) {
    let server = RawServer::start(replies, None).await;
    let mut world = world_at(&format!("http://{}", server.address()));
    world.deps.authorization_url.alibaba_cloud = Arc::new(AlibabaCloudClient::new());
    world.rebuild();
    (world, server)
}

fn call(world: &World) -> RpcCall {
    RpcCall::new(Protocol::V3, world.now())
}

fn said(answer: &RpcAnswer) -> (u16, &str, &str) {
    (answer.http_status, &answer.code, &answer.message)
}

fn lines(logs: &Logs) -> Vec<Value> {
    logs.text().lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn alarms(logs: &Logs) -> Vec<String> {
    let alarm = |line: &Value| line["alarm"].as_str().map(str::to_owned);
    lines(logs).iter().filter_map(alarm).collect()
}

/// A store that counts what it is asked for, grants nonces and records nothing.
#[derive(Default)]
struct Counted {
    nonces: AtomicUsize,
    records: AtomicUsize,
}

#[async_trait]
impl UseNonces for Counted {
    async fn use_nonce(&self, _: &NonceUse) -> Result<bool, StoreError> {
        self.nonces.fetch_add(1, Ordering::SeqCst);
        Ok(true)
    }
}

#[async_trait]
impl RecordLinks for Counted {
    async fn record_link(&self, _: &Authorization, _: &NonceUse) -> Result<Recorded, StoreError> {
        self.records.fetch_add(1, Ordering::SeqCst);
        Ok(Recorded::New)
    }
}

#[tokio::test]
async fn a_link_is_theirs_and_the_call_is_signed_with_the_accounts_own_key() {
    for (phone, end_date) in [("13900001234", None), ("+8613900001234", Some("2026-12-28"))] {
        let world = world();
        world.alibaba_cloud.answer(200, granted(LINK));
        let wished = call(&world).with("PhoneNo", phone);
        let wished = end_date.iter().fold(wished, |call, date| call.with("EndDate", date));
        let answer = world.call(&wished).await;
        assert_eq!(said(&answer), (200, "OK", "请求成功"));
        assert_eq!(answer.link.as_deref(), Some(LINK));
        assert_ne!(answer.request_id, "8906582E-6722", "the request is named by us");

        let [request] = &world.alibaba_cloud.requests()[..] else { panic!("one call") };
        assert_eq!(request.uri().host(), Some("dypnsapi.aliyuncs.com"));
        assert_eq!(request.headers()["host"], "dypnsapi.aliyuncs.com");
        let checked = Checked::from_request(request, SECRET, world.now());
        assert_eq!(checked.access_key_id, KEY_ID);
        let mut expected = vec![("PhoneNo", "13900001234"), ("SchemeId", "234")];
        expected.extend(end_date.map(|date| ("EndDate", date)));
        let parameters = checked.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        assert_eq!(parameters.collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn every_answer_of_theirs_becomes_one_of_ours() {
    let over = refused("A", &"m".repeat(1_025));
    let of_a_wrong_secret =
        "Specified signature does not match our calculation. server StringToSign is:[ACS3]";
    for (status, body, expected, alarm) in [
        (400, refused("MobileNumberIllgeal", "No."), (400, "MobileNumberIllgeal", "No."), false),
        (403, refused("UnauthorizedOperation", "m"), (403, "UnauthorizedOperation", "m"), true),
        (400, refused("Throttling.User", "m"), (400, "Throttling.User", "m"), false),
        (200, refused("isv.DENY", "m"), (400, "isv.DENY", "m"), false),
        (403, refused("Forbidden.RAM", "m"), (403, "Forbidden.RAM", "m"), true),
        (
            404,
            refused("InvalidAccessKeyId.NotFound", "Specified access key is not found."),
            (404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."),
            true,
        ),
        (
            400,
            refused("SignatureDoesNotMatch", of_a_wrong_secret),
            (400, "SignatureDoesNotMatch", of_a_wrong_secret),
            true,
        ),
        (500, refused("OutOfService", "m"), SYSTEM_ERROR, true),
        (503, "<html>".to_owned(), SYSTEM_ERROR, true),
        (302, granted(LINK), SYSTEM_ERROR, true),
        (400, "<html>".to_owned(), SYSTEM_ERROR, true),
        (400, refused("with space", "m"), SYSTEM_ERROR, true),
        (400, over, SYSTEM_ERROR, true),
        (200, "<html>".to_owned(), SYSTEM_ERROR, true),
        (200, r#"{"Code":0,"Message":"m"}"#.to_owned(), SYSTEM_ERROR, true),
        (200, r#"{"Code":"OK","Message":"m"}"#.to_owned(), SYSTEM_ERROR, true),
        (200, granted("javascript:alert(1)"), SYSTEM_ERROR, true),
        (200, granted("http://127.0.0.1/"), SYSTEM_ERROR, true),
    ] {
        let (logs, world) = (Logs::keep(), world());
        world.alibaba_cloud.answer(status, body.clone());
        let answer = world.call(&call(&world)).await;
        assert_eq!(said(&answer), expected, "{body}");
        assert_eq!(answer.link, None);
        assert_eq!(alarms(&logs), if alarm { vec!["upstream"] } else { vec![] }, "{body}");
        let named = |line: &Value| line["account"] == "1001" && line["scheme_id"] == "234";
        assert!(!alarm || lines(&logs).iter().any(named), "{body}");
        assert_eq!(world.alibaba_cloud.requests().len(), 1);
    }
    for reason in [TransportError::Timeout, TransportError::Connect, TransportError::TooLong] {
        let (logs, world) = (Logs::keep(), world());
        world.alibaba_cloud.fail(reason);
        assert_eq!(said(&world.call(&call(&world)).await), SYSTEM_ERROR, "{reason}");
        assert_eq!((alarms(&logs), world.alibaba_cloud.requests().len()), (vec!["upstream".to_owned()], 1));
    }
}

#[tokio::test]
async fn an_error_of_theirs_is_written_in_xml_too() {
    let world = world();
    world.alibaba_cloud.answer(400, refused("DataNotFound", "<none> & \"no\""));
    let call = RpcCall { format: Some("XML".to_owned()), ..call(&world) };
    let answer = world.authorization_url.handle(&call.build()).await;
    let text = str::from_utf8(answer.body()).expect("text");
    assert_eq!(answer.status(), 400);
    assert!(text.contains("<Code>DataNotFound</Code><Message>&lt;none&gt; &amp; "), "{text}");
}

#[tokio::test]
async fn the_nonce_is_consumed_before_they_are_asked_and_a_replay_asks_nobody() {
    let world = world();
    world.secrets.set("account/1001", &json!({"requestsPerSecond": 1}));
    world.alibaba_cloud.fail(TransportError::Timeout);
    let sent = call(&world);
    assert_eq!(world.call(&sent).await.code, "SystemError");
    world.clock.advance(Duration::from_secs(2));
    for _ in 0..20 {
        assert_eq!(world.call(&sent).await.code, "SignatureNonceUsed");
    }
    assert_eq!(world.alibaba_cloud.requests().len(), 1);
    world.alibaba_cloud.answer(200, granted(LINK));
    assert_eq!(world.call(&call(&world)).await.code, "OK", "replays use up nobody's rate");
}

#[tokio::test]
async fn nothing_is_recorded_and_the_store_is_called_once() {
    let mut world = world();
    let store = Arc::<Counted>::default();
    world.deps.authorization_url.store.record = store.clone();
    world.deps.authorization_url.store.nonces = store.clone();
    world.rebuild();
    world.alibaba_cloud.answer(200, granted(LINK));
    assert_eq!(world.call(&call(&world)).await.code, "OK");
    assert_eq!((store.nonces.load(Ordering::SeqCst), store.records.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn they_are_not_asked_before_all_our_own_checks_hold() {
    type Change = fn(&World, RpcCall) -> RpcCall;
    fn with_scheme(world: &World, field: &str, value: Value) {
        let mut document = scheme();
        document["source"] = json!("aliyun");
        document[field] = value;
        world.secrets.set("scheme/234", &document);
    }
    let rows: [(&str, Change); 12] = [
        ("SignatureDoesNotMatch", |_, call| RpcCall { secret: "another-secret".to_owned(), ..call }),
        ("OutOfService", |world, call| {
            world.secrets.set("account/1001", &json!({"suspended": true}));
            call
        }),
        ("UnauthorizedOperation", |world, call| {
            let mut document = access_key();
            document["permissions"] = json!([]);
            world.secrets.set("access-key/testAccessKeyId", &document);
            call
        }),
        ("MissingParameter", |_, call| call.without("PhoneNo")),
        ("MobileNumberIllgeal", |_, call| call.with("PhoneNo", "12345")),
        ("DataNotFound", |_, call| call.with("SchemeId", "999")),
        ("Forbidden", |world, call| {
            with_scheme(world, "accountId", json!("1002"));
            call
        }),
        ("SchemeNotPassed", |world, call| {
            with_scheme(world, "passed", json!(false));
            call
        }),
        ("MissingParameter", |world, call| {
            with_scheme(world, "contract", json!(true));
            call
        }),
        ("IllegalParameter", |_, call| call.with("EndDate", "2020-12-28")),
        ("IdentityCertifyNotExist", |world, call| {
            world.secrets.set("account/1001", &json!({"identityVerified": false}));
            call
        }),
        ("InternalError", |world, call| {
            world.secrets.delete("aliyun/1001");
            call
        }),
    ];
    for (code, change) in rows {
        let world = world();
        let call = change(&world, call(&world));
        assert_eq!(world.call(&call).await.code, code);
        assert!(world.alibaba_cloud.requests().is_empty());
    }
}

#[tokio::test]
async fn a_missing_key_is_an_operators_and_the_call_may_come_again() {
    let (logs, world) = (Logs::keep(), world());
    world.secrets.delete("aliyun/1001");
    let call = call(&world);
    let answer = world.call(&call).await;
    let internal = "An error occurred while processing your request.";
    assert_eq!(said(&answer), (500, "InternalError", internal));
    assert_eq!(alarms(&logs), ["keys"]);
    world.secrets.set("aliyun/1001", &json!({"accessKeyId": KEY_ID, "accessKeySecret": SECRET}));
    world.clock.advance(Duration::from_mins(1));
    world.alibaba_cloud.answer(200, granted(LINK));
    assert_eq!(world.call(&call).await.code, "OK");
    let [request] = &world.alibaba_cloud.requests()[..] else { panic!("one call") };
    assert_eq!(request.headers()["host"], "dypnsapi.aliyuncs.com", "unless the document says otherwise");
}

#[tokio::test]
async fn they_are_not_asked_when_the_time_that_is_left_is_too_short_and_the_call_may_come_again() {
    for set_back in [Duration::ZERO, Duration::from_mins(10)] {
        let world = world();
        let call = call(&world);
        let slow = Slow { secrets: world.secrets.clone(), clock: world.clock.clone(), set_back };
        let mut late = world.another_process();
        late.deps.authorization_url.secrets = Arc::new(slow);
        late.rebuild();
        assert_eq!(said(&late.call(&call).await), SYSTEM_ERROR);
        assert!(late.alibaba_cloud.requests().is_empty());
        late.alibaba_cloud.answer(200, granted(LINK));
        assert_eq!(late.call(&call).await.code, "OK", "the key is known by now");
    }
}

/// Secrets of which the key there takes longer than Alibaba Cloud may then be asked, while the clock is set back.
struct Slow {
    secrets: tests::parties::InMemorySecrets,
    clock: Arc<shared::model::clock::ManualClock>,
    set_back: Duration,
}

#[async_trait]
impl shared::secrets::SecretSource for Slow {
    async fn fetch(
        &self,
        name: &SecretName,
    ) -> Result<shared::secrets::SecretValue, shared::secrets::FetchError> {
        if *name == SecretName::alibaba_cloud_key("1001").expect("a name") {
            self.clock.advance(get_authorization_url::ASK_WITHIN + Duration::from_millis(1));
            self.clock.step_to(self.clock.now() - self.set_back);
        }
        self.secrets.fetch(name).await
    }

    async fn names(
        &self,
        kind: &str,
    ) -> Result<std::collections::HashSet<SecretName>, shared::secrets::FetchError> {
        self.secrets.names(kind).await
    }
}

#[tokio::test]
async fn a_connection_that_broke_before_an_answer_is_replaced_by_a_new_call_and_once() {
    let world = world();
    world.alibaba_cloud.fail(TransportError::Broken);
    world.alibaba_cloud.answer(200, granted(LINK));
    assert_eq!(world.call(&call(&world)).await.code, "OK");
    world.alibaba_cloud.fail(TransportError::Broken);
    world.alibaba_cloud.fail(TransportError::Broken);
    assert_eq!(said(&world.call(&call(&world)).await), SYSTEM_ERROR);
    assert_eq!(nonces(&world.alibaba_cloud.requests(), &world).len(), 4);
}

/// The nonces of calls that are each signed; they all differ.
fn nonces(requests: &[Request<Bytes>], world: &World) -> Vec<String> {
    let nonce = |request| Checked::from_request(request, SECRET, world.now()).nonce;
    let mut nonces: Vec<_> = requests.iter().map(nonce).collect();
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), requests.len(), "a nonce was used twice");
    nonces
}

/// The requests over the wire, in order.
fn requests(server: &RawServer) -> Vec<Request<Bytes>> {
    server.connections().concat().iter().map(RawRequest::parse).collect()
}

/// The number of requests of each connection.
fn counts(server: &RawServer) -> Vec<usize> {
    server.connections().iter().map(Vec::len).collect()
}

fn answer(status: u16, body: &str) -> Reply {
    Reply::Send(http(status, "content-type: application/json\r\n", body))
}

#[tokio::test]
async fn over_the_wire_two_calls_share_a_connection_and_each_has_a_nonce_of_its_own() {
    let (world, server) = world_of(vec![answer(200, &granted(LINK))]).await;
    for _ in 0..2 {
        assert_eq!(world.call(&call(&world)).await.link.as_deref(), Some(LINK));
    }
    assert_eq!(counts(&server), [2]);
    assert_eq!(nonces(&requests(&server), &world).len(), 2);
    assert_eq!(requests(&server)[0].headers()["host"], server.address().to_string());
}

#[tokio::test]
async fn over_the_wire_a_kept_connection_that_hangs_up_is_replaced_by_a_new_call() {
    let link = || answer(200, &granted(LINK));
    let (world, server) = world_of(vec![link(), Reply::SendAndClose(Vec::new()), link()]).await;
    for _ in 0..2 {
        assert_eq!(world.call(&call(&world)).await.code, "OK");
    }
    assert_eq!(counts(&server), [2, 1]);
    assert_eq!(nonces(&requests(&server), &world).len(), 3);
}

#[tokio::test]
async fn over_the_wire_everything_else_is_sent_once() {
    let elsewhere = RawServer::start(vec![answer(200, &granted(LINK))], None).await;
    let to_elsewhere = format!("location: http://{}\r\n", elsewhere.address());
    for reply in [
        Reply::SendAndClose(b"HTTP/1.1 200 x\r\ncontent-length: 100\r\n\r\n{".to_vec()),
        Reply::Send(http(302, &to_elsewhere, "")),
        answer(200, &granted(&format!("https://a.example/?{}", "x".repeat(16 * 1024)))),
        answer(503, ""),
    ] {
        let (world, server) = world_of(vec![reply]).await;
        assert_eq!(said(&world.call(&call(&world)).await), SYSTEM_ERROR);
        assert_eq!(counts(&server), [1]);
    }
    assert!(elsewhere.connections().is_empty());
}

#[tokio::test]
async fn over_the_wire_nobody_there_is_a_system_error() {
    let (world, server) = world_of(vec![answer(200, &granted(LINK))]).await;
    drop(server);
    // The port is free again once the server's task has ended.
    tokio::task::yield_now().await;
    assert_eq!(said(&world.call(&call(&world)).await), SYSTEM_ERROR);
}

#[tokio::test(start_paused = true)]
async fn over_the_wire_silence_ends_in_time() {
    let (world, server) = world_of(vec![Reply::Send(Vec::new())]).await;
    world.deny_list().await;
    assert_eq!(said(&world.call(&call(&world)).await), SYSTEM_ERROR);
    assert!(server.connections().len() <= 1);
}

#[tokio::test]
async fn a_line_names_their_code_and_request_and_nothing_that_was_asked_signed_or_said() {
    let (logs, world) = (Logs::keep(), world());
    world.alibaba_cloud.answer(200, granted(LINK));
    world.alibaba_cloud.answer(400, refused("SignatureDoesNotMatch", "is:[POST%26PhoneNo%3D13900001234]"));
    world.alibaba_cloud.answer(500, refused("OutOfService", "of 13900001234"));
    world.alibaba_cloud.answer(200, r#"{"Code":"a b","Message":"m","RequestId":"x y"}"#);
    world.alibaba_cloud.fail(TransportError::Timeout);
    for _ in 0..5 {
        world.call(&call(&world)).await;
    }
    let requests: Vec<_> = lines(&logs).into_iter().filter(|line| line["message"] == "request").collect();
    let said = |line: &Value| {
        ["code", "upstream_code", "upstream_request_id"].map(|field| line[field].as_str().map(str::to_owned))
    };
    let some = |text: &str| Some(text.to_owned());
    let id = some("8906582E-6722");
    assert_eq!(
        requests.iter().map(said).collect::<Vec<_>>(),
        [
            [some("OK"), some("OK"), id.clone()],
            [some("SignatureDoesNotMatch"), some("SignatureDoesNotMatch"), id.clone()],
            [some("SystemError"), some("OutOfService"), id],
            [some("SystemError"), None, None],
            [some("SystemError"), None, None],
        ]
    );
    let text = logs.text();
    let authorization = |request: &Request<Bytes>| {
        let value = request.headers()["authorization"].to_str().expect("text");
        value.rsplit('=').next().expect("a signature").to_owned()
    };
    let signatures = world.alibaba_cloud.requests().iter().map(authorization).collect::<Vec<_>>();
    let secrets = ["13900001234", SECRET, "token=", "render.example.com", "x y"];
    for secret in secrets.into_iter().chain(signatures.iter().map(String::as_str)) {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}

/// Another authlink on a port of this machine, which takes our calls for a customer's.
async fn serve(world: Arc<World>) -> (String, JoinSet<()>) {
    let router = Router::new().fallback(async move |request: Request<axum::body::Body>| {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 64 * 1024).await.expect("a body");
        let mut request = Request::from_parts(parts, body);
        let origin = "https://links.example.com/".parse().ok();
        request.extensions_mut().insert(ClientInfo { source_ip: None, origin });
        let answer = world.authorization_url.handle(&request).await;
        answer.map(axum::body::Body::from) as Response<axum::body::Body>
    });
    server::serve(router).await
}

#[tokio::test]
async fn another_authlink_in_their_place_grants_and_refuses_the_same() {
    let theirs = Arc::new(World::new());
    let mut document = access_key();
    document["secrets"] = json!([SECRET]);
    theirs.secrets.set(&format!("access-key/{KEY_ID}"), &document);
    let (at, _serving) = serve(theirs.clone()).await;
    let mut ours = world_at(&at);
    ours.deps.authorization_url.alibaba_cloud = Arc::new(AlibabaCloudClient::new());
    ours.rebuild();

    let granted = ours.call(&call(&ours).with("EndDate", "2026-12-28")).await;
    assert_eq!(granted.code, "OK");
    let link = granted.link.expect("a link");
    let request = Request::builder().uri(link.strip_prefix("https://links.example.com").expect("theirs"));
    let origin = "https://links.example.com/".parse().ok();
    let request = request.extension(ClientInfo { source_ip: None, origin });
    let page = request.body(Bytes::new()).expect("a request");
    let shown = theirs.authorization_url.handle(&page).await;
    assert_eq!(shown.status(), 200);

    let mut not_passed = scheme();
    not_passed["passed"] = json!(false);
    theirs.secrets.set("scheme/234", &not_passed);
    for world in [&ours, &theirs] {
        world.clock.advance(Duration::from_mins(6));
    }
    assert_eq!(said(&ours.call(&call(&ours)).await), (400, "SchemeNotPassed", "The scheme is not passed."));
    theirs.secrets.set("account/1001", &json!({"suspended": true}));
    for world in [&ours, &theirs] {
        world.clock.advance(Duration::from_mins(6));
    }
    assert_eq!(said(&ours.call(&call(&ours)).await), SYSTEM_ERROR);
    let wrong = json!({"accessKeyId": KEY_ID, "accessKeySecret": "another-secret", "endpoint": at});
    ours.secrets.set("aliyun/1001", &wrong);
    for world in [&ours, &theirs] {
        world.clock.advance(Duration::from_mins(6));
    }
    let logs = Logs::keep();
    let answer = ours.call(&call(&ours)).await;
    assert_eq!((answer.http_status, answer.code.as_str()), (400, "SignatureDoesNotMatch"));
    assert_eq!(alarms(&logs), ["upstream"]);
    // Ours runs ahead of theirs.
    ours.clock.advance(Duration::from_mins(16));
    assert_eq!(ours.call(&call(&ours)).await.code, "InvalidTimeStamp.Expired");
}
