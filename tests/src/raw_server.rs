//! A server that writes whatever it is told to, be it HTTP or not, and remembers what it was sent over which connection.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What the server does when it has read a request.
#[derive(Clone, Debug)]
pub enum Turn {
    /// Writes this and keeps the connection.
    Says(Vec<u8>),
    /// Writes this and closes the connection.
    SaysAndCloses(Vec<u8>),
    /// Writes this, and then spaces without end.
    Rambles(Vec<u8>),
    /// Writes the first at once, and the second byte by byte, one every 20 ms.
    Drips(Vec<u8>, Vec<u8>),
    /// Resets the connection.
    Resets,
}

/// A request as it came: head and body. What does not begin like HTTP has no head.
#[derive(Clone, Debug)]
pub struct RawRequest {
    /// With the line of the request.
    pub head: String,
    /// The bytes behind it.
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
}

/// The requests, by connection.
type Seen = Arc<Mutex<Vec<Vec<RawRequest>>>>;

/// The server; it stops when it is dropped.
pub struct RawServer {
    address: SocketAddr,
    seen: Seen,
    _tasks: JoinSet<()>,
}

impl RawServer {
    /// Answers the first request by the first of `turns` and so on, over whichever connection it comes; the last turn
    /// answers all that follow. With `tls`, connections are secured.
    pub async fn start(turns: Vec<Turn>, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Seen::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::new(turns), tls.map(TlsAcceptor::from), Arc::clone(&seen)));
        Self { address, seen, _tasks: tasks }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests, by connection.
    pub fn connections(&self) -> Vec<Vec<RawRequest>> {
        self.seen.lock().unwrap().clone()
    }
}

async fn accept(listener: TcpListener, turns: Arc<Vec<Turn>>, tls: Option<TlsAcceptor>, seen: Seen) {
    let mut served = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (turns, seen, tls) = (Arc::clone(&turns), Arc::clone(&seen), tls.clone());
        served.spawn(async move {
            // Whoever has read enough hangs up, and a write fails.
            let _ = serve_one(stream, &turns, tls, &seen).await;
        });
    }
}

async fn serve_one(
    stream: TcpStream,
    turns: &[Turn],
    tls: Option<TlsAcceptor>,
    seen: &Seen,
) -> io::Result<()> {
    if turns.iter().any(|turn| matches!(turn, Turn::Resets)) {
        stream.set_zero_linger()?;
    }
    let Some(tls) = tls else { return converse(stream, turns, seen).await };
    converse(tls.accept(stream).await?, turns, seen).await
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    turns: &[Turn],
    seen: &Seen,
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
        match turns.get(number).or_else(|| turns.last()).expect("a turn") {
            Turn::Says(text) => stream.write_all(text).await?,
            Turn::SaysAndCloses(text) => {
                stream.write_all(text).await?;
                return stream.shutdown().await;
            }
            Turn::Rambles(text) => {
                stream.write_all(text).await?;
                loop {
                    stream.write_all(&[b' '; 1_000]).await?;
                }
            }
            Turn::Drips(first, text) => {
                stream.write_all(first).await?;
                let mut ticks = tokio::time::interval(Duration::from_millis(20));
                for byte in text {
                    ticks.tick().await;
                    stream.write_all(&[*byte]).await?;
                }
            }
            Turn::Resets => return Ok(()),
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
