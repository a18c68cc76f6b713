//! The whole journey on a local host, over HTTP: request, consent, return, delivery.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use clap::Parser as _;
use http::StatusCode;
use http::header::{ACCEPT_LANGUAGE, LOCATION, USER_AGENT};
use local::app::{Local, Options};
use local::cli::Cli;
use local::client::client_builder;
use local::emulator::{ExchangeOutcome, GatewayFault, TEST_USERS};
use local::folder::{ACCESS_KEY_ID, ACCOUNT_ID, CONTRACT_SCHEME_ID};
use local::merchant::{AuthorizationState, Call, MerchantFault, SignType};
use reqwest::{Client, Response};
use serde_json::Value;
use shared::egress::callback_url::Origin;
use shared::model::authorization::Status;
use shared::model::clock::{Clock as _, SystemClock};
use shared::model::consent::DeliveryBody;
use shared::model::id::{AuthorizationId, OperationId};
use shared::model::identity::{Identity, OpenId};
use shared::store::sqlite::SqliteStore;
use shared::store::{ReadAuthorizations as _, RecordReturns as _, Settled, Settlement};
use tempfile::TempDir;
use tests::host::options;
use tests::request::state_of;
use tests::rpc::{Protocol, RpcAnswer, RpcCall};
use url::Url;

const ON_A_PHONE: &str =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148";
const IN_ALIPAY: &str =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Mobile/22F76 AlipayClient/10.7.40";

struct Rig {
    local: Local,
    browser: Client,
    folder: TempDir,
}

async fn start(folder: &Path) -> Local {
    Local::start(&options(folder)).await.expect("starts")
}

async fn rig() -> Rig {
    let folder = tempfile::tempdir().expect("a folder");
    let local = start(folder.path()).await;
    Rig { local, browser: browser(), folder }
}

fn browser() -> Client {
    client_builder(Duration::from_secs(5), Duration::from_secs(30)).build().expect("a client")
}

impl Rig {
    async fn link(&self, sign_type: SignType) -> (String, Url) {
        let Call { request, answer } = self.local.merchant.request_link(sign_type, "user-1").await;
        let link = answer.expect("an answer").link().expect("a link");
        (request.serial_no, link.parse().expect("a URL"))
    }

    /// The answer to the merchant's query of a serialNo.
    async fn told(&self, sign_type: SignType, serial_no: &str) -> Value {
        let answer = self.local.merchant.query(sign_type, serial_no).await.answer.expect("an answer");
        assert!(answer.succeeded(), "{}", answer.body);
        let mut answer: Value = serde_json::from_str(&answer.body).expect("JSON");
        answer["data"].take()
    }

    /// Decides on Alipay's page, as its form does, and follows the way back.
    async fn decide(&self, link: &Url, decision: &str) -> (StatusCode, String) {
        let page = self.browser.get(link.clone()).send().await.expect("the consent page");
        assert_eq!(page.status(), StatusCode::OK);
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(link.query_pairs())
            .append_pair("user", "0")
            .append_pair("decision", decision)
            .finish();
        let sent =
            self.browser.post(self.local.emulator_at.join("/oauth2/publicAppAuthorize.htm").expect("a URL"));
        let sent = sent.header("content-type", "application/x-www-form-urlencoded").body(form).send().await;
        let redirect = sent.expect("a redirect");
        assert!(redirect.status().is_redirection(), "{}", redirect.status());
        let back = redirect.headers()[LOCATION].to_str().expect("text").to_owned();
        self.browse(&back).await
    }

    /// Sends a call of `GetAuthorizationUrl` over the wire.
    async fn call(&self, call: &RpcCall) -> RpcAnswer {
        let (parts, body) = call.build().into_parts();
        let at = self.local.authlink.join(&parts.uri.to_string()).expect("a URL");
        let sent = self.browser.request(parts.method, at).headers(parts.headers).body(body).send().await;
        let sent = sent.expect("an answer");
        let mut answer = http::Response::builder().status(sent.status());
        for (name, value) in sent.headers() {
            answer = answer.header(name, value);
        }
        RpcAnswer::read(&answer.body(sent.bytes().await.expect("a body")).expect("an answer"))
    }

    /// Opens the page behind a link in a browser of this name.
    async fn open(&self, link: &str, user_agent: &str) -> Response {
        let asked = self.browser.get(link).header(USER_AGENT, user_agent).header(ACCEPT_LANGUAGE, "en");
        asked.send().await.expect("a page")
    }

    /// Another host on the same folder and ports, and a browser that has no connection to the earlier one.
    async fn restarted(self) -> Self {
        let Self { local, folder, .. } = self;
        let port = |at: &Url| at.port().expect("a port");
        let options = Options {
            port: port(&local.authlink),
            emulator_port: port(&local.emulator_at),
            merchant_port: port(&local.merchant_at),
            ..options(folder.path())
        };
        drop(local);
        // Only now are the ports free.
        tokio::task::yield_now().await;
        Self { local: Local::start(&options).await.expect("starts"), browser: browser(), folder }
    }

    /// Waits until the merchant was called back `count` times. The bound is for a failing test only.
    async fn receive_callback(&self, count: usize) {
        let called_back = self.local.merchant.callbacks(count);
        tokio::time::timeout(Duration::from_secs(20), called_back)
            .await
            .expect("the merchant is called back");
    }

    async fn browse(&self, url: &str) -> (StatusCode, String) {
        let page: Response = self.browser.get(url).send().await.expect("a page");
        let (status, html) = (page.status(), page.text().await.expect("text"));
        let outcome = html.split("data-outcome=\"").nth(1).and_then(|rest| rest.split('"').next());
        (status, outcome.expect("data-outcome").to_owned())
    }
}

#[tokio::test]
async fn a_signed_request_becomes_a_delivered_open_id_by_either_signature() {
    let rig = rig().await;
    for (number, sign_type) in [SignType::Sha256Rsa, SignType::Md5].into_iter().enumerate() {
        let (serial_no, link) = rig.link(sign_type).await;
        assert_eq!(rig.decide(&link, "allow").await, (StatusCode::OK, "authorized".to_owned()));
        rig.receive_callback(number + 1).await;
        let received = rig.local.merchant.received().pop().expect("a callback");
        assert_eq!(received.serial_no.as_deref(), Some(serial_no.as_str()));
        assert_eq!(received.open_id.as_deref(), Some(TEST_USERS[0].open_id));
        assert!(received.signature_ok && !received.repeat);
        let known =
            rig.local.merchant.authorizations().into_iter().find(|known| known.serial_no == serial_no);
        assert_eq!(known.map(|known| known.state), Some(AuthorizationState::Received));
    }
    let exchanges = rig.local.emulator.exchanges();
    assert_eq!(exchanges.len(), 2);
    assert!(exchanges.iter().all(|seen| matches!(seen.outcome, ExchangeOutcome::Granted(_))));
}

#[tokio::test]
async fn a_query_of_either_signature_tells_what_the_callback_told() {
    let rig = rig().await;
    for (number, sign_type) in [SignType::Sha256Rsa, SignType::Md5].into_iter().enumerate() {
        let (serial_no, link) = rig.link(sign_type).await;
        let before = rig.told(sign_type, &serial_no).await;
        assert_eq!((&before["state"], before.get("openId")), (&"ISSUED".into(), None));
        assert_eq!(rig.decide(&link, "allow").await, (StatusCode::OK, "authorized".to_owned()));
        rig.receive_callback(number + 1).await;
        let received = rig.local.merchant.received().pop().expect("a callback");
        let received: Value = serde_json::from_str(&received.body).expect("JSON");
        let told = rig.told(sign_type, &serial_no).await;
        for (name, value) in received.as_object().expect("fields") {
            assert_eq!(told[name], *value, "{name}");
        }
    }
}

#[tokio::test]
async fn a_call_of_either_signature_becomes_a_delivered_open_id_whenever_the_host_is_restarted() {
    let mut rig = rig().await;
    for protocol in [Protocol::V3, Protocol::V1] {
        let secret = rig.folder.path().join("parties/access-key-secret.txt");
        let mut call = RpcCall::new(protocol, SystemClock.now())
            .with("SchemeId", CONTRACT_SCHEME_ID)
            .with("EndDate", "2099-12-31");
        call.host = rig.local.authlink.authority().to_owned();
        call.access_key_id = ACCESS_KEY_ID.to_owned();
        call.secret = std::fs::read_to_string(secret).expect("a secret");
        let granted = rig.call(&call).await;
        assert_eq!((granted.http_status, granted.code.as_str()), (200, "OK"), "{}", granted.whole);
        let link = granted.link.expect("a link");
        assert_eq!(rig.call(&call).await.code, "SignatureNonceUsed");

        rig = rig.restarted().await;
        // A messenger asks so whether a link is there, before it shows it.
        let head = rig.browser.head(&link).header(USER_AGENT, ON_A_PHONE).send().await.expect("an answer");
        assert_eq!((head.status(), head.content_length()), (StatusCode::OK, Some(0)));
        let page = rig.open(&link, ON_A_PHONE).await;
        assert_eq!(page.status(), StatusCode::OK);
        let html = page.text().await.expect("text");
        assert!(html.contains("示例商店 Demo Shop"), "{html}");
        let button = html.split("href=\"").find(|rest| rest.starts_with("alipays:")).expect("a button");
        let button = button.split('"').next().expect("an end").replace("&amp;", "&");
        let button = Url::parse(&button).expect("a URL");
        let authorize = button.query_pairs().find(|(name, _)| name == "url").expect("an address").1;
        let redirect = rig.open(&link, IN_ALIPAY).await;
        assert_eq!(redirect.status(), StatusCode::FOUND);
        assert_eq!(redirect.headers()[LOCATION], *authorize);

        let authorize = Url::parse(&authorize).expect("a URL");
        assert_eq!(rig.decide(&authorize, "allow").await, (StatusCode::OK, "authorized".to_owned()));
        rig.receive_callback(1).await;
        let received = rig.local.merchant.received().pop().expect("a callback");
        assert!(received.signature_ok);
        let business_id = ("businessid".to_owned(), ACCOUNT_ID.to_owned());
        assert!(received.headers.contains(&business_id), "{:?}", received.headers);
        let state = authorize.query_pairs().find(|(name, _)| name == "state").expect("a state").1;
        let body: Value = serde_json::from_str(&received.body).expect("JSON");
        assert_eq!(
            received.body,
            format!(
                r#"{{"requestId":"{}","bizId":"{}","schemeId":{CONTRACT_SCHEME_ID},"phoneTail":"1234","endDate":"2099-12-31","openId":"{}","authTime":{}}}"#,
                granted.request_id,
                &state[..32],
                TEST_USERS[0].open_id,
                body["authTime"]
            )
        );

        rig = rig.restarted().await;
        for user_agent in [ON_A_PHONE, IN_ALIPAY] {
            let page = rig.open(&link, user_agent).await;
            assert_eq!(page.status(), StatusCode::CONFLICT);
            assert!(page.text().await.expect("text").contains("data-outcome=\"used\""));
        }
    }
}

#[tokio::test]
async fn a_refusal_asks_alipay_nothing_and_tells_the_merchant_nothing() {
    let rig = rig().await;
    let (_, link) = rig.link(SignType::Sha256Rsa).await;
    assert_eq!(rig.decide(&link, "refuse").await, (StatusCode::OK, "not-authorized".to_owned()));
    assert!(rig.local.emulator.exchanges().is_empty());
    assert!(rig.local.merchant.received().is_empty());
    assert_eq!(rig.decide(&link, "allow").await.1, "authorized", "the user may think again");
}

#[tokio::test]
async fn after_each_fault_of_the_gateway_a_second_consent_goes_through() {
    let rig = rig().await;
    for fault in [
        GatewayFault::WrongSign,
        GatewayFault::BadGateway,
        GatewayFault::RefusedCode,
        GatewayFault::UnknownError,
    ] {
        let (_, link) = rig.link(SignType::Sha256Rsa).await;
        rig.local.emulator.set_fault(fault);
        assert_eq!(rig.decide(&link, "allow").await.1, "authorize-again", "{fault:?}");
        rig.local.emulator.set_fault(GatewayFault::None);
        assert_eq!(rig.decide(&link, "allow").await.1, "authorized", "{fault:?}");
    }
    rig.receive_callback(4).await;
    let mut codes: Vec<_> = rig.local.emulator.exchanges().into_iter().map(|seen| seen.code).collect();
    assert_eq!(codes.len(), 8);
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), 8, "the gateway sees any one code once");
}

#[tokio::test]
async fn after_a_restart_on_the_same_folder_keys_are_the_same_and_what_was_due_is_due() {
    let rig = rig().await;
    rig.local.merchant.set_fault(MerchantFault::ServerError);
    let (serial_no, link) = rig.link(SignType::Sha256Rsa).await;
    rig.decide(&link, "allow").await;
    rig.receive_callback(1).await;
    let Rig { local, browser, folder } = rig;
    let key = || std::fs::read(folder.path().join("secrets/callback-key.json")).expect("a document");
    let before = key();
    drop(local);
    let local = start(folder.path()).await;
    assert_eq!(key(), before);

    let store = SqliteStore::open(&folder.path().join("authlink.db")).expect("opens");
    let id = AuthorizationId::from_serial(local::folder::BUSINESS_ID, &serial_no);
    let record = store.authorization(&id).await.expect("answers").expect("a record");
    assert_eq!(record.status(), Status::Authorized);
    assert!(record.pending_delivery().is_some());
    Rig { local, browser, folder }.link(SignType::Sha256Rsa).await;
}

#[tokio::test]
async fn a_browser_that_hangs_up_during_the_exchange_loses_no_consent() {
    let rig = rig().await;
    let (_, link) = rig.link(SignType::Sha256Rsa).await;
    rig.local.emulator.set_slow_delay(Duration::from_millis(200));
    rig.local.emulator.set_fault(GatewayFault::Slow);
    let (code, query): (_, HashMap<_, _>) = (rig.local.emulator.mint_code(0), link.query_pairs().collect());
    let back = format!(
        "{}?app_id={}&auth_code={code}&state={}",
        query["redirect_uri"], query["app_id"], query["state"]
    );
    let impatient =
        client_builder(Duration::from_secs(5), Duration::from_millis(50)).build().expect("a client");
    assert!(impatient.get(&back).send().await.expect_err("no answer in time").is_timeout());
    rig.receive_callback(1).await;
    assert_eq!(rig.browse(&back).await, (StatusCode::OK, "authorized".to_owned()));
    assert_eq!(rig.local.emulator.exchanges().len(), 1);
}

#[tokio::test]
async fn a_new_host_delivers_what_an_earlier_one_left_settled() {
    let rig = rig().await;
    let (serial_no, _) = rig.link(SignType::Sha256Rsa).await;
    let Rig { local, browser, folder } = rig;
    let merchant_port = local.merchant_at.port().expect("a port");
    drop(local);
    let store = SqliteStore::open(&folder.path().join("authlink.db")).expect("opens");
    let settlement = Settlement {
        id: AuthorizationId::from_serial(local::folder::BUSINESS_ID, &serial_no),
        identity: Identity::new(OpenId::parse("open-1"), None).expect("an id"),
        code_digest: None,
        body: DeliveryBody::new(format!(r#"{{"serialNo":"{serial_no}","openId":"open-1"}}"#)).expect("bytes"),
        deliver: true,
        retain_until: SystemClock.now() + Duration::from_hours(1),
        operation: OperationId::recorded("killed".to_owned()),
        now: SystemClock.now(),
    };
    assert_eq!(store.settle(&settlement).await, Ok(Settled::Recorded));
    let options = Options { merchant_port, ..options(folder.path()) };
    let rig = Rig { local: Local::start(&options).await.expect("starts"), browser, folder };
    rig.receive_callback(1).await;
    assert_eq!(rig.local.merchant.received()[0].open_id.as_deref(), Some("open-1"));
}

#[tokio::test]
async fn what_is_no_route_is_answered_as_documented() {
    let rig = rig().await;
    let at = |path: &str| rig.local.authlink.join(path).expect("a URL");
    let answer = rig.browser.post(at("/v1/openapi/orders")).body("{}").send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let text = answer.text().await.expect("text");
    assert_eq!(text, r#"{"status":4,"code":"no_such_interface","message":"no such interface","data":{}}"#);
    for path in [authorization_query::PATH, "/v1/openapi/auth/alipay/callback/0"] {
        let answer = rig.browser.get(at(path)).send().await.expect("an answer");
        assert_eq!(answer.text().await.expect("text"), text, "{path} is for POST");
        let answer = rig.browser.post(at(path)).body("{}").send().await.expect("an answer");
        assert_ne!(answer.text().await.expect("text"), text, "{path}");
    }
    let answer = rig.browser.get(at("/elsewhere")).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_body_without_end_is_refused_without_being_read_to_its_end() {
    let rig = rig().await;
    let at = rig.local.authlink.join(alipay_auth_url::PATH).expect("a URL");
    let body = vec![b' '; 100 * 1024];
    let answer =
        rig.browser.post(at).header("businessId", "demo").body(body).send().await.expect("an answer");
    let text = answer.text().await.expect("text");
    assert_eq!(
        text,
        r#"{"status":3,"code":"body_too_large","message":"the body is larger than 16384 bytes","data":{}}"#
    );
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_the_option_that_changes_it() {
    let rig = rig().await;
    let folder = tempfile::tempdir().expect("a folder");
    let taken = rig.local.authlink.port().expect("a port");
    let options = Options { port: taken, ..options(folder.path()) };
    let error = Local::start(&options).await.err().expect("no start").to_string();
    assert!(error.starts_with(&format!("cannot listen on 127.0.0.1:{taken}: ")), "{error}");
    assert!(error.ends_with("; choose another with --port"), "{error}");
}

#[tokio::test]
async fn below_the_path_of_the_public_url_links_lead_to_what_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let elsewhere = vec![("AUTHLINK_PUBLIC_URL", "http://127.0.0.1:1/pay/stage/".to_owned())];
    let options = Options { settings: elsewhere, ..options(folder.path()) };
    let local = Local::start(&options).await.expect("starts");
    let rig = Rig { local, browser: browser(), folder };
    let (_, link) = rig.link(SignType::Md5).await;
    let back =
        link.query_pairs().find(|(name, _)| name == "redirect_uri").expect("a way back").1.into_owned();
    let back: Url = back.parse().expect("a URL");
    assert!(back.path().starts_with("/pay/stage/v1/"), "{back}");
    let code = rig.local.emulator.mint_code(0);
    for path in [back.path(), back.path().trim_start_matches("/pay/stage")] {
        let query = format!("auth_code={code}&app_id={}&state={}", local::folder::APP_ID, state_of(&link));
        let at = rig.local.authlink.join(&format!("{path}?{query}")).expect("a URL");
        assert_eq!(rig.browse(at.as_str()).await, (StatusCode::OK, "authorized".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn every_answer_is_for_its_caller_alone() {
    let rig = rig().await;
    let (_, link) = rig.link(SignType::Md5).await;
    let at = |origin: &Url, path: &str| origin.join(path).expect("a URL");
    for url in [
        at(&rig.local.authlink, "/nowhere"),
        at(&rig.local.authlink, "/v1/openapi/unknown"),
        at(&rig.local.authlink, "/"),
        at(&rig.local.authlink, "/v1/openapi/auth/alipay/callback"),
        at(&rig.local.authlink, "/p/s/web-call-minapp/auth-bao"),
        at(&rig.local.merchant_at, "/"),
        at(&rig.local.merchant_at, "/demo.css"),
        at(&rig.local.emulator_at, "/gateway.do"),
        link,
    ] {
        let answer = rig.browser.get(url.clone()).send().await.expect("an answer");
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("cache-control"), Some("no-store"), "{url}");
        assert_eq!(header("x-content-type-options"), Some("nosniff"), "{url}");
    }
}

#[tokio::test]
async fn any_port_of_this_machine_may_be_called_back_and_what_is_allowed_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let allow_callback = vec![Origin::parse("http://10.1.2.3:9000").expect("an origin")];
    let local = Local::start(&Options { allow_callback, ..options(folder.path()) }).await.expect("starts");
    let rig = Rig { local, browser: browser(), folder };
    let call = async |callback_url: &str| {
        let folder = rig.folder.path().to_str().expect("text");
        let arguments = ["authlink", "call", "link", "--folder", folder, "--callback-url", callback_url];
        Cli::parse_from(arguments).run().await
    };
    for allowed in
        ["http://127.0.0.1:1/x", "http://localhost:2/x", "http://[::1]:3/x", "http://10.1.2.3:9000/x"]
    {
        call(allowed).await.expect(allowed);
    }
    for refused in ["http://10.1.2.3:9001/x", "http://10.1.2.4:9000/x", "http://shop.example/x"] {
        assert!(call(refused).await.is_err(), "{refused}");
    }
}

#[tokio::test]
async fn a_call_by_hand_finds_the_host_of_its_folder_on_whatever_port() {
    let rig = rig().await;
    let folder = rig.folder.path().to_str().expect("text");
    let call = async |arguments: &[&str]| {
        Cli::parse_from([&["authlink", "--folder", folder, "call"][..], arguments].concat()).run().await
    };
    for signed in [&["link"][..], &["link", "--md5"]] {
        call(signed).await.expect("a link");
    }
    call(&["link", "--serial-no", "S-by-hand"]).await.expect("a link");
    call(&["query", "--serial-no", "S-by-hand", "--json"]).await.expect("told");
    assert!(call(&["query", "--serial-no", "S-unknown"]).await.is_err());
    call(&["get-authorization-url", "--phone", "13900001234", "--scheme", "234"]).await.expect("a link");
    assert!(call(&["get-authorization-url", "--phone", "1", "--scheme", "234"]).await.is_err());
}

#[tokio::test]
async fn a_folder_that_is_in_use_or_whose_database_is_gone_is_refused_by_name() {
    let Rig { local, folder, .. } = rig().await;
    let refused = async |options: &Options| Local::start(options).await.err().expect("no start").to_string();
    let again = options(folder.path());
    let said = refused(&again).await;
    assert!(said.contains("another authlink is using it"), "{said}");
    // Of a copy nobody has the database open: whoever closes the last connection takes the files beside it
    // away by their names, from a new one as well.
    let copy = tempfile::tempdir().expect("a folder");
    let copied = Command::new("cp").arg("-R").arg(folder.path().join(".")).arg(copy.path()).status();
    assert!(copied.expect("is run").success());
    drop(local);
    let (folder, again) = (&copy, options(copy.path()));
    let database = folder.path().join("authlink.db");
    let kept = || {
        ["lambda.env", "addresses.json", "secrets/scheme/234.json"]
            .map(|name| std::fs::read_to_string(folder.path().join(name)).expect("kept"))
    };
    let before = kept();
    for name in ["authlink.db", "authlink.db-wal", "authlink.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(name));
    }
    let said = refused(&again).await;
    assert!(said.contains("authlink.db: it is gone; put it back; or start with --new-database"), "{said}");
    assert!(!database.exists());
    assert_eq!(kept(), before, "a start that is refused changes nothing");
    let meant = Options { new_database: true, ..again };
    drop(Local::start(&meant).await.expect("starts"));
    tokio::task::yield_now().await;
    drop(start(folder.path()).await);
}
