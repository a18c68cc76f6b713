//! Wires `get-authorization-url` to Lambda.

use std::sync::Arc;

use get_authorization_url::{Deps, GetAuthorizationUrl};
use shared::runtime::{lambda, start::StartError, wiring::Process};
use shared::{protocol::alibaba_cloud::AlibabaCloudClient, rate_limit::RateLimiter};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    let process = Process::start().await?;
    let ((store, deny_list), alibaba_cloud) = (process.scheme_links()?, Arc::new(AlibabaCloudClient::new()));
    let Process { config, clock, random, secrets, .. } = process;
    let rate_limiter = Arc::new(RateLimiter::new(store.rate_limit.clone(), clock.clone()));
    let (links, callbacks) = (config.links(), config.callbacks);
    let deps =
        Deps { secrets, deny_list, store, rate_limiter, alibaba_cloud, clock, random, links, callbacks };
    let function = GetAuthorizationUrl::new(deps);
    lambda::serve_http(config.edge, function, async |function, request| function.handle(&request).await).await
}
