use std::cell::RefCell;
use std::collections::HashSet;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use http::header::{ACCEPT_LANGUAGE, LOCATION, REFERRER_POLICY, USER_AGENT};
use http::{Method, StatusCode};
use shared::model::alipay_app_id::AlipayAppId;
use shared::model::authorization::Status;
use shared::model::clock::ManualClock;
use shared::model::end_date::EndDate;
use shared::model::terms::Terms;
use shared::secrets::{AbsentError, FetchError, SecretSource, SecretValue};
use shared::signing::link_token::{LinkTokenKey, issue, issue_short};
use shared::web::client_info::ClientInfo;
use url::Url;
use zeroize::Zeroizing;

use super::qr_code::reading::scan;
use super::*;

const NOW: UnixMillis = UnixMillis(1_795_305_600_000);
const HOUR: Duration = Duration::from_hours(1);
const ALIPAY: &str = "https://openauth.example/o.htm?app_id=1&state=5";
const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Mobile/15E148 Safari/604.1";
const DESKTOP: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0";
const IN_ALIPAY: &str = "Mozilla/5.0 (Linux; Android 14) Mobile AliApp(AP/10.6) AlipayClient/10.6";

/// Parties that answer as the test says.
struct World {
    secret: Mutex<Result<SecretValue, FetchError>>,
    found: Mutex<Result<Option<FoundLink>, StoreError>>,
    scheme: Mutex<Result<SecretValue, FetchError>>,
    looked_up: Mutex<Vec<String>>,
    opened: Mutex<Vec<String>>,
    opening: Mutex<Result<(), StoreError>>,
}

#[async_trait]
impl SecretSource for World {
    async fn fetch(&self, name: &SecretName) -> Result<SecretValue, FetchError> {
        match name.as_str() {
            "link-token" => self.secret.lock().unwrap().clone(),
            "scheme/2340001" => self.scheme.lock().unwrap().clone(),
            other => panic!("{other}"),
        }
    }

    async fn names(&self, _: &str) -> Result<HashSet<SecretName>, FetchError> {
        Err(FetchError::Denied)
    }
}

#[async_trait]
impl FindLinks for World {
    async fn link(&self, id: &AuthorizationId) -> Result<Option<FoundLink>, StoreError> {
        self.looked_up.lock().unwrap().push(id.to_string());
        self.found.lock().unwrap().clone()
    }

    async fn record_opening(&self, id: &AuthorizationId, _: UnixMillis) -> Result<(), StoreError> {
        self.opened.lock().unwrap().push(id.to_string());
        self.opening.lock().unwrap().clone()
    }
}

struct Rig {
    world: Arc<World>,
    clock: Arc<ManualClock>,
    page: Landing,
}

struct Seen {
    status: StatusCode,
    headers: http::HeaderMap,
    body: String,
}

impl Seen {
    fn outcome(&self) -> (u16, &str) {
        let word = self.body.split_once("data-outcome=\"").map_or("", |(_, rest)| rest);
        (self.status.as_u16(), word.split('"').next().unwrap_or_default())
    }

    /// True if the page names the merchant, above its head line, and has a button back to it.
    fn leads_back(&self) -> bool {
        let button =
            r#"<a class="button" href="https://shop.example.com/" rel="noreferrer">Back to the merchant</a>"#;
        self.body.contains(r#"<p class="merchant">A&amp;B 商店</p>"#) && self.body.contains(button)
    }

    fn shows_reference(&self) -> bool {
        self.body.contains(&format!(r#"data-reference="{}""#, id()))
    }
}

impl Rig {
    fn new() -> Self {
        let world = Arc::new(World {
            secret: Mutex::new(Ok(secret("v1", 'k'))),
            found: Mutex::new(Ok(Some(found()))),
            scheme: Mutex::new(Ok(scheme("auth_base"))),
            looked_up: Mutex::default(),
            opened: Mutex::default(),
            opening: Mutex::new(Ok(())),
        });
        let clock = Arc::new(ManualClock::at(NOW));
        let (secrets, ticking): (Arc<dyn SecretSource>, Arc<dyn Clock>) = (world.clone(), clock.clone());
        let page = Landing {
            keys: Arc::new(SecretCache::new(&secrets, &ticking)),
            links: Arc::clone(&world) as _,
            schemes: Arc::new(SecretCache::new(&secrets, &ticking)),
            settings: LinkSettings {
                default_app: AlipayAppId::parse("1").unwrap(),
                authorize_page: Url::parse("https://openauth.example/o.htm").unwrap(),
                public_url: Url::parse("https://links.example.com").ok(),
                retention: HOUR,
            },
            clock: ticking,
        };
        Self { world, clock, page }
    }

    async fn get(&self, query: &str, agent: &str, language: &str) -> Seen {
        let request = Request::get(format!("{PATH}?{query}"))
            .header(USER_AGENT, agent)
            .header(ACCEPT_LANGUAGE, language)
            .body(Bytes::new())
            .expect("a request");
        self.ask(&request).await
    }

    async fn ask(&self, request: &Request<Bytes>) -> Seen {
        let (parts, body) = show(&self.page, request).await.into_parts();
        let body = String::from_utf8(body.to_vec()).expect("text");
        Seen { status: parts.status, headers: parts.headers, body }
    }

    async fn phone(&self) -> Seen {
        self.get(&query(&token('k')), PHONE, "en").await
    }

    fn store_has(&self, found: FoundLink) {
        *self.world.found.lock().unwrap() = Ok(Some(found));
    }
}

fn id() -> AuthorizationId {
    AuthorizationId::parse(&"5f".repeat(16)).unwrap()
}

fn secret(version: &str, key: char) -> SecretValue {
    let document = format!(r#"{{"keys":["{}"]}}"#, String::from(key).repeat(32));
    SecretValue { version: version.to_owned(), document: Zeroizing::new(document) }
}

fn token(key: char) -> String {
    let key = LinkTokenKey::new(&String::from(key).repeat(32)).unwrap();
    issue(&key, &id(), NOW + HOUR)
}

fn query(token: &str) -> String {
    format!("page=commauth/index&token={token}&_env=prod")
}

fn found() -> FoundLink {
    FoundLink {
        link: Url::parse(ALIPAY).ok(),
        status: Status::Issued,
        ends_at: NOW + HOUR,
        owner: Owner::parse("scheme:2340001").unwrap(),
        end_date: None,
        opened_at: None,
        terms: Terms {
            merchant_name: Some("A&B 商店".to_owned()),
            return_url: Some("https://shop.example.com/".to_owned()),
            ..Terms::default()
        },
    }
}

/// A scheme's document, which has changed since the link was issued.
fn scheme(scope: &str) -> SecretValue {
    let document = format!(r#"{{"accountId":"1001","merchantName":"another name","scope":"{scope}"}}"#);
    SecretValue { version: scope.to_owned(), document: Zeroizing::new(document) }
}

#[tokio::test]
async fn a_phone_is_led_into_the_app() {
    let seen = Rig::new().phone().await;
    assert_eq!(seen.outcome(), (200, "open"));
    let address = "https%3A%2F%2Fopenauth.example%2Fo.htm%3Fapp_id%3D1%26state%3D5";
    let app = format!(r#"href="alipays://platformapi/startapp?appId=20000067&amp;url={address}""#);
    assert!(seen.body.contains(&app), "{}", seen.body);
    assert!(seen.body.contains(r#"href="https://ds.alipay.com/?scheme=alipays%3A%2F%2F"#));
    assert!(!seen.body.contains("<figure>") && seen.shows_reference());
    assert!(seen.body.contains("<dt>Who asks</dt><dd>A&amp;B 商店</dd>"));
    assert!(seen.body.contains(r#"href="https://shop.example.com/" rel="noreferrer">I do not agree<"#));
}

#[tokio::test]
async fn a_desktop_shows_the_pages_own_address_to_be_scanned() {
    let mut rig = Rig::new();
    let short = issue_short(&LinkTokenKey::new(&"k".repeat(32)).unwrap(), &id());
    let address = format!("https://links.example.com{PATH}?t={short}");
    let shown = |seen: &Seen| {
        assert_eq!(seen.outcome(), (200, "scan"));
        let (_, figure) = seen.body.split_once(r#"<figure><svg viewBox="0 0 "#).expect("a figure");
        let side = figure.split(' ').next().expect("a side").parse().expect("a number");
        let (_, path) = figure.split_once(r#"<path d=""#).expect("a path");
        scan(side, path.split('"').next().expect("a path"))
    };
    // In another order, and with more in it: the address is made anew, not repeated.
    for query in [query(&token('k')), format!("x=%3Cy%3E&_env=pre&token={}", token('k'))] {
        assert_eq!(shown(&rig.get(&query, DESKTOP, "en").await), address);
    }

    rig.page.settings.public_url = None;
    let mut request = Request::get(format!("{PATH}?{}", query(&token('k')))).body(Bytes::new()).unwrap();
    assert_eq!(rig.ask(&request).await.outcome(), (503, "unavailable"));
    let origin = Url::parse("http://127.0.0.1:8787").ok();
    request.extensions_mut().insert(ClientInfo { origin, ..ClientInfo::default() });
    let local = address.replace("https://links.example.com", "http://127.0.0.1:8787");
    assert_eq!(shown(&rig.ask(&request).await), local);
}

#[tokio::test]
async fn a_page_that_waits_follows_the_phone_and_ends_by_itself() {
    let rig = Rig::new();
    let short = issue_short(&LinkTokenKey::new(&"k".repeat(32)).unwrap(), &id());
    let look = |times: u16| format!("t={short}&n={times}");
    let refresh = |times: u16| format!(r#"http-equiv="refresh" content="5;url=?t={short}&amp;n={times}""#);
    let seen = rig.get(&format!("t={short}"), DESKTOP, "en").await;
    assert_eq!(seen.outcome(), (200, "scan"));
    assert!(seen.body.contains(&refresh(1)), "{}", seen.body);
    assert!(rig.get(&look(119), DESKTOP, "en").await.body.contains(&refresh(120)));
    assert!(!rig.get(&look(120), DESKTOP, "en").await.body.contains("http-equiv=\"refresh\""));
    assert!(rig.world.opened.lock().unwrap().is_empty(), "a code that is shown is not opened");

    *rig.world.opening.lock().unwrap() = Err(StoreError::Unavailable("told to".to_owned()));
    assert_eq!(rig.get(&format!("t={short}"), PHONE, "en").await.outcome(), (200, "open"));
    assert_eq!(*rig.world.opened.lock().unwrap(), [id().to_string()]);
    rig.store_has(FoundLink { opened_at: Some(NOW), ..found() });
    assert_eq!(rig.get(&look(2), DESKTOP, "en").await.outcome(), (200, "scanned"));
    assert_eq!(rig.get(&format!("t={short}"), DESKTOP, "en").await.outcome(), (200, "scan"));
    rig.get(&format!("t={short}"), PHONE, "en").await;
    assert_eq!(rig.world.opened.lock().unwrap().len(), 1, "once");

    rig.store_has(FoundLink { status: Status::Authorized, link: None, ..found() });
    let done = rig.get(&look(3), DESKTOP, "en").await;
    assert_eq!(done.outcome(), (200, "authorized"));
    assert!(done.leads_back());
    assert_eq!(rig.get(&format!("t={short}"), DESKTOP, "en").await.outcome(), (409, "used"));
}

#[tokio::test]
async fn a_code_stays_where_the_link_was_opened_before_the_page_was_shown() {
    let rig = Rig::new();
    rig.store_has(FoundLink { opened_at: Some(NOW), ..found() });
    let mut query = query(&token('k'));
    for times in 1..=3 {
        let seen = rig.get(&query, DESKTOP, "en").await;
        assert_eq!(seen.outcome(), (200, "scan"), "{query}");
        let (_, next) = seen.body.split_once(r#"content="5;url=?"#).expect("it looks again");
        query = next.split('"').next().expect("an address").replace("&amp;", "&");
        assert!(query.contains(&format!("&n={times}")), "{query}");
    }
    rig.store_has(FoundLink { status: Status::Authorized, link: None, ..found() });
    assert_eq!(rig.get(&query, DESKTOP, "en").await.outcome(), (200, "authorized"));
}

#[tokio::test]
async fn inside_wechat_the_way_out_is_shown_and_nothing_is_opened() {
    let wechat = "Mozilla/5.0 (iPhone) Mobile/15E148 MicroMessenger/8.0.56";
    let rig = Rig::new();
    let seen = rig.get(&query(&token('k')), wechat, "zh-CN").await;
    assert!(rig.world.opened.lock().unwrap().is_empty());
    assert_eq!(seen.outcome(), (200, "in-wechat"));
    assert!(seen.body.contains("在浏览器打开") && seen.body.contains("<svg viewBox=\"0 0 48 48\""));
    assert!(!seen.body.contains("alipays:"));
}

#[tokio::test]
async fn alipays_app_is_sent_on_to_alipays_own_page() {
    let seen = Rig::new().get(&query(&token('k')), IN_ALIPAY, "en").await;
    assert_eq!((seen.status.as_u16(), seen.body.as_str()), (302, ""));
    assert_eq!(seen.headers[LOCATION], ALIPAY);
    assert_eq!(seen.headers[REFERRER_POLICY], "no-referrer");
}

#[tokio::test]
async fn head_is_answered_like_get() {
    let rig = Rig::new();
    let of = |method| {
        Request::builder().method(method).uri(format!("{PATH}?{}", query(&token('k')))).body(Bytes::new())
    };
    let (head, get) = (of(Method::HEAD).unwrap(), of(Method::GET).unwrap());
    let (head, get) = (rig.ask(&head).await, rig.ask(&get).await);
    assert_eq!((head.outcome(), &head.headers), (get.outcome(), &get.headers));
}

#[tokio::test]
async fn a_query_without_one_token_of_ours_is_forged_and_nothing_is_looked_up() {
    let rig = Rig::new();
    let (ours, theirs) = (token('k'), token('x'));
    for query in [
        String::new(),
        "t=".to_owned(),
        format!("t={}", "A".repeat(43)),
        format!("t={0}&token={ours}", issue_short(&LinkTokenKey::new(&"k".repeat(32)).unwrap(), &id())),
        "token=".to_owned(),
        "token=a.b.c".to_owned(),
        query(&theirs),
        format!("token={ours}&token={ours}"),
        format!("Token={ours}"),
        format!("token={ours}&x={}", "y".repeat(5_000)),
    ] {
        let seen = rig.get(&query, PHONE, "en").await;
        assert_eq!(seen.outcome(), (403, "forged"), "{query}");
        assert!(!seen.shows_reference());
    }
    assert_eq!(*rig.world.looked_up.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_link_that_leads_nowhere_says_why() {
    let rig = Rig::new();
    let used = |status| FoundLink { status, link: None, ..found() };
    for (record, expected) in [
        (Some(used(Status::Authorized)), (409, "used")),
        (Some(used(Status::Delivered)), (409, "used")),
        (Some(used(Status::Undeliverable)), (409, "used")),
        (Some(FoundLink { status: Status::ExchangeUnknown, ..found() }), (200, "open")),
        (Some(FoundLink { ends_at: NOW, ..found() }), (410, "expired")),
        (Some(FoundLink { ends_at: NOW, ..used(Status::Authorized) }), (409, "used")),
        (Some(FoundLink { link: None, ..found() }), (404, "gone")),
        (Some(FoundLink { owner: Owner::Business("B1".to_owned()), ..found() }), (404, "gone")),
        (None, (404, "gone")),
    ] {
        *rig.world.found.lock().unwrap() = Ok(record.clone());
        let seen = rig.phone().await;
        assert_eq!(seen.outcome(), expected, "{record:?}");
        assert!(seen.shows_reference());
        assert_eq!(seen.body.contains("alipays:"), expected.0 == 200);
        assert_eq!(seen.leads_back(), ["used", "expired"].contains(&expected.1), "{record:?}");
        let inside = rig.get(&query(&token('k')), IN_ALIPAY, "en").await;
        assert_eq!(inside.status == StatusCode::FOUND, expected.0 == 200, "{record:?}");
    }
    let rig = Rig::new();
    *rig.world.scheme.lock().unwrap() = Err(FetchError::Absent(AbsentError::NotFound));
    assert_eq!(rig.phone().await.outcome(), (404, "gone"));
}

#[tokio::test]
async fn an_expired_token_opens_a_link_that_lives_on_and_no_other() {
    let rig = Rig::new();
    rig.clock.advance(HOUR);
    assert_eq!(rig.phone().await.outcome(), (410, "expired"));
    rig.store_has(FoundLink { ends_at: NOW + HOUR * 2, status: Status::ExchangeUnknown, ..found() });
    assert_eq!(rig.phone().await.outcome(), (200, "open"));
    rig.clock.advance(LONGEST_EXTENSION - Duration::from_millis(1));
    assert_eq!(rig.phone().await.outcome(), (200, "open"));
}

#[tokio::test]
async fn a_token_that_no_link_outlives_says_so_without_asking_the_store() {
    let rig = Rig::new();
    rig.clock.advance(HOUR + LONGEST_EXTENSION);
    let seen = rig.phone().await;
    assert_eq!(seen.outcome(), (410, "expired"));
    assert!(seen.shows_reference() && !seen.leads_back());
    assert_eq!(*rig.world.looked_up.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_key_that_changed_a_moment_ago_is_found() {
    let rig = Rig::new();
    assert_eq!(rig.phone().await.outcome(), (200, "open"));
    *rig.world.secret.lock().unwrap() = Ok(secret("v2", 'n'));
    rig.clock.advance(Duration::from_secs(10));
    let seen = rig.get(&query(&token('n')), PHONE, "en").await;
    assert_eq!(seen.outcome(), (200, "open"));
    assert_eq!(rig.phone().await.outcome(), (403, "forged"));
}

#[tokio::test]
async fn when_keys_store_or_schemes_are_away_the_page_asks_for_patience() {
    let away = "a reason of ours".to_owned();
    let rig = Rig::new();
    *rig.world.secret.lock().unwrap() = Err(FetchError::Unavailable(away.clone()));
    let keys = rig.phone().await;
    assert!(!keys.shows_reference());

    let rig = Rig::new();
    *rig.world.found.lock().unwrap() = Err(StoreError::Unavailable(away.clone()));
    let store = rig.phone().await;

    let rig = Rig::new();
    *rig.world.scheme.lock().unwrap() = Err(FetchError::Unavailable(away.clone()));
    for seen in [keys, store, rig.phone().await] {
        assert_eq!(seen.outcome(), (503, "unavailable"));
        assert!(!seen.body.contains(&away));
    }
}

#[tokio::test]
async fn the_question_is_put_in_the_visitors_language() {
    for (scope, agent, language, sentences) in [
        ("auth_base", PHONE, "zh-CN", ["授权至 2027-12-31", "点击下方按钮打开支付宝，即表示同意"]),
        ("auth_base", DESKTOP, "zh-CN", ["<dd>A&amp;B 商店</dd>", "用支付宝扫描本页二维码，即表示同意"]),
        ("auth_user", PHONE, "zh-CN", ["如不同意，可返回商家。", "首次授权时支付宝会请您确认"]),
        ("auth_base", PHONE, "en", ["until 2027-12-31;", "with this button you agree"]),
        ("auth_base", DESKTOP, "en", ["this link for 1 h 0 min", "By scanning this code"]),
        (
            "auth_user",
            DESKTOP,
            "en",
            ["If you do not agree, go back to the merchant.", "asks you to confirm the first time"],
        ),
    ] {
        let rig = Rig::new();
        rig.store_has(FoundLink { end_date: EndDate::parse("2027-12-31"), ..found() });
        *rig.world.scheme.lock().unwrap() = Ok(scheme(scope));
        let seen = rig.get(&query(&token('k')), agent, language).await;
        for sentence in sentences {
            assert!(seen.body.contains(sentence), "{sentence} in {}", seen.body);
        }
    }
    let rig = Rig::new();
    rig.store_has(FoundLink { terms: Terms::default(), ..found() });
    let nowhere_to_go = rig.phone().await.body;
    assert!(!nowhere_to_go.contains("until") && !nowhere_to_go.contains("do not agree<"));
    assert!(nowhere_to_go.contains("If you do not agree, close this page."));
}

/// As a native reader would have it; the same words as on a result page.
#[tokio::test]
async fn the_chinese_wording_is_that_of_the_result_pages() {
    let rig = Rig::new();
    let seen = rig.get(&query(&token('k')), PHONE, "zh-CN").await;
    for phrase in [
        "<dt>申请方</dt><dd>A&amp;B 商店</dd>",
        "<dt>获取内容</dt>",
        "<dt>有效期</dt>",
        ">打开支付宝授权</a>",
        ">不同意</a>",
    ] {
        assert!(seen.body.contains(phrase), "{phrase} in {}", seen.body);
    }
    assert_eq!(seen.body.matches("A&amp;B 商店").count(), 1, "the name stands once");
    for (record, title, text) in [
        (
            FoundLink { status: Status::Delivered, link: None, ..found() },
            "您已完成授权",
            "无需再次操作。如非本人操作，请联系商家。",
        ),
        (FoundLink { ends_at: NOW, ..found() }, "链接已过期", "请联系商家重新获取链接。"),
        (FoundLink { link: None, ..found() }, "链接不完整", "请从商家处重新打开，或联系商家重新获取链接。"),
    ] {
        rig.store_has(record);
        let seen = rig.get(&query(&token('k')), PHONE, "zh-CN").await;
        assert!(seen.body.contains(&format!("<h1>{title}</h1><p>{text}</p>")), "{}", seen.body);
    }
    let forged = rig.get("token=a.b.c", PHONE, "zh-CN").await;
    assert!(forged.body.contains("链接不完整") && !forged.body.contains("改动"), "nobody is accused");
    *rig.world.found.lock().unwrap() = Err(StoreError::Unavailable("told to".to_owned()));
    let unavailable = rig.get(&query(&token('k')), PHONE, "zh-CN").await;
    assert!(
        unavailable.body.contains("<h1>系统繁忙</h1><p>请稍后重试。</p>")
            && unavailable.body.contains(">重试</a>")
    );
}

#[tokio::test]
async fn a_request_leaves_one_line_that_keeps_the_token() {
    shared::runtime::log_output::start(tracing::level_filters::LevelFilter::INFO, || ThisThread, None);
    Rig::new().phone().await;
    let text = String::from_utf8(LINES.take()).expect("text");
    let line: serde_json::Value = serde_json::from_str(&text).expect("one line");
    assert_eq!(
        (&line["route"], &line["outcome"], &line["http_status"], &line["reference"], &line["millis"]),
        (&"landing".into(), &"open".into(), &200.into(), &id().as_str().into(), &0.into())
    );
    assert!(!text.contains("eyJ"), "{text}");
}

#[tokio::test]
async fn a_page_counts_as_opened_once_however_often_it_asks_for_itself() {
    shared::runtime::log_output::start(tracing::level_filters::LevelFilter::INFO, || ThisThread, None);
    let rig = Rig::new();
    let short = issue_short(&LinkTokenKey::new(&"k".repeat(32)).unwrap(), &id());
    for (looks, counted) in [("", serde_json::Value::from(1)), ("&n=1", serde_json::Value::Null)] {
        assert_eq!(rig.get(&format!("t={short}{looks}"), DESKTOP, "en").await.outcome(), (200, "scan"));
        let line: serde_json::Value = serde_json::from_slice(&LINES.take()).expect("one line");
        assert_eq!(line["pages-opened"], counted, "{line}");
    }
}

#[tokio::test]
async fn an_alarm_says_who_has_to_mend_it() {
    shared::runtime::log_output::start(tracing::level_filters::LevelFilter::INFO, || ThisThread, None);
    for (answer, level, alarm) in [
        (Ok(scheme("none")), "WARN", None),
        (Err(FetchError::Denied), "ERROR", Some("keys")),
        (Err(FetchError::Unavailable("a reason of ours".to_owned())), "ERROR", Some("unavailable")),
    ] {
        let rig = Rig::new();
        *rig.world.scheme.lock().unwrap() = answer;
        assert_eq!(rig.phone().await.outcome(), (503, "unavailable"));
        let text = String::from_utf8(LINES.take()).expect("text");
        let line = text.lines().find(|line| line.contains("a landing page failed")).expect("a line");
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!((line["level"].as_str(), line["alarm"].as_str()), (Some(level), alarm), "{text}");
    }
}

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// One subscriber serves the whole process, so each test's thread has its own lines.
struct ThisThread;

impl io::Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
