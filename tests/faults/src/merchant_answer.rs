//! The ways of merchants: the rows of `docs/answers.md` that a server can take and then be well again.

use std::time::Duration;

use crate::network::{Reply, http};

/// `SUCCESS`, compressed by gzip.
const GZIP: &[u8] =
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x0b\x0e\x75\x76\x76\x0d\x0e\x06\x00\xa8\x21\x45\x50\x07\x00\x00\x00";

/// The rows that confirm a delivery.
pub const CONFIRMING: [&str; 7] = [
    "`SUCCESS`",
    "`SucCess`, or any other mix of cases",
    "white space around `SUCCESS`",
    "a byte order mark before `SUCCESS`",
    "`SUCCESS` in chunks",
    "`SUCCESS` after an interim answer 100",
    "`SUCCESS` without a length, up to the connection's end",
];

/// The rows that fail it.
pub const FAILING: [&str; 28] = [
    "`{\"code\":\"SUCCESS\"}`, a JSON object",
    "HTML that holds `SUCCESS`",
    "`SUCCESS` compressed",
    "200 with an empty body",
    "`FAIL`",
    "201 with `SUCCESS`",
    "204",
    "206 with `SUCCESS`",
    "302",
    "307 to an address that would confirm",
    "401",
    "404 with `SUCCESS`",
    "410",
    "429",
    "429 with `Retry-After: 120`",
    "503 with a date in `Retry-After`, 30 s ahead",
    "500",
    "500 with `Retry-After: 120`",
    "502 whose body never comes",
    "a body that drips in until the time is up",
    "silence",
    "a body without end",
    "`SUCCESS` and white space, longer than 4 KiB",
    "a reset before the answer",
    "the connection's end before the answer",
    "the connection's end within the body",
    "something that is not HTTP",
    SUCCESS_TOO_LATE,
];

/// `SUCCESS`, once the caller has given up.
pub const SUCCESS_TOO_LATE: &str = "`SUCCESS` too late";

/// The rows that are a matter of an address, not of an answer: the storm has a business for each.
pub const ADDRESSES: [&str; 5] = [
    "nobody listens",
    "a certificate by an unknown authority",
    "plain text where TLS was expected",
    "none: the address itself is not public",
    "none: the rules no longer allow the port",
];

/// The answer under this name.
#[must_use]
pub fn reply(name: &'static str) -> Reply {
    let ok = |body: &str| Reply::Send(http(200, "", body));
    let says = |status, headers: &str, body: &str| Reply::Send(http(status, headers, body));
    let raw = |text: &str| Reply::Send(text.into());
    match name {
        "`SUCCESS`" => ok("SUCCESS"),
        "`SucCess`, or any other mix of cases" => ok("SucCess"),
        "white space around `SUCCESS`" => ok(" \t\r\nSUCCESS\r\n"),
        "a byte order mark before `SUCCESS`" => ok("\u{feff}SUCCESS"),
        "`SUCCESS` in chunks" => {
            raw("HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n3\r\nSUC\r\n4\r\nCESS\r\n0\r\n\r\n")
        }
        "`SUCCESS` after an interim answer 100" => {
            raw("HTTP/1.1 100 X\r\n\r\nHTTP/1.1 200 X\r\ncontent-length: 7\r\n\r\nSUCCESS")
        }
        "`SUCCESS` without a length, up to the connection's end" => raw("HTTP/1.1 200 X\r\n\r\nSUCCESS"),
        "`{\"code\":\"SUCCESS\"}`, a JSON object" => ok("{\"code\":\"SUCCESS\"}"),
        "HTML that holds `SUCCESS`" => ok("<html>SUCCESS</html>"),
        "`SUCCESS` compressed" => Reply::Send(http(200, "content-encoding: gzip\r\n", GZIP)),
        "200 with an empty body" => ok(""),
        "`FAIL`" => ok("FAIL"),
        "201 with `SUCCESS`" => says(201, "", "SUCCESS"),
        "204" => raw("HTTP/1.1 204 X\r\n\r\n"),
        "206 with `SUCCESS`" => says(206, "content-range: bytes 0-6/9\r\n", "SUCCESS"),
        "302" => says(302, "location: https://elsewhere.example/\r\n", "SUCCESS"),
        "307 to an address that would confirm" => says(307, "location: /confirms\r\n", ""),
        "401" => says(401, "www-authenticate: Basic\r\n", ""),
        "404 with `SUCCESS`" => says(404, "", "SUCCESS"),
        "410" => says(410, "", ""),
        "429" => says(429, "", ""),
        "429 with `Retry-After: 120`" => says(429, "retry-after: 120\r\n", ""),
        "503 with a date in `Retry-After`, 30 s ahead" => {
            says(503, "retry-after: Tue, 14 Nov 2023 22:13:50 GMT\r\n", "")
        }
        "500" => says(500, "", "SUCCESS"),
        "500 with `Retry-After: 120`" => says(500, "retry-after: 120\r\n", ""),
        "502 whose body never comes" => Reply::Hang(b"HTTP/1.1 502 X\r\ncontent-length: 9999\r\n\r\n".into()),
        "a body that drips in until the time is up" => {
            let head = b"HTTP/1.1 200 X\r\ncontent-length: 37\r\n\r\n".to_vec();
            Reply::Drip(head, format!("{:>37}", "SUCCESS").into(), Duration::from_millis(300))
        }
        "silence" => Reply::Hang(Vec::new()),
        "a body without end" => Reply::Ramble(b"HTTP/1.1 200 X\r\n\r\nSUCCESS".into()),
        "`SUCCESS` and white space, longer than 4 KiB" => ok(&format!("{:4097}", "SUCCESS")),
        "a reset before the answer" => Reply::Reset,
        "the connection's end before the answer" => raw(""),
        "the connection's end within the body" => raw("HTTP/1.1 200 X\r\ncontent-length: 7\r\n\r\nSUCC"),
        "something that is not HTTP" => raw("SSH-2.0-x\r\n\r\n"),
        SUCCESS_TOO_LATE => Reply::SendAfter(Duration::from_secs(11), http(200, "", "SUCCESS")),
        other => unreachable!("no answer is called {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows that the storm leaves to `tests/answers.rs`, each with the reason.
    const LEFT_OUT: [(&str, &str); 5] = [
        ("`SUCCESS` over TLS", "the program trusts public authorities alone"),
        ("a certificate for another name", "the same"),
        ("none: the name does not resolve", "the storm asks no resolver"),
        ("none: the name leads to an address that is not public", "the same"),
        ("`\"SUCCESS\"`, a JSON string", "decided by a row of its own"),
    ];

    #[test]
    fn every_documented_answer_of_a_merchant_is_in_the_storm_or_left_out_for_a_reason() {
        let document = include_str!("../../../docs/answers.md");
        let (_, section) = document.split_once("\n## A merchant's answer to a delivery\n").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
        let mut documented: Vec<_> = rows.map(|row| row[1..].split(" | ").next().unwrap().trim()).collect();
        let mut known: Vec<_> = [&CONFIRMING[..], &FAILING, &ADDRESSES].concat();
        known.retain(|name| *name != SUCCESS_TOO_LATE);
        known.extend(LEFT_OUT.map(|(name, _)| name));
        documented.sort_unstable();
        known.sort_unstable();
        assert_eq!(documented, known);
    }

    #[test]
    fn every_name_has_an_answer() {
        let replies = CONFIRMING.into_iter().chain(FAILING).map(reply);
        assert_eq!(replies.count(), CONFIRMING.len() + FAILING.len());
    }
}
