//! Wires `authorization-query` to Lambda.

use authorization_query::{AuthorizationQuery, Deps};
use shared::runtime::{lambda, start::StartError, wiring::Process};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    let process = Process::start()?;
    let (nonces, records) = process.queries()?;
    let Process { clock, random, secrets, .. } = process;
    let function = AuthorizationQuery::new(Deps { secrets, nonces, records, clock, random });
    lambda::serve_http(function, async |function, request| function.handle(&request).await).await
}
