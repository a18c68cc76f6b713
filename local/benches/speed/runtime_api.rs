//! A plain Lambda Runtime API server: it tells each request of a function to whoever waits for it, and answers when it is
//! told what.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tokio::time::Instant;

use crate::Error;
use crate::plain_http::{Request, answer, listen};

const PATIENCE: Duration = Duration::from_secs(10);
const INVOCATIONS: &str = "/2018-06-01/runtime/invocation/";
const ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
/// Far off, so that no time-out is near.
const DEADLINE_MILLIS: &str = "4102444800000";

/// The server.
pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    requests: Receiver<(Request, TcpStream)>,
}

/// A function that asks for its next event.
pub(crate) struct Asking {
    pub(crate) since: Instant,
    connection: TcpStream,
}

impl RuntimeApi {
    /// Listens on a free port.
    pub(crate) fn start() -> Result<Self, Error> {
        let (tell, requests) = channel();
        let address = listen(move |request, connection| Ok(tell.send((request, connection))?))?;
        Ok(Self { address, requests })
    }

    /// Waits until a function asks for an event.
    pub(crate) fn next(&self) -> Result<Asking, Error> {
        let (request, connection) = self.requests.recv_timeout(PATIENCE)?;
        if request.line != format!("GET {INVOCATIONS}next") {
            return Err(said(&request));
        }
        Ok(Asking { since: request.arrived, connection })
    }

    /// Gives the function its event; what it answers.
    pub(crate) fn invoke(&self, mut asking: Asking, event: &[u8]) -> Result<Vec<u8>, Error> {
        let headers = format!(
            "content-type: application/json\r\nlambda-runtime-aws-request-id: {ID}\r\n\
             lambda-runtime-deadline-ms: {DEADLINE_MILLIS}\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:000000000000:function:authlink\r\n"
        );
        asking.connection.write_all(&answer("200 OK", &headers, event))?;
        let (request, mut connection) = self.requests.recv_timeout(PATIENCE)?;
        if request.line != format!("POST {INVOCATIONS}{ID}/response") {
            return Err(said(&request));
        }
        connection.write_all(&answer("202 Accepted", "", b""))?;
        Ok(request.body)
    }
}

/// `POST …/init/error`, `POST …/error`, or something that no function says.
fn said(request: &Request) -> Error {
    format!("the function said {}: {}", request.line, String::from_utf8_lossy(&request.body)).into()
}
