//! Carrying a request to a platform and its answer back.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rustls::RootCertStore;

use crate::egress::http_client::{HttpClient, HttpLimits, json_post};
use crate::egress::resolver::Reach;
use crate::egress::tls::bundled_roots;
use crate::egress::transport_error::TransportError;
use crate::protocol::open_api::client::request::PlatformRequest;

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
pub struct HttpPlatforms(HttpClient);

impl HttpPlatforms {
    /// A client that trusts the bundled roots and gives each request [`ASK_TIMEOUT`]; to be built once per process.
    #[must_use]
    pub fn new() -> Self {
        Self::trusting(bundled_roots(), ASK_TIMEOUT)
    }

    /// A client that trusts `roots` alone and gives each request `timeout`.
    #[must_use]
    pub fn trusting(roots: RootCertStore, timeout: Duration) -> Self {
        let limits =
            HttpLimits { connect: CONNECT, total: timeout, idle: Some(IDLE), body_bytes: MAX_ANSWER_BYTES };
        Self(HttpClient::new(roots, Reach::anywhere(), limits))
    }
}

impl Default for HttpPlatforms {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Platforms for HttpPlatforms {
    async fn post(&self, request: &PlatformRequest) -> Result<Bytes, PlatformError> {
        let post = json_post(request.url(), request.headers().iter().cloned(), request.body())?;
        let answer = self.0.send(post).await?;
        if answer.status() != http::StatusCode::OK {
            return Err(PlatformError::Status(answer.status().as_u16()));
        }
        Ok(answer.read().await?)
    }
}
