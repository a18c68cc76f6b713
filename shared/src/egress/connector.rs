//! Connections to the addresses that a client may reach, within a time, and with a budget of bytes for each exchange.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::egress::read_budget::ReadBudget;
use crate::egress::resolver::Reach;
use crate::egress::tls_failure::{CERTIFICATE_WANTED, ClientCertificateError, NoCertificate};

type Stream = TokioIo<ReadBudget<TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>>>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Makes connections; clones are cheap.
#[derive(Clone)]
pub(crate) struct Connector {
    https: HttpsConnector<HttpConnector<Reach>>,
    within: Duration,
    budget_bytes: usize,
}

impl Connector {
    /// Connects `within` a time, the name, TCP and TLS together, to what is in `reach`.
    pub(crate) fn new(reach: Reach, mut tls: ClientConfig, within: Duration, budget_bytes: usize) -> Self {
        let https_only = reach.is_public_https();
        let mut tcp = HttpConnector::new_with_resolver(reach);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tls.client_auth_cert_resolver = Arc::new(NoCertificate);
        let mut https = HttpsConnector::from((tcp, tls));
        if https_only {
            https.enforce_https();
        }
        Self { https, within, budget_bytes }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connected = tokio::time::timeout(self.within, self.https.call(uri));
        let budget_bytes = self.budget_bytes;
        let connected = async move {
            match connected.await? {
                Ok(stream) => Ok(TokioIo::new(ReadBudget::new(TokioIo::new(stream), budget_bytes))),
                Err(error) if CERTIFICATE_WANTED.with(Cell::get) => Err(ClientCertificateError(error).into()),
                Err(error) => Err(error),
            }
        };
        Box::pin(CERTIFICATE_WANTED.scope(Cell::new(false), connected))
    }
}
