//! The HTTP client of all calls to AWS: hyper itself, with connections that are kept.
//!
//! No redirect is followed, no proxy used, nothing is unpacked. Time limits are the caller's.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::RootCertStore;

use crate::egress::tls::tls_config;

/// A function is frozen between its events, and the other side closes what it has not heard from: kept connections are
/// young, so that a call's three attempts do not all meet dead ones.
const IDLE: Duration = Duration::from_secs(20);
/// For all addresses of a name together, so that a dead one leaves time for the others; a single one has the time of
/// its attempt.
const CONNECT: Duration = Duration::from_secs(2);
/// A page of a query is the longest answer that we ask for: 1 MB of items, and more as JSON.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub(super) struct HttpsClient(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// A request without an answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExchangeError {
    #[error("no connection")]
    Lost(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the answer is longer than {MAX_ANSWER_BYTES} bytes")]
    TooLong,
}

impl HttpsClient {
    #[expect(clippy::disallowed_methods, reason = "the one place that builds clients for AWS")]
    pub(super) fn trusting(roots: RootCertStore) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        // Emulators have no TLS.
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls_config(roots))
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Self(Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector))
    }

    /// The answer to `request`, read whole.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, ExchangeError> {
        let answer = self.0.request(request).await.map_err(|error| ExchangeError::Lost(error.into()))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { ExchangeError::TooLong } else { ExchangeError::Lost(error) }
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}
