//! Wires `openid-callback` to Lambda.

use std::sync::Arc;

use openid_callback::{OpenIdCallback, handle};
use shared::aws::sdk_config;
use shared::model::clock::SystemClock;
use shared::model::random::OsRandom;
use shared::protocol::alipay::gateway::{AlipayGateway, EXCHANGE_TIMEOUT};
use shared::queue::NoQueue;
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
    let function = Arc::new(OpenIdCallback {
        apps: Arc::new(SecretCache::new(secrets.clone(), clock.clone())),
        platforms: Arc::new(SecretCache::new(secrets, clock.clone())),
        store: wiring::returns(&config, &aws)?,
        hints: wiring::hints(&config, &aws).unwrap_or_else(|| Arc::new(NoQueue)),
        gateway: Arc::new(AlipayGateway::new(config.alipay.gateway, EXCHANGE_TIMEOUT)?),
        keep_for: config.schedule.keeps_for(),
        app_id: config.alipay.app_id,
        clock,
        random,
    });
    lambda::serve_http(move |request| {
        let function = function.clone();
        async move { handle(&function, &request).await }
    })
    .await
}
