//! Two authlinks, one behind the other, on local hosts: a merchant asks `A`, whose links come from `B`, whose links
//! lead to the emulator of Alipay. Between the two stand recorders that keep what passes, for it to be verified by
//! other signing code than either uses.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http::header::LOCATION;
use local::app::{Local, Options};
use local::client::client_builder;
use local::emulator::TEST_USERS;
use local::merchant::SignType;
use local::merchant::signing::{sign_md5, string_to_sign};
use reqwest::Client;
use rsa::RsaPublicKey;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::sha2::{Digest as _, Sha256};
use serde_json::{Value, json};
use shared::model::authorization::{Authorization, Status};
use shared::model::clock::{Clock as _, SystemClock};
use shared::model::id::AuthorizationId;
use shared::store::ReadAuthorizations as _;
use shared::store::sqlite::SqliteStore;
use tempfile::TempDir;
use tests::host::options;
use tests::keys;
use tests::request::{Key, LinkAnswer, LinkCall};
use tests::server::serve;
use tokio::task::JoinSet;
use url::Url;

/// The business id of A at B.
const A_AT_B: &str = "a-at-b";
const A_SHOP: &str = "a-shop";
const SHARED_KEY: &str = "the key that A and B share";

fn client() -> Client {
    client_builder(Duration::from_secs(5), Duration::from_secs(30)).build().expect("a client")
}

/// A reverse proxy that keeps every request, and loses answers when it is told to.
struct Recorder {
    at: Url,
    passed: Arc<Passed>,
    _server: JoinSet<()>,
}

#[derive(Default)]
struct Passed {
    target: Mutex<Option<Url>>,
    requests: Mutex<Vec<Recorded>>,
    answers_to_lose: Mutex<u32>,
}

/// A request and its answer, even if the answer was lost on the way.
#[derive(Clone)]
struct Recorded {
    path: String,
    headers: HeaderMap,
    body: Bytes,
    answered: Bytes,
}

impl Recorder {
    async fn start() -> Self {
        let passed = Arc::new(Passed::default());
        let router = Router::new().fallback(pass).with_state(passed.clone());
        let (at, server) = serve(router).await;
        Self { at: at.parse().expect("a URL"), passed, _server: server }
    }

    fn lead_to(&self, target: &Url) {
        *self.passed.target.lock().expect("nobody panicked") = Some(target.clone());
    }

    fn lose_an_answer(&self) {
        *self.passed.answers_to_lose.lock().expect("nobody panicked") += 1;
    }

    /// The POSTs since the last look.
    fn posts(&self) -> Vec<Recorded> {
        std::mem::take(&mut *self.passed.requests.lock().expect("nobody panicked"))
    }
}

async fn pass(State(passed): State<Arc<Passed>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 64 * 1024).await.expect("a body");
    let target = passed.target.lock().expect("nobody panicked").clone().expect("a target");
    let path = parts.uri.to_string();
    let mut headers = parts.headers.clone();
    headers.remove("host");
    let sent = client()
        .request(parts.method.clone(), target.join(&path).expect("a URL"))
        .headers(headers)
        .body(body.clone());
    let answer = sent.send().await.expect("an answer");
    let status = answer.status();
    let answered = answer.bytes().await.expect("a body");
    if parts.method == http::Method::POST {
        let recorded = Recorded { path, headers: parts.headers, body, answered: answered.clone() };
        passed.requests.lock().expect("nobody panicked").push(recorded);
        let mut to_lose = passed.answers_to_lose.lock().expect("nobody panicked");
        if *to_lose > 0 {
            *to_lose -= 1;
            // It breaks off before its first byte.
            let lost = stream::once(async { Err::<Bytes, _>(std::io::Error::other("lost")) });
            return Response::new(Body::from_stream(lost));
        }
    }
    let mut response = Response::new(Body::from(answered));
    *response.status_mut() = status;
    response
}

impl Recorded {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The string to sign, joined by the demo merchant's code.
    fn string(&self) -> Vec<u8> {
        let names = ["businessId", "nonce", "timestamp", "signType"];
        string_to_sign(&names.map(|name| (name, self.header(name))), &self.body)
    }

    fn assert_signed_by_rsa(&self, key: &RsaPublicKey) {
        assert_eq!(self.header("signType"), "");
        let sign = STANDARD.decode(self.header("sign")).expect("Base64");
        key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(self.string()), &sign).expect("verifies");
    }

    fn assert_signed_by_md5(&self) {
        assert_eq!(self.header("signType"), "MD5");
        assert_eq!(self.header("sign"), sign_md5(&self.string(), SHARED_KEY));
    }
}

fn bare(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn write(folder: &Path, name: &str, document: &Value) {
    let file = folder.join("secrets").join(format!("{name}.json"));
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("is made");
    std::fs::write(file, document.to_string()).expect("is written");
}

/// The signature between A and B; A's merchant and A use the other one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BetweenThem {
    Md5,
    Rsa,
}

struct Chain {
    a: Local,
    b: Local,
    a_folder: TempDir,
    b_folder: TempDir,
    /// Before A, for what B sends.
    before_a: Recorder,
    /// Before B, for what A sends.
    before_b: Recorder,
    browser: Client,
}

impl Chain {
    async fn start(between: BetweenThem) -> Self {
        let (a_folder, b_folder) =
            (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let (before_a, before_b) = (Recorder::start().await, Recorder::start().await);
        let settings_of_a = vec![("AUTHLINK_PUBLIC_URL", before_a.at.to_string())];
        let a = Local::start(&Options { settings: settings_of_a, ..options(a_folder.path()) })
            .await
            .expect("A starts");
        before_a.lead_to(&a.authlink);
        let b =
            Local::start(&Options { settings: Self::settings_of_b(&before_a), ..options(b_folder.path()) })
                .await
                .expect("B starts");
        before_b.lead_to(&b.authlink);

        let mut of_demo: Value = serde_json::from_slice(
            &std::fs::read(a_folder.path().join("secrets/business/demo.json")).expect("a document"),
        )
        .expect("JSON");
        of_demo["upstream"] = "b".into();
        if between == BetweenThem::Rsa {
            // With an MD5 key alone, A's callbacks to its merchant are by MD5 too.
            of_demo.as_object_mut().expect("an object").remove("publicKeys");
        }
        write(a_folder.path(), "business/demo", &of_demo);
        let mut upstream = json!({"baseUrl": bare(&before_b.at), "businessId": A_AT_B, "merchantId": A_SHOP});
        let mut of_a = json!({"merchantIds": [A_SHOP]});
        match between {
            BetweenThem::Md5 => {
                upstream["signType"] = "MD5".into();
                upstream["md5Keys"] = json!([SHARED_KEY]);
                of_a["md5Keys"] = json!([SHARED_KEY]);
            }
            BetweenThem::Rsa => {
                upstream["privateKey"] = keys::private_pem(keys::app()).into();
                let b_key = std::fs::read_to_string(b_folder.path().join("parties/callback.pub.pem"));
                upstream["publicKeys"] = json!([b_key.expect("a key")]);
                of_a["publicKeys"] = json!([keys::public_pem(keys::app())]);
            }
        }
        write(a_folder.path(), "upstream/b", &upstream);
        write(b_folder.path(), &format!("business/{A_AT_B}"), &of_a);
        Self { a, b, a_folder, b_folder, before_a, before_b, browser: client() }
    }

    fn settings_of_b(before_a: &Recorder) -> Vec<(&'static str, String)> {
        vec![
            ("AUTHLINK_DANGEROUS_CALLBACK_ORIGINS", bare(&before_a.at)),
            ("AUTHLINK_DELIVERY_WAITS_SECS", "1,1,1".to_owned()),
        ]
    }

    async fn restart_b(self) -> Self {
        let Self { a, b, a_folder, b_folder, before_a, before_b, browser: _ } = self;
        let port = |at: &Url| at.port().expect("a port");
        let options = Options {
            port: port(&b.authlink),
            emulator_port: port(&b.emulator_at),
            merchant_port: port(&b.merchant_at),
            settings: Self::settings_of_b(&before_a),
            ..options(b_folder.path())
        };
        drop(b);
        // Only now are the ports free.
        tokio::task::yield_now().await;
        let b = Local::start(&options).await.expect("B starts again");
        Self { a, b, a_folder, b_folder, before_a, before_b, browser: client() }
    }

    /// The demo merchant sends the same body again, signed anew.
    async fn ask_again(&self, body: &str) -> LinkAnswer {
        let key = std::fs::read_to_string(self.a_folder.path().join("parties/merchant-md5-key.txt"));
        let mut call = LinkCall::with_body(&Value::Null, SystemClock.now()).by_md5();
        call.body = body.as_bytes().to_vec();
        call.business_id = local::folder::BUSINESS_ID.to_owned();
        call.key = Key::Md5(String::leak(key.expect("a key")));
        let (parts, body) = call.build().into_parts();
        let at = self.a.authlink.join(parts.uri.path()).expect("a URL");
        let sent = self.browser.post(at).headers(parts.headers).body(body).send().await.expect("an answer");
        let mut answer = http::Response::builder().status(sent.status());
        for (name, value) in sent.headers() {
            answer = answer.header(name, value);
        }
        LinkAnswer::read(&answer.body(sent.bytes().await.expect("a body")).expect("an answer"))
    }

    /// Consents on the emulator's page, and gives what the result page of B says.
    async fn consent(&self, link: &Url) -> String {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(link.query_pairs())
            .append_pair("user", "0")
            .append_pair("decision", "allow")
            .finish();
        let at = self.b.emulator_at.join("/oauth2/publicAppAuthorize.htm").expect("a URL");
        let sent =
            self.browser.post(at).header("content-type", "application/x-www-form-urlencoded").body(form);
        let redirect = sent.send().await.expect("a redirect");
        let back = redirect.headers()[LOCATION].to_str().expect("text").to_owned();
        assert!(back.starts_with(self.b.authlink.as_str()), "{back}");
        let html = self.browser.get(back).send().await.expect("a page").text().await.expect("text");
        let outcome = html.split("data-outcome=\"").nth(1).and_then(|rest| rest.split('"').next());
        outcome.expect("data-outcome").to_owned()
    }

    async fn record(folder: &TempDir, id: &AuthorizationId) -> Authorization {
        let store = SqliteStore::open(&folder.path().join("authlink.db")).expect("opens");
        store.authorization(id).await.expect("answers").expect("a record")
    }

    /// Waits until B's record is in this status. The bound is for a failing test only.
    async fn await_b(&self, id: &AuthorizationId, status: Status) -> Authorization {
        for _ in 0..400 {
            let record = Self::record(&self.b_folder, id).await;
            if record.status() == status {
                return record;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("B's record is not {status}: {:?}", Self::record(&self.b_folder, id).await);
    }
}

async fn an_open_id_goes_through_both(between: BetweenThem) {
    let chain = Chain::start(between).await;
    let by_merchant = match between {
        BetweenThem::Md5 => SignType::Sha256Rsa,
        BetweenThem::Rsa => SignType::Md5,
    };
    let call = chain.a.merchant.request_link(by_merchant, "user-1").await;
    let link: Url = call.answer.expect("an answer").link().expect("a link").parse().expect("a URL");
    assert!(link.as_str().starts_with(chain.b.emulator_at.as_str()), "B's link, to its emulator: {link}");
    let at_a = AuthorizationId::from_serial(local::folder::BUSINESS_ID, &call.request.serial_no);
    let at_b = AuthorizationId::from_serial(A_AT_B, at_a.as_str());

    let asked = chain.before_b.posts();
    let [asked] = asked.as_slice() else { panic!("{} requests to B", asked.len()) };
    match between {
        BetweenThem::Md5 => asked.assert_signed_by_md5(),
        BetweenThem::Rsa => asked.assert_signed_by_rsa(&RsaPublicKey::from(keys::app())),
    }
    let body: Value = serde_json::from_slice(&asked.body).expect("JSON");
    assert_eq!(body["serialNo"], at_a.as_str());

    // B is restarted between link and consent, and loses nothing.
    let chain = chain.restart_b().await;
    chain.before_a.lose_an_answer();
    assert_eq!(chain.consent(&link).await, "authorized");
    let b_record = chain.await_b(&at_b, Status::Delivered).await;
    let outcomes: Vec<_> = b_record.history().iter().map(|attempt| attempt.outcome.as_str()).collect();
    assert_eq!(outcomes, ["broken", "success"], "the first answer was lost");

    let callbacks = chain.before_a.posts();
    let [first, second] = callbacks.as_slice() else { panic!("{} callbacks to A", callbacks.len()) };
    assert_eq!(first.body, second.body, "the same bytes");
    assert_ne!(first.header("nonce"), second.header("nonce"));
    for callback in [first, second] {
        assert_eq!(callback.answered, "SUCCESS", "both were right, and A said so");
        assert!(callback.path.starts_with("/v1/openapi/auth/alipay/callback/"));
        match between {
            BetweenThem::Md5 => callback.assert_signed_by_md5(),
            BetweenThem::Rsa => {
                let key = std::fs::read_to_string(chain.b_folder.path().join("parties/callback.pub.pem"));
                let key = RsaPublicKey::from_public_key_pem(&key.expect("a key")).expect("a key");
                callback.assert_signed_by_rsa(&key);
            }
        }
    }

    let told = chain.a.merchant.callbacks(1);
    tokio::time::timeout(Duration::from_secs(20), told).await.expect("A's merchant is called back");
    let received = chain.a.merchant.received();
    let [received] = received.as_slice() else { panic!("{} callbacks to the merchant", received.len()) };
    assert!(received.signature_ok);
    assert_eq!(received.serial_no.as_deref(), Some(call.request.serial_no.as_str()));
    assert_eq!(received.open_id.as_deref(), Some(TEST_USERS[0].open_id));
    let by_md5 = received.headers.contains(&("signtype".to_owned(), "MD5".to_owned()));
    assert_eq!(by_md5, between == BetweenThem::Rsa, "the other signature than between A and B");
    let user = |record: &Authorization| record.identity().cloned();
    assert_eq!(user(&Chain::record(&chain.a_folder, &at_a).await), user(&b_record));
}

#[tokio::test]
async fn an_open_id_goes_through_both_with_md5_between_them_and_rsa_to_the_merchant() {
    an_open_id_goes_through_both(BetweenThem::Md5).await;
}

#[tokio::test]
async fn an_open_id_goes_through_both_with_rsa_between_them_and_md5_to_the_merchant() {
    an_open_id_goes_through_both(BetweenThem::Rsa).await;
}

#[tokio::test]
async fn a_second_host_that_is_away_is_asked_again_when_it_is_back() {
    let chain = Chain::start(BetweenThem::Md5).await;
    // Its answers are lost, on a connection that breaks and on the next: B has granted the link, and A does not know
    // it.
    chain.before_b.lose_an_answer();
    chain.before_b.lose_an_answer();
    let lost = chain.a.merchant.request_link(SignType::Sha256Rsa, "user-1").await;
    let answer: Value = serde_json::from_str(&lost.answer.expect("an answer").body).expect("JSON");
    assert_eq!(answer["status"], 98, "{answer}");
    assert_eq!(chain.before_b.posts().len(), 2);
    let at_a = AuthorizationId::from_serial(local::folder::BUSINESS_ID, &lost.request.serial_no);
    assert_eq!(Chain::record(&chain.a_folder, &at_a).await.status(), Status::LinkPending);

    let granted = chain.ask_again(&lost.request.body).await.expect_link();
    let answered: Value = serde_json::from_slice(&chain.before_b.posts()[0].answered).expect("JSON");
    assert_eq!(
        (answered["status"].as_i64(), answered["data"]["alipayAuthUrl"].as_str()),
        (Some(8), Some(granted.as_str()))
    );
    assert_eq!(chain.consent(&granted).await, "authorized");
    let told = chain.a.merchant.callbacks(1);
    tokio::time::timeout(Duration::from_secs(20), told).await.expect("A's merchant is called back");
}
