//! Wires `get-authorization-url` to Lambda.

use std::sync::Arc;

use get_authorization_url::{GetAuthorizationUrl, handle};
use shared::aliyun::HttpsClient;
use shared::aws::Aws;
use shared::clock::SystemClock;
use shared::config::Config;
use shared::lambda;
use shared::random::OsRandom;
use shared::start::StartError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    let config = Config::from_env()?;
    shared::telemetry::start(config.log_level, std::io::stdout);
    let (clock, random) = (Arc::new(SystemClock), Arc::new(OsRandom::default()));
    let aws = Aws::new(&config.aws, clock.clone(), random.clone());
    let function = Arc::new(GetAuthorizationUrl::new(
        &lambda::secret_source(&config, &aws),
        lambda::scheme_links(&config, &aws)?,
        Arc::new(HttpsClient::new()?),
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
