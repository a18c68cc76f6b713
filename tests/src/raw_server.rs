//! A server that writes given bytes, HTTP or not, and records the requests of each connection: broken HTTP, resets and
//! the reuse of connections, which wiremock cannot express.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// The reaction to a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Sends this and keeps the connection; nothing is silence.
    Send(Vec<u8>),
    /// Sends this and closes the connection.
    SendAndClose(Vec<u8>),
    /// Sends this and ends the connection, over TLS without saying so.
    SendAndDrop(Vec<u8>),
    /// Sends the first, and then the second again and again.
    SendEndlessly(Vec<u8>, Vec<u8>),
    /// Sends the first at once, and the second byte by byte, one every 20 ms.
    SendSlowly(Vec<u8>, Vec<u8>),
    /// Reset the connection.
    Reset,
}

/// A request as received; bytes that do not begin like HTTP are a body without a head.
#[derive(Clone, Debug)]
pub struct RawRequest {
    /// The request line and the headers.
    pub head: String,
    /// The bytes after the head.
    pub body: Vec<u8>,
}

impl RawRequest {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
    }

    /// The request, parsed.
    pub fn parse(&self) -> Request<Bytes> {
        let mut lines = self.head.lines();
        let mut first = lines.next().expect("a request line").split(' ');
        let (method, target) = (first.next().expect("a method"), first.next().expect("a target"));
        let headers = lines.filter_map(|line| line.split_once(": "));
        let request = headers
            .fold(Request::builder().method(method).uri(target), |request, (name, value)| {
                request.header(name, value)
            });
        request.body(Bytes::from(self.body.clone())).expect("a request")
    }
}

/// The requests, by connection.
type Seen = Arc<Mutex<Vec<Vec<RawRequest>>>>;

/// An answer of HTTP/1.1 with this status and body, and with these headers, each ended by CRLF.
pub fn http(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The server; it stops when it is dropped.
pub struct RawServer {
    address: SocketAddr,
    seen: Seen,
    sent: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl RawServer {
    /// Answers the first request by the first of `replies` and so on, over whichever connection it comes; the last
    /// reply answers all that follow. With `tls`, connections are secured.
    pub async fn start(replies: Vec<Reply>, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (seen, sent) = (Seen::default(), Arc::default());
        let mut tasks = JoinSet::new();
        let script = Script { replies, seen: Arc::clone(&seen), sent: Arc::clone(&sent) };
        tasks.spawn(accept(listener, Arc::new(script), tls.map(TlsAcceptor::from)));
        Self { address, seen, sent, _tasks: tasks }
    }

    /// The address that it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The bytes of answers without end that were sent, or lie in the machine's buffers.
    pub fn sent_endlessly(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// The requests, by connection.
    pub fn connections(&self) -> Vec<Vec<RawRequest>> {
        self.seen.lock().unwrap().clone()
    }
}

/// The replies, and the record of what came and went.
struct Script {
    replies: Vec<Reply>,
    seen: Seen,
    sent: Arc<AtomicUsize>,
}

async fn accept(listener: TcpListener, script: Arc<Script>, tls: Option<TlsAcceptor>) {
    let mut served = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (script, tls) = (Arc::clone(&script), tls.clone());
        served.spawn(async move {
            // Whoever has read enough hangs up, and a write fails.
            let _ = serve_one(stream, &script, tls).await;
        });
    }
}

async fn serve_one(stream: TcpStream, script: &Script, tls: Option<TlsAcceptor>) -> io::Result<()> {
    if script.replies.iter().any(|reply| matches!(reply, Reply::Reset)) {
        stream.set_zero_linger()?;
    }
    let Some(tls) = tls else { return converse(stream, script).await };
    converse(tls.accept(stream).await?, script).await
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    Script { replies, seen, sent }: &Script,
) -> io::Result<()> {
    let connection = {
        let mut connections = seen.lock().unwrap();
        connections.push(Vec::new());
        connections.len() - 1
    };
    loop {
        let request = read_request(&mut stream).await?;
        let number = {
            let mut connections = seen.lock().unwrap();
            connections[connection].push(request);
            connections.iter().map(Vec::len).sum::<usize>() - 1
        };
        match replies.get(number).or_else(|| replies.last()).expect("a reply") {
            Reply::Send(text) => stream.write_all(text).await?,
            Reply::SendAndClose(text) => {
                stream.write_all(text).await?;
                return stream.shutdown().await;
            }
            Reply::SendAndDrop(text) => {
                stream.write_all(text).await?;
                return stream.flush().await;
            }
            Reply::SendEndlessly(text, more) => {
                stream.write_all(text).await?;
                loop {
                    stream.write_all(more).await?;
                    sent.fetch_add(more.len(), Ordering::Relaxed);
                }
            }
            Reply::SendSlowly(first, text) => {
                stream.write_all(first).await?;
                let mut ticks = tokio::time::interval(Duration::from_millis(20));
                for byte in text {
                    ticks.tick().await;
                    stream.write_all(&[*byte]).await?;
                }
            }
            Reply::Reset => return Ok(()),
        }
        stream.flush().await?;
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<RawRequest> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !bytes[0].is_ascii_alphabetic() {
            return Ok(RawRequest { head: String::new(), body: bytes });
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let request = RawRequest { head, body: bytes[end + 4..].to_vec() };
        let length = request.header("content-length").map_or(0, |length| length.parse().expect("a length"));
        if request.body.len() == length {
            return Ok(request);
        }
    }
}
