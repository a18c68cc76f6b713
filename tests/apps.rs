//! More than one app at Alipay: a link, its return and its exchange are of one app, whatever became of the documents
//! meanwhile.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use local::emulator::{AlipayEmulator, Apps, EmulatedApp, EmulatorConfig, TEST_USERS};
use rsa::RsaPrivateKey;
use serde_json::{Value, json};
use shared::model::authorization::Status;
use shared::protocol::alipay::gateway::AlipayGateway;
use tests::keys::{alipay, app, foreign, platform, private_pem, public_pem};
use tests::logs::Logs;
use tests::parties::identified;
use tests::request::LinkCall;
use tests::rpc::{Protocol, RpcCall};
use tests::server::serve;
use tests::world::{APP_ID, Issued, World, business, scheme};
use tokio::task::JoinSet;

/// The app of its own that a merchant has.
const OWN: &str = "2021000000000002";

/// Both apps at the emulator, each with a key of its own there, and as documents.
struct Two {
    world: World,
    emulator: AlipayEmulator,
    _server: JoinSet<()>,
}

fn emulated(app_id: &str, ours: &RsaPrivateKey, alipays: &RsaPrivateKey) -> EmulatedApp {
    let (public_key, alipay_private_key) = (ours.to_public_key(), alipays.clone());
    EmulatedApp { app_id: app_id.to_owned(), public_key, alipay_private_key, certificates: None }
}

fn document(ours: &RsaPrivateKey, alipays: &RsaPrivateKey) -> Value {
    json!({"privateKey": private_pem(ours), "alipayPublicKeys": [public_pem(alipays)]})
}

impl Two {
    async fn new() -> Self {
        let apps = vec![emulated(APP_ID, app(), alipay()), emulated(OWN, platform(), foreign())];
        let apps = Apps { started_with: apps, documents: None };
        let emulator = AlipayEmulator::new(EmulatorConfig { apps, redirect_uri_prefix: None });
        let (at, server) = serve(emulator.router()).await;
        let at = format!("{at}/gateway.do").parse().expect("a URL");
        let gateway = AlipayGateway::new(at, Duration::from_secs(8));
        let world = World::new().with_gateway(Arc::new(gateway));
        world.secrets.set(&format!("alipay-app/{OWN}"), &document(platform(), foreign()));
        Self { world, emulator, _server: server }
    }

    /// Business B1 has this app for its links from now on.
    fn links_are_of(&self, app_id: &str) {
        let mut business = business();
        business["alipayApp"] = app_id.into();
        self.world.secrets.set("business/B1", &business);
        self.world.clock.advance(Duration::from_mins(5));
    }

    /// A user consents to `app_id` and comes back to a link.
    async fn consent(&self, app_id: &str, issued: &Issued) -> String {
        let code = self.emulator.mint_code_for(app_id, 0);
        self.world.complete_return_for(app_id, &issued.state, &code).await.outcome
    }

    async fn open_id(&self, issued: &Issued) -> String {
        let record = self.world.record(&issued.id).await;
        let open_id = record.identity().and_then(|identity| identity.open_id().cloned()).expect("an openId");
        open_id.reveal().to_owned()
    }
}

fn app_of(link: &url::Url) -> String {
    let (_, app) = link.query_pairs().find(|(name, _)| name == "app_id").expect("an app");
    app.into_owned()
}

#[tokio::test]
async fn a_business_with_an_app_of_its_own_learns_the_open_ids_of_that_app() {
    let two = Two::new().await;
    let ours = two.world.link("S1").await;
    two.links_are_of(OWN);
    let its = two.world.link("S2").await;
    assert_eq!([&ours, &its].map(|issued| app_of(&issued.link)), [APP_ID, OWN]);
    assert_eq!(two.world.record(&its.id).await.source.to_string(), format!("alipay:{OWN}"));

    assert_eq!(two.consent(OWN, &its).await, "authorized");
    assert_eq!(two.open_id(&its).await, TEST_USERS[0].open_id_for(OWN));
    // The document names another app by now; the link that was made before is the first one's.
    assert_eq!(two.consent(APP_ID, &ours).await, "authorized");
    assert_eq!(two.open_id(&ours).await, TEST_USERS[0].open_id);
    assert_eq!(
        two.world.secrets.fetches(&format!("alipay-app/{OWN}")),
        1,
        "one look-up each, as for one app"
    );
    assert_eq!(two.world.secrets.fetches(&format!("alipay-app/{APP_ID}")), 1);
}

#[tokio::test]
async fn a_scheme_with_an_app_of_its_own_has_links_of_it() {
    let two = Two::new().await;
    let mut scheme = scheme();
    scheme["alipayApp"] = OWN.into();
    two.world.secrets.set("scheme/234", &scheme);
    let answer = two.world.call(&RpcCall::new(Protocol::V3, two.world.now())).await;
    let page: url::Url = answer.link.expect("a link").parse().expect("a URL");
    let request = Request::get(format!("{}?{}", page.path(), page.query().expect("a token")))
        .header("user-agent", "Mozilla/5.0 (iPhone) AlipayClient/10.6.0")
        .body(Bytes::new())
        .expect("a request");
    let opened = two.world.authorization_url.handle(&request).await;
    let leads_to = opened.headers()["location"].to_str().expect("text").parse().expect("a URL");
    assert_eq!(app_of(&leads_to), OWN);
}

#[tokio::test]
async fn a_return_for_another_app_than_the_links_is_none_of_ours_and_sends_no_code() {
    let two = Two::new().await;
    two.links_are_of(OWN);
    let issued = two.world.link("S1").await;
    let code = two.emulator.mint_code_for(APP_ID, 0);
    let shown = two.world.complete_return_for(APP_ID, &issued.state, &code).await;
    assert_eq!((shown.http_status, shown.outcome.as_str()), (404, "unknown-link"));
    let refused = format!("app_id={APP_ID}&source=alipay_wallet&state={}", issued.state);
    assert_eq!(two.world.browse(&refused).await.outcome, "unknown-link");
    assert!(two.emulator.exchanges().is_empty(), "app A's key never meets a code for app B's link");
    let record = two.world.record(&issued.id).await;
    assert_eq!((record.status(), record.codes.len(), record.refused_at), (Status::Issued, 0, None));
    assert_eq!(two.consent(OWN, &issued).await, "authorized");
}

#[tokio::test]
async fn an_answer_is_believed_by_the_key_of_its_own_app_alone() {
    let two = Two::new().await;
    two.links_are_of(OWN);
    two.world.secrets.set(&format!("alipay-app/{OWN}"), &document(platform(), alipay()));
    let issued = two.world.link("S1").await;
    assert_eq!(
        two.consent(OWN, &issued).await,
        "authorize-again",
        "Alipay signs this app's with another key"
    );
    assert_eq!(two.world.record(&issued.id).await.status(), Status::ExchangeUnknown);
}

#[tokio::test]
async fn an_app_without_a_document_is_an_alarm_if_a_link_is_its_and_nothing_if_somebody_made_it_up() {
    let two = Two::new().await;
    two.links_are_of(OWN);
    let issued = two.world.link("S1").await;
    two.world.secrets.delete(&format!("alipay-app/{OWN}"));
    let logs = Logs::keep();
    for made_up in ["13912345678", APP_ID] {
        let shown = two.world.complete_return_for(made_up, &issued.state, "codeA").await;
        assert_eq!(shown.outcome, "unknown-link");
    }
    let state = format!("{}{}", issued.id, "5".repeat(32));
    assert_eq!(two.world.complete_return_for(OWN, &state, "codeA").await.outcome, "unknown-link");
    let text = logs.text();
    assert!(!text.contains("13912345678") && !text.contains("\"alarm\""), "{text}");

    assert_eq!(two.consent(OWN, &issued).await, "unavailable");
    let text = logs.text();
    assert!(text.contains(&format!("alipay-app/{OWN}")) && text.contains("\"alarm\":\"keys\""), "{text}");
    assert!(two.world.record(&issued.id).await.codes.is_empty(), "the code is unspent");
    two.world.secrets.set(&format!("alipay-app/{OWN}"), &document(platform(), foreign()));
    two.world.clock.advance(Duration::from_secs(30));
    assert_eq!(two.consent(OWN, &issued).await, "authorized");
}

#[tokio::test]
async fn a_flood_of_made_up_apps_keeps_no_user_of_a_real_one_out() {
    let two = Two::new().await;
    two.links_are_of(OWN);
    let issued = two.world.link("S1").await;
    for made_up in 0..60 {
        let app_id = format!("30000000{made_up}");
        let shown = two.world.complete_return_for(&app_id, &issued.state, "codeA").await;
        assert_eq!(shown.outcome, "unknown-link");
    }
    assert_eq!(two.world.secrets.fetches("alipay-app/3000000059"), 0, "the limit is reached");
    assert_eq!(two.consent(OWN, &issued).await, "authorized");
}

#[tokio::test]
async fn a_repeated_request_gets_its_old_link_though_its_business_has_another_app_now() {
    let world = World::new();
    let issued = world.link("S1").await;
    let mut business = business();
    business["alipayApp"] = OWN.into();
    world.secrets.set("business/B1", &business);
    world.clock.advance(Duration::from_mins(5));
    let repeated = world.ask(&LinkCall::new("S1", world.now())).await;
    assert_eq!(repeated.link.expect("the old one").as_str(), issued.link.as_str());
    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&issued.state, "codeA").await.outcome, "authorized");
}
