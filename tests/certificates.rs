//! Apps that have certificates at Alipay: what requests name, what answers are believed, and the way from bare keys.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use local::emulator::certificates::{IssueOptions, IssuedFiles, issue, issue_as};
use local::emulator::{
    AlipayEmulator, AnswerForm, AppCertificates, Apps, EmulatedApp, EmulatorConfig, ExchangeOutcome,
    GatewayFault,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey as _;
use serde_json::{Value, json};
use shared::model::authorization::Status;
use shared::model::claim::EXCHANGE_LEASE;
use shared::model::clock::UnixMillis;
use shared::protocol::alipay::app_keys::Holder;
use shared::protocol::alipay::gateway::{AlipayGateway, Exchange, GatewayError, read_answer};
use shared::registry::AlipayApp;
use shared::secrets::Document as _;
use shared::signing::alipay_certificate::{CertificateError, KeyCertificate, RootCertificates};
use tests::keys::{alipay, app, foreign, platform, private_pem, public_pem};
use tests::logs::Logs;
use tests::parties::{identified, signed};
use tests::server::serve;
use tests::world::{APP_ID, World};
use tokio::task::JoinSet;

/// Files of the app's key and of a key of Alipay's that is none of its bare ones.
fn files() -> &'static IssuedFiles {
    static FILES: OnceLock<IssuedFiles> = OnceLock::new();
    FILES.get_or_init(|| issue(app(), platform()).expect("issued"))
}

/// Those of another authority.
fn other_files() -> &'static IssuedFiles {
    static FILES: OnceLock<IssuedFiles> = OnceLock::new();
    FILES.get_or_init(|| issue(app(), foreign()).expect("issued"))
}

fn with_keys() -> Value {
    json!({"privateKey": private_pem(app()), "alipayPublicKeys": [public_pem(alipay())]})
}

fn with_certificates() -> Value {
    json!({
        "privateKey": private_pem(app()),
        "appCertificate": files().app,
        "alipayCertificates": [files().alipay],
        "alipayRootCertificates": files().roots,
    })
}

fn with_both() -> Value {
    let mut both = with_certificates();
    both["alipayPublicKeys"] = json!([public_pem(alipay())]);
    both
}

struct Rig {
    world: World,
    emulator: AlipayEmulator,
    _server: JoinSet<()>,
}

impl Rig {
    /// With this document of the app, whose owner has told Alipay of certificates, or not.
    async fn new(document: &Value, certified: bool) -> Self {
        let certificates = AppCertificates::read(files(), platform().clone()).expect("certificates");
        let known = EmulatedApp {
            app_id: APP_ID.to_owned(),
            public_key: app().to_public_key(),
            alipay_private_key: alipay().clone(),
            certificates: certified.then_some(certificates),
        };
        let config = EmulatorConfig { apps: Apps::one(known), redirect_uri_prefix: None };
        let emulator = AlipayEmulator::new(config);
        let (at, server) = serve(emulator.router()).await;
        let at = format!("{at}/gateway.do").parse().expect("a URL");
        let gateway = AlipayGateway::new(at, Duration::from_secs(8));
        let world = World::new().with_gateway(Arc::new(gateway));
        world.secrets.set(&format!("alipay-app/{APP_ID}"), document);
        Self { world, emulator, _server: server }
    }

    /// A user consents and comes back; the outcome.
    async fn consent(&self, serial_no: &str) -> String {
        let issued = self.world.link(serial_no).await;
        let code = self.emulator.mint_code(0);
        self.world.complete_return(&issued.state, &code).await.outcome
    }
}

/// An answer by `key` that names the certificate `sn`.
fn certified(key: &RsaPrivateKey, sn: &str) -> Bytes {
    let answer = signed(key, &json!({"open_id": "open-1"}));
    let answer = str::from_utf8(&answer).expect("text").strip_suffix('}').expect("an object").to_owned();
    Bytes::from(format!("{answer},\"alipay_cert_sn\":\"{sn}\"}}"))
}

fn sn_of(file: &str) -> String {
    KeyCertificate::parse(file).expect("a certificate").sn().to_owned()
}

fn flaw(document: &Value) -> String {
    AlipayApp::parse(&document.to_string()).err().map(|flaw| flaw.to_string()).unwrap_or_default()
}

#[tokio::test]
async fn requests_name_the_certificates_and_the_answers_certificate_is_believed() {
    for form in [None, Some(AnswerForm::CertSnFirst), Some(AnswerForm::NodeLast), Some(AnswerForm::Gbk)] {
        let rig = Rig::new(&with_certificates(), true).await;
        rig.emulator.set_forms(form.into_iter().collect::<Vec<_>>());
        assert_eq!(rig.consent("S1").await, "authorized", "{form:?}");
        let request = &rig.emulator.journal().after(0)[0].event.request;
        assert!(
            request.contains("app_cert_sn = ") && request.contains("alipay_root_cert_sn = "),
            "{request}"
        );
    }
}

#[tokio::test]
async fn while_an_app_moves_answers_of_both_kinds_are_believed() {
    for document in [with_keys(), with_both(), with_certificates()] {
        assert_eq!(Rig::new(&document, true).await.consent("S1").await, "authorized");
    }
    // Other roots than Alipay's present ones.
    let mut other = with_both();
    other["alipayCertificates"] = json!([other_files().alipay]);
    other["alipayRootCertificates"] = other_files().roots.clone().into();
    let rig = Rig::new(&other, true).await;
    assert_eq!(rig.consent("S1").await, "our-fault");
    let refused = ExchangeOutcome::Refused("isv.invalid-alipay-root-cert-sn");
    assert_eq!(rig.emulator.exchanges()[0].outcome, refused);
    // An answer of a bare key, which is beside the certificates or is not.
    let alone = AlipayApp::parse(&with_certificates().to_string()).expect("a document");
    let both = AlipayApp::parse(&with_both().to_string()).expect("a document");
    let now = World::new().now();
    let bare = signed(alipay(), &json!({"open_id": "open-1"}));
    let read = |app: &AlipayApp| read_answer(&bare, &app.alipay, now);
    assert_eq!(read(&both), identified("open-1"));
    assert_eq!(read(&alone), Exchange::Unknown(GatewayError::Signature(None)));
}

#[tokio::test]
async fn where_alipay_wants_certificates_bare_keys_are_refused() {
    for (document, outcome) in
        [(with_keys(), "our-fault"), (with_both(), "authorized"), (with_certificates(), "authorized")]
    {
        let rig = Rig::new(&document, true).await;
        rig.emulator.set_fault(GatewayFault::MissingAppCertSn);
        assert_eq!(rig.consent("S1").await, outcome);
    }
}

#[test]
fn whatever_an_answer_names_every_key_in_force_is_tried() {
    const NONE: &str = "";
    let (unfit, ended, foreign_sn) = (
        "certificate whose key does not fit",
        "certificate that is not in force",
        "certificate that is not in hand",
    );
    let [alone, both] = [with_certificates(), with_both()]
        .map(|document| AlipayApp::parse(&document.to_string()).expect("a document"));
    let (now, long_after) = (World::new().now(), UnixMillis(2_600_000_000_000));
    let (sn, apps_sn) = (sn_of(&files().alipay), sn_of(&files().app));
    let unknown = |error| Exchange::Unknown(error);
    for (app, key, named, at, expected, told) in [
        (&both, platform(), &*sn, now, identified("open-1"), NONE),
        (&both, alipay(), &sn, now, identified("open-1"), unfit),
        (&both, foreign(), &sn, now, unknown(GatewayError::Signature(None)), NONE),
        (&both, alipay(), "0a1b", now, identified("open-1"), foreign_sn),
        (&alone, alipay(), "0a1b", now, unknown(GatewayError::Certificate(None)), NONE),
        (&alone, platform(), &apps_sn, now, identified("open-1"), foreign_sn),
        (&alone, platform(), "", now, identified("open-1"), NONE),
        (&both, alipay(), "", now, identified("open-1"), NONE),
        (&alone, alipay(), "", now, unknown(GatewayError::Signature(None)), NONE),
        (&both, alipay(), &sn, long_after, identified("open-1"), ended),
        (&alone, platform(), &sn, long_after, unknown(GatewayError::Certificate(None)), NONE),
        (&both, platform(), &sn, long_after, unknown(GatewayError::Certificate(None)), NONE),
    ] {
        let logs = Logs::keep();
        assert_eq!(read_answer(&certified(key, named), &app.alipay, at), expected, "{named}");
        let text = logs.text();
        assert!(text.contains(told) && text.contains("Alipay names a") != told.is_empty(), "{named}: {text}");
    }
}

/// Alipay certifies the same key again when the old certificate ends, by a new number.
#[tokio::test]
async fn a_certificate_that_alipay_issues_again_for_the_same_key_costs_no_code() {
    let world = World::new();
    world.secrets.set(&format!("alipay-app/{APP_ID}"), &with_certificates());
    let again = issue(app(), platform()).expect("issued");
    let (sn, issued) = (sn_of(&again.alipay), world.link("S1").await);
    assert_ne!(sn, sn_of(&files().alipay));
    world.gateway.answer_with(certified(platform(), &sn));
    assert_eq!(world.complete_return(&issued.state, "codeA").await.outcome, "authorized");
}

#[tokio::test]
async fn a_certificate_that_is_new_at_alipay_is_looked_for_in_the_newest_document() {
    let world = World::new();
    let mut before = with_certificates();
    before["alipayCertificates"] = json!([other_files().alipay]);
    before["alipayRootCertificates"] = other_files().roots.clone().into();
    let name = format!("alipay-app/{APP_ID}");
    world.secrets.set(&name, &before);
    let (first, second) = (world.link("S1").await, world.link("S2").await);
    let answer = certified(platform(), &sn_of(&files().alipay));
    world.gateway.answer_with(answer.clone());
    assert_eq!(world.complete_return(&first.state, "codeA").await.outcome, "authorize-again");
    assert_eq!(world.record(&first.id).await.status(), Status::ExchangeUnknown);

    let mut beside = before.clone();
    beside["alipayCertificates"] = json!([other_files().alipay, files().alipay]);
    beside["alipayRootCertificates"] = format!("{}{}", other_files().roots, files().roots).into();
    world.secrets.set(&name, &beside);
    world.clock.advance(Duration::from_secs(10));
    world.gateway.answer_with(answer);
    assert_eq!(world.complete_return(&second.state, "codeB").await.outcome, "authorized");
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_an_alarm_and_sends_no_code() {
    let rig = Rig::new(&with_certificates(), true).await;
    // 2049-06-01, when the files have ended.
    rig.world.clock.advance(Duration::from_millis(2_505_772_800_000 - 1_795_305_600_000));
    let issued = rig.world.link("S1").await;
    let logs = Logs::keep();
    let shown = rig.world.complete_return(&issued.state, &rig.emulator.mint_code(0)).await;
    assert_eq!(shown.outcome, "unavailable");
    let text = logs.text();
    assert!(
        text.contains("the app's certificate is not valid") && text.contains("\"alarm\":\"keys\""),
        "{text}"
    );
    assert!(rig.emulator.exchanges().is_empty());
    assert_eq!(rig.world.record(&issued.id).await.status(), Status::Issued);
    // A newer document is read at once.
    rig.world.secrets.set(&format!("alipay-app/{APP_ID}"), &with_keys());
    rig.world.clock.advance(Duration::from_secs(10));
    assert_eq!(rig.consent("S2").await, "authorized");
}

#[test]
fn a_document_says_which_certificate_is_wrong_and_never_quotes_it() {
    let altered = |field: &str, value: Value| {
        let mut document = with_certificates();
        document[field] = value;
        flaw(&document)
    };
    assert_eq!(flaw(&with_certificates()), "");
    assert_eq!(flaw(&with_both()), "");
    for (field, value, expected) in [
        (
            "appCertificate",
            Value::Null,
            "appCertificate is missing: the three fields of certificates come together",
        ),
        (
            "alipayCertificates",
            json!([]),
            "alipayCertificates is missing: the three fields of certificates come together",
        ),
        (
            "alipayRootCertificates",
            Value::Null,
            "alipayRootCertificates is missing: the three fields of certificates come together",
        ),
        ("appCertificate", json!("MIIE"), "appCertificate is no PEM of certificates at line 1 column "),
        (
            "appCertificate",
            json!(private_pem(app())),
            "appCertificate is PEM of a private key, not of a certificate at line 1 column ",
        ),
        (
            "appCertificate",
            json!(files().alipay),
            "appCertificate is of another key than privateKey at line 1 column ",
        ),
        ("alipayCertificates", json!([files().app]), "alipayCertificates[0] does not lead to a root; "),
        (
            "alipayCertificates",
            json!([other_files().alipay]),
            "alipayCertificates[0] does not lead to a root; ",
        ),
        (
            "alipayCertificates",
            json!([format!("{}{}", files().app, issuer_of(&files().alipay))]),
            "alipayCertificates[0] is of our own privateKey; Alipay's belongs here at line 1 column ",
        ),
    ] {
        let flaw = altered(field, value);
        assert!(flaw.starts_with(expected), "{field}: {flaw}");
        assert!(!flaw.contains("MII"), "{flaw}");
    }
}

/// The certificates by these options, beside a bare key.
fn issued_as(options: IssueOptions) -> Value {
    let files = issue_as(app(), platform(), options).expect("issued");
    let mut document = with_both();
    document["appCertificate"] = files.app.into();
    document["alipayCertificates"] = json!([files.alipay]);
    document["alipayRootCertificates"] = files.roots.into();
    document
}

#[test]
fn a_certificate_holds_only_as_long_as_all_on_its_way_to_the_root() {
    const IN_2030: UnixMillis = UnixMillis(1_893_456_000_001);
    let as_alipays = IssueOptions::default();
    for (options, holder) in [
        (as_alipays, None),
        (IssueOptions { app_until: 2030, ..as_alipays }, Some(Holder::App)),
        (IssueOptions { alipay_until: 2030, ..as_alipays }, Some(Holder::Alipay)),
        (IssueOptions { issuer_until: 2030, ..as_alipays }, Some(Holder::Alipay)),
        (IssueOptions { root_until: 2030, ..as_alipays }, Some(Holder::Alipay)),
    ] {
        let app = AlipayApp::parse(&issued_as(options).to_string()).expect("a document");
        let out_of_validity = |at| app.out_of_validity(at).map(|found| found.holder);
        assert_eq!(out_of_validity(World::new().now()), None);
        assert_eq!(out_of_validity(UnixMillis(IN_2030.0 - 1)), None, "its last moment");
        assert_eq!(out_of_validity(IN_2030), holder);
        assert!(out_of_validity(UnixMillis(0)).is_some());
    }
}

fn in_pem(certificate: &rcgen::Certificate) -> String {
    let text = STANDARD.encode(certificate.der());
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

/// A certificate at the end of so many authorities between it and a root, with theirs behind it; and the root.
fn chain(authorities: usize) -> (String, String) {
    let pair = || {
        let key = foreign().to_pkcs8_der().expect("encodes");
        KeyPair::try_from(key.as_bytes()).expect("a key")
    };
    let named = |number: usize| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        params
    };
    let root = in_pem(&named(0).self_signed(&pair()).expect("signs"));
    let below = |number| {
        let issuer = Issuer::new(named(number), pair());
        in_pem(&named(number + 1).signed_by(&pair(), &issuer).expect("signs"))
    };
    ((0..=authorities).rev().map(below).collect(), root)
}

#[test]
fn a_way_to_the_root_has_four_certificates_at_most_and_no_loop() {
    for (authorities, leads) in [(0, true), (1, true), (3, true), (4, false)] {
        let (file, root) = chain(authorities);
        let roots = RootCertificates::parse(&root).expect("a root");
        assert_eq!(KeyCertificate::parse_with_chain(&file, &roots).is_ok(), leads, "{authorities}");
    }
    // The authority behind it has signed itself, and is no root that is trusted.
    let (file, its_own) = chain(0);
    let others = RootCertificates::parse(&files().roots).expect("roots");
    let led = KeyCertificate::parse_with_chain(&format!("{file}{its_own}"), &others);
    assert_eq!(led.err(), Some(CertificateError::NoRoot));
}

#[test]
fn an_issuer_that_is_no_authority_and_another_algorithm_lead_nowhere() {
    let as_alipays = IssueOptions::default();
    assert_eq!(flaw(&issued_as(as_alipays)), "");
    for options in [
        IssueOptions { issuer_is_authority: false, ..as_alipays },
        IssueOptions { algorithm: &rcgen::PKCS_RSA_SHA384, ..as_alipays },
    ] {
        let flaw = flaw(&issued_as(options));
        assert!(flaw.starts_with("alipayCertificates[0] does not lead to a root; "), "{flaw}");
    }
}

#[tokio::test]
async fn while_alipays_certificates_have_ended_no_code_is_sent_even_with_bare_keys_beside() {
    let world = World::new();
    let document = issued_as(IssueOptions { alipay_until: 2026, ..IssueOptions::default() });
    world.secrets.set(&format!("alipay-app/{APP_ID}"), &document);
    let (issued, logs) = (world.link("S1").await, Logs::keep());
    assert_eq!(world.complete_return(&issued.state, "codeA").await.outcome, "unavailable");
    assert!(logs.text().contains("Alipay's certificate is not valid"), "{}", logs.text());
    assert_eq!(world.gateway.codes(), [] as [&str; 0]);
    assert_eq!(world.record(&issued.id).await.status(), Status::Issued);
}

#[tokio::test]
async fn a_certificate_that_ends_within_an_exchange_has_ended_before_it() {
    /// 2049-01-01, when the files end.
    const END: UnixMillis = UnixMillis(2_493_072_000_000);
    let second = Duration::from_secs(1);
    for (before, outcome) in
        [(EXCHANGE_LEASE + second, "authorized"), (EXCHANGE_LEASE - second, "unavailable")]
    {
        let rig = Rig::new(&with_certificates(), true).await;
        rig.world.clock.set(END - before);
        assert_eq!(rig.consent("S1").await, outcome, "{before:?}");
        assert_eq!(rig.emulator.exchanges().len(), usize::from(outcome == "authorized"));
    }
}

#[tokio::test]
async fn what_a_link_has_come_to_is_told_whatever_the_certificates() {
    let world = World::new();
    let name = format!("alipay-app/{APP_ID}");
    world.secrets.set(&name, &with_keys());
    let settled = world.link("S1").await;
    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&settled.state, "codeA").await.outcome, "authorized");
    let open = world.link("S2").await;
    let ended = issued_as(IssueOptions { app_until: 2026, ..IssueOptions::default() });
    world.secrets.set(&name, &ended);
    world.clock.advance(Duration::from_mins(5));
    let outcome = async |state: &str, code| world.complete_return(state, code).await.outcome;
    let logs = Logs::keep();
    assert_eq!(outcome(&settled.state, "codeA").await, "authorized", "a reload");
    assert_eq!(outcome(&settled.state, "codeB").await, "already-used");
    let unknown = format!("{}{}", "0".repeat(32), &open.state[32..]);
    assert_eq!(outcome(&unknown, "codeC").await, "unknown-link");
    assert!(!logs.text().contains("\"alarm\":\"keys\""), "{}", logs.text());
    assert_eq!(outcome(&open.state, "codeD").await, "unavailable");
    assert!(logs.text().contains("\"alarm\":\"keys\""), "{}", logs.text());
    world.clock.advance(Duration::from_hours(24 * 8));
    assert_eq!(outcome(&open.state, "codeE").await, "expired");
    assert_eq!(world.gateway.codes(), ["codeA"]);
}

/// The second certificate of a file.
fn issuer_of(file: &str) -> String {
    file.split_inclusive("-----END CERTIFICATE-----").nth(1).expect("two certificates").to_owned()
}
