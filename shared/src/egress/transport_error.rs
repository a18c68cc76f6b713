//! The one classification of failures to carry a request out and its answer back.

use std::error::Error;
use std::io;

use http_body_util::LengthLimitError;
use tokio::time::error::Elapsed;

use crate::egress::read_budget::BudgetSpent;
use crate::egress::resolver::LookUpError;
use crate::model::delivery_outcome::{AddressRefusal, DeliveryOutcome};

/// A request that has no answer. It displays as the log's word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The name leads to an address that is not public: nothing was sent.
    #[error("connection")]
    AddressRefused(AddressRefusal),
    /// The name could not be resolved: nothing was sent.
    #[error("connection")]
    Dns,
    /// There is no connection: nothing was sent.
    #[error("connection")]
    Connect,
    /// The TLS handshake failed: nothing was sent.
    #[error("connection")]
    Handshake,
    /// TLS failed after the handshake, as when the other side then asks for a certificate of the client's.
    #[error("broken")]
    Tls,
    /// There was no connection in time: nothing was sent.
    #[error("timeout")]
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
        matches!(self, Self::Broken | Self::Tls)
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
            | Self::Handshake
            | Self::ConnectTimeout
            | Self::Paused
            | Self::NotSent => true,
            Self::Tls | Self::Timeout | Self::Broken | Self::CutOff | Self::TooLong => false,
        }
    }

    /// Classifies the failure of a request whose answer had not begun, by the types in the error's chain.
    ///
    /// The order matters: the client counts a resolver's failure as one of connecting, and a handshake's too.
    #[must_use]
    pub(crate) fn of_request(error: &hyper_util::client::legacy::Error) -> Self {
        match find(error) {
            Some(&LookUpError::Refused(refusal)) => Self::AddressRefused(refusal),
            Some(LookUpError::Failed(_)) => Self::Dns,
            None if find::<rustls::Error>(error).is_some() => {
                if error.is_connect() {
                    Self::Handshake
                } else {
                    Self::Tls
                }
            }
            None if is_too_long(error) => Self::TooLong,
            None if is_timeout(error) && error.is_connect() => Self::ConnectTimeout,
            None if is_timeout(error) => Self::Timeout,
            None if error.is_connect() => Self::Connect,
            None => Self::Broken,
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
    find::<BudgetSpent>(error).is_some()
        || find::<LengthLimitError>(error).is_some()
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
            TransportError::Handshake | TransportError::Tls => Self::Tls,
            TransportError::ConnectTimeout | TransportError::Timeout => Self::Timeout,
            TransportError::TooLong => Self::TooLong,
            TransportError::Broken
            | TransportError::CutOff
            | TransportError::Paused
            | TransportError::NotSent => Self::Broken,
        }
    }
}

/// The first error of type `T` in a chain.
pub(crate) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An I/O error that wraps another names as its source not that one, but that one's source.
        next = match error.downcast_ref::<io::Error>() {
            Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}
