//! The HTTP client of the AWS SDK: ours, because the SDK's own takes roots as PEM certificates only, and parses them
//! for every service's client at the start, just to see that it can, and once more in the first request: 7 million
//! instructions each time.

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use bytes::Bytes;
use http_body_util::Full;
use rustls::RootCertStore;

use crate::aws::https_client::{ExchangeError, HttpsClient};
use crate::egress::tls::bundled_roots;

/// A client whose connections are shared by all that are given a clone of it.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    http_client_trusting(bundled_roots())
}

/// The same, for servers that `roots` vouch for and no others.
#[must_use]
pub fn http_client_trusting(roots: RootCertStore) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector(HttpsClient::trusting(roots)));
    http_client_fn(move |_, _| connector.clone())
}

#[derive(Debug)]
struct Connector(HttpsClient);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            // Of the connector's errors, the SDK repeats those of I/O alone.
            let answer = client.send(outgoing(request)?).await.map_err(|error| match error {
                ExchangeError::Lost(_) => ConnectorError::io(error.into()),
                ExchangeError::TooLong => ConnectorError::other(error.into(), None),
            })?;
            HttpResponse::try_from(answer.map(Into::into))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

fn outgoing(request: HttpRequest) -> Result<http::Request<Full<Bytes>>, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    let body = body.bytes().ok_or_else(|| ConnectorError::user("a body that streams".into()))?;
    Ok(http::Request::from_parts(parts, Full::new(Bytes::copy_from_slice(body))))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Sends a request to a server that reads something and writes `answer` before it hangs up.
    async fn exchange_with_server(answer: Vec<u8>) -> Result<HttpResponse, ConnectorError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let request = HttpRequest::get(format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let server = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut head = [0; 1_024];
            assert_ne!(connection.read(&mut head).await.unwrap(), 0);
            // The client may hang up first, when it has read enough.
            let _ = connection.write_all(&answer).await;
        });
        let outcome = Connector(HttpsClient::trusting(bundled_roots())).call(request).await;
        server.await.unwrap();
        outcome
    }

    #[tokio::test]
    async fn an_answer_arrives_whole() {
        let answer = b"HTTP/1.1 400 Bad Request\r\nx-amzn-requestid: 7\r\ncontent-length: 2\r\n\r\n{}";
        let response = exchange_with_server(answer.to_vec()).await.unwrap();
        assert_eq!(response.status().as_u16(), 400);
        assert_eq!(response.headers().get("x-amzn-requestid"), Some("7"));
        assert_eq!(response.body().bytes(), Some(&b"{}"[..]));
    }

    #[tokio::test]
    async fn a_lost_connection_may_be_tried_again() {
        for lost in ["", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{"] {
            let error = exchange_with_server(lost.into()).await.unwrap_err();
            assert!(error.is_io(), "{error:?}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_end_is_refused_for_good() {
        let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        answer.resize(9 * 1024 * 1024, b' ');
        let error = exchange_with_server(answer).await.unwrap_err();
        assert!(error.is_other() && error.as_other().is_none(), "{error:?}");
    }
}
