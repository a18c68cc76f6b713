//! Every row of `docs/answers.md`, answered over the wire.

mod callbacks;
mod merchants;
mod platforms;

use std::collections::BTreeMap;
use std::time::Duration;

use rustls::RootCertStore;
use shared::egress::tls::bundled_roots;
use tests::authority::Authority;
use tests::raw_server::{RawServer, Reply, http};
use tokio::net::TcpSocket;

const DOCUMENT: &str = include_str!("../docs/answers.md");

/// The table under `heading`: by its first column the other three.
fn table(heading: &str) -> BTreeMap<&'static str, [&'static str; 3]> {
    let (_, section) = DOCUMENT.split_once(&format!("\n## {heading}\n")).expect("a section");
    let section = section.split("\n## ").next().expect("a section");
    let mut rows = BTreeMap::new();
    for line in section.lines().filter(|line| line.starts_with('|')).skip(2) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let &[name, one, two, three] = cells.as_slice() else { panic!("not four columns: {line}") };
        assert_eq!(rows.insert(name, [one, two, three]), None, "{name} stands there twice");
    }
    rows
}

/// Compares what came of the cases with the table under `heading`, which has as many rows.
fn assert_documented(heading: &str, found: &[(&str, [String; 3])]) {
    let documented = table(heading);
    let mut cases: Vec<_> = found.iter().map(|(name, _)| *name).collect();
    cases.sort_unstable();
    assert_eq!(cases, documented.into_keys().collect::<Vec<_>>(), "cases and rows");
    let documented = table(heading);
    let differ =
        found.iter().filter(|(name, cells)| documented[name] != cells.each_ref().map(String::as_str));
    assert_eq!(differ.collect::<Vec<_>>(), Vec::<&(&str, [String; 3])>::new(), "not as documented");
}

/// The party at the other end.
enum Party {
    Server(Reply),
    /// Its caller has 200 ms for everything.
    Late(Reply),
    /// Over TLS, with a certificate for this name, by the authority that is trusted or by another.
    Secured(&'static str, bool, Reply),
    /// Speaks no TLS where it is expected.
    Unsecured(Reply),
    Nobody,
}

/// The other end, where it can be reached, and how.
struct Site {
    origin: String,
    roots: RootCertStore,
    total: Duration,
    server: Option<RawServer>,
    _taken: Option<TcpSocket>,
}

impl Site {
    async fn open(party: Party, total: Duration) -> Self {
        let of = |scheme: &str, server: RawServer| Self {
            origin: format!("{scheme}://{}", server.address()),
            roots: bundled_roots(),
            total,
            server: Some(server),
            _taken: None,
        };
        match party {
            Party::Server(reply) => of("http", RawServer::start(vec![reply], None).await),
            Party::Late(reply) => {
                let site = of("http", RawServer::start(vec![reply], None).await);
                Self { total: Duration::from_millis(200), ..site }
            }
            Party::Secured(name, vouched_for, reply) => {
                let authority = Authority::default();
                let site = of("https", RawServer::start(vec![reply], Some(authority.server(name))).await);
                let trusted = if vouched_for { authority } else { Authority::default() };
                Self { roots: trusted.roots(), ..site }
            }
            Party::Unsecured(reply) => of("https", RawServer::start(vec![reply], None).await),
            Party::Nobody => {
                let taken = TcpSocket::new_v4().expect("a socket");
                taken.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
                Self {
                    origin: format!("http://{}", taken.local_addr().expect("an address")),
                    roots: bundled_roots(),
                    total,
                    server: None,
                    _taken: Some(taken),
                }
            }
        }
    }

    /// The number of requests, over all connections.
    fn requests(&self) -> usize {
        self.server.as_ref().map_or(0, |server| server.connections().concat().len())
    }
}

fn says(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Party {
    Party::Server(Reply::Send(http(status, headers, body)))
}

fn raw(text: &str) -> Party {
    Party::Server(Reply::Send(text.into()))
}

fn closes(text: &str) -> Party {
    Party::Server(Reply::SendAndClose(text.into()))
}

fn rambles(text: &str) -> Party {
    endless(&format!("HTTP/1.1 200 X\r\n\r\n{text}"), &" ".repeat(1_000))
}

fn endless(first: &str, more: &str) -> Party {
    Party::Server(Reply::SendEndlessly(first.into(), more.into()))
}

/// White space and `body`: every byte comes soon after the one before, and the last one too late.
fn drips(body: &str) -> Party {
    let body = format!("{}{body}", " ".repeat(200));
    let head = format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n", body.len());
    Party::Late(Reply::SendSlowly(head.into(), body.into()))
}
