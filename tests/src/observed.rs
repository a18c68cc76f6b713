//! The lines in each log group after everything that operators look for has happened once.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use get_authorization_url::GetAuthorizationUrl;
use http::Request;
use serde_json::{Value, json};
use shared::egress::transport_error::TransportError;
use shared::model::delivery_outcome::{DeliveryOutcome, TlsFailure};
use shared::model::id::AuthorizationId;
use shared::protocol::alipay::gateway::{Exchange, GatewayError, GatewayRefusal};
use shared::queue::DeliveryEvent;
use shared::secrets::FetchError;
use shared::telemetry::request_ids;
use shared::web::client_info::ClientInfo;
use tracing::Instrument as _;
use url::Url;

use crate::keys::foreign;
use crate::logs::Logs;
use crate::parties::{code_invalid, identified};
use crate::platform::{callback, state_asked_with};
use crate::request::{Key, LinkCall};
use crate::rpc::{Protocol, RpcCall};
use crate::template;
use crate::world::{Issued, World, scheme};

/// The log groups, by their names in template.yaml.
pub const LINKS: &str = "AlipayAuthUrlLogs";
pub const AUTHORIZATION_URLS: &str = "GetAuthorizationUrlLogs";
pub const QUERIES: &str = "AuthorizationQueryLogs";
pub const RETURNS: &str = "OpenidCallbackLogs";
pub const DELIVERIES: &str = "OpenidDeliveryLogs";
pub const ACCESS: &str = "AccessLogs";

/// More names than are looked up at once.
const STRANGERS: usize = 52;
/// The time-outs after which a party is left alone.
const TIME_OUTS: usize = 3;

const BROWSERS: [&str; 4] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0",
    "Mozilla/5.0 (Linux; Android 14) Mobile AliApp(AP/10.6) AlipayClient/10.6",
    "Mozilla/5.0 (Linux; Android 14) Mobile MicroMessenger/8.0.50",
];

/// The lines of each log group.
#[derive(Default)]
pub struct Observed(pub BTreeMap<&'static str, Vec<Value>>);

impl Observed {
    /// Has it all happen.
    pub async fn everything() -> Self {
        let mut observed = Self::default();
        by_the_open_api(&mut observed).await;
        by_get_authorization_url(&mut observed).await;
        by_a_platform(&mut observed).await;
        parties_that_hang(&mut observed).await;
        strangers(&mut observed).await;
        documents_that_are_denied(&mut observed).await;
        observed.0.insert(ACCESS, accesses());
        observed
    }

    /// Every line of these groups.
    pub fn of<'o>(&'o self, groups: &'o [String]) -> impl Iterator<Item = &'o Value> {
        groups.iter().flat_map(|group| &self.0[group.as_str()])
    }

    /// Puts the lines of `step` into `group`, as an invocation of Lambda's for API Gateway.
    async fn during<T>(&mut self, group: &'static str, step: impl Future<Output = T>) -> T {
        let logs = Logs::keep();
        let done = step.instrument(request_ids::invocation("LAMBDAS", Some("GATEWAYS"))).await;
        self.0.entry(group).or_default().extend(logs.lines());
        done
    }
}

async fn by_the_open_api(observed: &mut Observed) {
    let world = World::new();
    let Issued { state, .. } = observed.during(LINKS, world.link("S1")).await;
    let forged = LinkCall { key: Key::Rsa(foreign()), ..LinkCall::new("S2", world.now()) };
    observed.during(LINKS, world.ask(&forged)).await;
    let refusal = |sub_code: &str| GatewayRefusal { code: "40002".to_owned(), sub_code: sub_code.to_owned() };
    let unsigned = GatewayError::Unsigned(Some(refusal("isv.invalid-app-id")));
    for (code, answer) in [
        ("codeA", code_invalid()),
        ("codeB", Exchange::Refused(refusal("isv.invalid-signature"))),
        ("codeC", Exchange::Unknown(unsigned)),
        ("codeD", identified("open-1")),
    ] {
        world.gateway.answer(answer);
        observed.during(RETURNS, world.complete_return(&state, code)).await;
    }
    observed.during(RETURNS, world.browse("app_id=1&auth_code=codeE&state=x")).await;
    let sweep = async || world.delivery.handle(DeliveryEvent::Sweep).await.expect("the store answers");
    for answer in [
        DeliveryOutcome::Status(500),
        DeliveryOutcome::Tls(TlsFailure::Expired),
        DeliveryOutcome::Timeout,
        DeliveryOutcome::Success,
    ] {
        world.merchant.answer(answer);
        observed.during(DELIVERIES, world.drain()).await;
        observed.during(DELIVERIES, sweep()).await;
        world.clock.advance(Duration::from_mins(20));
    }
    for call in [
        LinkCall::query("S1", world.now()),
        LinkCall { key: Key::Rsa(foreign()), ..LinkCall::query("S1", world.now()) },
    ] {
        observed.during(QUERIES, world.query(&call)).await;
    }
}

async fn by_get_authorization_url(observed: &mut Observed) {
    let world = World::new();
    let call = RpcCall::new(Protocol::V1, world.now());
    let answer = observed.during(AUTHORIZATION_URLS, world.call(&call)).await;
    let link: Url = answer.link.expect("a link").parse().expect("a URL");
    for browser in BROWSERS {
        observed.during(AUTHORIZATION_URLS, open(&world.authorization_url, &link, browser)).await;
    }
    let forged = RpcCall { secret: "another-secret".to_owned(), ..RpcCall::new(Protocol::V3, world.now()) };
    observed.during(AUTHORIZATION_URLS, world.call(&forged)).await;
    let process = world.another_process();
    process.secrets.fail("scheme/234", Some(FetchError::Denied));
    observed.during(AUTHORIZATION_URLS, open(&process.authorization_url, &link, BROWSERS[0])).await;
}

/// Opens the page behind a link.
async fn open(function: &GetAuthorizationUrl, link: &Url, browser: &str) {
    let query = link.query().expect("a token");
    let origin = "https://links.example.com/".parse().ok();
    let request = Request::get(format!("{}?{query}", link.path()))
        .header("user-agent", browser)
        .extension(ClientInfo { source_ip: None, origin })
        .body(Bytes::new());
    function.handle(&request.expect("a request")).await;
}

async fn by_a_platform(observed: &mut Observed) {
    let world = World::new();
    world.links_come_from("rsa");
    world.platforms.grant("https://platform.example/consent");
    let asking = async { world.ask(&LinkCall::new("S1", world.now())).await.expect_link() };
    observed.during(LINKS, asking).await;
    let id = AuthorizationId::from_serial("B1", "S1");
    let state = state_asked_with(&world.platforms.asked().pop().expect("a request"));
    let consent = callback(&state, &id, "open-1", world.now());
    observed.during(RETURNS, world.receive_callback(&consent)).await;
    let forged = LinkCall { key: Key::Rsa(foreign()), ..callback(&state, &id, "open-1", world.now()) };
    observed.during(RETURNS, world.receive_callback(&forged)).await;
}

async fn parties_that_hang(observed: &mut Observed) {
    let world = World::new();
    for number in 0..TIME_OUTS {
        let Issued { state, .. } = world.link(&format!("R{number}")).await;
        world.gateway.answer(Exchange::Unknown(GatewayError::Transport(TransportError::Timeout)));
        observed.during(RETURNS, world.complete_return(&state, &format!("code{number}"))).await;
    }
    world.links_come_from("rsa");
    world.clock.advance(Duration::from_mins(5));
    for number in 0..TIME_OUTS {
        world.platforms.no_answer(TransportError::Timeout);
        let call = LinkCall::new(&format!("S{number}"), world.now());
        observed.during(LINKS, world.ask(&call)).await;
    }
    let world = World::new();
    let mut document = scheme();
    document["source"] = json!("aliyun");
    world.secrets.set("scheme/234", &document);
    let key = json!({"accessKeyId": "LTAI5tTheirKey", "accessKeySecret": "the-account-s-secret-there"});
    world.secrets.set("aliyun/1001", &key);
    for _ in 0..TIME_OUTS {
        world.alibaba_cloud.fail(TransportError::Timeout);
        let call = RpcCall::new(Protocol::V1, world.now());
        observed.during(AUTHORIZATION_URLS, world.call(&call)).await;
    }
}

async fn strangers(observed: &mut Observed) {
    let world = World::new();
    for number in 0..STRANGERS {
        let business_id = format!("stranger{number}");
        let link = LinkCall { business_id: business_id.clone(), ..LinkCall::new("S1", world.now()) };
        observed.during(LINKS, world.ask(&link)).await;
        let query = LinkCall { business_id, ..LinkCall::query("S1", world.now()) };
        observed.during(QUERIES, world.query(&query)).await;
        let access_key_id = format!("nobody{number}");
        let call = RpcCall { access_key_id, ..RpcCall::new(Protocol::V1, world.now()) };
        observed.during(AUTHORIZATION_URLS, world.call(&call)).await;
        let (app_id, invented) = (number.to_string(), "5".repeat(64));
        observed.during(RETURNS, world.complete_return_for(&app_id, &invented, "codeX")).await;
    }
}

async fn documents_that_are_denied(observed: &mut Observed) {
    let world = World::new();
    world.authorized("S1", "open-1").await;
    world.secrets.fail("callback-key", Some(FetchError::Denied));
    world.clock.advance(Duration::from_mins(2));
    observed.during(DELIVERIES, world.another_process().sweep_and_drain()).await;
    world.secrets.set("business/B1", &json!({"publicKeys": ["no key"], "merchantIds": ["M1"]}));
    let process = world.another_process();
    observed.during(LINKS, process.ask(&LinkCall::new("S2", world.now()))).await;
    observed.during(QUERIES, process.query(&LinkCall::query("S1", world.now()))).await;
}

/// Lines of API Gateway's, by the format that it is given.
fn accesses() -> Vec<Value> {
    let (_, stage) = template::resources_of("AWS::ApiGatewayV2::Stage").pop_first().expect("a stage");
    let format = stage["AccessLogSettings"]["Format"].as_str().expect("a format");
    let format: BTreeMap<String, String> = serde_json::from_str(format).expect("an object of texts");
    let written = |status: &str| {
        let value =
            |variable: &str| if variable == "$context.status" { status.to_owned() } else { "-".to_owned() };
        format.iter().map(|(name, variable)| (name.clone(), Value::from(value(variable)))).collect()
    };
    ["200", "429", "503"].map(written).into()
}
