use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::sha2::Sha256;
use rsa::signature::Verifier as _;
use serde_json::Value;
use shared::model::clock::{ManualClock, UnixMillis};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::signing::{Parameters, sign, string_to_sign};
use super::*;
use crate::client::client_builder;

const APP_ID: &str = "2021000000000001";
const OTHER_APP_ID: &str = "2021000000000003";

fn app(app_id: &str, key: &RsaPrivateKey) -> EmulatedApp {
    let (public_key, alipay_private_key) = (key.to_public_key(), key.clone());
    EmulatedApp { app_id: app_id.to_owned(), public_key, alipay_private_key, certificates: None }
}

fn key() -> RsaPrivateKey {
    let vectors: Value = serde_json::from_str(include_str!("../../../tests/vectors/open-api.json")).unwrap();
    let der = STANDARD.decode(vectors["private_key_pkcs8_bare_base64"].as_str().unwrap()).unwrap();
    RsaPrivateKey::from_pkcs8_der(&der).unwrap()
}

struct Running {
    emulator: AlipayEmulator,
    clock: Arc<ManualClock>,
    address: String,
    client: reqwest::Client,
}

impl Running {
    async fn start() -> Self {
        let key = key();
        let clock = Arc::new(ManualClock::at(UnixMillis(1_800_000_000_000)));
        let emulator = AlipayEmulator::new(EmulatorConfig {
            apps: Apps {
                started_with: [APP_ID, OTHER_APP_ID].map(|app_id| app(app_id, &key)).into(),
                documents: None,
            },
            redirect_uri_prefix: Some("http://127.0.0.1:8787/".to_owned()),
        })
        .with_clock(clock.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = emulator.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = client_builder(Duration::from_secs(5), Duration::from_secs(10)).build().unwrap();
        Self { emulator, clock, address, client }
    }

    fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    async fn send(&self, method: Method, target: &str, form: &str) -> (u16, String) {
        let request = self.client.request(method, self.url(target)).body(form.to_owned());
        let answer =
            request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn exchange(&self, parameters: &Parameters) -> (u16, String) {
        self.send(Method::POST, "/gateway.do?charset=utf-8", &encoded(parameters)).await
    }

    async fn sub_code(&self, parameters: &Parameters) -> String {
        let (status, answer) = self.exchange(parameters).await;
        assert_eq!(status, 200);
        let node = verified(&answer, "error_response").or_else(|| unsigned(&answer)).unwrap();
        node["sub_code"].as_str().unwrap().to_owned()
    }
}

fn encoded(parameters: &Parameters) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

fn request_for(code: &str) -> Parameters {
    let pairs = [
        ("app_id", APP_ID),
        ("method", "alipay.system.oauth.token"),
        ("format", "JSON"),
        ("charset", "utf-8"),
        ("sign_type", "RSA2"),
        ("timestamp", "2026-11-22 02:36:13"),
        ("version", "1.0"),
        ("grant_type", "authorization_code"),
        ("code", code),
    ];
    signed(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
}

fn signed(mut parameters: Parameters) -> Parameters {
    parameters.remove("sign");
    let sign = sign(string_to_sign(&parameters).as_bytes(), &key());
    parameters.insert("sign".to_owned(), sign);
    parameters
}

/// The node, if the signature behind it holds over its bytes as sent.
fn verified(answer: &str, node: &str) -> Option<Value> {
    let rest = answer.strip_prefix(&format!("{{\"{node}\":"))?;
    let (node, sign) = rest.strip_suffix("\"}")?.split_once(",\"sign\":\"")?;
    let sign = Signature::try_from(STANDARD.decode(sign).ok()?.as_slice()).ok()?;
    VerifyingKey::<Sha256>::new(key().to_public_key()).verify(node.as_bytes(), &sign).ok()?;
    serde_json::from_str(node).ok()
}

/// The node of a refusal that Alipay cannot sign, for want of an app.
fn unsigned(answer: &str) -> Option<Value> {
    let node = answer.strip_prefix("{\"error_response\":")?.strip_suffix('}')?;
    let node: Value = serde_json::from_str(node).ok()?;
    let of_no_app = ["isv.missing-app-id", "isv.invalid-app-id", "isv.missing-app-cert-sn"];
    of_no_app.contains(&node["sub_code"].as_str()?).then_some(node)
}

const TOKEN: &str = "alipay_system_oauth_token_response";

#[tokio::test]
async fn a_code_is_exchanged_for_its_users_open_id_once() {
    let running = Running::start().await;
    let code = running.emulator.mint_code(1);
    let (status, answer) = running.exchange(&request_for(&code)).await;
    assert_eq!(status, 200);
    let node = verified(&answer, TOKEN).unwrap();
    assert_eq!(node["open_id"], TEST_USERS[1].open_id);
    assert_eq!(node["user_id"], Value::Null);
    assert_eq!(node["expires_in"], 1_296_000);
    assert_eq!(node["auth_start"], "2027-01-15 16:00:00");
    assert_eq!(running.sub_code(&request_for(&code)).await, "isv.code-invalid");
    let outcomes: Vec<_> =
        running.emulator.exchanges().into_iter().map(|seen| (seen.code, seen.outcome)).collect();
    assert_eq!(
        outcomes,
        [
            (code.clone(), ExchangeOutcome::Granted(TEST_USERS[1].open_id.to_owned())),
            (code, ExchangeOutcome::Refused("isv.code-invalid")),
        ]
    );
}

#[tokio::test]
async fn a_code_is_one_apps_and_its_user_has_an_open_id_of_its_own_there() {
    let running = Running::start().await;
    let of_other = |code: &str| {
        let mut request = request_for(code);
        request.insert("app_id".to_owned(), OTHER_APP_ID.to_owned());
        signed(request)
    };
    let code = running.emulator.mint_code_for(OTHER_APP_ID, 1);
    let (_, answer) = running.exchange(&of_other(&code)).await;
    let open_id = verified(&answer, TOKEN).unwrap()["open_id"].as_str().unwrap().to_owned();
    assert_eq!(open_id, TEST_USERS[1].open_id_for(OTHER_APP_ID));
    let code = running.emulator.mint_code_for(OTHER_APP_ID, 1);
    assert_eq!(running.sub_code(&request_for(&code)).await, "isv.unmatched-app-id");
    assert_eq!(running.sub_code(&of_other(&code)).await, "isv.code-invalid", "it is spent");
}

#[tokio::test]
async fn a_code_expires_by_the_emulators_clock() {
    let running = Running::start().await;
    let code = running.emulator.mint_code(0);
    running.clock.advance(Duration::from_mins(3));
    assert_eq!(running.sub_code(&request_for(&code)).await, "isv.code-invalid");
}

#[tokio::test]
async fn get_and_split_parameters_and_unknown_ones_are_taken() {
    let running = Running::start().await;
    let mut request = request_for(&running.emulator.mint_code(0));
    request.insert("biz_content".to_owned(), "{}".to_owned());
    let target = format!("/gateway.do?{}", encoded(&signed(request)));
    let (_, answer) = running.send(Method::GET, &target, "").await;
    assert_eq!(verified(&answer, TOKEN).unwrap()["open_id"], TEST_USERS[0].open_id);

    let mut request = request_for(&running.emulator.mint_code(2));
    let code = request.remove("code").unwrap();
    let target = format!("/gateway.do?{}", encoded(&request));
    let (_, answer) = running.send(Method::POST, &target, &format!("code={code}")).await;
    assert_eq!(verified(&answer, TOKEN).unwrap()["open_id"], TEST_USERS[2].open_id);
}

#[tokio::test]
async fn an_absolute_request_target_is_taken() {
    let running = Running::start().await;
    let form = encoded(&request_for(&running.emulator.mint_code(0)));
    let mut stream = TcpStream::connect(&running.address).await.unwrap();
    let request = format!(
        "POST http://127.0.0.1/gateway.do HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded;charset=utf-8\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains(TEST_USERS[0].open_id), "{answer}");
}

#[tokio::test]
async fn each_wrong_parameter_has_its_documented_code_and_leaves_the_code_unspent() {
    let running = Running::start().await;
    let code = running.emulator.mint_code(0);
    for (name, value, sub_code) in [
        ("method", None, "isv.missing-method"),
        ("app_id", None, "isv.missing-app-id"),
        ("sign_type", None, "isv.missing-signature-type"),
        ("timestamp", None, "isv.missing-timestamp"),
        ("version", None, "isv.missing-version"),
        ("method", Some("alipay.trade.pay"), "isv.invalid-method"),
        ("app_id", Some("2021000000000002"), "isv.invalid-app-id"),
        ("sign_type", Some("RSA"), "isv.invalid-signature-type"),
        ("charset", Some("big5"), "isv.invalid-charset"),
        ("format", Some("xml"), "isv.invalid-format"),
        ("timestamp", Some("1795315000000"), "isv.invalid-timestamp"),
        ("grant_type", Some("refresh_token"), "isv.grant-type-invalid"),
        ("grant_type", None, "isv.grant-type-invalid"),
        ("code", Some(""), "isv.code-invalid"),
        ("code", None, "isv.code-invalid"),
    ] {
        let mut request = request_for(&code);
        request.remove(name);
        request.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        assert_eq!(running.sub_code(&signed(request)).await, sub_code, "{name} = {value:?}");
    }
    let mut unsigned = request_for(&code);
    unsigned.remove("sign");
    assert_eq!(running.sub_code(&unsigned).await, "isv.missing-signature");
    let mut altered = request_for(&code);
    altered.insert("version".to_owned(), "1.1".to_owned());
    assert_eq!(running.sub_code(&altered).await, "isv.invalid-signature");

    let (_, answer) = running.exchange(&request_for(&code)).await;
    assert!(verified(&answer, TOKEN).is_some(), "{answer}");
}

#[tokio::test]
async fn faults_shape_the_answer_and_spend_the_code() {
    let running = Running::start().await;
    let user = TEST_USERS[0];
    for (fault, status, node, open_id, user_id) in [
        (GatewayFault::WrongSign, 200, None, Value::Null, Value::Null),
        (GatewayFault::BadGateway, 502, None, Value::Null, Value::Null),
        (GatewayFault::RefusedCode, 200, Some("error_response"), Value::Null, Value::Null),
        (GatewayFault::UnknownError, 200, Some("error_response"), Value::Null, Value::Null),
        (GatewayFault::UserId, 200, Some(TOKEN), Value::Null, user.user_id.into()),
        (GatewayFault::BothIds, 200, Some(TOKEN), user.open_id.into(), user.user_id.into()),
        (GatewayFault::Slow, 200, Some(TOKEN), user.open_id.into(), Value::Null),
    ] {
        let code = running.emulator.mint_code(0);
        running.emulator.set_slow_delay(Duration::from_millis(1));
        running.emulator.set_fault(fault);
        let (answered, answer) = running.exchange(&request_for(&code)).await;
        assert_eq!(answered, status, "{fault:?}");
        match node {
            None => assert_eq!(verified(&answer, TOKEN), None, "{fault:?}"),
            Some(name) => {
                let node = verified(&answer, name).unwrap();
                assert_eq!((&node["open_id"], &node["user_id"]), (&open_id, &user_id), "{fault:?}");
            }
        }
        running.emulator.set_fault(GatewayFault::None);
        assert_eq!(running.sub_code(&request_for(&code)).await, "isv.code-invalid", "{fault:?}");
    }
}

#[tokio::test]
async fn silence_records_the_exchange_and_says_nothing() {
    let running = Running::start().await;
    let code = running.emulator.mint_code(0);
    running.emulator.set_fault(GatewayFault::Silence);
    let client = client_builder(Duration::from_secs(5), Duration::from_millis(300)).build().unwrap();
    let asked = client.get(running.url(&format!("/gateway.do?{}", encoded(&request_for(&code)))));
    assert!(asked.send().await.unwrap_err().is_timeout());
    let seen = running.emulator.exchanges();
    assert_eq!(seen[0].outcome, ExchangeOutcome::Faulted(GatewayFault::Silence));
    assert_eq!(seen[0].code, code);
}

#[tokio::test]
async fn the_consent_page_checks_its_address() {
    let running = Running::start().await;
    let good = [
        ("app_id", APP_ID),
        ("scope", "auth_base"),
        ("redirect_uri", "http://127.0.0.1:8787/callback"),
        ("state", "abc+/="),
    ];
    let long = "a".repeat(101);
    for (name, value, problem) in [
        ("scope", "auth_user", None),
        ("app_id", "1", Some("app_id")),
        ("scope", "auth_zhima", Some("scope")),
        ("redirect_uri", "http://127.0.0.1:9999/callback", Some("redirect_uri")),
        ("redirect_uri", "javascript:alert(1)", Some("redirect_uri")),
        ("state", "", Some("state")),
        ("state", "a-b", Some("state")),
        ("state", long.as_str(), Some("state")),
    ] {
        let mut request = Parameters::from(good.map(|(name, value)| (name.to_owned(), value.to_owned())));
        request.insert(name.to_owned(), value.to_owned());
        let target = format!("/oauth2/publicAppAuthorize.htm?{}", encoded(&request));
        let (status, html) = running.send(Method::GET, &target, "").await;
        assert_eq!(status, if problem.is_some() { 400 } else { 200 }, "{name} = {value}");
        assert!(html.contains("这不是支付宝"), "{html}");
        if let Some(problem) = problem {
            assert!(html.contains(&format!("data-problem=\"{problem}\"")), "{html}");
        }
    }
}

#[tokio::test]
async fn a_decision_sends_the_browser_back() {
    let running = Running::start().await;
    let query = format!(
        "app_id={APP_ID}&scope=auth_base&redirect_uri=http%3A%2F%2F127.0.0.1%3A8787%2Fcallback%3Fa%3D1&state=abc%2B"
    );
    let back =
        "http://127.0.0.1:8787/callback?a=1&app_id=2021000000000001&source=alipay_wallet&scope=auth_base";
    let decide = async |decision: &str| {
        let request = running.client.post(running.url("/oauth2/publicAppAuthorize.htm"));
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = request.body(format!("{query}&{decision}")).send().await.unwrap();
        let location = answer.headers().get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned());
        (answer.status(), location)
    };
    let (status, location) = decide("decision=refuse&user=1").await;
    assert_eq!((status, location.unwrap()), (StatusCode::SEE_OTHER, format!("{back}&state=abc%2B")));

    let (status, location) = decide("decision=allow&user=1").await;
    let location = location.unwrap();
    let code =
        location.strip_prefix(&format!("{back}&auth_code=")).unwrap().strip_suffix("&state=abc%2B").unwrap();
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (_, answer) = running.exchange(&request_for(code)).await;
    assert_eq!(verified(&answer, TOKEN).unwrap()["open_id"], TEST_USERS[1].open_id);

    assert_eq!(decide("decision=allow&user=3").await, (StatusCode::BAD_REQUEST, None));
    assert_eq!(decide("decision=perhaps").await, (StatusCode::BAD_REQUEST, None));
}

#[tokio::test]
async fn faults_and_codes_are_steered_over_http() {
    let running = Running::start().await;
    let set = running.client.post(running.url("/_emulator/faults"));
    let set =
        set.header(header::CONTENT_TYPE, "application/json").body(r#"{"gateway":"both-ids","slowMillis":7}"#);
    assert_eq!(set.send().await.unwrap().text().await.unwrap(), r#"{"gateway":"both-ids","slowMillis":7}"#);
    let set = running.client.post(running.url("/_emulator/faults"));
    let set = set
        .header(header::CONTENT_TYPE, "application/json")
        .body(r#"{"gateway":"refused-code","forms":["gbk","unsigned"]}"#);
    let expected = r#"{"gateway":"refused-code","forms":["gbk","unsigned"],"slowMillis":7}"#;
    assert_eq!(set.send().await.unwrap().text().await.unwrap(), expected);
    assert_eq!(running.emulator.forms(), [AnswerForm::Gbk, AnswerForm::Unsigned]);
    let set = running.client.post(running.url("/_emulator/faults"));
    let set = set.header(header::CONTENT_TYPE, "application/json").body(r#"{"gateway":"both-ids"}"#);
    assert_eq!(set.send().await.unwrap().text().await.unwrap(), r#"{"gateway":"both-ids","slowMillis":7}"#);
    assert_eq!(running.emulator.fault(), GatewayFault::BothIds);
    let (_, shown) = running.send(Method::GET, "/_emulator/faults", "").await;
    assert_eq!(shown, r#"{"gateway":"both-ids","slowMillis":7}"#);

    let (_, minted) = running.send(Method::POST, "/_emulator/codes", r#"{"user":2}"#).await;
    let minted: Value = serde_json::from_str(&minted).unwrap();
    let (_, answer) = running.exchange(&request_for(minted["auth_code"].as_str().unwrap())).await;
    assert_eq!(verified(&answer, TOKEN).unwrap()["user_id"], TEST_USERS[2].user_id);
    assert_eq!(running.send(Method::POST, "/_emulator/codes", "two").await.0, 400);
}

#[tokio::test]
async fn the_charset_of_the_answer_is_that_of_the_address_and_gbk_without_one() {
    let running = Running::start().await;
    for (target, charset) in [
        ("/gateway.do", encoding_rs::GBK),
        ("/gateway.do?charset=gbk", encoding_rs::GBK),
        ("/gateway.do?charset=UTF8", encoding_rs::UTF_8),
    ] {
        let mut request = request_for("spent");
        request
            .extend(target.split_once("charset=").map(|(_, name)| ("charset".to_owned(), name.to_owned())));
        let asked = running.client.post(running.url(target)).body(encoded(&signed(request)));
        let asked = asked.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = asked.send().await.unwrap();
        let label = format!("text/html;charset={}", charset.name());
        assert_eq!(answer.headers()[header::CONTENT_TYPE], *label);
        let body = answer.bytes().await.unwrap();
        let (text, _, broken) = charset.decode(&body);
        assert!(!broken && text.contains("授权码无效、已用过或已过期"), "{target}: {text}");
    }
}
