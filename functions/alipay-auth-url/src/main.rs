//! Wires `alipay-auth-url` to Lambda.

use std::sync::Arc;

use alipay_auth_url::{AlipayAuthUrl, handle};
use shared::aws::Aws;
use shared::clock::SystemClock;
use shared::config::Config;
use shared::lambda;
use shared::platform::network::HttpPlatforms;
use shared::random::OsRandom;
use shared::secrets::SecretCache;
use shared::start::StartError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    let config = Config::from_env()?;
    shared::telemetry::start(config.log_level, std::io::stdout);
    let (clock, random) = (Arc::new(SystemClock), Arc::new(OsRandom::default()));
    let aws = Aws::new(&config.aws, clock.clone(), random.clone());
    let secrets = lambda::secret_source(&config, &aws);
    let function = Arc::new(AlipayAuthUrl {
        businesses: Arc::new(SecretCache::new(secrets.clone(), clock.clone())),
        platforms: Arc::new(SecretCache::new(secrets, clock.clone())),
        network: Arc::new(HttpPlatforms::new()?),
        store: lambda::links(&config, &aws)?,
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
