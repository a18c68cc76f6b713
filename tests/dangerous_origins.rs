//! Origins that a deployment exempts from every rule about addresses: documents that name them are read, links are made
//! by them, and callbacks and users go there.

use openid_delivery::Step;
use serde_json::{Value, json};
use shared::egress::callback_url::{CallbackRules, Origin};
use shared::model::id::AuthorizationId;
use tests::logs::Logs;
use tests::parties::identified;
use tests::request::{LinkCall, link_body, state_of};
use tests::rpc::{Protocol, RpcCall};
use tests::world::{World, business, scheme};

const CALLBACK: &str = "http://merchant:8080/cb";
const RETURN: &str = "http://merchant:8080/done";
const ORIGIN: &str = "http://merchant:8080";

/// A world whose business and scheme call back to, and lead back to, a name of a private network; exempt or not.
fn world(exempt: bool) -> World {
    let mut world = World::new();
    let mut document = business();
    document["defaultCallbackUrl"] = CALLBACK.into();
    world.secrets.set("business/B1", &document);
    let mut document = scheme();
    document["returnUrls"] = json!([ORIGIN]);
    document["returnUrl"] = RETURN.into();
    world.secrets.set("scheme/234", &document);
    if exempt {
        let dangerous_origins = vec![Origin::parse(ORIGIN).expect("an origin")];
        let rules = CallbackRules { dangerous_origins, ..CallbackRules::default() };
        world.deps.auth_url.callbacks = rules.clone();
        world.deps.authorization_url.callbacks = rules.clone();
        world.deps.query.callbacks = rules.clone();
        world.deps.delivery.callbacks = rules;
        world.rebuild();
    }
    world
}

#[tokio::test]
async fn a_document_that_calls_back_to_an_exempt_origin_is_one() {
    let world = world(true);
    let mut body = link_body("S1");
    body.as_object_mut().expect("fields").remove("callbackUrl");
    let link = world.ask(&LinkCall::with_body(&body, world.now())).await.expect_link();
    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&state_of(&link), "codeA").await.outcome, "authorized");
    assert_eq!(world.drain().await, [Step::Delivered]);
    assert_eq!(world.merchant.posts()[0].url, CALLBACK);
    assert_eq!(world.told("S1").await["state"], "DELIVERED");
}

#[tokio::test]
async fn a_document_that_calls_back_by_plain_http_is_an_operators_to_mend() {
    let world = world(false);
    let logs = Logs::keep();
    for call in [LinkCall::new("S1", world.now()), LinkCall::new("S2", world.now())] {
        assert_eq!(world.ask(&call).await.status, 1);
    }
    let text = logs.text();
    assert_eq!(text.matches(r#""code":"account_misconfigured""#).count(), 2, "{text}");
    assert!(text.contains("defaultCallbackUrl must be https, not http at line 1 column "), "{text}");
    assert_eq!(text.matches(r#""alarm":"keys""#).count(), 1, "once for the version: {text}");
}

#[tokio::test]
async fn a_scheme_leads_back_to_an_exempt_origin_and_what_is_left_out_is_logged() {
    for exempt in [true, false] {
        let logs = Logs::keep();
        let world = world(exempt);
        world.call(&RpcCall::new(Protocol::V3, world.now())).await.link.expect("a link");
        let text = logs.text();
        let line = text.lines().last().expect("the request's line");
        let line: Value = serde_json::from_str(line).expect("JSON");
        let id = AuthorizationId::parse(line["reference"].as_str().expect("a reference")).expect("an id");
        let terms = world.record(&id).await.terms;
        assert_eq!(terms.return_url.as_deref(), exempt.then_some(RETURN));
        assert_eq!(text.contains("the document's returnUrl is left out"), !exempt, "{text}");
    }
}
