//! Interim answers without end, to every client that asks strangers: a bounded number of bytes is read.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use shared::delivery::sender::{CallbackSender as _, HttpSender};
use shared::egress::callback_url::{CallbackRules, CallbackUrl, Origin};
use shared::egress::resolver::SystemResolver;
use shared::egress::tls::bundled_roots;
use shared::egress::transport_error::TransportError;
use shared::model::alipay_app_id::AlipayAppId;
use shared::model::clock::UnixMillis;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::identity::AuthCode;
use shared::model::random::OsRandom;
use shared::protocol::alibaba_cloud::{AlibabaCloudClient, AlibabaCloudNetwork as _};
use shared::protocol::alipay::gateway::{AlipayGateway, ExchangeRequest, TokenExchange as _};
use shared::protocol::open_api::client::request::{LinkParameters, PlatformRequest};
use shared::protocol::open_api::client::transport::{ASK_TIMEOUT, HttpPlatforms, Platforms as _};
use shared::registry::{AlipayApp, Platform};
use shared::secrets::Document as _;
use tests::keys::{alipay, app, private_pem, public_pem};
use tests::raw_server::{RawServer, Reply};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const TIMEOUT: Duration = Duration::from_secs(8);

/// The buffers of both ends of a connection hold so much at most, which the server has sent and nobody reads.
const BUFFERS_BYTES: usize = 16 * 1024 * 1024;

async fn rambling() -> (RawServer, String) {
    let interim = "HTTP/1.1 103 X\r\nlink: </a>; rel=preload\r\n\r\n".repeat(1_000);
    let server = RawServer::start(vec![Reply::SendEndlessly(Vec::new(), interim.into())], None).await;
    let origin = format!("http://{}", server.address());
    (server, origin)
}

async fn deliver(origin: &str) -> String {
    let dangerous_origins = vec![Origin::parse(origin).expect("an origin")];
    let rules = CallbackRules { dangerous_origins, ..CallbackRules::default() };
    let url = CallbackUrl::parse(origin, &rules).expect("an address");
    let sender = HttpSender::new(Arc::new(SystemResolver), rules);
    let result = sender.post(&url, Vec::new(), Bytes::from_static(b"{}"), NOW).await;
    assert_eq!(result, DeliveryOutcome::TooLong.into());
    result.outcome.as_str().to_owned()
}

async fn ask_a_platform(origin: &str) -> String {
    let document = json!({
        "baseUrl": origin, "businessId": "19", "signType": "MD5", "md5Keys": ["key-shared-with-a-platform"],
    });
    let platform = Platform::parse(&document.to_string()).expect("a document");
    let wanted = LinkParameters {
        merchant_id: "M1",
        serial_no: "S1",
        user_id: "U1",
        callback_url: "https://us.example/back",
    };
    let request = PlatformRequest::sign(&platform.credential(), &wanted, &OsRandom::default(), NOW);
    let platforms = HttpPlatforms::trusting(bundled_roots(), ASK_TIMEOUT);
    let refused = platforms.post(&request.expect("signs")).await.expect_err("no answer");
    refused.to_string()
}

async fn exchange(origin: &str) -> String {
    let document =
        json!({"privateKey": private_pem(app()), "alipayPublicKeys": [public_pem(alipay())]}).to_string();
    let app = AlipayApp::parse(&document).expect("a document");
    let app_id = AlipayAppId::parse("1").expect("digits");
    let code = AuthCode::parse("code").expect("a code");
    let gateway = AlipayGateway::new(origin.parse().expect("a URL"), TIMEOUT);
    let in_address = gateway.address_parameters();
    let request = ExchangeRequest::sign(&app_id, &code, NOW, &app.own, in_address).expect("signs");
    gateway.exchange(request).await.expect_err("no answer").to_string()
}

async fn call_alibaba_cloud(origin: &str) -> String {
    let request = http::Request::post(format!("{origin}/")).body(Bytes::new()).expect("a request");
    let refused = AlibabaCloudClient::new().send(request).await.expect_err("no answer");
    assert_eq!(refused, TransportError::TooLong);
    refused.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_reads_interim_answers_without_end() {
    for party in ["merchant", "platform", "gateway", "alibaba-cloud"] {
        let (server, origin) = rambling().await;
        let word = match party {
            "merchant" => deliver(&origin).await,
            "platform" => ask_a_platform(&origin).await,
            "gateway" => exchange(&origin).await,
            _ => call_alibaba_cloud(&origin).await,
        };
        let sent = server.sent_endlessly();
        println!("{party}: {word} after {} KiB at most", sent / 1024);
        assert_eq!(word, "too_long", "{party}");
        assert!(sent < BUFFERS_BYTES, "{party}: {sent} bytes");
    }
}
