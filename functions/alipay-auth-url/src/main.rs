//! Wires `alipay-auth-url` to Lambda.

use std::sync::Arc;

use alipay_auth_url::{AlipayAuthUrl, Deps};
use shared::protocol::open_api::client::transport::HttpPlatforms;
use shared::runtime::{lambda, start::StartError, wiring::Process};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    let process = Process::start().await?;
    let ((store, deny_list), network) = (process.platform_links()?, Arc::new(HttpPlatforms::new()));
    let Process { config, clock, random, secrets, .. } = process;
    let (links, callbacks) = (config.links(), config.callbacks);
    let deps = Deps { secrets, deny_list, network, store, clock, random, links, callbacks };
    let function = AlipayAuthUrl::new(deps);
    lambda::serve_http(config.edge, function, async |function, request| function.handle(&request).await).await
}
