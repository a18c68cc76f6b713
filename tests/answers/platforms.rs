//! Platforms' answers to a link request.

use serde_json::json;
use shared::model::clock::UnixMillis;
use shared::model::random::OsRandom;
use shared::protocol::open_api::client::classify::{LinkAttempt, NextStep, Severity, classify};
use shared::protocol::open_api::client::request::{LinkParameters, PlatformRequest};
use shared::protocol::open_api::client::response::{NotGranted, read_answer};
use shared::protocol::open_api::client::transport::{ASK_TIMEOUT, HttpPlatforms, Platforms as _};
use shared::registry::Platform;
use shared::secrets::Document as _;
use tests::raw_server::Reply;
use url::Url;

use super::{Party, Site, assert_documented, closes, drips, endless, http, rambles, raw, says};

const LINK: &str = "https://openauth.example/oauth2?state=1";
const GRANTED: &str =
    r#"{"status":0,"message":"success","data":{"alipayAuthUrl":"https://openauth.example/"}}"#;

/// HTTP 200 with a body of JSON, or not.
fn ok(body: &str) -> Party {
    says(200, "", body)
}

fn with_link(status: u8, link: &str) -> Party {
    ok(&json!({"status": status, "message": "", "data": {"alipayAuthUrl": link}}).to_string())
}

/// The party that answers, and the call that it answers.
struct Case {
    party: Party,
    attempt: LinkAttempt,
    on_this_machine: bool,
}

impl From<Party> for Case {
    fn from(party: Party) -> Self {
        Self { party, attempt: LinkAttempt::First, on_this_machine: false }
    }
}

const REFUSALS: [(&str, i64); 13] = [
    ("status 1", 1),
    ("status 2", 2),
    ("status 3", 3),
    ("status 4", 4),
    ("status 5", 5),
    ("status 6", 6),
    ("status 7", 7),
    ("status 9", 9),
    ("status 10", 10),
    ("status 11", 11),
    ("status 98", 98),
    ("status 99", 99),
    ("status 420, which no document names", 420),
];

fn cases() -> Vec<(&'static str, Case)> {
    let success = || Reply::Send(http(200, "", GRANTED));
    let mut cases: Vec<(_, Case)> = vec![
        ("status 0 with a link", with_link(0, LINK)),
        ("status 8 with the link", with_link(8, LINK)),
        ("a byte order mark and white space before it", ok(&format!("\u{feff}\r\n {GRANTED}"))),
        (
            "fields that no document names",
            ok(r#"{"trace":[1],"status":0,"data":{"ttl":1,"alipayAuthUrl":"https://a.example/"},"trace":2}"#),
        ),
        ("status 8 without a link", ok(r#"{"status":8,"message":"流水号重复","data":null}"#)),
        ("a page of HTML", ok("<html></html>")),
        ("nothing", ok("")),
        ("a list with the right values", ok(r#"[0,"success",{"alipayAuthUrl":"https://a.example/"}]"#)),
        ("two statuses", ok(r#"{"status":1,"status":0,"data":{"alipayAuthUrl":"https://a.example/"}}"#)),
        ("no status", ok(r#"{"message":"success","data":{"alipayAuthUrl":"https://a.example/"}}"#)),
        ("status `\"0\"`", ok(&GRANTED.replace(":0,", ":\"0\","))),
        ("status `0.0`", ok(&GRANTED.replace(":0,", ":0.0,"))),
        ("status 0 with a link for its data", ok(r#"{"status":0,"data":"https://a.example/"}"#)),
        (
            "status 0 with two links",
            ok(r#"{"status":0,"data":{"alipayAuthUrl":"https://a.example/","alipayAuthUrl":"https://b.example/"}}"#),
        ),
        ("status 0 without data", ok(r#"{"status":0,"message":"success"}"#)),
        ("status 0 with an empty list for its data", ok(r#"{"status":0,"data":[]}"#)),
        ("status 0 with an empty link", with_link(0, "")),
        ("status 0 with a number for its link", ok(r#"{"status":0,"data":{"alipayAuthUrl":7}}"#)),
        ("a link of 2,049 characters", with_link(0, &format!("https://a.example/{}", "a".repeat(2_031)))),
        ("a link with a space", with_link(0, "https://a.example/ ")),
        ("a link without a scheme", with_link(0, "a.example/x")),
        ("a link with a user name", with_link(0, "https://user@a.example/")),
        ("a link that opens an app", with_link(0, "alipays://platformapi/startapp?appId=1")),
        ("a link that is a script", with_link(0, "javascript://a.example/%0aalert(1)")),
        ("a link to port 0", with_link(0, "https://a.example:0/")),
        ("a link to `localhost`", with_link(0, "http://localhost/")),
        ("a link to an address that is not public", with_link(0, "http://169.254.169.254/")),
        ("status 8 with a link to an address that is not public", with_link(8, "http://[::1]/")),
        ("silence", Party::Late(Reply::Send(Vec::new()))),
        ("a body that drips in until the time is up", drips(GRANTED)),
        ("nobody listens", Party::Nobody),
        ("a certificate by an unknown authority", Party::Secured("127.0.0.1", false, success())),
        ("a certificate for another name", Party::Secured("other.example", true, success())),
        ("a reset before the answer", Party::Server(Reply::Reset)),
        ("the connection's end before the answer", closes("")),
        ("something that is not HTTP", raw("SSH-2.0-x\r\n\r\n")),
        ("the connection's end within the body", closes("HTTP/1.1 200 X\r\ncontent-length: 99\r\n\r\n{")),
        ("a body without end", rambles(GRANTED)),
        ("interim answers without end", endless("", &"HTTP/1.1 103 X\r\nlink: a\r\n\r\n".repeat(40))),
        ("a body longer than 16 KiB", ok(&format!("{GRANTED:16385}"))),
        ("204", raw("HTTP/1.1 204 X\r\n\r\n")),
        ("302", says(302, "location: /elsewhere\r\n", GRANTED)),
        ("404", says(404, "", GRANTED)),
        ("500", says(500, "", GRANTED)),
        ("503 with `Retry-After: 120`", says(503, "retry-after: 120\r\n", GRANTED)),
    ]
    .into_iter()
    .map(|(name, party)| (name, party.into()))
    .collect();
    cases.extend(REFUSALS.map(|(name, status)| {
        (name, ok(&json!({"status": status, "message": "no", "data": null}).to_string()).into())
    }));
    let again = ok(r#"{"status":8,"data":{}}"#);
    cases.push(("status 8 without a link, again", Case { attempt: LinkAttempt::Second, ..again.into() }));
    let local = with_link(0, "http://127.0.0.1:8788/x");
    cases.push((
        "a link to this machine, by a platform on it",
        Case { on_this_machine: true, ..local.into() },
    ));
    cases
}

async fn answer_of(party: Party, on_this_machine: bool) -> Result<Url, NotGranted> {
    let site = Site::open(party, ASK_TIMEOUT).await;
    let document = json!({
        "baseUrl": site.origin, "businessId": "19",
        "signType": "MD5", "md5Keys": ["key-shared-with-a-platform"],
    });
    let platform = Platform::parse(&document.to_string()).expect("a document");
    let wanted = LinkParameters {
        merchant_id: "M1",
        serial_no: "S1",
        user_id: "U1",
        callback_url: "https://us.example/back",
    };
    let now = UnixMillis(1_700_000_000_000);
    let request =
        PlatformRequest::sign(&platform.credential(), &wanted, &OsRandom::default(), now).expect("signs");
    let platforms = HttpPlatforms::trusting(site.roots.clone(), site.total);
    let body = platforms.post(&request).await;
    assert!(site.requests() <= 1, "repeated, or followed");
    read_answer(&body.map_err(NotGranted::Failed)?, on_this_machine)
}

fn cells(answer: &Result<Url, NotGranted>, attempt: LinkAttempt) -> [String; 3] {
    let Err(cause) = answer else { return ["link", "0", "–"].map(str::to_owned) };
    let read_as = match cause {
        NotGranted::SerialUsed => "serial_used".to_owned(),
        NotGranted::Refused { .. } => "refused".to_owned(),
        NotGranted::Unusable(reason) => reason.to_string(),
        NotGranted::Failed(reason) => reason.to_string(),
    };
    let (next_step, severity) = classify(cause, attempt);
    let ours = match next_step {
        NextStep::AskAgain => "asks once more, as `<id>-2`".to_owned(),
        NextStep::Refuse(no_link) => no_link.code().status().to_string(),
    };
    let severity = match severity {
        Severity::Warning => "warning",
        Severity::Alarm => "alarm",
    };
    [read_as, ours, severity.to_owned()]
}

#[tokio::test]
async fn every_answer_of_a_platform_is_read_as_documented() {
    let mut found = Vec::new();
    for (name, Case { party, attempt, on_this_machine }) in cases() {
        let answer = answer_of(party, on_this_machine).await;
        found.push((name, cells(&answer, attempt)));
    }
    assert_documented("A platform's answer to a link request", &found);
}
