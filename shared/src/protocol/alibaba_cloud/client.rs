//! The network to Alibaba Cloud: HTTPS with connections that are kept, because a handshake costs more than the call.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::egress::http_client::{HttpClient, HttpLimits};
use crate::egress::resolver::Reach;
use crate::egress::tls::bundled_roots;
use crate::egress::transport_error::TransportError;
use crate::protocol::alibaba_cloud::call::{ANSWER_TIMEOUT, AlibabaCloudNetwork, MAX_ANSWER_BYTES};

const CONNECT: Duration = Duration::from_secs(3);
/// Below the time after which servers commonly hang up.
const IDLE: Duration = Duration::from_secs(20);

/// Calls over HTTPS. Build one per process: it keeps connections for all calls.
#[derive(Debug)]
pub struct AlibabaCloudClient(HttpClient);

impl AlibabaCloudClient {
    /// A client that has 3 s to connect and [`ANSWER_TIMEOUT`] for each call, and sends nothing twice.
    #[must_use]
    pub fn new() -> Self {
        let limits = HttpLimits {
            connect: CONNECT,
            total: ANSWER_TIMEOUT,
            idle: Some(IDLE),
            body_bytes: MAX_ANSWER_BYTES,
        };
        Self(HttpClient::new(bundled_roots(), Reach::anywhere(), limits))
    }
}

impl Default for AlibabaCloudClient {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl AlibabaCloudNetwork for AlibabaCloudClient {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let answer = self.0.send(request).await?;
        let status = answer.status();
        let mut response = Response::new(answer.read().await?);
        *response.status_mut() = status;
        Ok(response)
    }
}
