//! A deadline that is believed only after a last look at what has come.
//!
//! A process that stood still (it was stopped, its machine frozen) wakes up with timer and answer ready at once, but a
//! connection is a task of its own, which has yet to read the answer. What was asked for once must not be lost by that.
//! A request that was not sent yet is not begun so late: its time is over.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, timeout, timeout_at};

/// A timer that goes off later than this went off in a process that stood still.
const LATE: Duration = Duration::from_millis(100);

/// The time in which what has come is read then.
pub(crate) const FINAL_READ: Duration = Duration::from_millis(500);

/// Tells if a request has begun to leave.
#[derive(Clone, Debug, Default)]
pub(crate) struct SendProgress(Arc<AtomicBool>);

impl SendProgress {
    /// True once the request's body was taken to be written.
    pub(crate) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The body that tells when it is taken.
    pub(crate) fn watched_body(&self, bytes: Bytes) -> SentBody {
        SentBody { body: Full::new(bytes), progress: self.clone() }
    }
}

/// The body of a request that tells when it is taken.
#[derive(Debug)]
pub(crate) struct SentBody {
    body: Full<Bytes>,
    progress: SendProgress,
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = <Full<Bytes> as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.progress.0.store(true, Ordering::Relaxed);
        Pin::new(&mut self.body).poll_frame(context)
    }

    /// hyper asks as it takes the request to write it, and polls no body that is empty.
    fn is_end_stream(&self) -> bool {
        let is_empty = self.body.is_end_stream();
        if is_empty {
            self.progress.0.store(true, Ordering::Relaxed);
        }
        is_empty
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What `work` comes to until `deadline`, or in a final read if the timer was late and the request had begun to leave.
pub(crate) async fn until<T>(
    deadline: Instant,
    progress: &SendProgress,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    if let Ok(done) = timeout_at(deadline, &mut work).await {
        return Some(done);
    }
    let stood_still = Instant::now().duration_since(deadline) > LATE;
    if stood_still && progress.has_begun() { timeout(FINAL_READ, work).await.ok() } else { None }
}

#[cfg(test)]
mod tests {
    use http::{Request, StatusCode};
    use hyper::client::conn::http1::handshake;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    use super::*;

    const TIME: Duration = Duration::from_secs(8);

    /// Waits for the answer of a connection that takes `turns` to read it, in a process that stands still for `still`.
    async fn waited(still: Duration, turns: usize, has_begun: bool) -> Option<&'static str> {
        let (arrive, arrived) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        tokio::spawn(async move {
            arrived.await.unwrap();
            for _ in 0..turns {
                yield_now().await;
            }
            tell.send("answer")
        });
        let progress = SendProgress::default();
        if has_begun {
            progress.0.store(true, Ordering::Relaxed);
        }
        let freeze = async {
            arrive.send(()).unwrap();
            tokio::time::advance(still).await;
        };
        let (said, ()) = tokio::join!(until(Instant::now() + TIME, &progress, told), freeze);
        said.transpose().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_while_the_process_stood_still_is_read() {
        for still in [Duration::ZERO, TIME + Duration::from_secs(1), Duration::from_hours(1)] {
            assert_eq!(waited(still, 5, true).await, Some("answer"), "{still:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_had_not_left_is_not_begun_late() {
        assert_eq!(waited(Duration::from_hours(1), 5, false).await, None);
    }

    /// What a request comes to whose answer comes while the process stands still.
    async fn asked(body: &'static [u8]) -> Option<StatusCode> {
        let (ours, mut theirs) = duplex(1_024);
        let (mut sender, connection) = handshake(TokioIo::new(ours)).await.unwrap();
        tokio::spawn(connection);
        let progress = SendProgress::default();
        let request = Request::post("/").body(progress.watched_body(Bytes::from_static(body))).unwrap();
        let freeze = async {
            let _ = theirs.read(&mut [0; 1_024]).await.unwrap();
            tokio::time::advance(Duration::from_hours(1)).await;
            theirs.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        };
        let answer = until(Instant::now() + TIME, &progress, sender.send_request(request));
        let (answer, ()) = tokio::join!(answer, freeze);
        answer.map(|answer| answer.unwrap().status())
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_has_left_whether_or_not_it_has_a_body() {
        assert_eq!(asked(b"{}").await, Some(StatusCode::NO_CONTENT));
        assert_eq!(asked(b"").await, Some(StatusCode::NO_CONTENT));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_waited_for_no_longer_than_its_time() {
        let progress = SendProgress::default();
        progress.0.store(true, Ordering::Relaxed);
        let began = Instant::now();
        let silence = std::future::pending::<()>();
        assert_eq!(until(began + TIME, &progress, silence).await, None);
        assert!(Instant::now() - began < TIME + LATE);
    }
}
