//! Wires `get-authorization-url` to Lambda.

use std::sync::Arc;

use get_authorization_url::{GetAuthorizationUrl, handle};
use shared::aws::sdk_config;
use shared::model::clock::SystemClock;
use shared::model::random::OsRandom;
use shared::protocol::alibaba_cloud::AlibabaCloudClient;
use shared::runtime::config::Config;
use shared::runtime::start::StartError;
use shared::runtime::{lambda, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    let config = Config::from_env()?;
    shared::runtime::telemetry::start(config.log_level, std::io::stdout);
    let (clock, random) = (Arc::new(SystemClock), Arc::new(OsRandom::default()));
    let aws = sdk_config(&config.aws);
    let function = Arc::new(GetAuthorizationUrl::new(
        &wiring::secret_source(&config, &aws),
        wiring::scheme_links(&config, &aws)?,
        Arc::new(AlibabaCloudClient::new()?),
        clock,
        random,
        config.links(),
    ));
    lambda::serve_http(move |request| {
        let function = function.clone();
        async move { handle(&function, &request).await }
    })
    .await
}
