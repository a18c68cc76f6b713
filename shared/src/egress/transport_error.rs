//! The one classification of failures to carry a request out and its answer back.

use std::error::Error;
use std::io;

use tokio::time::error::Elapsed;

use crate::egress::error_chain::find;
use crate::egress::read_budget::ReadBudgetError;
use crate::egress::resolver::LookUpError;
use crate::egress::tls_failure::tls_failure;
use crate::model::delivery_outcome::{AddressRefusal, DeliveryOutcome, TlsFailure};

/// A request that has no answer. It displays as the log's word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The name leads to an address that is not public: nothing was sent.
    #[error("address_refused")]
    AddressRefused(AddressRefusal),
    /// The name could not be resolved: nothing was sent.
    #[error("dns")]
    Dns,
    /// There is no connection: nothing was sent.
    #[error("connect")]
    Connect,
    /// The TLS handshake failed: nothing was sent.
    #[error("tls_handshake")]
    Handshake(TlsFailure),
    /// TLS failed after the handshake, as when the other side then asks for a certificate of the client's.
    #[error("broken")]
    Tls(TlsFailure),
    /// There was no connection in time: nothing was sent.
    #[error("connect_timeout")]
    ConnectTimeout,
    /// There was no whole answer in time.
    #[error("timeout")]
    Timeout,
    /// The connection broke, or said no HTTP, before an answer began. So ends a kept connection that the other side has
    /// closed in the meantime.
    #[error("broken")]
    Broken,
    /// The answer began and broke off.
    #[error("cut_off")]
    CutOff,
    /// The answer has more bytes than are read: of its body, its headers or trailers, or in interim answers before it.
    #[error("too_long")]
    TooLong,
    /// The party has hung again and again and is left alone for a while: nothing was sent.
    #[error("paused")]
    Paused,
    /// The request cannot be written as HTTP, or there was no randomness to sign it: nothing was sent.
    #[error("not_sent")]
    NotSent,
}

impl TransportError {
    /// True if a connection ended before an answer began: a kept one may have been closed by the other side, and the
    /// same request, signed anew, may do on another.
    #[must_use]
    pub const fn broke_before_answer(self) -> bool {
        matches!(self, Self::Broken | Self::Tls(_))
    }

    /// True if the other side has let the time run out.
    #[must_use]
    pub const fn is_timeout(self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::Timeout)
    }

    /// True if it is certain that no byte of the request was sent.
    #[must_use]
    pub const fn never_sent(self) -> bool {
        match self {
            Self::AddressRefused(_)
            | Self::Dns
            | Self::Connect
            | Self::Handshake(_)
            | Self::ConnectTimeout
            | Self::Paused
            | Self::NotSent => true,
            Self::Tls(_) | Self::Timeout | Self::Broken | Self::CutOff | Self::TooLong => false,
        }
    }

    /// Classifies the failure of a request whose answer had not begun, by the types in the error's chain.
    ///
    /// The order matters: the client counts a resolver's failure as one of connecting, and a handshake's too.
    #[must_use]
    pub(crate) fn of_request(error: &hyper_util::client::legacy::Error) -> Self {
        match find(error) {
            Some(&LookUpError::Refused(refusal)) => return Self::AddressRefused(refusal),
            Some(LookUpError::Failed(_)) => return Self::Dns,
            None => {}
        }
        match (tls_failure(error), error.is_connect()) {
            (Some(failure), true) => Self::Handshake(failure),
            (Some(failure), false) => Self::Tls(failure),
            (None, _) if is_too_long(error) => Self::TooLong,
            (None, true) if is_timeout(error) => Self::ConnectTimeout,
            (None, false) if is_timeout(error) => Self::Timeout,
            (None, true) => Self::Connect,
            (None, false) => Self::Broken,
        }
    }

    /// Classifies the failure of an answer whose head had come.
    #[must_use]
    pub(crate) fn of_body(error: &(dyn Error + 'static)) -> Self {
        if is_too_long(error) || is_bad_framing(error) {
            Self::TooLong
        } else if is_timeout(error) {
            Self::Timeout
        } else {
            Self::CutOff
        }
    }
}

fn is_too_long(error: &(dyn Error + 'static)) -> bool {
    find::<ReadBudgetError>(error).is_some()
        || find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse_too_large)
}

/// The client has bounds of its own on the extensions of chunks and on trailers, and tells of them by this kind alone.
fn is_bad_framing(error: &(dyn Error + 'static)) -> bool {
    find::<rustls::Error>(error).is_none()
        && find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::InvalidData)
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    find::<Elapsed>(error).is_some()
        || find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

impl From<TransportError> for DeliveryOutcome {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::AddressRefused(refusal) => Self::AddressRefused(refusal),
            TransportError::Dns => Self::Dns,
            TransportError::Connect => Self::Connect,
            TransportError::Handshake(failure) | TransportError::Tls(failure) => Self::Tls(failure),
            TransportError::ConnectTimeout | TransportError::Timeout => Self::Timeout,
            TransportError::TooLong => Self::TooLong,
            TransportError::Broken
            | TransportError::CutOff
            | TransportError::Paused
            | TransportError::NotSent => Self::Broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http::Uri;
    use hyper_util::client::legacy::Client;
    use hyper_util::client::legacy::connect::{Connected, Connection};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
    use tower_service::Service;

    use super::*;

    /// A connection whose other side the system gives up.
    struct GivenUp;

    impl AsyncRead for GivenUp {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
        }
    }

    impl AsyncWrite for GivenUp {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl Connection for GivenUp {
        fn connected(&self) -> Connected {
            Connected::new()
        }
    }

    /// Fails to connect in one way, or connects to who is given up.
    #[derive(Clone)]
    struct Connector(Option<io::ErrorKind>);

    impl Service<Uri> for Connector {
        type Response = TokioIo<GivenUp>;
        type Error = io::Error;
        type Future = Ready<io::Result<Self::Response>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Uri) -> Self::Future {
            ready(self.0.map_or_else(|| Ok(TokioIo::new(GivenUp)), |kind| Err(kind.into())))
        }
    }

    #[test]
    fn the_word_in_the_log_says_how_far_a_request_came() {
        for (error, word, never_sent, is_timeout) in [
            (TransportError::AddressRefused(AddressRefusal::Loopback), "address_refused", true, false),
            (TransportError::Dns, "dns", true, false),
            (TransportError::Connect, "connect", true, false),
            (TransportError::Handshake(TlsFailure::Expired), "tls_handshake", true, false),
            (TransportError::ConnectTimeout, "connect_timeout", true, true),
            (TransportError::Paused, "paused", true, false),
            (TransportError::NotSent, "not_sent", true, false),
            // The request may have been read before its connection failed.
            (TransportError::Tls(TlsFailure::Other), "broken", false, false),
            (TransportError::Timeout, "timeout", false, true),
            (TransportError::Broken, "broken", false, false),
            (TransportError::CutOff, "cut_off", false, false),
            (TransportError::TooLong, "too_long", false, false),
        ] {
            assert_eq!(error.to_string(), word);
            assert_eq!((error.never_sent(), error.is_timeout()), (never_sent, is_timeout), "{word}");
        }
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "it connects to nobody")]
    async fn time_that_runs_out_is_told_from_a_refusal_and_before_a_connection_from_after_it() {
        for (failure, expected) in [
            (Some(io::ErrorKind::TimedOut), TransportError::ConnectTimeout),
            (Some(io::ErrorKind::ConnectionRefused), TransportError::Connect),
            (Some(io::ErrorKind::InvalidData), TransportError::Connect),
            (None, TransportError::Timeout),
        ] {
            let client: Client<_, String> = Client::builder(TokioExecutor::new()).build(Connector(failure));
            let error = client.get(Uri::from_static("http://m.example/")).await.unwrap_err();
            assert_eq!(TransportError::of_request(&error), expected, "{failure:?}");
        }
    }
}
