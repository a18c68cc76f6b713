//! The network to Alibaba Cloud: HTTPS with connections that are kept, because a handshake costs more than the call.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::egress::client::{client_builder, read_bounded};
use crate::egress::transport_error::TransportError;
use crate::protocol::alibaba_cloud::{ANSWER_TIMEOUT, AlibabaCloudNetwork, MAX_ANSWER_BYTES};

const CONNECT: Duration = Duration::from_secs(3);
/// Below the time after which servers commonly hang up.
const IDLE: Duration = Duration::from_secs(20);

/// Calls over HTTPS. Build one per process: it keeps connections for all calls.
#[derive(Debug)]
pub struct AlibabaCloudClient(reqwest::Client);

impl AlibabaCloudClient {
    /// A client that has 3 s to connect and [`ANSWER_TIMEOUT`] for each call, and sends nothing twice.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new() -> Result<Self, reqwest::Error> {
        client_builder(CONNECT, ANSWER_TIMEOUT)
            .pool_idle_timeout(IDLE)
            .retry(reqwest::retry::never())
            .build()
            .map(Self)
    }
}

#[async_trait]
impl AlibabaCloudNetwork for AlibabaCloudClient {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let request = request.try_into().map_err(|_| TransportError::NotSent)?;
        let answer = self.0.execute(request).await.map_err(|error| TransportError::classify(&error))?;
        let status = answer.status();
        let body = read_bounded(answer, MAX_ANSWER_BYTES).await?;
        let mut response = Response::new(body);
        *response.status_mut() = status;
        Ok(response)
    }
}
