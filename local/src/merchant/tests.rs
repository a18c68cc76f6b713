use std::sync::atomic::{AtomicU32, Ordering};

use axum::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs8::DecodePrivateKey as _;
use serde_json::{Value, json};
use shared::model::clock::{ManualClock, UnixMillis};
use tokio::net::TcpListener;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::signing::{rsa_holds, sign_md5, sign_rsa, string_to_sign};
use super::*;
use crate::emulator::{Apps, EmulatedApp, EmulatorConfig, GatewayFault};

const SHARED_KEY: &str = "2f1c7d0e5b6a49c38e7f90a1b2c3d4e5";
const LINK: &str = "http://127.0.0.1:8788/oauth2";
const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

fn key() -> RsaPrivateKey {
    let vectors: Value = serde_json::from_str(include_str!("../../../tests/vectors/open-api.json")).unwrap();
    let der = STANDARD.decode(vectors["private_key_pkcs8_bare_base64"].as_str().unwrap()).unwrap();
    RsaPrivateKey::from_pkcs8_der(&der).unwrap()
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn merchant(authlink_origin: String) -> DemoMerchant {
    let key = key();
    let config = MerchantConfig {
        business_id: "B1".to_owned(),
        merchant_id: "M1".to_owned(),
        platform_public_key: key.to_public_key(),
        rsa_private_key: key,
        md5_key: SHARED_KEY.to_owned(),
        authlink_origin,
        own_origin: "http://127.0.0.1:8789".to_owned(),
        emulator_origin: "http://127.0.0.1:8788".to_owned(),
    };
    DemoMerchant::new(config).unwrap().with_clock(Arc::new(ManualClock::at(NOON)))
}

/// A fake of authlink that grants every request.
async fn granting() -> MockServer {
    let server = MockServer::start().await;
    let answer = json!({"status": 0, "message": "success", "data": {"alipayAuthUrl": LINK}});
    let granted = ResponseTemplate::new(200).set_body_json(answer);
    Mock::given(method("POST")).respond_with(granted).mount(&server).await;
    server
}

/// The last request to `server`: its path, its headers by name, and its body.
async fn last_request(server: &MockServer) -> (String, impl Fn(&str) -> String, String) {
    let request = server.received_requests().await.unwrap().pop().unwrap();
    let header = move |name: &str| request.headers[name].to_str().unwrap().to_owned();
    (request.url.path().to_owned(), header, String::from_utf8(request.body).unwrap())
}

#[tokio::test]
async fn requests_a_link_with_a_signed_request_and_a_fresh_serial_no() {
    let server = granting().await;
    let merchant = merchant(server.uri());
    for sign_type in [SignType::Sha256Rsa, SignType::Md5] {
        let call = merchant.request_link(sign_type, "user1").await;
        assert_eq!(call.answer.unwrap().link().unwrap(), LINK);
        let (path, header, body) = last_request(&server).await;
        assert_eq!(path, "/v1/openapi/auth/alipay/url");
        assert_eq!(header("timestamp"), NOON.to_string());
        assert_eq!(header("signType"), sign_type.name());
        assert_eq!(
            serde_json::from_str::<Value>(&body).unwrap(),
            json!({"merchantId": "M1", "businessId": "B1", "serialNo": call.request.serial_no, "userId": "user1",
                "callbackUrl": "http://127.0.0.1:8789/callback"})
        );
        let [business_id, nonce, kind, timestamp] =
            ["businessId", "nonce", "signType", "timestamp"].map(&header);
        let text =
            format!("businessId={business_id}&nonce={nonce}&signType={kind}&timestamp={timestamp}{body}");
        assert_eq!(call.request.signed_text, text);
        assert_signed(sign_type, &text, &header("sign"));
    }
    let known = merchant.authorizations();
    assert_eq!(known.len(), 2);
    assert_ne!(known[0].serial_no, known[1].serial_no);
    assert_eq!(known[0].link.as_deref(), Some(LINK));
    assert!(merchant.journal().after(0).iter().all(|entry| !format!("{entry:?}").contains(SHARED_KEY)));
}

fn assert_signed(sign_type: SignType, text: &str, sign: &str) {
    match sign_type {
        SignType::Sha256Rsa => assert!(rsa_holds(text.as_bytes(), sign, &key().to_public_key())),
        SignType::Md5 => assert_eq!(sign, sign_md5(text.as_bytes(), SHARED_KEY)),
    }
}

#[tokio::test]
async fn queries_a_serial_no_with_a_signed_request() {
    let server = granting().await;
    for sign_type in [SignType::Sha256Rsa, SignType::Md5] {
        let call = merchant(server.uri()).query(sign_type, "S1").await;
        assert!(call.answer.unwrap().succeeded());
        let (path, header, body) = last_request(&server).await;
        assert_eq!(path, "/v1/openapi/auth/alipay/query");
        assert_eq!(
            serde_json::from_str::<Value>(&body).unwrap(),
            json!({"merchantId": "M1", "businessId": "B1", "serialNo": "S1"})
        );
        assert_eq!(header("signType"), sign_type.name());
        assert!(call.request.signed_text.ends_with(&body));
        assert_signed(sign_type, &call.request.signed_text, &header("sign"));
    }
}

#[tokio::test]
async fn says_what_stands_in_the_way_of_a_link() {
    let origin = serve(merchant("http://127.0.0.1:1".to_owned()).router()).await;
    let client = client_builder(Duration::from_secs(5), Duration::from_secs(10)).build().unwrap();
    for (request_body, status) in [
        (r#"{"signType":"MD5"}"#, 502),
        (r#"{"signType":"SHA256-RSA"}"#, 502),
        (r#"{"signType":"MD4"}"#, 422),
    ] {
        let request =
            client.post(format!("{origin}/api/links")).header(header::CONTENT_TYPE, "application/json");
        assert_eq!(request.body(request_body).send().await.unwrap().status(), status, "{request_body}");
    }
}

struct Callback {
    sign_type: Option<SignType>,
    body: String,
    business_id: &'static str,
    host: &'static str,
    /// One of its own, unless it is said.
    nonce: Option<&'static str>,
}

impl Callback {
    fn new(serial_no: &str) -> Self {
        Self {
            sign_type: None,
            body: format!(r#"{{"serialNo":"{serial_no}","openId":"the-open-id"}}"#),
            business_id: "B1",
            host: "127.0.0.1:8789",
            nonce: None,
        }
    }

    async fn send(&self, origin: &str, alter: impl Fn(&mut String)) -> (u16, String) {
        let kind = self.sign_type.map_or("", SignType::name);
        static SENT: AtomicU32 = AtomicU32::new(0);
        let nonce =
            self.nonce.map_or_else(|| SENT.fetch_add(1, Ordering::Relaxed).to_string(), str::to_owned);
        let headers = [
            ("businessId", self.business_id),
            ("nonce", nonce.as_str()),
            ("timestamp", "1"),
            ("signType", kind),
        ];
        let text = string_to_sign(&headers, self.body.as_bytes());
        let sign = match self.sign_type {
            Some(SignType::Md5) => sign_md5(&text, SHARED_KEY),
            _ => sign_rsa(&text, &key()),
        };
        let mut body = self.body.clone();
        alter(&mut body);
        let client = client_builder(Duration::from_secs(5), Duration::from_secs(10)).build().unwrap();
        let mut request = client.post(format!("{origin}/callback")).header("sign", sign).body(body);
        request = request.header(header::HOST, self.host);
        for (name, value) in headers.into_iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

#[tokio::test]
async fn takes_a_rightly_signed_callback_and_knows_its_repeat() {
    let merchant = merchant(String::new());
    let origin = serve(merchant.router()).await;
    for (serial_no, sign_type) in
        [("S1", None), ("S2", Some(SignType::Sha256Rsa)), ("S3", Some(SignType::Md5))]
    {
        let callback = Callback { sign_type, ..Callback::new(serial_no) };
        for _ in 0..2 {
            assert_eq!(callback.send(&origin, |_| {}).await, (200, "SUCCESS".to_owned()), "{serial_no}");
        }
    }
    let seen: Vec<_> = merchant
        .received()
        .into_iter()
        .map(|seen| (seen.serial_no, seen.signature_ok, seen.repeat))
        .collect();
    let serial = |name: &str| Some(name.to_owned());
    assert_eq!(
        seen,
        [
            (serial("S1"), true, false),
            (serial("S1"), true, true),
            (serial("S2"), true, false),
            (serial("S2"), true, true),
            (serial("S3"), true, false),
            (serial("S3"), true, true)
        ]
    );
    assert_eq!(merchant.authorizations()[0].open_id.as_deref(), Some("the-open-id"));
}

#[tokio::test]
async fn refuses_an_altered_callback_of_either_kind() {
    let merchant = merchant(String::new());
    let origin = serve(merchant.router()).await;
    for sign_type in [SignType::Sha256Rsa, SignType::Md5] {
        let callback = Callback { sign_type: Some(sign_type), ..Callback::new("S1") };
        assert_eq!(callback.send(&origin, |body| body.push(' ')).await, (200, "FAIL".to_owned()));
    }
    assert_eq!(merchant.received().iter().map(|seen| seen.signature_ok).collect::<Vec<_>>(), [false, false]);
    assert_eq!(merchant.authorizations(), []);
}

#[tokio::test]
async fn refuses_a_callback_for_somebody_else_and_one_that_was_seen() {
    let merchant = merchant(String::new());
    let origin = serve(merchant.router()).await;
    for (callback, answer) in [
        (Callback { business_id: "B2", ..Callback::new("S1") }, "FAIL"),
        (Callback { host: "another.example", ..Callback::new("S1") }, "FAIL"),
        (Callback { nonce: Some("seen"), ..Callback::new("S1") }, "SUCCESS"),
        (Callback { nonce: Some("seen"), ..Callback::new("S1") }, "FAIL"),
        (Callback::new("S1"), "SUCCESS"),
    ] {
        assert_eq!(callback.send(&origin, |_| {}).await, (200, answer.to_owned()));
    }
}

#[tokio::test]
async fn refuses_a_callback_above_the_limit() {
    let origin = serve(merchant(String::new()).router()).await;
    let long = Callback { body: " ".repeat(BODY_LIMIT_BYTES + 1), ..Callback::new("S1") };
    assert_eq!(long.send(&origin, |_| {}).await.0, 413);
}

#[tokio::test]
async fn faults_answer_wrongly_but_record_the_post() {
    let merchant = merchant(String::new());
    merchant.set_slow_delay(Duration::from_millis(1));
    let origin = serve(merchant.router()).await;
    for (fault, answer) in [
        (MerchantFault::ServerError, (500, "out of order")),
        (MerchantFault::Redirect, (302, "")),
        (MerchantFault::WrongText, (200, "OK")),
        (MerchantFault::Slow, (200, "SUCCESS")),
    ] {
        merchant.set_fault(fault);
        let (status, text) = Callback::new("S1").send(&origin, |_| {}).await;
        assert_eq!((status, text.as_str()), answer, "{fault:?}");
    }
    let known = merchant.authorizations();
    assert_eq!((known[0].callbacks, known[0].state), (4, AuthorizationState::Received));
    assert!(merchant.received().iter().all(|seen| seen.signature_ok && !seen.repeat));
}

#[tokio::test]
async fn a_merchant_that_does_not_check_says_success_to_what_nobody_signed() {
    let merchant = merchant(String::new());
    merchant.set_fault(MerchantFault::Unchecked);
    let origin = serve(merchant.router()).await;
    let altered = Callback::new("S1").send(&origin, |body| body.push(' ')).await;
    assert_eq!(altered, (200, "SUCCESS".to_owned()));
    assert!(!merchant.received()[0].signature_ok);
}

#[tokio::test]
async fn faults_of_both_parties_are_set_from_the_page() {
    let emulator = AlipayEmulator::new(EmulatorConfig {
        apps: Apps::one(EmulatedApp {
            app_id: "1".to_owned(),
            public_key: key().to_public_key(),
            alipay_private_key: key(),
            certificates: None,
        }),
        redirect_uri_prefix: None,
    });
    let merchant = merchant(String::new()).with_emulator(emulator.clone());
    let origin = serve(merchant.router()).await;
    let client = client_builder(Duration::from_secs(5), Duration::from_secs(10)).build().unwrap();
    let set = client.post(format!("{origin}/api/faults")).header(header::CONTENT_TYPE, "application/json");
    let answer = set.body(r#"{"merchant":"wrong-text","gateway":"user-id"}"#).send().await.unwrap();
    let expected = r#"{"merchant":"wrong-text","slowMillis":3000,"gateway":"user-id"}"#;
    assert_eq!(answer.text().await.unwrap(), expected);
    assert_eq!((merchant.fault(), emulator.fault()), (MerchantFault::WrongText, GatewayFault::UserId));
}

#[tokio::test]
async fn the_page_has_its_own_script_and_nothing_inline() {
    let origin = serve(merchant(String::new()).router()).await;
    let client = client_builder(Duration::from_secs(5), Duration::from_secs(10)).build().unwrap();
    for (path, language, heading) in
        [("/", "en", "Demo merchant"), ("/?lang=zh", "en", "演示商家"), ("/", "fr", "演示商家")]
    {
        let request = client.get(format!("{origin}{path}")).header(header::ACCEPT_LANGUAGE, language);
        let answer = request.send().await.unwrap();
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'none'; script-src 'self'"), "{policy}");
        let html = answer.text().await.unwrap();
        assert!(html.contains(&format!("<h1>{heading}</h1>")), "{html}");
        assert!(!html.contains("style=") && !html.contains("onclick"), "{html}");
    }
}
