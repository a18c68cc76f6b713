//! Carrying a request to a platform and its answer back.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use reqwest::Client;
use rustls::RootCertStore;

use crate::egress::client::{bundled_roots, client_builder_trusting, read_bounded};
use crate::egress::transport_error::TransportError;
use crate::protocol::open_api::client::request::{self, PlatformRequest};

/// The time that a platform has to answer one request, in all.
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
    /// There is no answer to read; it is unknown then if the platform granted the request.
    async fn post(&self, request: &PlatformRequest) -> Result<Bytes, PlatformError>;
}

/// A platform's answer is not known. It displays as the log's word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// There is no whole answer.
    ///
    /// After one that [broke before an answer began](TransportError::broke_before_answer) one more request is worth its
    /// while: the serialNo makes it safe, but this one's nonce is used, so whoever repeats signs anew.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// An HTTP status other than 200.
    #[error("http_{0}")]
    Status(u16),
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
    async fn post(&self, request: &PlatformRequest) -> Result<Bytes, PlatformError> {
        let mut post = self.0.post(request.url().clone()).header(CONTENT_TYPE, request::CONTENT_TYPE);
        for (name, value) in request.headers() {
            // A document's businessId and our own digits and Base64 are always fit for a header.
            let mut value = HeaderValue::try_from(value).map_err(|_| TransportError::Connect)?;
            value.set_sensitive(true);
            post = post.header(name, value);
        }
        let sent = post.body(request.body()).send().await;
        let answer = sent.map_err(|error| TransportError::classify(&error))?;
        if answer.status() != http::StatusCode::OK {
            return Err(PlatformError::Status(answer.status().as_u16()));
        }
        Ok(read_bounded(answer, MAX_ANSWER_BYTES).await.map_err(TransportError::from)?)
    }
}
