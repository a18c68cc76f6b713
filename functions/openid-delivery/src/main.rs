//! Wires `openid-delivery` to Lambda: queue messages and the schedule of the sweep.

use std::sync::Arc;

use openid_delivery::{OpenIdDelivery, drain, handle};
use shared::aws::Aws;
use shared::clock::SystemClock;
use shared::config::Config;
use shared::delivery::resolver::SystemResolver;
use shared::delivery::sender::HttpSender;
use shared::lambda;
use shared::queue::in_process::InProcessQueue;
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
    let deliveries = lambda::deliveries(&config, &aws)?;
    let queue = InProcessQueue::new(clock.clone());
    let function = OpenIdDelivery {
        store: deliveries.record,
        due: deliveries.find,
        businesses: Arc::new(SecretCache::new(secrets.clone(), clock.clone())),
        schemes: Arc::new(SecretCache::new(secrets.clone(), clock.clone())),
        callback_key: Arc::new(SecretCache::new(secrets, clock.clone())),
        sender: Arc::new(HttpSender::new(Arc::new(SystemResolver), config.callbacks.clone())?),
        hints: lambda::hints(&config, &aws).unwrap_or_else(|| Arc::new(queue.clone())),
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
