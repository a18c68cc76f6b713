//! Carrying a request to a platform and its answer back.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use reqwest::Client;
use rustls::RootCertStore;

use crate::egress::client::{ReadError, bundled_roots, client_builder_trusting, read_bounded};
use crate::protocol::open_api::client::request::{self, PlatformRequest};

/// How long a platform may take to answer one request, in all.
pub const ASK_TIMEOUT: Duration = Duration::from_secs(6);

const CONNECT: Duration = Duration::from_secs(3);
/// Kept connections are young, because the other side closes what it has not heard from, and a function is frozen
/// between its events.
const IDLE: Duration = Duration::from_secs(20);
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// Carries requests to platforms: the network of the flow that asks them.
#[async_trait]
pub trait Platforms: Send + Sync {
    /// Sends `request` once and gives the body of an answer with HTTP status 200 for
    /// [`read_answer`](crate::protocol::open_api::client::response::read_answer), 16 KiB at most.
    ///
    /// # Errors
    /// Why there is no answer; whether the platform granted the request is unknown then.
    async fn post(&self, request: &PlatformRequest) -> Result<Bytes, NoAnswer>;
}

/// Why a platform's answer is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// None within [`ASK_TIMEOUT`].
    #[error("timeout")]
    Timeout,
    /// No connection, or none that could be secured: nothing was sent.
    #[error("connection")]
    Connection,
    /// The connection broke, or said no HTTP, before an answer began.
    ///
    /// So ends a kept connection that the platform has closed in the meantime. One more request is worth its while: the
    /// serialNo makes it safe, but this one's nonce is used, so whoever repeats signs anew.
    #[error("broken")]
    Broken,
    /// The answer began and broke off.
    #[error("cut_off")]
    CutOff,
    /// An HTTP status other than 200.
    #[error("http_{0}")]
    Status(u16),
    /// The answer has more than 16 KiB.
    #[error("too_long")]
    TooLong,
}

/// Platforms over HTTPS, on connections that are kept; no redirects, no proxy, no repetition.
#[derive(Debug)]
pub struct HttpPlatforms(Client);

impl HttpPlatforms {
    /// A client that trusts the bundled roots and gives each request [`ASK_TIMEOUT`]; to be built once per process.
    ///
    /// # Errors
    /// The HTTP client could not be set up.
    pub fn new() -> Result<Self, reqwest::Error> {
        Self::trusting(bundled_roots(), ASK_TIMEOUT)
    }

    /// A client that trusts `roots` alone and gives each request `timeout`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn trusting(roots: RootCertStore, timeout: Duration) -> Result<Self, reqwest::Error> {
        client_builder_trusting(roots, CONNECT, timeout)
            .pool_idle_timeout(IDLE)
            .retry(reqwest::retry::never())
            .build()
            .map(Self)
    }
}

#[async_trait]
impl Platforms for HttpPlatforms {
    async fn post(&self, request: &PlatformRequest) -> Result<Bytes, NoAnswer> {
        let mut post = self.0.post(request.url().clone()).header(CONTENT_TYPE, request::CONTENT_TYPE);
        for (name, value) in request.headers() {
            // A document's businessId and our own digits and Base64 are always fit for a header.
            let mut value = HeaderValue::try_from(value).map_err(|_| NoAnswer::Connection)?;
            value.set_sensitive(true);
            post = post.header(name, value);
        }
        let answer = post.body(request.body()).send().await.map_err(|error| {
            if error.is_timeout() {
                NoAnswer::Timeout
            } else if error.is_connect() {
                NoAnswer::Connection
            } else {
                NoAnswer::Broken
            }
        })?;
        if answer.status() != http::StatusCode::OK {
            return Err(NoAnswer::Status(answer.status().as_u16()));
        }
        read_bounded(answer, MAX_ANSWER_BYTES).await.map_err(|error| match error {
            ReadError::TooLong { .. } => NoAnswer::TooLong,
            ReadError::Broken(error) if error.is_timeout() => NoAnswer::Timeout,
            ReadError::Broken(_) => NoAnswer::CutOff,
        })
    }
}
