//! The HTTP client of the AWS SDK: the one of [`crate::http`], in the form that the SDK asks for.
//!
//! The SDK's own client takes roots as PEM certificates only, and parses them for every service's client at the start,
//! just to see that it can, and once more in the first request: 7 million instructions each time. Ours has
//! Mozilla's roots compiled in as they are used, builds once, and spares the functions a second HTTP stack.

use std::time::Duration;

use aws_sdk_secretsmanager::config::SharedHttpClient;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use bytes::Bytes;

use crate::http::{ReadError, bundled_roots, read_bounded, untimed_client_builder};

/// A function is frozen between its events, and the other side closes what it has not heard from: kept connections are
/// young, so that a call's three attempts do not all meet dead ones.
const IDLE: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(2);
/// A page of a query is the longest answer that we ask for: 1 MB of items, and more as JSON.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// A client for any AWS service: bundled roots, no proxy, connections kept for all clients that share it.
pub(super) fn https_client() -> Result<SharedHttpClient, reqwest::Error> {
    // Each attempt has its time from the SDK, and a timer of our own would only be one more to set.
    let client = untimed_client_builder(bundled_roots(), CONNECT).pool_idle_timeout(IDLE).build()?;
    let connector = SharedHttpConnector::new(Connector(client));
    Ok(http_client_fn(move |_, _| connector.clone()))
}

#[derive(Debug)]
struct Connector(reqwest::Client);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let answer = client.execute(outgoing(request)?).await.map_err(failed)?;
            incoming(answer).await
        })
    }
}

fn outgoing(request: HttpRequest) -> Result<reqwest::Request, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    let body = body.bytes().ok_or_else(|| ConnectorError::user("a body that streams".into()))?;
    let request = http::Request::from_parts(parts, Bytes::copy_from_slice(body));
    request.try_into().map_err(failed)
}

async fn incoming(mut answer: reqwest::Response) -> Result<HttpResponse, ConnectorError> {
    let mut head = http::Response::new(());
    *head.status_mut() = answer.status();
    *head.headers_mut() = std::mem::take(answer.headers_mut());
    let body = read_bounded(answer, MAX_ANSWER_BYTES).await.map_err(|error| match error {
        ReadError::TooLong { .. } => ConnectorError::other(error.into(), None),
        ReadError::Broken(error) => failed(error),
    })?;
    HttpResponse::try_from(head.map(|()| body.into()))
        .map_err(|error| ConnectorError::other(error.into(), None))
}

/// What the SDK may try again, time-outs and lost connections, is told from what it may not.
fn failed(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if error.is_builder() {
        ConnectorError::user(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// What comes of a request to a server that reads something and writes `answer` before it hangs up.
    async fn answered(answer: Vec<u8>) -> Result<HttpResponse, ConnectorError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let request = HttpRequest::get(format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let server = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut head = [0; 1_024];
            assert_ne!(connection.read(&mut head).await.unwrap(), 0);
            // Who has read enough hangs up first.
            let _ = connection.write_all(&answer).await;
        });
        let connector = Connector(untimed_client_builder(bundled_roots(), CONNECT).build().unwrap());
        let outcome = connector.call(request).await;
        server.await.unwrap();
        outcome
    }

    #[tokio::test]
    async fn an_answer_arrives_whole() {
        let answer = b"HTTP/1.1 400 Bad Request\r\nx-amzn-requestid: 7\r\ncontent-length: 2\r\n\r\n{}";
        let response = answered(answer.to_vec()).await.unwrap();
        assert_eq!(response.status().as_u16(), 400);
        assert_eq!(response.headers().get("x-amzn-requestid"), Some("7"));
        assert_eq!(response.body().bytes(), Some(&b"{}"[..]));
    }

    #[tokio::test]
    async fn a_lost_connection_may_be_tried_again() {
        for lost in ["", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{"] {
            let error = answered(lost.into()).await.unwrap_err();
            assert!(error.is_io(), "{error:?}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_end_is_refused_for_good() {
        let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        answer.resize(MAX_ANSWER_BYTES + 1_024, b' ');
        let error = answered(answer).await.unwrap_err();
        assert!(error.is_other() && error.as_other().is_none(), "{error:?}");
    }
}
