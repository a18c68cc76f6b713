//! The network to Alibaba Cloud: HTTPS with connections that are kept, because a handshake costs more than the call.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::egress::client::{ReadError, client_builder, read_bounded};
use crate::protocol::alibaba_cloud::{ANSWER_TIMEOUT, AliyunNetwork, MAX_ANSWER_BYTES, NoAnswer};

const CONNECT: Duration = Duration::from_secs(3);
/// Below the time after which servers commonly hang up.
const IDLE: Duration = Duration::from_secs(20);

/// Calls over HTTPS. Build one per process: it keeps connections for all calls.
#[derive(Debug)]
pub struct HttpsClient(reqwest::Client);

impl HttpsClient {
    /// A client that has 3 s to connect and [`ANSWER_TIMEOUT`] for each call, and sends nothing twice.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new() -> Result<Self, reqwest::Error> {
        client_builder(CONNECT, ANSWER_TIMEOUT)
            .pool_idle_timeout(IDLE)
            .retry(reqwest::retry::never())
            .build()
            .map(Self)
    }
}

#[async_trait]
impl AliyunNetwork for HttpsClient {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
        let request = request.try_into().map_err(|_| NoAnswer::NotSent)?;
        let answer = self.0.execute(request).await.map_err(|error| match error {
            error if error.is_timeout() => NoAnswer::Timeout,
            error if error.is_connect() => NoAnswer::Connection,
            _ => NoAnswer::Broken,
        })?;
        let status = answer.status();
        let body = read_bounded(answer, MAX_ANSWER_BYTES).await.map_err(|error| match error {
            ReadError::TooLong { .. } => NoAnswer::TooLong,
            ReadError::Broken(error) if error.is_timeout() => NoAnswer::Timeout,
            ReadError::Broken(_) => NoAnswer::CutOff,
        })?;
        let mut response = Response::new(body);
        *response.status_mut() = status;
        Ok(response)
    }
}
