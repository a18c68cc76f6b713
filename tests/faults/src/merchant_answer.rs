//! The ways of merchants: the rows of `docs/answers.md` that a server can take and then be well again.

use std::time::Duration;

use crate::network::{Reply, http};

/// `SUCCESS`, compressed by gzip.
const GZIP: &[u8] =
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x0b\x0e\x75\x76\x76\x0d\x0e\x06\x00\xa8\x21\x45\x50\x07\x00\x00\x00";

const CHUNKED: &str = "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n";
const CHUNK: &str = "7\r\nSUCCESS\r\n";

/// A SUCCESS a second after the time limit, sent to a caller that still waits alone.
const SUCCESS_TOO_LATE: &str = "`SUCCESS` too late";
/// A SUCCESS whose last bytes come after the time limit.
const DRIPPING_SUCCESS: &str = "a body that drips in until the time is up";
/// The answers that confirm if the caller still waits after the time limit, as a process does that stood still.
pub const LATE_SUCCESSES: [&str; 2] = [SUCCESS_TOO_LATE, DRIPPING_SUCCESS];

/// The rows that are a matter of an address, not of an answer: the storm has a business for each.
pub const ADDRESSES: [&str; 5] = [
    "nobody listens",
    "a certificate by an unknown authority",
    "plain text where TLS was expected",
    "none: the address itself is not public",
    "none: the rules no longer allow the port",
];

/// The answers that confirm a delivery, by their rows.
#[must_use]
pub fn confirming() -> Vec<(&'static str, Reply)> {
    let ok = |body: &str| says(200, "", body);
    let after = |headers: &str| says(200, headers, "SUCCESS");
    vec![
        ("`SUCCESS`", ok("SUCCESS")),
        ("`SucCess`, or any other mix of cases", ok("SucCess")),
        ("white space around `SUCCESS`", ok(" \t\r\nSUCCESS\r\n")),
        ("a byte order mark before `SUCCESS`", ok("\u{feff}SUCCESS")),
        ("`SUCCESS` in chunks", raw(&[CHUNKED, "3\r\nSUC\r\n4\r\nCESS\r\n0\r\n\r\n"].concat())),
        (
            "`SUCCESS` after an interim answer 100",
            raw("HTTP/1.1 100 X\r\n\r\nHTTP/1.1 200 X\r\ncontent-length: 7\r\n\r\nSUCCESS"),
        ),
        ("`SUCCESS` without a length, up to the connection's end", raw("HTTP/1.1 200 X\r\n\r\nSUCCESS")),
        ("`\"SUCCESS\"`, a JSON string", ok("\"SUCCESS\"")),
        ("`SUCCESS` after a folded header line", after("set-cookie: a=b;\r\n path=/\r\n")),
        ("`SUCCESS` after a header with white space before its colon", after("x-a : b\r\n")),
        ("`SUCCESS` after a header with a control character", after("x-a: b\u{1}c\r\n")),
        (
            "`SUCCESS` after a warning of PHP's among the headers",
            after("<br />\r\n<b>Warning</b>:  Undefined variable $x in <b>/a.php</b><br />\r\n"),
        ),
        ("`SUCCESS` after header lines that end without a carriage return", after("x-a: b\nx-c: d\n")),
        ("`SUCCESS` after 150 headers", after(&"x-a: b\r\n".repeat(150))),
    ]
}

/// The answers that fail it, by their rows.
#[must_use]
pub fn failing() -> Vec<(&'static str, Reply)> {
    let ok = |body: &str| says(200, "", body);
    let after = |headers: &str| says(200, headers, "SUCCESS");
    let endless = |first: &str, more: &str| Reply::Ramble(first.into(), more.into());
    vec![
        ("`{\"code\":\"SUCCESS\"}`, a JSON object", ok("{\"code\":\"SUCCESS\"}")),
        ("HTML that holds `SUCCESS`", ok("<html>SUCCESS</html>")),
        ("`SUCCESS` compressed", Reply::Send(http(200, "content-encoding: gzip\r\n", GZIP))),
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
        ("502 whose body never comes", Reply::Hang(b"HTTP/1.1 502 X\r\ncontent-length: 9999\r\n\r\n".into())),
        (
            DRIPPING_SUCCESS,
            Reply::Drip(
                b"HTTP/1.1 200 X\r\ncontent-length: 37\r\n\r\n".into(),
                format!("{:>37}", "SUCCESS").into(),
                Duration::from_millis(300),
            ),
        ),
        ("silence", Reply::Hang(Vec::new())),
        ("a body without end", endless("HTTP/1.1 200 X\r\n\r\nSUCCESS", &" ".repeat(1_000))),
        ("`SUCCESS` and white space, longer than 4 KiB", ok(&format!("{:4097}", "SUCCESS"))),
        ("a reset before the answer", Reply::Reset),
        ("the connection's end before the answer", raw("")),
        ("the connection's end within the body", raw("HTTP/1.1 200 X\r\ncontent-length: 7\r\n\r\nSUCC")),
        ("something that is not HTTP", raw("SSH-2.0-x\r\n\r\n")),
        (
            "`SUCCESS` in a chunk, and the connection's end instead of the last chunk",
            raw(&[CHUNKED, CHUNK].concat()),
        ),
        (
            "`SUCCESS` in a chunk, and silence instead of the last chunk",
            Reply::Hang([CHUNKED, CHUNK].concat().into()),
        ),
        ("`SUCCESS` after 300 headers", after(&"x-a: b\r\n".repeat(300))),
        ("`SUCCESS` after a header with a NUL", after("x-a: b\0c\r\n")),
        ("a page without status line and headers, `SUCCESS`", raw("SUCCESS")),
        ("interim answers without end", endless("", &"HTTP/1.1 103 X\r\nlink: a\r\n\r\n".repeat(40))),
        ("a header line without end", endless("HTTP/1.1 200 X\r\nx-a: ", &"a".repeat(1_000))),
        ("headers without end", endless("HTTP/1.1 200 X\r\n", &"x-a: b\r\n".repeat(100))),
        ("chunks with extensions without end", endless(&[CHUNKED, "1;"].concat(), &"a".repeat(1_000))),
        (
            "trailers without end after `SUCCESS`",
            endless(&[CHUNKED, CHUNK, "0\r\n"].concat(), &"x-a: b\r\n".repeat(100)),
        ),
        (SUCCESS_TOO_LATE, Reply::SendToWhoWaits(Duration::from_secs(11), http(200, "", "SUCCESS"))),
    ]
}

fn says(status: u16, headers: &str, body: &str) -> Reply {
    Reply::Send(http(status, headers, body))
}

fn raw(text: &str) -> Reply {
    Reply::Send(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows that the storm leaves to `tests/answers.rs`, each with the reason.
    const LEFT_OUT: [(&str, &str); 6] = [
        ("`SUCCESS` over TLS", "the program trusts public authorities alone"),
        ("`SUCCESS` over TLS without a length, ended as TLS ends", "the same"),
        ("`SUCCESS` over TLS without a length, cut off", "the same"),
        ("a certificate for another name", "the same"),
        ("none: the name does not resolve", "the storm asks no resolver"),
        ("none: the name leads to an address that is not public", "the same"),
    ];

    #[test]
    fn every_documented_answer_of_a_merchant_is_in_the_storm_or_left_out_for_a_reason() {
        let document = include_str!("../../../docs/answers.md");
        let (_, section) = document.split_once("\n## A merchant's answer to a delivery\n").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
        let mut documented: Vec<_> = rows.map(|row| row[1..].split(" | ").next().unwrap().trim()).collect();
        let answers = confirming().into_iter().chain(failing()).map(|(name, _)| name);
        let mut known: Vec<_> = answers.chain(ADDRESSES).collect();
        known.retain(|name| *name != SUCCESS_TOO_LATE);
        known.extend(LEFT_OUT.map(|(name, _)| name));
        documented.sort_unstable();
        known.sort_unstable();
        assert_eq!(documented, known);
    }
}
