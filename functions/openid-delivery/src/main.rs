//! Wires `openid-delivery` to Lambda: queue messages and the schedule of the sweep.

use std::sync::Arc;

use openid_delivery::{OpenIdDelivery, drain, handle};
use shared::aws::sdk_config;
use shared::delivery::sender::HttpSender;
use shared::egress::resolver::SystemResolver;
use shared::model::clock::SystemClock;
use shared::model::random::OsRandom;
use shared::queue::in_process::InProcessQueue;
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
    let deliveries = wiring::deliveries(&config, &aws)?;
    let queue = InProcessQueue::new(clock.clone());
    let function = OpenIdDelivery {
        store: deliveries.record,
        due: deliveries.find,
        businesses: Arc::new(SecretCache::new(secrets.clone(), clock.clone())),
        schemes: Arc::new(SecretCache::new(secrets.clone(), clock.clone())),
        callback_key: Arc::new(SecretCache::new(secrets, clock.clone())),
        sender: Arc::new(HttpSender::new(Arc::new(SystemResolver), config.callbacks.clone())?),
        hints: wiring::hints(&config, &aws).unwrap_or_else(|| Arc::new(queue.clone())),
        clock,
        random,
        callbacks: config.callbacks,
        schedule: config.schedule,
    };
    lambda::serve_events(async |event| {
        let handled = handle(&function, event).await;
        // Without a queue on AWS, what is due now is delivered by this very invocation.
        drain(&function, &queue).await.map(drop).and(handled)
    })
    .await
}
