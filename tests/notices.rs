//! What is told of a link besides its openId: that it was opened, refused, or ended without a consent; and the way back
//! from its result page.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderMap, Request, Response};
use local::operate::summary::summary;
use openid_callback::SIGN_WITHIN;
use openid_delivery::Step;
use serde_json::{Value, json};
use shared::model::authorization::Status;
use shared::model::clock::UnixMillis;
use shared::model::id::AuthorizationId;
use shared::signing::open_api::{AuthHeaders, VerificationKeys};
use shared::signing::rsa::VerifyingKey;
use shared::store::Settled;
use shared::web::client_info::ClientInfo;
use tests::flaky::{Failure, FlakyStore};
use tests::keys::{callback, public_pem};
use tests::parties::identified;
use tests::request::{LinkCall, link_body};
use tests::rpc::{Protocol, RpcCall};
use tests::world::{APP_ID, Issued, Shown, World, business, scheme};
use url::Url;

const CALLBACK: &str = "https://merchant.example.com/cb";

/// A world whose business has these fields besides its own.
fn world(fields: &Value) -> World {
    let world = World::new();
    let mut document = business();
    document["defaultCallbackUrl"] = CALLBACK.into();
    for (name, value) in fields.as_object().expect("fields") {
        document[name] = value.clone();
    }
    world.secrets.set("business/B1", &document);
    world
}

async fn refuse(world: &World, issued: &Issued) -> Shown {
    world.browse(&format!("app_id={APP_ID}&source=alipay_wallet&state={}", issued.state)).await
}

fn bodies(world: &World) -> Vec<String> {
    world.merchant.posts().iter().map(|post| String::from_utf8(post.body.to_vec()).expect("text")).collect()
}

async fn events(world: &World, serial_no: &str) -> Vec<String> {
    let told = world.told(serial_no).await;
    let timeline = told["timeline"].as_array().expect("a timeline").clone();
    timeline.iter().map(|happened| happened["event"].as_str().expect("a word").to_owned()).collect()
}

#[tokio::test]
async fn a_refusal_is_told_once_and_the_openid_after_it_as_ever() {
    let world = world(&json!({"notifyRefusals": true}));
    let issued = world.link("S1").await;
    let at = world.now();
    for _ in 0..3 {
        assert_eq!(refuse(&world, &issued).await.outcome, "not-authorized");
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(world.drain().await, [Step::Delivered]);
    let told = format!(
        r#"{{"serialNo":"S1","userId":"user-1","merchantId":"M1","businessId":"B1","result":"REFUSED","resultTime":{at}}}"#
    );
    assert_eq!(bodies(&world), std::slice::from_ref(&told));
    assert_eq!(events(&world, "S1").await, ["REQUESTED", "LINK_ISSUED", "REFUSED"]);
    assert_eq!(world.told("S1").await["state"], "ISSUED");

    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&issued.state, "codeA").await.outcome, "authorized");
    assert_eq!(world.drain().await, [Step::Delivered]);
    let openid = format!(
        r#"{{"serialNo":"S1","userId":"user-1","merchantId":"M1","businessId":"B1","openId":"open-1","authTime":{}}}"#,
        world.now()
    );
    assert_eq!(bodies(&world), [told, openid]);
    assert_eq!(
        events(&world, "S1").await,
        ["REQUESTED", "LINK_ISSUED", "REFUSED", "AUTHORIZED", "DELIVERED"]
    );
    assert_eq!(refuse(&world, &issued).await.outcome, "already-used");
    assert!(world.drain().await.is_empty(), "a refusal after a consent is none");
}

#[tokio::test]
async fn who_does_not_ask_hears_of_openids_alone() {
    let world = world(&json!({}));
    let issued = world.link("S1").await;
    refuse(&world, &issued).await;
    world.clock.advance(Duration::from_hours(25));
    assert!(world.sweep_and_drain().await.is_empty());
    assert_eq!(events(&world, "S1").await, ["REQUESTED", "LINK_ISSUED", "REFUSED", "EXPIRED"]);
}

#[tokio::test]
async fn a_refusal_notice_that_fails_is_tried_again_and_holds_up_no_openid() {
    let world = world(&json!({"notifyRefusals": true}));
    let issued = world.link("S1").await;
    world.merchant.answer(shared::model::delivery_outcome::DeliveryOutcome::Status(500));
    refuse(&world, &issued).await;
    assert!(matches!(world.drain().await[..], [Step::Failed(_)]));
    world.gateway.answer(identified("open-1"));
    world.complete_return(&issued.state, "codeA").await;
    assert_eq!(world.drain().await, [Step::Delivered]);
    assert_eq!(world.record(&issued.id).await.status(), Status::Delivered);
    world.clock.advance(Duration::from_secs(20));
    assert_eq!(world.drain().await, [Step::Delivered], "the notice's second attempt");
    assert!(bodies(&world)[2].contains(r#""result":"REFUSED""#));
}

#[tokio::test]
async fn a_stranger_without_the_whole_state_brings_nothing_about() {
    let world = world(&json!({"notifyRefusals": true, "merchantName": "示例商家"}));
    let issued = world.link("S1").await;
    let guessed = format!("{}{}", issued.id, "0".repeat(32));
    let shown = world.browse(&format!("app_id={APP_ID}&state={guessed}")).await;
    assert_eq!(shown.outcome, "unknown-link");
    assert!(!shown.html.contains("示例商家"));
    assert!(world.drain().await.is_empty());
    assert_eq!(world.record(&issued.id).await.refused_at, None);
}

#[tokio::test]
async fn a_link_that_ended_is_told_by_the_sweep_and_a_late_openid_comes_all_the_same() {
    let world = world(&json!({"notifyExpired": true, "linkLifetimeSecs": 600}));
    let (ended, used) = (world.link("S1").await, world.authorized("S2", "open-2").await);
    assert_eq!(world.drain().await, [Step::Delivered]);
    let over = world.now() + Duration::from_mins(10);
    world.clock.advance(Duration::from_mins(9));
    assert!(world.sweep_and_drain().await.is_empty(), "it lives yet");
    world.clock.advance(Duration::from_mins(2));
    assert_eq!(world.sweep_and_drain().await, [Step::Delivered]);
    assert!(world.sweep_and_drain().await.is_empty(), "once");
    let bodies = bodies(&world);
    assert_eq!(bodies.len(), 2, "{bodies:?}");
    assert!(bodies[1].contains(&format!(r#""result":"EXPIRED","resultTime":{over}"#)), "{}", bodies[1]);
    assert_eq!(world.record(&used.id).await.status(), Status::Delivered);
    assert_eq!(world.record(&ended.id).await.status(), Status::Issued);
}

/// Opens the page behind a link of `GetAuthorizationUrl`.
async fn open(world: &World, link: &str, user_agent: &str) -> Response<Bytes> {
    let uri = link.parse::<http::Uri>().expect("a link");
    let request = Request::get(uri.path_and_query().expect("a path").as_str())
        .header("user-agent", user_agent)
        .extension(ClientInfo { origin: Url::parse("https://links.example.com").ok(), ..Default::default() })
        .body(Bytes::new())
        .expect("a request");
    world.authorization_url.handle(&request).await
}

#[tokio::test]
async fn the_first_opening_of_a_page_is_in_the_record_and_told_to_an_operator() {
    let world = World::new();
    let link = world.call(&RpcCall::new(Protocol::V3, world.now())).await.link.expect("a link");
    let opened = world.now();
    for _ in 0..2 {
        let shown = Shown::read(&open(&world, &link, "Mozilla/5.0 (iPhone) Mobile/15E148").await);
        world.clock.advance(Duration::from_secs(7));
        let reference = shown.html.split("data-reference=\"").nth(1).and_then(|rest| rest.split('"').next());
        let id = AuthorizationId::parse(reference.expect("a reference")).expect("an id");
        let record = world.record(&id).await;
        assert_eq!(record.opened_at, Some(opened));
        let told = summary(&record, world.now());
        assert_eq!((&told["openedAt"], &told["refusedAt"]), (&json!(opened), &Value::Null));
    }
}

/// A link of scheme 234, which has these fields besides its own, followed into Alipay's app: the call's requestId, the
/// authorization, and the state that comes back.
async fn followed_scheme_link(world: &World, fields: &Value) -> (String, AuthorizationId, String) {
    let mut document = scheme();
    document["callbackUrl"] = CALLBACK.into();
    for (name, value) in fields.as_object().expect("fields") {
        document[name] = value.clone();
    }
    world.secrets.set("scheme/234", &document);
    let answer = world.call(&RpcCall::new(Protocol::V3, world.now())).await;
    let opened = open(world, &answer.link.expect("a link"), "AlipayClient/10.6").await;
    let location = opened.headers()[LOCATION].to_str().expect("text").parse().expect("an address");
    let state = tests::request::state_of(&location);
    let id = AuthorizationId::parse(&state[..32]).expect("an id");
    (answer.request_id, id, state)
}

#[tokio::test]
async fn a_scheme_is_told_of_a_refusal_and_an_end_by_its_own_fields() {
    let world = World::new();
    let fields = json!({"notifyRefusals": true, "notifyExpired": true, "linkLifetimeSecs": 600});
    let (request_id, id, state) = followed_scheme_link(&world, &fields).await;
    let refused = world.now();
    for _ in 0..2 {
        let shown = world.browse(&format!("app_id={APP_ID}&state={state}")).await;
        assert_eq!(shown.outcome, "not-authorized");
    }
    assert_eq!(world.drain().await, [Step::Delivered]);
    let over = world.record(&id).await.link_ends_at();
    world.clock.advance(Duration::from_mins(11));
    assert_eq!(world.sweep_and_drain().await, [Step::Delivered]);
    let notice = |result: &str, at: UnixMillis| {
        format!(
            r#"{{"requestId":"{request_id}","bizId":"{id}","schemeId":234,"phoneTail":"1234","result":"{result}","resultTime":{at}}}"#
        )
    };
    assert_eq!(bodies(&world), [notice("REFUSED", refused), notice("EXPIRED", over)]);
    for post in world.merchant.posts() {
        let headers = HeaderMap::try_from(&post.headers).expect("headers");
        let headers = AuthHeaders::read(&headers).expect("ours");
        assert!(headers.verify(&post.body, &ours()).is_ok());
        assert_eq!(post.headers["businessid"], "1001", "the account's id");
    }
    let told = summary(&world.record(&id).await, world.now());
    assert_eq!(told["refusedAt"], json!(refused));
}

#[tokio::test]
async fn a_scheme_that_does_not_ask_hears_of_openids_alone() {
    let world = World::new();
    let (_, _, state) = followed_scheme_link(&world, &json!({})).await;
    world.browse(&format!("app_id={APP_ID}&state={state}")).await;
    world.clock.advance(Duration::from_hours(25));
    assert!(world.sweep_and_drain().await.is_empty());
    assert!(world.merchant.posts().is_empty());
}

/// The address of the button that leads back.
fn way_back(html: &str) -> Url {
    let start = html.find("https://shop.example.com/").expect("a way back");
    let address = html[start..].split('"').next().expect("an attribute").replace("&amp;", "&");
    Url::parse(&address).expect("an address")
}

/// What a merchant checks: the text up to the headers' parameters, with these as headers.
fn verifies(back: &Url, keys: &VerificationKeys) -> bool {
    let query = back.query().expect("a query");
    let start = query.find("serialNo=").or_else(|| query.find("requestId=")).expect("what it is known by");
    let end = query.find("&businessid=").expect("the headers");
    let mut headers = HeaderMap::new();
    for (name, value) in url::form_urlencoded::parse(&query.as_bytes()[end + 1..]) {
        let name: http::HeaderName = name.parse().expect("a header");
        headers.insert(name, value.parse().expect("a value"));
    }
    let headers = AuthHeaders::read(&headers).expect("headers");
    headers.verify(&query.as_bytes()[start..end], keys).is_ok()
}

fn ours() -> VerificationKeys {
    VerificationKeys {
        rsa: vec![VerifyingKey::parse(&public_pem(callback())).expect("a key")],
        md5: Vec::new(),
    }
}

const SHOP: &str = "https://shop.example.com";

#[tokio::test]
async fn the_result_page_leads_back_with_a_signed_hint() {
    let world = world(
        &json!({"returnUrls": [SHOP], "returnUrl": format!("{SHOP}/done?lang=zh"), "merchantName": "示例商家"}),
    );
    let refused = world.link("S1").await;
    let shown = refuse(&world, &refused).await;
    assert!(shown.html.contains("示例商家") && shown.html.contains("Authorize again"));
    let back = way_back(&shown.html);
    assert!(back.query().expect("a query").starts_with("lang=zh&serialNo=S1&result=REFUSED&"), "{back}");
    assert!(verifies(&back, &ours()));
    let forged: Url = back.as_str().replace("REFUSED", "AUTHORIZED").parse().expect("an address");
    assert!(!verifies(&forged, &ours()), "a result that somebody changed");

    let own = LinkCall::with_body(
        &{
            let mut body = link_body("S2");
            body["returnUrl"] = format!("{SHOP}/order/2").into();
            body
        },
        world.now(),
    );
    let link = world.ask(&own).await.expect_link();
    world.gateway.answer(identified("open-1"));
    let shown = world.complete_return(&tests::request::state_of(&link), "codeB").await;
    let back = way_back(&shown.html);
    assert!(back.as_str().starts_with("https://shop.example.com/order/2?serialNo=S2&result=AUTHORIZED&"));
    assert!(verifies(&back, &ours()));
    assert!(!shown.html.contains("open-1"));
}

#[tokio::test]
async fn a_scheme_is_led_back_to_by_the_requestid_of_its_call() {
    let world = World::new();
    let terms =
        json!({"returnUrls": [SHOP], "returnUrl": format!("{SHOP}/done"), "merchantName": "示例商家"});
    let (request_id, _, state) = followed_scheme_link(&world, &terms).await;
    let refused = world.browse(&format!("app_id={APP_ID}&state={state}")).await;
    world.gateway.answer(identified("open-1"));
    let authorized = world.complete_return(&state, "codeA").await;
    for (shown, result) in [(refused, "REFUSED"), (authorized, "AUTHORIZED")] {
        assert!(shown.html.contains("示例商家"));
        let back = way_back(&shown.html);
        let said = format!("{SHOP}/done?requestId={request_id}&result={result}&businessid=1001&");
        assert!(back.as_str().starts_with(&said), "{back}");
        assert!(verifies(&back, &ours()));
        let forged = back.as_str().replace(&request_id, "8906582E-6722-4E2A-9C3B-0A1B2C3D4E5F");
        assert!(
            !verifies(&forged.parse().expect("an address"), &ours()),
            "a requestId that somebody changed"
        );
    }
}

/// A tag by a shared key would let every user try keys against it.
#[tokio::test]
async fn a_business_of_md5_alone_gets_its_way_back_signed_by_our_key() {
    let world = world(&json!({"publicKeys": [], "returnUrls": [SHOP], "returnUrl": format!("{SHOP}/done")}));
    let link = world.ask(&LinkCall::new("S1", world.now()).by_md5()).await.expect_link();
    let shown = world.browse(&format!("app_id={APP_ID}&state={}", tests::request::state_of(&link))).await;
    let back = way_back(&shown.html);
    assert!(verifies(&back, &ours()));
    assert!(!back.as_str().contains("signtype"), "{back}");
    assert_eq!(world.secrets.fetches("business/B1"), 1, "by the link alone");
}

#[tokio::test]
async fn a_way_back_is_not_signed_when_the_request_has_no_time_left_for_the_key() {
    let milli = Duration::from_millis(1);
    for (late, is_signed) in [(SIGN_WITHIN - milli, true), (SIGN_WITHIN, false)] {
        let world = world(&json!({"returnUrls": [SHOP], "returnUrl": format!("{SHOP}/done")}));
        let issued = world.link("S1").await;
        let let_go = world.gateway.answer_later();
        let (shown, ()) = tokio::join!(world.complete_return(&issued.state, "codeA"), async {
            world.gateway.asked(1).await;
            world.clock.advance(late);
            let_go.send(identified("open-1")).expect("someone waits");
        });
        assert_eq!(shown.outcome, "authorized");
        assert_eq!(way_back(&shown.html).query().is_some(), is_signed, "{late:?}");
        assert_eq!(world.secrets.fetches("callback-key"), u32::from(is_signed));
    }
}

#[tokio::test]
async fn nobody_is_led_back_as_authorized_by_the_consent_of_another() {
    let world = world(&json!({"returnUrls": [SHOP], "returnUrl": format!("{SHOP}/done")}));
    let issued = world.link("S1").await;
    let let_go = world.gateway.answer_later();
    let (shown, ()) = tokio::join!(world.complete_return(&issued.state, "codeA"), async {
        world.gateway.asked(1).await;
        // Meanwhile another process, once the lease was over, has recorded somebody.
        let settlement = tests::contract::settlement("S1", "open-1", "s");
        let settled = world.deps.callback.store.settle(&settlement).await;
        assert_eq!(settled, Ok(Settled::Recorded));
        let_go.send(identified("open-2")).expect("someone waits");
    });
    assert_eq!(shown.outcome, "another-user");
    assert_eq!(way_back(&shown.html).as_str(), format!("{SHOP}/done"));
    let shown = world.complete_return(&issued.state, "codeB").await;
    assert_eq!(shown.outcome, "already-used");
    assert_eq!(way_back(&shown.html).as_str(), format!("{SHOP}/done"));
}

#[tokio::test]
async fn who_cancels_is_told_so_though_it_cannot_be_noted() {
    let mut world = world(&json!({"notifyRefusals": true}));
    let issued = world.link("S1").await;
    // Each write is tried twice: first the notice fails, then the refusal.
    let twice = Failure::NotDone;
    let flaky = FlakyStore::new(world.store.clone(), &[twice, twice, Failure::None, twice, twice]);
    world.deps.callback.store = Arc::new(flaky);
    world.rebuild();
    for notices in [0, 1] {
        let shown = refuse(&world, &issued).await;
        assert_eq!((shown.http_status, shown.outcome.as_str()), (200, "not-authorized"));
        assert_eq!(world.record(&issued.id).await.refused_at, None);
        assert_eq!(world.drain().await.len(), notices);
    }
    refuse(&world, &issued).await;
    assert_eq!(world.record(&issued.id).await.refused_at, Some(world.now()));
    assert!(world.drain().await.is_empty(), "told once");
}

#[tokio::test]
async fn a_way_back_to_elsewhere_is_refused_and_names_its_field() {
    let world = world(&json!({"returnUrls": [SHOP]}));
    for elsewhere in [
        "https://other.example.com/",
        "https://shop.example.com@evil.example/",
        "javascript:alert(1)",
        "https://shop.example.com/#paid",
        "https://shop.example.com/?result=AUTHORIZED",
        &format!("{SHOP}/{}", "a".repeat(4_096)),
    ] {
        let mut body = link_body("S1");
        body["returnUrl"] = elsewhere.into();
        let answer = world.ask(&LinkCall::with_body(&body, world.now())).await;
        assert_eq!(answer.status, 3, "{elsewhere}");
        assert!(answer.message.contains("returnUrl"), "{}", answer.message);
    }
}
