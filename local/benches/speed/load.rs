//! Requests over kept connections, at a steady pace whatever the answers take, or as fast as they are answered.
//!
//! At a pace, a latency counts from when its request was due, so a host that falls behind cannot look fast.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::Error;

/// How many requests can be under way.
pub(crate) const CONNECTIONS: usize = 64;
const MAX_ANSWER_BYTES: usize = 4 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);
/// Enough for a thread that only exchanges messages.
pub(crate) const STACK_BYTES: usize = 128 * 1024;

/// What came of it.
pub(crate) struct Load {
    /// Of the requests answered with status 0, in ascending order.
    pub(crate) latencies: Vec<Duration>,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
}

impl Load {
    /// Answers with status 0, a second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that `share` of the answers kept to; zero if there are none.
    pub(crate) fn latency(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
    }
}

/// Sends every message once; one each `pace`, or without one the next as soon as a connection is free.
pub(crate) fn send(to: SocketAddr, messages: &[Vec<u8>], pace: Option<Duration>) -> Result<Load, Error> {
    let next = AtomicUsize::new(0);
    let mut connections = (0..CONNECTIONS).map(|_| Connection::open(to)).collect::<Result<Vec<_>, _>>()?;
    let began = Instant::now();
    let worked = std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for connection in &mut connections {
            let work = || work(connection, messages, &next, began, pace);
            workers.push(std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work)?);
        }
        let ended = |worker: std::thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|_| Err("a connection's thread panicked".into()))
        };
        workers.into_iter().map(ended).collect::<Result<Vec<Vec<Duration>>, Error>>()
    })?;
    let elapsed = began.elapsed();
    let mut latencies: Vec<_> = worked.into_iter().flatten().collect();
    latencies.sort_unstable();
    Ok(Load { latencies, elapsed })
}

fn work(
    connection: &mut Connection,
    messages: &[Vec<u8>],
    next: &AtomicUsize,
    began: Instant,
    pace: Option<Duration>,
) -> Result<Vec<Duration>, Error> {
    let mut latencies = Vec::new();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(message) = messages.get(index) else { return Ok(latencies) };
        let due = match pace {
            Some(pace) => began + pace * u32::try_from(index)?,
            None => Instant::now(),
        };
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if connection.exchange(message)? {
            latencies.push(due.elapsed());
        }
    }
}

/// A kept connection to the host.
pub(crate) struct Connection {
    stream: TcpStream,
    answer: [u8; MAX_ANSWER_BYTES],
}

impl Connection {
    pub(crate) fn open(to: SocketAddr) -> Result<Self, Error> {
        let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, answer: [0; MAX_ANSWER_BYTES] })
    }

    /// Sends a message; whether it was answered with status 0.
    pub(crate) fn exchange(&mut self, message: &[u8]) -> Result<bool, Error> {
        self.stream.write_all(message)?;
        let mut length = 0;
        loop {
            let read = self.stream.read(&mut self.answer[length..])?;
            length += read;
            if let Some((head, body)) = complete(&self.answer[..length]) {
                return Ok(head.starts_with("HTTP/1.1 200 ") && body.starts_with(r#"{"status":0,"#));
            }
            if read == 0 {
                return Err("an answer broke off, or is too long".into());
            }
        }
    }
}

/// Head and body of an answer, when all of it is there.
fn complete(answer: &[u8]) -> Option<(&str, &str)> {
    let (head, body) = std::str::from_utf8(answer).ok()?.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    (length.parse() == Ok(body.len())).then_some((head, body))
}
