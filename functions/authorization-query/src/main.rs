//! Wires `authorization-query` to Lambda.

use authorization_query::{AuthorizationQuery, Deps};
use shared::runtime::{lambda, start::StartError, wiring::Process};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    let process = Process::start().await?;
    let ((nonces, records), deny_list) = process.queries()?;
    let Process { config, clock, random, secrets, .. } = process;
    let callbacks = config.callbacks;
    let deps = Deps { secrets, deny_list, nonces, records, clock, random, callbacks };
    let function = AuthorizationQuery::new(deps);
    lambda::serve_http(config.edge, function, async |function, request| function.handle(&request).await).await
}
