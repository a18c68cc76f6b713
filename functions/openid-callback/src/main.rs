//! Wires `openid-callback` to Lambda.

use std::sync::Arc;

use openid_callback::{Deps, OpenIdCallback};
use shared::protocol::alipay::gateway::{AlipayGateway, EXCHANGE_TIMEOUT};
use shared::queue::NoQueue;
use shared::runtime::{lambda, start::StartError, wiring::Process};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    let process = Process::start()?;
    let (store, hints) = (process.returns()?, process.hints().unwrap_or_else(|| Arc::new(NoQueue)));
    let Process { config, clock, random, secrets, .. } = process;
    let (app_id, keep_for) = (config.alipay.app_id, config.schedule.keeps_for());
    let gateway = Arc::new(AlipayGateway::new(config.alipay.gateway, EXCHANGE_TIMEOUT));
    let deps = Deps { secrets, app_id, store, gateway, hints, keep_for, clock, random };
    let function = OpenIdCallback::new(deps);
    lambda::serve_http(function, async |function, request| function.handle(&request).await).await
}
