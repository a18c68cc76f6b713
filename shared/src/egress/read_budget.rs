//! A connection on which an exchange may receive so many bytes, and no more.
//!
//! An HTTP client bounds a header block and hands a body over piece by piece, but it passes over interim answers (1xx),
//! however many come, and a limit on the body is not asked for them. Here every byte counts, above TLS: interim
//! answers, headers, the framing of chunks, trailers and the body. A kept connection carries one exchange after the
//! other, and each begins by writing its request, so a write sets the count back.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// More bytes came in answer to one request than are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the exchange received more than {budget_bytes} bytes")]
pub(crate) struct ReadBudgetError {
    budget_bytes: usize,
}

/// A stream that fails with [`ReadBudgetError`] at the first read after the one that exceeded the budget.
pub(crate) struct ReadBudget<S> {
    stream: S,
    budget_bytes: usize,
    received_bytes: usize,
}

impl<S> ReadBudget<S> {
    /// Allows `budget_bytes` after each write.
    pub(crate) const fn new(stream: S, budget_bytes: usize) -> Self {
        Self { stream, budget_bytes, received_bytes: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadBudget<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.received_bytes > self.budget_bytes {
            let spent = ReadBudgetError { budget_bytes: self.budget_bytes };
            return Poll::Ready(Err(io::Error::other(spent)));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.received_bytes = self.received_bytes.saturating_add(buffer.filled().len() - before);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadBudget<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.received_bytes = 0;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: Connection> Connection for ReadBudget<S> {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn what_exceeds_the_budget_is_the_last_that_is_read_until_the_next_write() {
        let (mut theirs, ours) = tokio::io::duplex(64);
        let mut ours = ReadBudget::new(ours, 8);
        let mut buffer = [0; 6];
        for (bytes, read) in [("abcdef", true), ("gh", true), ("i", true), ("j", false)] {
            theirs.write_all(bytes.as_bytes()).await.unwrap();
            let came = ours.read(&mut buffer).await;
            assert_eq!(came.is_ok(), read, "{bytes}");
            if let Err(error) = came {
                let spent = error.get_ref().unwrap().downcast_ref();
                assert_eq!(spent, Some(&ReadBudgetError { budget_bytes: 8 }));
            }
        }
        ours.write_all(b"next").await.unwrap();
        assert_eq!(ours.read(&mut buffer).await.unwrap(), 1);
    }

    /// What a read gives that need not wait.
    async fn at_once(read: impl Future<Output = io::Result<usize>>) -> usize {
        tokio::time::timeout(std::time::Duration::ZERO, read).await.expect("it has come").unwrap()
    }

    #[tokio::test]
    async fn what_stands_in_a_buffer_already_is_not_counted() {
        let (mut theirs, ours) = tokio::io::duplex(64);
        let mut ours = ReadBudget::new(ours, 8);
        theirs.write_all(b"abcdef").await.unwrap();
        let mut bytes = [0; 64];
        let mut buffer = ReadBuf::new(&mut bytes);
        buffer.put_slice(&[b' '; 32]);
        std::future::poll_fn(|context| Pin::new(&mut ours).poll_read(context, &mut buffer)).await.unwrap();
        assert_eq!((buffer.filled().len(), ours.received_bytes), (38, 6));
    }

    #[tokio::test]
    async fn a_flush_and_an_end_are_passed_on() {
        let (mut theirs, ours) = tokio::io::duplex(64);
        let mut ours = ReadBudget::new(tokio::io::BufWriter::new(ours), 8);
        let mut buffer = [0; 8];
        ours.write_all(b"abc").await.unwrap();
        ours.flush().await.unwrap();
        assert_eq!(at_once(theirs.read(&mut buffer)).await, 3);
        ours.shutdown().await.unwrap();
        assert_eq!(at_once(theirs.read(&mut buffer)).await, 0);
    }
}
