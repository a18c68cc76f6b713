//! Wires `openid-delivery` to Lambda: queue messages and the schedule of the sweep.

use std::sync::Arc;

use openid_delivery::{Deps, OpenIdDelivery, PersonalData};
use shared::runtime::{lambda, start::StartError, wiring::Process};
use shared::{delivery::sender::HttpSender, queue::in_process::InProcessQueue};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    let process = Process::start().await?;
    let ((store, due, forgets), queue) = (process.deliveries()?, InProcessQueue::new(process.clock.clone()));
    let hints = process.hints().unwrap_or_else(|| Arc::new(queue.clone()));
    let Process { config, clock, random, secrets, .. } = process;
    let (callbacks, schedule) = (config.callbacks, config.schedule);
    let personal_data = config.personal_data.map(|kept_for| PersonalData { kept_for, store: forgets });
    let sender = Arc::new(HttpSender::by_system_resolver(callbacks.clone()));
    let deps = Deps { secrets, store, due, sender, hints, clock, random, callbacks, schedule, personal_data };
    let function = OpenIdDelivery::new(deps);
    lambda::serve_events(async |event| function.handle_and_drain(event, &queue).await).await
}
