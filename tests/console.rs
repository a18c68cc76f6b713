//! The console, as a browser or a stranger meets it: whom it lets in, what it shows and hides, and what its forms do.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderName;
use local::client::client_builder;
use local::console::{Console, Options};
use local::operate::Place;
use local::operate::resend::{ResendOptions, Selection, Which, resend};
use local::operate::summary::{listed, summary, told};
use reqwest::header::{HOST, ORIGIN};
use reqwest::{Client, Method, Response, StatusCode};
use rusqlite::Connection;
use serde_json::{Value, json};
use shared::delivery::response::{AnswerText, AttemptResult};
use shared::delivery::schedule::OPEN_API_WAITS_SECS;
use shared::delivery::sender::CallbackSender;
use shared::egress::callback_url::CallbackUrl;
use shared::model::alipay_app_id::AlipayAppId;
use shared::model::authorization::Status;
use shared::model::authorization_request::AuthorizationRequest;
use shared::model::claim::{EXCHANGE_LEASE, ExchangeClaim};
use shared::model::clock::{ManualClock, UnixMillis};
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::deny_list::PartyKind;
use shared::model::id::{AuthorizationId, OperationId, State};
use shared::model::identity::AuthCode;
use shared::model::owner::Owner;
use shared::store::{NonceUse, ReadDenyList as _, RecordLinks as _, RecordReturns as _};
use tests::rpc::{Protocol, RpcCall};
use tests::world::{APP_ID, World};
use url::Url;

const HOSTILE: &str = r#""><script>alert(1)</script>'&"#;

/// A world, its folder as an operator has it, and a console over it that takes the world's time.
struct Desk {
    world: World,
    console: Console,
    client: Client,
}

impl Desk {
    async fn open(may_write: bool) -> Self {
        Self::over(World::new(), may_write).await
    }

    async fn over(world: World, may_write: bool) -> Self {
        let options = Options { port: 0, may_write, clock: world.clock.clone() };
        let console = Console::start(world.place(), options).await.expect("starts");
        let client =
            client_builder(Duration::from_secs(5), Duration::from_secs(30)).build().expect("a client");
        Self { world, console, client }
    }

    fn url(&self, path: &str) -> Url {
        self.console.address.join(path).expect("a URL")
    }

    fn origin(&self) -> String {
        self.console.address.origin().ascii_serialization()
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = self.client.get(self.url(path)).header("accept-language", "en").send().await;
        let answer = answer.expect("an answer");
        (answer.status(), answer.text().await.expect("text"))
    }

    /// A page that is there.
    async fn page(&self, path: &str) -> String {
        let (status, text) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        text
    }

    /// A form, sent as this page's own.
    async fn post(&self, path: &str, fields: &str) -> Response {
        self.client
            .post(self.url(path))
            .header(ORIGIN, self.origin())
            .header("accept-language", "en")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(fields.to_owned())
            .send()
            .await
            .expect("an answer")
    }

    fn audit(&self) -> Vec<Value> {
        let folder = self.world.file.parent().expect("a folder");
        let text = fs::read_to_string(folder.join("audit.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// An authorization that was given up after every attempt got this outcome.
    async fn given_up(&self, serial_no: &str) -> AuthorizationId {
        let issued = self.world.authorized(serial_no, &format!("open-{serial_no}")).await;
        for _ in 0..=OPEN_API_WAITS_SECS.len() {
            let answer =
                Some(AnswerText { text: format!("{HOSTILE} open-{serial_no} user-1"), is_cut: false });
            self.world.merchant.answer(AttemptResult { answer, ..DeliveryOutcome::Status(500).into() });
        }
        self.world.drain().await;
        for _ in OPEN_API_WAITS_SECS {
            let at = self.world.record(&issued.id).await.next_attempt_at().expect("another attempt");
            self.world.clock.set(at);
            self.world.sweep_and_drain().await;
        }
        assert_eq!(self.world.record(&issued.id).await.status(), Status::Undeliverable);
        issued.id
    }
}

/// The element with this mark for tests, up to its end or the next one's.
fn part<'a>(page: &'a str, mark: &str) -> &'a str {
    let from = page.find(&format!("data-testid=\"{mark}\"")).unwrap_or_else(|| panic!("no {mark}: {page}"));
    let rest = &page[from..];
    rest[1..].find("data-testid=").map_or(rest, |end| &rest[..=end])
}

#[tokio::test]
async fn nobody_is_let_in_without_the_token_or_from_elsewhere() {
    let desk = Desk::open(true).await;
    let address = &desk.console.address;
    let token = address.path().trim_matches('/');
    assert_eq!((token.len(), address.host_str()), (32, Some("127.0.0.1")));
    let other: String = token.chars().rev().collect();
    let get = |path: String| desk.client.get(address.join(&path).expect("a URL"));
    for path in
        ["/".to_owned(), "/day".to_owned(), format!("/{other}/"), format!("/{token}"), "/page.css".to_owned()]
    {
        let answer = get(path.clone()).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    for (name, value) in [
        (HOST.as_str(), "evil.example"),
        (HOST.as_str(), "127.0.0.1:1"),
        (ORIGIN.as_str(), "http://evil.example"),
        (ORIGIN.as_str(), "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let answer = get(format!("/{token}/")).header(name, value).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{name}: {value}");
        let posted = desk.client.post(desk.url("resend")).header(ORIGIN, desk.origin()).header(name, value);
        let posted = posted.send().await.expect("an answer");
        assert_eq!(posted.status(), StatusCode::FORBIDDEN, "{name}: {value}");
    }
    let without_origin = desk.client.post(desk.url("resend")).send().await.expect("an answer");
    assert_eq!(without_origin.status(), StatusCode::FORBIDDEN);
    let put = desk.client.request(Method::PUT, desk.url("resend")).header(ORIGIN, desk.origin()).send().await;
    assert_eq!(put.expect("an answer").status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn every_answer_is_for_its_page_alone() {
    let desk = Desk::open(false).await;
    for path in
        ["", "day", "disabled", "console.css", "page.css", "search?text=x&of=B1", "nothing", "/elsewhere"]
    {
        let answer = desk.client.get(desk.url(path)).send().await.expect("an answer");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.headers()[name], value, "{path}");
        }
        let policy = answer.headers()["content-security-policy"].to_str().expect("text").to_owned();
        for rule in ["default-src 'none'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'"]
        {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
    }
}

#[tokio::test]
async fn an_exchange_whose_worker_died_is_told_as_unknown_in_the_console_and_by_show() {
    let desk = Desk::open(false).await;
    let (world, issued) = (&desk.world, desk.world.link("S1").await);
    let claim = ExchangeClaim::new(
        &AlipayAppId::parse(APP_ID).expect("digits"),
        &State::parse(&issued.state).expect("a state"),
        &AuthCode::parse("codeA").expect("a code"),
        OperationId::recorded("a worker that dies".to_owned()),
        world.now(),
    );
    world.store.claim_exchange(&claim).await.expect("the store answers");
    for status in ["EXCHANGING", "EXCHANGE_UNKNOWN"] {
        let page = desk.page(&format!("authorizations/{}", issued.id)).await;
        assert!(part(&page, "status").contains(&format!(">{status}<")), "{page}");
        let (record, now) = (world.record(&issued.id).await, world.now());
        assert_eq!(record.status(), Status::Exchanging, "nobody has written of it");
        assert_eq!(summary(&record, now)["state"], status);
        for text in [told(&record, now), listed(std::slice::from_ref(&record), now)] {
            assert!(
                text.contains(&format!(" {status} ")) || text.contains(&format!(" {status}\n")),
                "{text}"
            );
        }
        world.clock.advance(EXCHANGE_LEASE);
    }
}

#[tokio::test]
async fn a_console_that_only_reads_has_no_button_and_takes_no_form() {
    let desk = Desk::open(false).await;
    let id = desk.given_up("S1").await;
    let page = desk.page(&format!("authorizations/{id}")).await;
    assert!(page.contains("data-testid=\"read-only\"") && !page.contains("method=\"post\""), "{page}");
    for path in ["resend".to_owned(), format!("authorizations/{id}/resend"), "disabled/change".to_owned()] {
        let posted = desk.post(&path, "kind=business&id=B1&change=disable").await;
        assert_eq!(posted.status(), StatusCode::FORBIDDEN, "{path}");
        let (asked, text) = desk.get(&format!("{path}?kind=business&id=B1")).await;
        assert_eq!(asked, StatusCode::CONFLICT, "{path}");
        assert!(text.contains("read-only"), "{text}");
    }
    assert_eq!(desk.world.record(&id).await.status(), Status::Undeliverable);
    assert!(desk.audit().is_empty());
}

#[tokio::test]
async fn what_needs_attention_is_found_and_resent_as_the_command_does() {
    let desk = Desk::open(true).await;
    assert!(desk.page("").await.contains("data-testid=\"nothing\""));
    let id = desk.given_up("S1").await;
    let page = desk.page("").await;
    assert!(part(&page, "record").contains(&format!("data-reference=\"{id}\"")), "{page}");
    assert!(part(&page, "record").contains("UNDELIVERABLE"), "{page}");

    let way = format!("authorizations/{id}/resend");
    assert!(part(&desk.page(&way).await, "question").contains("Resend 1?"));
    let inside = desk.post(&way, "to=https%3A%2F%2F10.0.0.1%2Fx").await;
    assert_eq!(inside.status(), StatusCode::CONFLICT);
    assert!(inside.text().await.expect("text").contains("public address"));
    assert!(desk.audit().is_empty(), "nothing was changed");

    let resent = desk.post(&way, "to=https%3A%2F%2Fother.example.com%2Fcb").await;
    assert_eq!(resent.status(), StatusCode::SEE_OTHER);
    let record = desk.world.record(&id).await;
    assert!(record.status() == Status::Authorized && record.next_attempt_at().is_some(), "{record:?}");
    let [line] = &desk.audit()[..] else { panic!("one line") };
    assert_eq!((&line["action"], &line["details"]["done"]), (&"resend".into(), &1.into()));
    desk.world.clock.set(record.next_attempt_at().expect("due"));
    desk.world.sweep_and_drain().await;
    assert_eq!(desk.world.record(&id).await.status(), Status::Delivered);
    assert_eq!(desk.world.merchant.posts().last().expect("a POST").url, "https://other.example.com/cb");
    let again = desk.page(&way).await;
    assert!(part(&again, "question").contains("It was delivered"), "{again}");
}

#[tokio::test]
async fn all_of_an_owner_are_resent_after_their_number_was_asked() {
    let desk = Desk::open(true).await;
    let ids = [desk.given_up("S1").await, desk.given_up("S2").await];
    let page = desk.page("resend?owner=B1").await;
    assert!(part(&page, "question").contains("Resend 2 at "), "{page}");
    assert!(part(&desk.page("resend?owner=B2").await, "question").contains("Resend 0 at "));
    let resent = desk.post("resend", "owner=B1").await;
    assert_eq!(resent.status(), StatusCode::OK);
    assert!(part(&resent.text().await.expect("text"), "done").contains("2 due again"));
    for id in &ids {
        assert_eq!(desk.world.record(id).await.status(), Status::Authorized);
    }
    let [line] = &desk.audit()[..] else { panic!("one line") };
    assert_eq!((&line["details"]["matched"], &line["details"]["done"]), (&2.into(), &2.into()));
}

/// The same as a command, which is broken off after the first of the two.
#[tokio::test]
async fn what_was_broken_off_before_comes_into_no_number_of_a_page() {
    let desk = Desk::open(true).await;
    let ids = [desk.given_up("S1").await, desk.given_up("S2").await];
    let place = desk.world.place();
    let opened = place.open().await.expect("opens");
    let states = vec![Status::Undeliverable];
    let owner = Some(Owner::Business("B1".to_owned()));
    let which = Which::Many(Selection { states, owner, since: None, until: None });
    let options = ResendOptions { to: None, dry_run: false, rate: 1, yes: true, anew: false, tell: &|_| {} };
    let one_is_due = async {
        while desk.world.record(&ids[0]).await.status() == desk.world.record(&ids[1]).await.status() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        resent = resend(&place, &opened, which, &options) => panic!("one a second: {:?}", resent.map(drop)),
        () = one_is_due => {}
    }
    let page = desk.page("resend?owner=B1").await;
    assert!(part(&page, "question").contains("Resend 1 at "), "{page}");
    assert_eq!(desk.post("resend", "owner=B1").await.status(), StatusCode::OK);
    let [line] = &desk.audit()[..] else { panic!("one line") };
    assert_eq!((&line["details"]["matched"], &line["details"]["done"]), (&1.into(), &1.into()));
}

#[tokio::test]
async fn a_person_is_forgotten_after_a_question() {
    let desk = Desk::open(true).await;
    let id = desk.given_up("S1").await;
    let way = format!("authorizations/{id}/forget");
    assert!(part(&desk.page(&way).await, "question").contains("Forget 1?"));
    assert!(desk.world.record(&id).await.consent().is_some(), "a question changes nothing");
    assert_eq!(desk.post(&way, "").await.status(), StatusCode::SEE_OTHER);
    assert!(desk.world.record(&id).await.consent().is_none());
    let page = desk.page(&format!("authorizations/{id}")).await;
    assert!(part(&page, "next").contains("the person was forgotten"), "{page}");
    assert!(part(&page, "life-line").contains("the person was forgotten"), "{page}");
    assert!(!page.contains("data-testid=\"forget\"") && !page.contains("data-testid=\"resend\""), "{page}");
    let [line] = &desk.audit()[..] else { panic!("one line") };
    assert_eq!((&line["action"], &line["details"]["done"]), (&"forget".into(), &1.into()));
}

#[tokio::test]
async fn a_business_is_disabled_and_enabled_after_a_question() {
    let desk = Desk::open(true).await;
    let denied =
        async || desk.world.store.deny_list().await.expect("answers").denies(PartyKind::Business, "B1");
    let asked = desk.page("disabled/change?kind=business&id=B1&change=disable").await;
    assert!(part(&asked, "question").contains("business/B1"), "{asked}");
    assert!(!denied().await, "a question changes nothing");
    let fields = "kind=business&id=B1&key=&change=disable";
    assert_eq!(desk.post("disabled/change", fields).await.status(), StatusCode::SEE_OTHER);
    assert!(denied().await);
    assert!(part(&desk.page("disabled").await, "disabled").contains("business/B1"));
    let enabled = desk.post("disabled/change", "kind=business&id=B1&key=&change=enable").await;
    assert_eq!(enabled.status(), StatusCode::SEE_OTHER);
    assert!(!denied().await);
    for fields in ["kind=shop&id=B1", "kind=business&id=", "kind=business&id=B1&key=x", ""] {
        assert_eq!(desk.post("disabled/change", fields).await.status(), StatusCode::CONFLICT, "{fields}");
    }
    let actions: Vec<_> = desk.audit().iter().map(|line| line["action"].clone()).collect();
    assert_eq!(actions, ["disable", "enable"]);
}

#[tokio::test]
async fn what_cannot_be_done_is_told_in_the_operators_language() {
    let desk = Desk::open(true).await;
    let issued = desk.world.link("S1").await.id;
    let given_up = desk.given_up("S2").await;
    let (resend, forget) =
        (format!("authorizations/{issued}/resend"), "authorizations/none/forget".to_owned());
    let address = format!("authorizations/{given_up}/resend");
    let unknown = format!("authorizations/{}/forget", "0".repeat(32));
    for (path, fields, status, chinese, english) in [
        (&resend, "", StatusCode::CONFLICT, "还没有 openId", "it has no openId"),
        (
            &address,
            "to=http://m.example/",
            StatusCode::CONFLICT,
            "必须以 https:// 开头",
            "must begin with https://",
        ),
        (&forget, "", StatusCode::NOT_FOUND, "没有这个页面", "There is no such page"),
        (&unknown, "", StatusCode::NOT_FOUND, "没有找到授权", "there is no authorization"),
        (
            &"resend".to_owned(),
            "owner=scheme:x",
            StatusCode::CONFLICT,
            "应为 businessId",
            "an owner is a businessId",
        ),
        (
            &"disabled/change".to_owned(),
            "kind=x&id=B1",
            StatusCode::CONFLICT,
            "类别只能是",
            "a party is a business",
        ),
    ] {
        for (language, told) in [("zh", chinese), ("en", english)] {
            let answer = desk.post(&format!("{path}?lang={language}"), fields).await;
            assert_eq!(answer.status(), status, "{path}");
            let page = answer.text().await.expect("text");
            assert!(part(&page, "problem").contains(told), "{path}: {page}");
        }
    }
}

#[tokio::test]
async fn a_record_is_found_by_each_of_its_names() {
    let desk = Desk::open(false).await;
    let issued = desk.world.link("S1").await;
    let called = desk.world.call(&RpcCall::new(Protocol::V1, desk.world.now())).await;
    let request_id = called.request_id;
    let location = async |path: &str| {
        let answer = desk.client.get(desk.url(path)).send().await.expect("an answer");
        let to = answer.headers().get("location").map(|to| to.to_str().expect("text").to_owned());
        (answer.status(), to.unwrap_or_default())
    };
    let page = format!("authorizations/{}", issued.id);
    for path in [
        "search?by=serialNo&text=S1&of=B1".to_owned(),
        "search?by=serialNo&text=%20S1%20&of=B1&lang=en".to_owned(),
        format!("search?by=reference&text={}", issued.id),
    ] {
        let (status, to) = location(&path).await;
        assert!(status == StatusCode::SEE_OTHER && to.contains(&page), "{path}: {status} {to}");
    }
    for path in [
        format!("search?by=requestId&text={request_id}&of=234"),
        format!("search?by=requestId&text={}&of=scheme%3A234", request_id.to_lowercase()),
        format!("search?by=requestId&text={request_id}"),
    ] {
        let (status, to) = location(&path).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{path}");
        let found = desk.page(&to).await;
        assert!(part(&found, "name").contains(&request_id), "{found}");
    }
    for (path, told) in [
        ("search?by=serialNo&text=S1&of=B2", "there is no authorization"),
        ("search?by=reference&text=0123456789abcdef0123456789abcdef", "there is no authorization"),
        ("search?by=requestId&text=nothing&of=235", "No RequestId like this among the newest 0"),
    ] {
        let (status, text) = desk.get(path).await;
        assert!(status == StatusCode::NOT_FOUND && part(&text, "problem").contains(told), "{path}: {text}");
    }
    assert_eq!(desk.get("search?by=reference&text=S1").await.0, StatusCode::CONFLICT);
    assert_eq!(desk.get("search?by=requestId&text=x&of=x").await.0, StatusCode::CONFLICT);
}

#[tokio::test]
async fn records_that_cannot_be_read_are_told_where_nothing_else_needs_attention() {
    let desk = Desk::open(false).await;
    let id = desk.given_up("S1").await;
    let connection = Connection::open(&desk.world.file).expect("opens");
    assert_eq!(connection.execute("UPDATE authorizations SET history = 'x'", []), Ok(1));
    for path in ["", "day"] {
        let page = desk.page(path).await;
        let told = part(&page, "left-out");
        assert!(told.contains("1 that this version cannot read") && told.contains(id.as_str()), "{page}");
        assert!(!page.contains("data-testid=\"nothing\""), "{page}");
        let chinese = desk.page(&format!("{path}?lang=zh")).await;
        assert!(part(&chinese, "left-out").contains("另有 1 条未列出"), "{chinese}");
    }
    let (_, text) = desk.get("search?by=requestId&text=x&lang=en").await;
    assert!(part(&text, "problem").contains("1 that this version cannot read"), "{text}");
}

/// A merchant that takes its time, and gives its reason.
struct Slow(Arc<ManualClock>);

#[async_trait]
impl CallbackSender for Slow {
    async fn post(
        &self,
        _: &CallbackUrl,
        _: Vec<(HeaderName, String)>,
        _: Bytes,
        _: UnixMillis,
    ) -> AttemptResult {
        self.0.advance(Duration::from_millis(320));
        let answer = Some(AnswerText { text: "no such merchant".to_owned(), is_cut: false });
        AttemptResult { answer, ..DeliveryOutcome::Status(502).into() }
    }
}

#[tokio::test]
async fn how_long_a_merchant_took_and_what_it_answered_is_shown_by_page_and_command() {
    let world = World::new();
    let clock = world.clock.clone();
    let desk = Desk::over(world.with_sender(Arc::new(Slow(clock))), false).await;
    let id = desk.world.authorized("S1", "open-1").await.id;
    desk.world.drain().await;
    let page = desk.page(&format!("authorizations/{id}")).await;
    assert!(part(&page, "attempt").contains(" · took 320 ms"), "{page}");
    assert!(part(&page, "answer").contains(">no such merchant<"), "{page}");
    let chinese = desk.page(&format!("authorizations/{id}?lang=zh")).await;
    assert!(part(&chinese, "attempt").contains(" · 耗时 320 毫秒"), "{chinese}");

    let record = desk.world.record(&id).await;
    let attempt = &summary(&record, desk.world.now())["delivery"]["attempts"][0];
    assert_eq!((&attempt["durationMillis"], &attempt["detail"]), (&json!(320), &json!("no such merchant")));
    let told = told(&record, desk.world.now());
    let rows: Vec<Vec<_>> = told.lines().map(|line| line.split_whitespace().collect()).collect();
    let head = ["attempt", "ended", "outcome", "HTTP", "ms", "answer"];
    assert!(rows.contains(&head.to_vec()), "{told}");
    let last = rows.last().expect("a row");
    assert!(last.ends_with(&["502", "320", "no", "such", "merchant"]), "{told}");
}

#[tokio::test]
async fn a_life_line_has_every_attempt_and_what_comes_next() {
    let desk = Desk::open(false).await;
    let issued = desk.world.link("S1").await;
    let path = format!("authorizations/{}", issued.id);
    assert!(part(&desk.page(&path).await, "next").contains("The user has to open the link"));
    desk.world.clock.advance(Duration::from_secs(90));
    desk.world.gateway.answer(tests::parties::identified("open-1"));
    desk.world.complete_return(&issued.state, "codeA").await;
    desk.world.merchant.answer(DeliveryOutcome::Status(503));
    desk.world.drain().await;
    let page = desk.page(&path).await;
    let line = part(&page, "life-line");
    for text in ["requested", "authorized", "+1 min 30 s", "attempt 1: status 503", "next attempt", "+15 s"] {
        assert!(line.contains(text), "{text}: {line}");
    }
    let next = part(&page, "next");
    assert!(next.contains("status 503") && next.contains("the schedule waits 15 s"), "{next}");
    assert!(part(&page, "attempt").contains("status 503"), "{page}");
    assert!(page.matches("<svg").count() == 2 && page.contains("role=\"img\""), "{page}");
    desk.world.clock.advance(Duration::from_secs(15));
    desk.world.drain().await;
    assert!(part(&desk.page(&path).await, "next").contains("the merchant has confirmed"));
}

#[tokio::test]
async fn the_last_day_is_counted_by_business_and_outcome() {
    let desk = Desk::open(false).await;
    desk.world.link("S-old").await;
    desk.world.clock.advance(Duration::from_hours(25));
    desk.world.link("S1").await;
    desk.world.authorized("S2", "open-2").await;
    desk.world.merchant.answer(DeliveryOutcome::Timeout);
    desk.world.drain().await;
    desk.world.authorized("S3", "open-3").await;
    desk.world.drain().await;
    let page = desk.page("day").await;
    assert!(part(&page, "bound").contains("Of all 3"), "{page}");
    let row = |mark: &str, name: &str, value: &str| {
        let table = part(&page, mark);
        let row = format!("<th scope=\"row\">{name}</th><td>{value}</td>");
        assert!(table.contains(&row), "{row}: {table}");
    };
    for (name, value) in [("requested", "3"), ("came back", "2"), ("authorized", "2"), ("delivered", "1")] {
        row("funnel", name, value);
    }
    row("outcomes", "success", "1");
    row("outcomes", "timeout", "1");
    row("owners", "B1", "1/3");
    assert!(part(&desk.page("day?owner=B2").await, "bound").contains("Of all 0"));
    assert_eq!(desk.get("day?owner=a%3Ab").await.0, StatusCode::CONFLICT);
}

#[tokio::test]
async fn no_page_shows_a_person_and_none_runs_what_a_caller_wrote() {
    let desk = Desk::open(true).await;
    let given_up = desk.given_up("S1").await;
    let called = desk.world.call(&RpcCall::new(Protocol::V1, desk.world.now())).await;
    let mut hostile = desk.world.record(&desk.world.link("S2").await.id).await;
    hostile.id = AuthorizationId::from_serial("B1", HOSTILE);
    let AuthorizationRequest::Merchant(request) = &mut hostile.request else { panic!("a business's") };
    request.serial_no = HOSTILE.to_owned();
    let nonce = NonceUse {
        space: "B1".to_owned(),
        nonce: "nonce-hostile".to_owned(),
        used_at: desk.world.now(),
        until: desk.world.now() + Duration::from_mins(11),
        operation: OperationId::generate(&*desk.world.random).expect("randomness"),
    };
    desk.world.store.record_link(&hostile, &nonce).await.expect("recorded");
    let scheme = desk.client.get(desk.url(&format!("search?by=requestId&text={}", called.request_id)));
    let scheme =
        scheme.send().await.expect("an answer").headers()["location"].to_str().expect("text").to_owned();
    let encoded: String = url::form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect();
    for path in [
        String::new(),
        "day".to_owned(),
        format!("authorizations/{given_up}"),
        format!("authorizations/{}", hostile.id),
        format!("authorizations/{given_up}/resend"),
        scheme,
        format!("search?text={encoded}&of={encoded}&by={encoded}"),
        format!("?lang=en&x={encoded}"),
        format!("day?owner={encoded}"),
        format!("disabled?id={encoded}&kind={encoded}&done={encoded}"),
    ] {
        let (_, page) = desk.get(&path).await;
        for secret in ["open-S1", "user-1", "13900001234", "auth_code", "openauth.alipay"] {
            assert!(!page.contains(secret), "{path} has {secret}: {page}");
        }
        assert!(!page.contains("<script"), "{path}: {page}");
    }
    for id in [&hostile.id, &given_up] {
        let page = desk.page(&format!("authorizations/{id}")).await;
        assert!(page.contains("&lt;script&gt;"), "it is shown as it was written: {page}");
    }
    let answer = desk.page(&format!("authorizations/{given_up}")).await;
    assert!(part(&answer, "answer").contains("… …"), "{answer}");
}

#[tokio::test]
async fn a_place_that_is_not_there_is_refused_as_the_commands_refuse_it() {
    let world = World::new();
    let nowhere = world.file.parent().expect("a folder").join("nowhere");
    let start = async |place| {
        let options = Options { port: 0, may_write: false, clock: Arc::clone(&world.clock) as _ };
        Console::start(place, options).await.map(|_| ()).expect_err("no place").to_string()
    };
    let told = start(Place::Folder(nowhere)).await;
    assert!(told.contains("is no folder of authlink's"), "{told}");
    let folder = world.file.parent().expect("a folder").to_owned();
    fs::write(folder.join("complete"), "of another version").expect("written");
    let told = start(Place::Folder(folder)).await;
    assert!(told.contains("another version of authlink made it"), "{told}");
}
