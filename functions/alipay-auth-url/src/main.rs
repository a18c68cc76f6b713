//! Wires `alipay-auth-url` to Lambda.

use std::sync::Arc;

use alipay_auth_url::{AlipayAuthUrl, handle};
use shared::aws::sdk_config;
use shared::model::clock::SystemClock;
use shared::model::random::OsRandom;
use shared::protocol::open_api::client::transport::HttpPlatforms;
use shared::runtime::config::Config;
use shared::runtime::start::StartError;
use shared::runtime::{lambda, wiring};
use shared::secrets::SecretCache;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    let config = Config::from_env()?;
    shared::runtime::telemetry::start(config.log_level, std::io::stdout);
    let (clock, random) = (Arc::new(SystemClock), Arc::new(OsRandom::default()));
    let aws = sdk_config(&config.aws);
    let secrets = wiring::secret_source(&config, &aws);
    let function = Arc::new(AlipayAuthUrl {
        businesses: Arc::new(SecretCache::new(secrets.clone(), clock.clone())),
        platforms: Arc::new(SecretCache::new(secrets, clock.clone())),
        network: Arc::new(HttpPlatforms::new()?),
        store: wiring::links(&config, &aws)?,
        clock,
        random,
        links: config.links(),
        callbacks: config.callbacks,
    });
    lambda::serve_http(move |request| {
        let function = function.clone();
        async move { handle(&function, &request).await }
    })
    .await
}
