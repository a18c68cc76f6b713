//! A link that another platform makes, over HTTPS, with the records on DynamoDB and the keys in Secrets Manager: what
//! it costs, and its user's return.

use std::sync::Arc;

use serde_json::json;
use shared::model::authorization::Status;
use shared::model::id::AuthorizationId;
use shared::protocol::open_api::client::transport::{ASK_TIMEOUT, HttpPlatforms};
use tests::authority::Authority;
use tests::keys;
use tests::platform::{OURS_THERE, callback};
use tests::raw_server::{RawServer, Reply};
use tests::request::LinkCall;

use crate::stage::Stage;
use crate::vault::Vault;

/// A stage whose business's links come from a platform of this machine.
struct Chain {
    stage: Stage,
    platform: RawServer,
}

impl Chain {
    async fn new() -> Self {
        let authority = Authority::default();
        let body = json!({"status": 0, "message": "success", "data": {"alipayAuthUrl": "https://platform.example/c"}});
        let body = body.to_string();
        let granted = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes();
        let platform =
            RawServer::start(vec![Reply::Send(granted)], Some(authority.server("127.0.0.1"))).await;
        let mut stage = Stage::with_secrets_manager().await;
        let vault = Vault::new(&stage.account);
        let mut business = tests::world::business();
        business["upstream"] = "tls".into();
        vault.put("business/B1", &business).await;
        let document = json!({
            "baseUrl": format!("https://{}", platform.address()),
            "businessId": OURS_THERE,
            "privateKey": keys::private_pem(keys::app()),
            "publicKeys": [keys::public_pem(keys::platform())],
        });
        vault.create("upstream/tls", &document).await;
        let network = HttpPlatforms::trusting(authority.roots(), ASK_TIMEOUT);
        stage.world.deps.auth_url.network = Arc::new(network);
        stage.world.rebuild();
        Self { stage, platform }
    }

    async fn link(&self, serial_no: &str) {
        let world = &self.stage.world;
        world.ask(&LinkCall::new(serial_no, world.now())).await.expect_link();
    }

    /// The state in the callback address of the last request.
    fn state(&self) -> String {
        let request = self.platform.connections().concat().pop().expect("a request");
        let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        let address = body["callbackUrl"].as_str().expect("an address");
        address.rsplit('/').next().expect("a state").to_owned()
    }

    fn calls(&self) -> Vec<(String, usize)> {
        self.stage.account.proxy.calls()
    }
}

fn calls<const N: usize>(expected: [(&str, usize); N]) -> Vec<(String, usize)> {
    expected.map(|(operation, count)| (operation.to_owned(), count)).to_vec()
}

#[tokio::test]
async fn a_chained_link_is_two_calls_of_the_store_and_one_request_on_a_kept_connection() {
    let chain = Chain::new().await;
    chain.link("S1").await;
    let first = chain.calls();
    assert!(first.contains(&("GetSecretValue".to_owned(), 2)), "business and upstream: {first:?}");
    for number in 2..=4 {
        chain.link(&format!("S{number}")).await;
        assert_eq!(chain.calls(), calls([("TransactWriteItems", 1), ("UpdateItem", 1)]));
    }
    let connections = chain.platform.connections();
    assert_eq!(connections.iter().map(Vec::len).collect::<Vec<_>>(), [4], "four requests on one connection");
}

#[tokio::test]
async fn a_platforms_callback_is_a_read_a_write_and_a_hint_and_a_repeat_is_a_read() {
    let chain = Chain::new().await;
    let world = &chain.stage.world;
    for (serial_no, documents) in [("S1", 1), ("S2", 0)] {
        chain.link(serial_no).await;
        chain.calls();
        let id = AuthorizationId::from_serial("B1", serial_no);
        let call = callback(&chain.state(), &id, "open-1", world.now());
        assert_eq!(world.receive_callback(&call).await.text, "SUCCESS");
        // The function of callbacks fetches the platform's document once, with its first callback.
        let fetched = calls([("GetSecretValue", documents)]).into_iter().filter(|(_, count)| *count > 0);
        let mut expected = calls([("GetItem", 1), ("SendMessage", 1), ("UpdateItem", 1)]);
        expected.extend(fetched);
        expected.sort();
        assert_eq!(chain.calls(), expected);
        assert_eq!(world.receive_callback(&call).await.text, "SUCCESS");
        assert_eq!(chain.calls(), calls([("GetItem", 1)]));
        assert_eq!(world.record(&id).await.status(), Status::Authorized);
    }
}
