//! Ports of this machine that stay the storm's while nobody listens on them, and requests of HTTP/1.1 as they come.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::clock::{Millis, StormClock, Window};

const BACKLOG: u32 = 1_024;

/// A port that nobody else is given. A connection to it is refused unless somebody listens.
#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    _held: TcpSocket,
}

impl Port {
    /// A free port.
    ///
    /// # Errors
    /// There is none.
    pub fn reserve() -> io::Result<Arc<Self>> {
        let held = TcpSocket::new_v4()?;
        held.set_reuseaddr(true)?;
        held.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Arc::new(Self { address: held.local_addr()?, _held: held }))
    }

    /// The port's number.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.address.port()
    }

    /// Listens until the listener is dropped.
    ///
    /// # Errors
    /// Somebody listens already.
    pub fn listen(&self) -> io::Result<TcpListener> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        socket.listen(BACKLOG)
    }

    /// Serves every connection by `serve`, but refuses them during `outages`, which are in order.
    pub async fn serve<S>(
        self: Arc<Self>,
        clock: StormClock,
        outages: Vec<Window>,
        serve: impl Fn(TcpStream) -> S,
    ) where
        S: Future<Output = io::Result<()>> + Send + 'static,
    {
        let mut served = JoinSet::new();
        let ends = [Window { from: Millis::MAX / 2, until: Millis::MAX / 2 }];
        for outage in outages.into_iter().chain(ends) {
            let listener = self.listen().expect("the port is ours");
            loop {
                tokio::select! {
                    () = clock.reaches(outage.from) => break,
                    Ok((stream, _)) = listener.accept() => {
                        // Whoever has read enough hangs up, and a write fails.
                        served.spawn(serve(stream));
                    }
                    Some(_) = served.join_next() => {}
                }
            }
            drop(listener);
            clock.reaches(outage.until).await;
        }
    }
}

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct RawRequest {
    /// The request line and the headers.
    pub head: String,
    pub body: Vec<u8>,
}

impl RawRequest {
    /// The request in `bytes`, if it is whole.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let request = Self {
            head: String::from_utf8_lossy(&bytes[..end]).into_owned(),
            body: bytes[end + 4..].to_vec(),
        };
        let length: usize = request.header("content-length").map_or(Some(0), |length| length.parse().ok())?;
        (request.body.len() >= length).then_some(request)
    }

    /// The value of a header; empty without one.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
    }
}

/// Reads a request.
///
/// # Errors
/// The connection ended before it was whole.
pub async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<RawRequest> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(request) = RawRequest::parse(&bytes) {
            return Ok(request);
        }
    }
}

/// True if the caller has closed the connection, or its process is gone: asked of the system, because the runtime may
/// not have heard of it yet.
#[must_use]
pub fn has_hung_up(stream: &TcpStream) -> bool {
    let next = recv(stream, &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
    !matches!(next, Ok((_, 1..)) | Err(Errno::AGAIN))
}

/// An answer of HTTP/1.1 with this status, these headers (each ended by CRLF) and this body.
#[must_use]
pub fn http(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The manner of sending an answer.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Sends this, and closes the connection.
    Send(Vec<u8>),
    /// Waits, and then sends this, whether or not somebody waits for it.
    SendAfter(Duration, Vec<u8>),
    /// Waits, and then sends this, unless the caller has hung up.
    SendToWhoWaits(Duration, Vec<u8>),
    /// Sends the head at once and the body byte by byte, at this pace.
    Drip(Vec<u8>, Vec<u8>, Duration),
    /// Sends the first, and then the second again and again.
    Ramble(Vec<u8>, Vec<u8>),
    /// Sends this, and then nothing more, until the caller hangs up.
    Hang(Vec<u8>),
    /// Resets the connection.
    Reset,
}

impl Reply {
    /// Sends it.
    ///
    /// # Errors
    /// The caller has hung up.
    pub async fn send(self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
        match self {
            Self::Send(bytes) => {
                stream.write_all(&bytes).await?;
                stream.shutdown().await
            }
            Self::SendAfter(wait, bytes) => {
                tokio::time::sleep(wait).await;
                stream.write_all(&bytes).await?;
                stream.shutdown().await
            }
            Self::SendToWhoWaits(wait, bytes) => {
                let mut more = [0; 64];
                tokio::select! {
                    biased;
                    _ = stream.read(&mut more) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    () = tokio::time::sleep(wait) => {}
                }
                stream.write_all(&bytes).await?;
                stream.shutdown().await
            }
            Self::Drip(head, body, pace) => {
                stream.write_all(&head).await?;
                for byte in body {
                    tokio::time::sleep(pace).await;
                    stream.write_all(&[byte]).await?;
                }
                stream.shutdown().await
            }
            Self::Ramble(bytes, more) => {
                stream.write_all(&bytes).await?;
                loop {
                    stream.write_all(&more).await?;
                }
            }
            Self::Hang(bytes) => {
                stream.write_all(&bytes).await?;
                while stream.read(&mut [0; 64]).await? > 0 {}
                Ok(())
            }
            Self::Reset => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_has_hung_up_is_sent_nothing_late() {
        // Often, because a choice that is made by lot is right half the time.
        for waits in [true].into_iter().chain([false; 16]) {
            let (mut ours, mut theirs) = tokio::io::duplex(64);
            let late = Reply::SendToWhoWaits(Duration::from_secs(11), b"SUCCESS".into());
            let mut sending = Box::pin(late.send(&mut ours));
            assert!(futures_util::poll!(&mut sending).is_pending());
            if !waits {
                // The end and the time have both come when it looks again.
                theirs.shutdown().await.unwrap();
                tokio::time::advance(Duration::from_secs(20)).await;
            }
            assert_eq!(sending.await.is_ok(), waits);
            drop(ours);
            let mut sent = Vec::new();
            theirs.read_to_end(&mut sent).await.unwrap();
            assert_eq!(sent, if waits { &b"SUCCESS"[..] } else { b"" });
        }
    }

    #[tokio::test]
    async fn a_caller_that_is_gone_is_noticed_behind_what_it_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (sent, closes) in [("POST / HTTP/1.1\r\n\r\n", true), ("POST / HTTP/1.1\r\n\r\n", false)] {
            let mut caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            caller.write_all(sent.as_bytes()).await.unwrap();
            let _open = (!closes).then_some(caller);
            assert_eq!(read_request(&mut stream).await.unwrap().head, "POST / HTTP/1.1");
            assert_eq!(has_hung_up(&stream), closes);
        }
    }
}
