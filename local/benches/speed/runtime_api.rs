//! A plain Lambda Runtime API server: it tells each request of a function to whoever waits for it, and answers when it is
//! told what.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use crate::Error;

const PATIENCE: Duration = Duration::from_secs(10);
const MAX_HEAD_BYTES: u64 = 16 * 1024;
const MAX_BODY_BYTES: usize = 1024 * 1024;
const INVOCATIONS: &str = "/2018-06-01/runtime/invocation/";
const ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

/// The server. Its threads end with the process that measures.
pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    requests: Receiver<Request>,
}

/// A request of a function.
struct Request {
    arrived: Instant,
    /// `GET /…`
    line: String,
    body: Vec<u8>,
    connection: TcpStream,
}

/// A function that asks for its next event.
pub(crate) struct Asking {
    pub(crate) since: Instant,
    connection: TcpStream,
}

impl RuntimeApi {
    /// Listens on a free port.
    pub(crate) fn start() -> Result<Self, Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let (tell, requests) = channel();
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let tell = tell.clone();
                // A connection that breaks belongs to a function that has been ended.
                thread::spawn(move || listen(connection, &tell).ok());
            }
        });
        Ok(Self { address, requests })
    }

    /// Waits until a function asks for an event.
    pub(crate) fn next(&self) -> Result<Asking, Error> {
        let request = self.requests.recv_timeout(PATIENCE)?;
        if request.line != format!("GET {INVOCATIONS}next") {
            return Err(said(&request));
        }
        Ok(Asking { since: request.arrived, connection: request.connection })
    }

    /// Gives the function its event; what it answers.
    pub(crate) fn invoke(&self, asking: Asking, event: &[u8]) -> Result<Vec<u8>, Error> {
        let deadline = "4102444800000";
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             lambda-runtime-aws-request-id: {ID}\r\nlambda-runtime-deadline-ms: {deadline}\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:000000000000:function:authlink\r\n\r\n",
            event.len()
        );
        send(asking.connection, &[head.as_bytes(), event].concat())?;
        let request = self.requests.recv_timeout(PATIENCE)?;
        if request.line != format!("POST {INVOCATIONS}{ID}/response") {
            return Err(said(&request));
        }
        send(request.connection, b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")?;
        Ok(request.body)
    }
}

/// `POST …/init/error`, `POST …/error`, or something that no function says.
fn said(request: &Request) -> Error {
    format!("the function said {}: {}", request.line, String::from_utf8_lossy(&request.body)).into()
}

fn listen(connection: TcpStream, tell: &Sender<Request>) -> Result<(), Error> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection.try_clone()?);
    loop {
        let mut head = (&mut reader).take(MAX_HEAD_BYTES);
        let mut line = String::new();
        head.read_line(&mut line)?;
        let arrived = Instant::now();
        let mut length = 0;
        loop {
            let mut header = String::new();
            if head.read_line(&mut header)? <= 2 {
                break;
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        if length > MAX_BODY_BYTES {
            return Err("a body is too long".into());
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
        if line.is_empty() {
            return Ok(());
        }
        tell.send(Request { arrived, line, body, connection: connection.try_clone()? })?;
    }
}

fn send(mut connection: TcpStream, bytes: &[u8]) -> Result<(), Error> {
    Ok(connection.write_all(bytes)?)
}
