//! Wires `authorization-query` to Lambda.

use std::sync::Arc;

use authorization_query::{AuthorizationQuery, handle};
use shared::aws::sdk_config;
use shared::model::clock::SystemClock;
use shared::model::random::OsRandom;
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
    let queries = wiring::queries(&config, &aws)?;
    let function = Arc::new(AuthorizationQuery {
        businesses: Arc::new(SecretCache::new(wiring::secret_source(&config, &aws), clock.clone())),
        nonces: queries.nonces,
        records: queries.records,
        clock,
        random,
    });
    lambda::serve_http(move |request| {
        let function = function.clone();
        async move { handle(&function, &request).await }
    })
    .await
}
