//! As much of HTTP/1.1 as a server needs that only programs of ours talk to: requests with a length, one after another on
//! each connection, each connection on a thread of its own. The threads end with the process that measures.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use tokio::time::Instant;

use crate::Error;

const MAX_HEAD_BYTES: u64 = 16 * 1024;
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// One request.
pub(crate) struct Request {
    /// When its first line had come.
    pub(crate) arrived: Instant,
    /// `GET /…`
    pub(crate) line: String,
    /// What is asked of AWS, by the header `x-amz-target`; empty if nothing is.
    pub(crate) operation: String,
    pub(crate) body: Vec<u8>,
}

/// An answer as bytes on the wire.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Answers every request by `answer`, on a free port.
pub(crate) fn serve(
    answer: impl Fn(&Request) -> Vec<u8> + Clone + Send + 'static,
) -> Result<SocketAddr, Error> {
    listen(move |request, mut connection| Ok(connection.write_all(&answer(&request))?))
}

/// Gives every request, with the connection that it came by, to `take`, on a free port.
pub(crate) fn listen(
    take: impl Fn(Request, TcpStream) -> Result<(), Error> + Clone + Send + 'static,
) -> Result<SocketAddr, Error> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let take = take.clone();
            // A connection that breaks belongs to a function that has been ended.
            thread::spawn(move || take_all(connection, take).ok());
        }
    });
    Ok(address)
}

fn take_all(
    connection: TcpStream,
    take: impl Fn(Request, TcpStream) -> Result<(), Error>,
) -> Result<(), Error> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection.try_clone()?);
    while let Some(request) = read(&mut reader)? {
        take(request, connection.try_clone()?)?;
    }
    Ok(())
}

/// The next request; `None` when the other side has hung up.
fn read(reader: &mut BufReader<TcpStream>) -> Result<Option<Request>, Error> {
    let mut head = reader.take(MAX_HEAD_BYTES);
    let mut line = String::new();
    if head.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let arrived = Instant::now();
    let (mut length, mut operation) = (0, String::new());
    let mut header = String::new();
    while head.read_line(&mut header)? > 2 {
        if let Some((name, value)) = header.split_once(':') {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            } else if name.eq_ignore_ascii_case("x-amz-target") {
                value.trim().clone_into(&mut operation);
            }
        }
        header.clear();
    }
    if length > MAX_BODY_BYTES {
        return Err("a body is too long".into());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Ok(Some(Request { arrived, line, operation, body }))
}
