//! TLS: what we offer, and what becomes of a delivery to servers that have something else, as `docs/security.md` says.
//! OpenSSL is the server that rustls cannot be.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rustls::ProtocolVersion;
use shared::delivery::sender::{CallbackSender as _, HttpSender, TimeLimits};
use shared::egress::callback_url::{CallbackRules, CallbackUrl, Origin};
use shared::egress::resolver::Resolver;
use shared::egress::tls::{bundled_roots, tls_config};
use shared::model::clock::UnixMillis;
use shared::model::delivery_outcome::DeliveryOutcome;
use tests::authority::{Authority, Certified, Flaw};
use tests::raw_server::{RawServer, Reply, http};

const DOCUMENT: &str = include_str!("../docs/security.md");
const NAME: &str = "merchant.test";

/// The rows of the table whose first column is headed so: the other columns by the first.
fn table(head: &str) -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut lines = DOCUMENT.lines().skip_while(|line| !line.starts_with(&format!("| {head} |"))).skip(2);
    let mut rows = BTreeMap::new();
    for line in lines.by_ref().take_while(|line| line.starts_with('|')) {
        let mut cells = line.trim_matches('|').split(" | ").map(str::trim);
        rows.insert(cells.next().expect("a cell"), cells.collect());
    }
    assert!(!rows.is_empty(), "no table of {head}");
    rows
}

#[test]
fn what_is_offered_is_documented() {
    let config = tls_config(bundled_roots());
    let provider = config.crypto_provider();
    let of = |version: ProtocolVersion| {
        let suites = provider.cipher_suites.iter().filter(|suite| suite.version().version == version);
        suites.map(|suite| format!("`{:?}`", suite.suite())).collect::<Vec<_>>().join(", ")
    };
    let groups = provider.kx_groups.iter().map(|group| format!("`{:?}`", group.name()));
    let offered = [
        ("TLS 1.3", of(ProtocolVersion::TLSv1_3)),
        ("TLS 1.2", of(ProtocolVersion::TLSv1_2)),
        ("key exchange", groups.collect::<Vec<_>>().join(", ")),
    ];
    let documented = table("offered");
    assert_eq!(documented.len(), offered.len());
    for (name, offer) in &offered {
        assert_eq!(documented[name], [offer.as_str()], "{name}");
    }
}

/// OpenSSL's server; it ends when this is dropped.
struct OpenSsl {
    process: Child,
    port: u16,
}

impl OpenSsl {
    fn start(folder: &Path, certified: &Certified, arguments: &[&str]) -> Self {
        let file = |name: &str, content: &[u8]| -> PathBuf {
            let path = folder.join(name);
            std::fs::write(&path, content).expect("writes");
            path
        };
        let mut process = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-certform", "DER", "-keyform", "DER"])
            .arg("-cert")
            .arg(file("certificate.der", &certified.certificate))
            .arg("-key")
            .arg(file("key.der", &certified.key))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is there");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let port = lines.find_map(|line| {
            let line = line.expect("text");
            line.strip_prefix("ACCEPT ")?.rsplit(':').next()?.parse().ok()
        });
        Self { process, port: port.expect("it listens") }
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Here;

#[async_trait]
impl Resolver for Here {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(vec![IpAddr::from([127, 0, 0, 1])])
    }
}

/// The outcome of a delivery to the server at `port`, and its cause.
async fn deliver(authority: &Authority, port: u16) -> [String; 2] {
    let origin = format!("https://{NAME}:{port}");
    let dangerous_origins = vec![Origin::parse(&origin).expect("an origin")];
    let rules = CallbackRules { dangerous_origins, ..CallbackRules::default() };
    let url = CallbackUrl::parse(&origin, &rules).expect("an address");
    let limits = TimeLimits { total: Duration::from_secs(5), ..TimeLimits::default() };
    let sender = HttpSender::trusting(&authority.roots(), Arc::new(Here), rules, limits);
    let result =
        sender.post(&url, Vec::new(), Bytes::from_static(b"{}"), UnixMillis(1_700_000_000_000)).await;
    let cause = match result.outcome {
        DeliveryOutcome::Tls(failure) => failure.as_str(),
        _ => "–",
    };
    [result.outcome.as_str().to_owned(), cause.to_owned()]
}

/// The servers that OpenSSL has to be, with what it is told.
const OPENSSL: [(&str, Option<Flaw>, &[&str]); 10] = [
    ("TLS 1.1 at most", None, &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]),
    ("TLS 1.2 with RSA key exchange alone", None, &["-tls1_2", "-cipher", "AES128-GCM-SHA256"]),
    ("TLS 1.2 with DHE alone", None, &["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"]),
    ("TLS 1.2 with ECDHE and CBC alone", None, &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"]),
    ("a client's certificate wanted, TLS 1.2", None, &["-tls1_2", "-Verify", "1"]),
    // What OpenSSL speaks by itself.
    ("a client's certificate wanted, TLS 1.3", None, &["-Verify", "1"]),
    ("a certificate whose time is over", Some(Flaw::Expired), &[]),
    ("a certificate whose time has not begun", Some(Flaw::NotYetValid), &[]),
    ("a certificate for another name", Some(Flaw::AnotherName), &[]),
    ("a chain without its intermediate certificate", Some(Flaw::IncompleteChain), &[]),
];

#[tokio::test]
async fn servers_that_have_something_else_are_told_apart_as_documented() {
    let authority = Authority::default();
    let folder = tempfile::tempdir().expect("a folder");
    let mut found: BTreeMap<&str, [String; 2]> = BTreeMap::new();
    for (name, flaw, arguments) in OPENSSL {
        let server = OpenSsl::start(folder.path(), &authority.certify(NAME, flaw), arguments);
        found.insert(name, deliver(&authority, server.port).await);
    }
    let success = || vec![Reply::Send(http(200, "", "SUCCESS"))];
    for (name, tls) in [
        ("TLS 1.3 alone", authority.server_of(NAME, &[&rustls::version::TLS13])),
        ("TLS 1.2 alone, with ECDHE and GCM", authority.server_of(NAME, &[&rustls::version::TLS12])),
        ("a certificate that is chosen by the name asked for (SNI)", authority.server_by_sni(NAME)),
        ("a certificate by an unknown authority", Authority::default().server(NAME)),
    ] {
        let server = RawServer::start(success(), Some(tls)).await;
        found.insert(name, deliver(&authority, server.address().port()).await);
    }
    let plain = RawServer::start(vec![Reply::SendAndClose(http(400, "", ""))], None).await;
    found.insert("no TLS at all", deliver(&authority, plain.address().port()).await);

    let documented = table("a merchant's server");
    assert_eq!(found.keys().collect::<Vec<_>>(), documented.keys().collect::<Vec<_>>(), "cases and rows");
    for (name, cells) in &found {
        assert_eq!(documented[name], cells.each_ref().map(String::as_str), "{name}");
    }
}
