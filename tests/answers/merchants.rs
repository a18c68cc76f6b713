//! Merchants' answers to a delivery.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use rustls::RootCertStore;
use shared::delivery::response::AttemptResult;
use shared::delivery::sender::{CallbackSender as _, HttpSender, TimeLimits};
use shared::egress::callback_url::{CallbackRules, CallbackUrl, Origin};
use shared::egress::resolver::Resolver;
use shared::egress::tls::bundled_roots;
use shared::model::clock::UnixMillis;
use shared::model::delivery_outcome::DeliveryOutcome;
use tests::raw_server::Reply;

use super::{Party, Site, assert_documented, closes, drips, endless, http, rambles, raw, says};

/// Tue, 14 Nov 2023 22:13:20 GMT
const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

/// `SUCCESS`, compressed by gzip.
const GZIP: &[u8] =
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x0b\x0e\x75\x76\x76\x0d\x0e\x06\x00\xa8\x21\x45\x50\x07\x00\x00\x00";

enum Merchant {
    At(Party),
    /// An address that was accepted once, and where its name leads.
    Elsewhere(&'static str, &'static [&'static str]),
}

fn merchants() -> Vec<(&'static str, Merchant)> {
    let ok = |body: &str| says(200, "", body);
    let success = || Reply::Send(http(200, "", "SUCCESS"));
    let parties = vec![
        ("`SUCCESS`", ok("SUCCESS")),
        ("`SucCess`, or any other mix of cases", ok("SucCess")),
        ("white space around `SUCCESS`", ok(" \t\r\nSUCCESS\r\n")),
        ("a byte order mark before `SUCCESS`", ok("\u{feff}SUCCESS")),
        (
            "`SUCCESS` in chunks",
            raw("HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n3\r\nSUC\r\n4\r\nCESS\r\n0\r\n\r\n"),
        ),
        (
            "`SUCCESS` after an interim answer 100",
            raw("HTTP/1.1 100 X\r\n\r\nHTTP/1.1 200 X\r\ncontent-length: 7\r\n\r\nSUCCESS"),
        ),
        ("`SUCCESS` without a length, up to the connection's end", closes("HTTP/1.1 200 X\r\n\r\nSUCCESS")),
        ("`SUCCESS` over TLS", Party::Secured("127.0.0.1", true, success())),
        ("`\"SUCCESS\"`, a JSON string", ok("\"SUCCESS\"")),
        (
            "`SUCCESS` over TLS without a length, ended as TLS ends",
            Party::Secured("127.0.0.1", true, Reply::SendAndClose(b"HTTP/1.1 200 X\r\n\r\nSUCCESS".into())),
        ),
        (
            "`SUCCESS` over TLS without a length, cut off",
            Party::Secured("127.0.0.1", true, Reply::SendAndDrop(b"HTTP/1.1 200 X\r\n\r\nSUCCESS".into())),
        ),
        (
            "`SUCCESS` in a chunk, and the connection's end instead of the last chunk",
            closes("HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n7\r\nSUCCESS\r\n"),
        ),
        (
            "`SUCCESS` in a chunk, and silence instead of the last chunk",
            Party::Late(Reply::Send(
                b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n7\r\nSUCCESS\r\n".into(),
            )),
        ),
        ("`SUCCESS` after a folded header line", says(200, "set-cookie: a=b;\r\n path=/\r\n", "SUCCESS")),
        ("`SUCCESS` after a header with white space before its colon", says(200, "x-a : b\r\n", "SUCCESS")),
        ("`SUCCESS` after a header with a control character", says(200, "x-a: b\u{1}c\r\n", "SUCCESS")),
        (
            "`SUCCESS` after a warning of PHP's among the headers",
            says(
                200,
                "<br />\r\n<b>Warning</b>:  Undefined variable $x in <b>/a.php</b> on line <b>3</b><br />\r\n",
                "SUCCESS",
            ),
        ),
        (
            "`SUCCESS` after header lines that end without a carriage return",
            says(200, "x-a: b\nx-c: d\n", "SUCCESS"),
        ),
        ("`SUCCESS` after 150 headers", says(200, &"x-a: b\r\n".repeat(150), "SUCCESS")),
        ("`SUCCESS` after 300 headers", says(200, &"x-a: b\r\n".repeat(300), "SUCCESS")),
        ("`SUCCESS` after a header with a NUL", says(200, "x-a: b\0c\r\n", "SUCCESS")),
        ("a page without status line and headers, `SUCCESS`", closes("SUCCESS")),
        ("interim answers without end", endless("", &"HTTP/1.1 103 X\r\nlink: a\r\n\r\n".repeat(40))),
        ("a header line without end", endless("HTTP/1.1 200 X\r\nx-a: ", &"a".repeat(1_000))),
        ("headers without end", endless("HTTP/1.1 200 X\r\n", &"x-a: b\r\n".repeat(100))),
        (
            "chunks with extensions without end",
            endless("HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n1;", &"a".repeat(1_000)),
        ),
        (
            "trailers without end after `SUCCESS`",
            endless(
                "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n7\r\nSUCCESS\r\n0\r\n",
                &"x-a: b\r\n".repeat(100),
            ),
        ),
        ("`{\"code\":\"SUCCESS\"}`, a JSON object", ok("{\"code\":\"SUCCESS\"}")),
        ("HTML that holds `SUCCESS`", ok("<html>SUCCESS</html>")),
        ("`SUCCESS` compressed", says(200, "content-encoding: gzip\r\n", GZIP)),
        ("200 with an empty body", ok("")),
        ("`FAIL`", ok("FAIL")),
        ("201 with `SUCCESS`", says(201, "", "SUCCESS")),
        ("204", raw("HTTP/1.1 204 X\r\n\r\n")),
        ("206 with `SUCCESS`", says(206, "content-range: bytes 0-6/9\r\n", "SUCCESS")),
        ("302", says(302, "location: https://elsewhere.example/\r\n", "SUCCESS")),
        ("307 to an address that would confirm", says(307, "location: /confirms\r\n", "")),
        ("401", says(401, "www-authenticate: Basic\r\n", "")),
        ("404 with `SUCCESS`", says(404, "", "SUCCESS")),
        ("410", says(410, "", "")),
        ("429", says(429, "", "")),
        ("429 with `Retry-After: 120`", says(429, "retry-after: 120\r\n", "")),
        (
            "503 with a date in `Retry-After`, 30 s ahead",
            says(503, "retry-after: Tue, 14 Nov 2023 22:13:50 GMT\r\n", ""),
        ),
        ("500", says(500, "", "SUCCESS")),
        ("500 with `Retry-After: 120`", says(500, "retry-after: 120\r\n", "")),
        ("502 whose body never comes", raw("HTTP/1.1 502 X\r\ncontent-length: 9999\r\n\r\n")),
        ("a body that drips in until the time is up", drips("SUCCESS")),
        ("silence", Party::Late(Reply::Send(Vec::new()))),
        ("a body without end", rambles("SUCCESS")),
        ("`SUCCESS` and white space, longer than 4 KiB", ok(&format!("{:4097}", "SUCCESS"))),
        ("a reset before the answer", Party::Server(Reply::Reset)),
        ("the connection's end before the answer", closes("")),
        ("the connection's end within the body", closes("HTTP/1.1 200 X\r\ncontent-length: 7\r\n\r\nSUCC")),
        ("something that is not HTTP", raw("SSH-2.0-x\r\n\r\n")),
        ("nobody listens", Party::Nobody),
        ("a certificate by an unknown authority", Party::Secured("127.0.0.1", false, success())),
        ("a certificate for another name", Party::Secured("other.example", true, success())),
        ("plain text where TLS was expected", Party::Unsecured(Reply::SendAndClose(http(400, "", "")))),
    ];
    let elsewhere: [(_, &str, &[&str]); 4] = [
        ("none: the name does not resolve", "https://merchant.example", &[]),
        (
            "none: the name leads to an address that is not public",
            "https://merchant.example",
            &["8.8.8.8", "10.0.0.1"],
        ),
        ("none: the address itself is not public", "https://127.0.0.1", &[]),
        ("none: the rules no longer allow the port", "https://8.8.8.8:8443", &[]),
    ];
    parties
        .into_iter()
        .map(|(name, party)| (name, Merchant::At(party)))
        .chain(elsewhere.map(|(name, origin, leads_to)| (name, Merchant::Elsewhere(origin, leads_to))))
        .collect()
}

struct LeadsTo(&'static [&'static str]);

#[async_trait]
impl Resolver for LeadsTo {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(self.0.iter().map(|address| address.parse().expect("an address")).collect())
    }
}

fn exempt(origin: &str) -> CallbackRules {
    let origin = Origin::parse(origin).expect("an origin");
    CallbackRules { dangerous_origins: vec![origin], ..CallbackRules::default() }
}

/// Posts once to `origin`, under the `rules` of today.
async fn post(
    origin: &str,
    rules: CallbackRules,
    leads_to: &'static [&'static str],
    roots: &RootCertStore,
    limits: TimeLimits,
) -> AttemptResult {
    let url = CallbackUrl::parse(&format!("{origin}/callback"), &exempt(origin)).expect("was accepted");
    let sender = HttpSender::trusting(roots, Arc::new(LeadsTo(leads_to)), rules, limits);
    sender.post(&url, Vec::new(), Bytes::from_static(b"{}"), NOW).await
}

async fn answer_of(merchant: Merchant) -> AttemptResult {
    let limits = TimeLimits::default();
    match merchant {
        Merchant::Elsewhere(origin, leads_to) => {
            post(origin, CallbackRules::default(), leads_to, &bundled_roots(), limits).await
        }
        Merchant::At(party) => {
            let site = Site::open(party, limits.total).await;
            let limits = TimeLimits { total: site.total, ..limits };
            let answer = post(&site.origin, exempt(&site.origin), &[], &site.roots, limits).await;
            assert!(site.requests() <= 1, "repeated, or followed");
            answer
        }
    }
}

fn cells(answer: AttemptResult) -> [String; 3] {
    let kept = answer.outcome.http_status().map_or_else(|| "–".to_owned(), |status| status.to_string());
    let follows = match (answer.outcome, answer.retry_after) {
        (DeliveryOutcome::Success, _) => "delivered".to_owned(),
        (_, None) => "next attempt".to_owned(),
        (_, Some(wait)) => format!("next attempt, {} s asked for", wait.as_secs()),
    };
    [answer.outcome.as_str().to_owned(), kept, follows]
}

#[tokio::test]
async fn every_answer_of_a_merchant_is_judged_as_documented() {
    let mut found = Vec::new();
    for (name, merchant) in merchants() {
        found.push((name, cells(answer_of(merchant).await)));
    }
    assert_documented("A merchant's answer to a delivery", &found);
}
