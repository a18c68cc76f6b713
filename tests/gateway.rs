//! Our gateway client against the emulator of Alipay, which signs and verifies with code of its own.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local::emulator::certificates::issue;
use local::emulator::{
    AlipayEmulator, AnswerForm, Apps, EmulatedApp, EmulatorConfig, GatewayFault, TEST_USERS,
    request_signature_holds,
};
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::sha2::{Digest as _, Sha256};
use serde_json::json;
use shared::egress::transport_error::TransportError;
use shared::model::alipay_app_id::AlipayAppId;
use shared::model::clock::{Clock as _, SystemClock};
use shared::model::identity::{AlipayUserId, AuthCode, Identity, OpenId};
use shared::protocol::alipay::gateway::{
    AlipayGateway, Exchange, ExchangeRequest, GatewayError, GatewayRefusal, TokenExchange as _, read_answer,
};
use shared::registry::AlipayApp;
use shared::secrets::Document as _;
use shared::signing::alipay_certificate::{KeyCertificate, RootCertificates};
use strum::VariantArray as _;
use tests::keys::{alipay, app, foreign, private_pem, public_pem};
use tests::server::serve;
use tests::world::APP_ID;
use tokio::task::JoinSet;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

fn app_id() -> AlipayAppId {
    AlipayAppId::parse(APP_ID).expect("digits")
}

fn keys_with(alipay_keys: &[String]) -> AlipayApp {
    let document = json!({"privateKey": private_pem(app()), "alipayPublicKeys": alipay_keys});
    AlipayApp::parse(&document.to_string()).expect("a document")
}

fn keys() -> AlipayApp {
    keys_with(&[public_pem(alipay())])
}

struct Rig {
    emulator: AlipayEmulator,
    gateway: AlipayGateway,
    _server: JoinSet<()>,
}

async fn rig(timeout: Duration) -> Rig {
    let emulator = AlipayEmulator::new(EmulatorConfig {
        apps: Apps::one(EmulatedApp {
            app_id: APP_ID.to_owned(),
            public_key: app().to_public_key(),
            alipay_private_key: alipay().clone(),
            certificates: None,
        }),
        redirect_uri_prefix: None,
    });
    let (at, server) = serve(emulator.router()).await;
    let gateway = AlipayGateway::new(format!("{at}/gateway.do").parse().expect("a URL"), timeout);
    Rig { emulator, gateway, _server: server }
}

async fn exchange(rig: &Rig, code: &str, app: &AlipayApp) -> Exchange {
    let code = AuthCode::parse(code).expect("a code");
    let in_address = rig.gateway.address_parameters();
    let request = ExchangeRequest::sign(&app_id(), &code, SystemClock.now(), &app.own, in_address);
    match rig.gateway.exchange(request.expect("signs")).await {
        Ok(body) => read_answer(&body, &app.alipay, SystemClock.now()),
        Err(reason) => Exchange::Unknown(reason),
    }
}

fn refusal(code: &str, sub_code: &str) -> GatewayRefusal {
    GatewayRefusal { code: code.to_owned(), sub_code: sub_code.to_owned() }
}

fn unsigned(code: &str, sub_code: &str) -> Exchange {
    Exchange::Unknown(GatewayError::Unsigned(Some(refusal(code, sub_code))))
}

fn identity(open_id: Option<&str>, user_id: Option<&str>) -> Exchange {
    let open_id = open_id.map(|id| OpenId::parse(id).expect("an id"));
    let user_id = user_id.map(|id| AlipayUserId::parse(id).expect("an id"));
    Exchange::Identified(Identity::new(open_id, user_id).expect("an id"))
}

#[tokio::test]
async fn a_code_gets_the_users_open_id_once() {
    let rig = rig(Duration::from_secs(8)).await;
    let code = rig.emulator.mint_code(0);
    assert_eq!(exchange(&rig, &code, &keys()).await, identity(Some(TEST_USERS[0].open_id), None));
    let spent = Exchange::Refused(refusal("40002", "isv.code-invalid"));
    assert_eq!(exchange(&rig, &code, &keys()).await, spent);
}

#[tokio::test]
async fn every_fault_of_a_gateway_has_its_own_outcome() {
    let user = &TEST_USERS[0];
    let refused = refusal("40002", "isv.code-invalid");
    let busy = refusal("20000", "isp.unknow-error");
    for (fault, outcome) in [
        (GatewayFault::WrongSign, Exchange::Unknown(GatewayError::Signature(None))),
        (GatewayFault::BadGateway, Exchange::Unknown(GatewayError::Status(502))),
        (GatewayFault::UnknownError, Exchange::Unknown(GatewayError::Unavailable(busy))),
        (GatewayFault::RefusedCode, Exchange::Refused(refused)),
        (GatewayFault::UnmatchedAppId, Exchange::Refused(refusal("40002", "isv.unmatched-app-id"))),
        (GatewayFault::InvalidSignature, Exchange::Refused(refusal("40002", "isv.invalid-signature"))),
        (
            GatewayFault::InsufficientPermissions,
            Exchange::Refused(refusal("40006", "isv.insufficient-isv-permissions")),
        ),
        (GatewayFault::AppCallLimited, Exchange::Refused(refusal("40005", "isv.app-call-limited"))),
        (GatewayFault::InvalidAppId, unsigned("40002", "isv.invalid-app-id")),
        (GatewayFault::MissingAppCertSn, unsigned("40001", "isv.missing-app-cert-sn")),
        (GatewayFault::UserId, identity(None, Some(user.user_id))),
        (GatewayFault::BothIds, identity(Some(user.open_id), Some(user.user_id))),
        (GatewayFault::Slow, identity(Some(user.open_id), None)),
    ] {
        let rig = rig(Duration::from_secs(8)).await;
        rig.emulator.set_slow_delay(Duration::from_millis(20));
        rig.emulator.set_fault(fault);
        let code = rig.emulator.mint_code(0);
        assert_eq!(exchange(&rig, &code, &keys()).await, outcome, "{fault:?}");
        assert_eq!(rig.emulator.exchanges().len(), 1, "{fault:?}: a code is sent once");
    }
}

/// Each form alone, and each two that can come together.
fn forms() -> Vec<Vec<AnswerForm>> {
    let all = || AnswerForm::VARIANTS.iter().copied();
    let pairs = all().flat_map(|one| all().map(move |other| vec![one, other]));
    all().map(|form| vec![form]).chain(pairs).collect()
}

#[tokio::test]
async fn every_form_of_an_answer_is_read_as_the_plain_one() {
    let rig = rig(Duration::from_secs(8)).await;
    let app = keys();
    for forms in forms() {
        rig.emulator.set_forms(forms.clone());
        let believed = !forms.contains(&AnswerForm::Unsigned);
        for (fault, signed, stated) in [
            (GatewayFault::None, identity(Some(TEST_USERS[0].open_id), None), None),
            (
                GatewayFault::RefusedCode,
                Exchange::Refused(refusal("40002", "isv.code-invalid")),
                Some(refusal("40002", "isv.code-invalid")),
            ),
            (
                GatewayFault::UnknownError,
                Exchange::Unknown(GatewayError::Unavailable(refusal("20000", "isp.unknow-error"))),
                Some(refusal("20000", "isp.unknow-error")),
            ),
        ] {
            rig.emulator.set_fault(fault);
            let expected = if believed { signed } else { Exchange::Unknown(GatewayError::Unsigned(stated)) };
            let code = rig.emulator.mint_code(0);
            assert_eq!(exchange(&rig, &code, &app).await, expected, "{fault:?} {forms:?}");
        }
    }
}

#[tokio::test]
async fn silence_is_a_timeout_and_nobody_there_is_no_connection() {
    let quick = rig(Duration::from_millis(100)).await;
    quick.emulator.set_fault(GatewayFault::Silence);
    let code = quick.emulator.mint_code(0);
    assert_eq!(
        exchange(&quick, &code, &keys()).await,
        Exchange::Unknown(GatewayError::Transport(TransportError::Timeout))
    );
    assert_eq!(quick.emulator.exchanges().len(), 1);

    let Rig { emulator, gateway, _server: server } = rig(Duration::from_secs(8)).await;
    drop(server);
    tokio::task::yield_now().await;
    let gone = Rig { emulator, gateway, _server: JoinSet::new() };
    assert_eq!(
        exchange(&gone, &code, &keys()).await,
        Exchange::Unknown(GatewayError::Transport(TransportError::Connect))
    );
}

#[tokio::test]
async fn either_of_two_alipay_keys_is_believed_and_another_is_not() {
    let rig = rig(Duration::from_secs(8)).await;
    let two = keys_with(&[public_pem(foreign()), public_pem(alipay())]);
    let code = rig.emulator.mint_code(0);
    assert_eq!(exchange(&rig, &code, &two).await, identity(Some(TEST_USERS[0].open_id), None));
    let another = keys_with(&[public_pem(foreign())]);
    let code = rig.emulator.mint_code(0);
    assert_eq!(exchange(&rig, &code, &another).await, Exchange::Unknown(GatewayError::Signature(None)));
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let server = MockServer::start().await;
    let endless = ResponseTemplate::new(200).set_body_bytes(vec![b' '; 65 * 1024]);
    Mock::given(path("/gateway.do")).respond_with(endless).mount(&server).await;
    let at = format!("{}/gateway.do", server.uri()).parse().expect("a URL");
    let gateway = AlipayGateway::new(at, Duration::from_secs(8));
    let app = keys();
    let code = AuthCode::parse("code").expect("a code");
    let in_address = gateway.address_parameters();
    let request = ExchangeRequest::sign(&app_id(), &code, SystemClock.now(), &app.own, in_address);
    let outcome = gateway.exchange(request.expect("signs")).await;
    assert_eq!(outcome, Err(TransportError::TooLong.into()));
}

/// An answer with `node` under `name`, signed by Alipay over `signed`.
fn answer(name: &str, node: &str, signed: &str) -> String {
    let signature = alipay().sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(signed)).expect("signs");
    format!(r#"{{"{name}":{node},"sign":"{}"}}"#, STANDARD.encode(signature))
}

#[test]
fn a_backslash_that_somebody_adds_before_an_escaped_slash_changes_nothing() {
    const SIGNED: &str = r#"{"code":"40002","sub_code":"isv.a\/b"}"#;
    let app = keys();
    let read = |node: &str| {
        read_answer(answer("error_response", node, SIGNED).as_bytes(), &app.alipay, SystemClock.now())
    };
    let Exchange::Refused(refusal) = read(SIGNED) else { panic!("signed and not believed") };
    let changed = SIGNED.replace("\\/", "\\\\/");
    assert_eq!(read(&changed), Exchange::Refused(refusal));
}

#[test]
fn an_answer_is_believed_by_the_signature_over_its_raw_node() {
    const RESPONSE: &str = "alipay_system_oauth_token_response";
    let app = keys();
    let read = |text: &str| read_answer(text.as_bytes(), &app.alipay, SystemClock.now());
    let unknown = Exchange::Unknown;
    let plain = r#"{"open_id":"o1","expires_in":"300","re_expires_in":300}"#;
    let spaced = r#"{ "open_id" : "o1", "note": "\u4f60\"}{" }"#;
    let escaped = r#"{"open_id":"o1","avatar":"https:\/\/x\/y"}"#;
    for node in [plain, spaced, escaped] {
        assert_eq!(read(&answer(RESPONSE, node, node)), identity(Some("o1"), None), "{node}");
    }
    for node in [
        r#"{"open_id":"o1","user_id":""}"#,
        r#"{"open_id":"o1","user_id":"x"}"#,
        r#"{"open_id":"o1","user_id":null}"#,
        r#"{"open_id":"o1","user_id":7}"#,
        r#"{"code":10000,"open_id":"o1","user_id":{"a":[]}}"#,
    ] {
        assert_eq!(
            read(&answer(RESPONSE, node, node)),
            identity(Some("o1"), None),
            "one good id will do: {node}"
        );
    }
    let unescaped = escaped.replace("\\/", "/");
    assert_eq!(read(&answer(RESPONSE, escaped, &unescaped)), identity(Some("o1"), None));

    for (text, outcome) in [
        (answer(RESPONSE, plain, spaced), unknown(GatewayError::Signature(None))),
        (answer(RESPONSE, escaped, plain), unknown(GatewayError::Signature(None))),
        (format!(r#"{{"{RESPONSE}":{plain}}}"#), unknown(GatewayError::Unsigned(None))),
        (format!(r#"{{"{RESPONSE}":{plain},"sign":""}}"#), unknown(GatewayError::Unsigned(None))),
        (answer("another_response", plain, plain), unknown(GatewayError::Malformed)),
        (answer(RESPONSE, "{}", "{}"), unknown(GatewayError::Malformed)),
        (answer(RESPONSE, "[]", "[]"), unknown(GatewayError::Malformed)),
        (answer(RESPONSE, r#"{"open_id":""}"#, r#"{"open_id":""}"#), unknown(GatewayError::Malformed)),
        (answer(RESPONSE, r#"{"open_id":7}"#, r#"{"open_id":7}"#), unknown(GatewayError::Malformed)),
        ("<html>502</html>".to_owned(), unknown(GatewayError::Malformed)),
        (String::new(), unknown(GatewayError::Malformed)),
        (
            format!(r#"{{"{RESPONSE}":{plain},"{RESPONSE}":{plain},"sign":"x"}}"#),
            unknown(GatewayError::Malformed),
        ),
    ] {
        assert_eq!(read(&text), outcome, "{text}");
    }
}

#[test]
fn a_refusal_is_believed_if_it_is_signed_and_stated_if_it_is_not() {
    let app = keys();
    let read = |text: &str| read_answer(text.as_bytes(), &app.alipay, SystemClock.now());
    let stated = || Some(refusal("40002", "isv.code-invalid"));
    let node = r#"{"code":"40002","msg":"Invalid Arguments","sub_code":"isv.code-invalid"}"#;
    for name in ["alipay_system_oauth_token_response", "error_response"] {
        assert_eq!(read(&answer(name, node, node)), Exchange::Refused(refusal("40002", "isv.code-invalid")));
    }
    let unsigned = format!(r#"{{"error_response":{node}}}"#);
    assert_eq!(read(&unsigned), Exchange::Unknown(GatewayError::Unsigned(stated())));
    let wrong = format!(r#"{{"error_response":{node},"sign":"AAAA"}}"#);
    assert_eq!(read(&wrong), Exchange::Unknown(GatewayError::Signature(stated())));
    // Only what Alipay has signed counts, wherever something else stands.
    let good = answer("error_response", node, node);
    let beside = good.replacen('{', r#"{"alipay_system_oauth_token_response":{"open_id":"o1"},"#, 1);
    assert_eq!(read(&beside), Exchange::Refused(refusal("40002", "isv.code-invalid")));
}

/// An exchange of `app` at a server that keeps what it is sent, at an address with `query`: the query and form that it
/// got.
async fn sent(query: &str, app: &AlipayApp) -> (String, String) {
    let server = MockServer::start().await;
    let spent = ResponseTemplate::new(200).set_body_string("{}");
    Mock::given(path("/gateway.do")).respond_with(spent).mount(&server).await;
    let at = format!("{}/gateway.do{query}", server.uri()).parse().expect("a URL");
    let gateway = AlipayGateway::new(at, Duration::from_secs(8));
    let code = AuthCode::parse("code").expect("a code");
    let in_address = gateway.address_parameters();
    let request = ExchangeRequest::sign(&app_id(), &code, SystemClock.now(), &app.own, in_address);
    gateway.exchange(request.expect("signs")).await.expect("an answer");
    let asked = server.received_requests().await.expect("kept").remove(0);
    let form = String::from_utf8(asked.body).expect("text");
    (asked.url.query().unwrap_or_default().to_owned(), form)
}

#[tokio::test]
async fn the_charset_stands_in_the_address_and_what_stands_there_is_signed() {
    for (configured, query) in [
        ("", "charset=utf-8"),
        ("?charset=GBK", "charset=utf-8"),
        ("?route=a+b%26c&charset=UTF-8&empty=", "route=a+b%26c&empty=&charset=utf-8"),
    ] {
        let (in_address, form) = sent(configured, &keys()).await;
        assert_eq!(in_address, query);
        assert!(!form.contains("charset"), "once only: {form}");
        let holds = request_signature_holds(&in_address, form.as_bytes(), &app().to_public_key());
        assert!(holds, "{in_address} {form}");
        assert!(!request_signature_holds("", form.as_bytes(), &app().to_public_key()), "the query is signed");
    }
}

#[tokio::test]
async fn the_names_of_certificates_stand_in_the_address_and_are_signed() {
    let files = issue(app(), foreign()).expect("issued");
    let document = json!({
        "privateKey": private_pem(app()), "appCertificate": files.app, "alipayCertificates": [files.alipay],
        "alipayRootCertificates": files.roots,
    });
    let certified = AlipayApp::parse(&document.to_string()).expect("a document");
    let sn = |file: &str| KeyCertificate::parse(file).expect("a certificate").sn().to_owned();
    let roots = RootCertificates::parse(&files.roots).expect("roots");
    let (in_address, form) = sent("?route=a", &certified).await;
    let names = format!("app_cert_sn={}&alipay_root_cert_sn={}", sn(&files.app), roots.sn());
    assert_eq!(in_address, format!("route=a&charset=utf-8&{names}"));
    assert!(!form.contains("cert_sn"), "{form}");
    assert!(request_signature_holds(&in_address, form.as_bytes(), &app().to_public_key()));
    let (without, _) = in_address.split_once("&app_cert_sn").expect("names");
    assert!(!request_signature_holds(without, form.as_bytes(), &app().to_public_key()), "they are signed");
}
