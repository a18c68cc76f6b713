//! Wires `openid-callback` to Lambda.

use std::sync::Arc;

use openid_callback::{Deps, OpenIdCallback};
use shared::protocol::alipay::gateway::{AlipayGateway, EXCHANGE_TIMEOUT};
use shared::queue::NoQueue;
use shared::runtime::{lambda, start::StartError, wiring::Process};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    let process = Process::start().await?;
    let ((store, deny_list), keep_for) = (process.returns()?, process.config.schedule.keeps_for());
    let hints = process.hints().unwrap_or_else(|| Arc::new(NoQueue));
    let Process { config, clock, random, secrets, .. } = process;
    let gateway = Arc::new(AlipayGateway::new(config.alipay.gateway, EXCHANGE_TIMEOUT));
    let deps = Deps { secrets, deny_list, store, gateway, hints, keep_for, clock, random };
    let function = OpenIdCallback::new(deps);
    lambda::serve_http(config.edge, function, async |function, request| function.handle(&request).await).await
}
