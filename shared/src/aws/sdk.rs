//! The AWS SDK, for Secrets Manager and SQS.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
// What follows is the same type in every service's crate.
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{
    BehaviorVersion, IdentityCache, Region, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_types::SdkConfig;
use bytes::Bytes;
use http_body_util::Full;

use crate::aws::CallTimeouts;
use crate::aws::https_client::{HttpsClient, NoAnswer};
use crate::aws::settings::AwsSettings;

/// What each service's client takes.
pub(super) fn config(settings: &AwsSettings, client: HttpsClient) -> SdkConfig {
    // Lambda gives each process credentials for as long as it lives.
    let credentials = Credentials::new(
        &settings.access_key_id,
        &settings.secret_access_key,
        settings.session_token.clone(),
        None,
        "environment",
    );
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(settings.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        // They are here, so there is nothing to fetch and to keep.
        .identity_cache(IdentityCache::no_cache())
        // Bodies are read whole and each attempt has its time: no stream can stall beyond that.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http_client(client));
    config.set_endpoint_url(settings.endpoint_url.clone());
    config.build()
}

impl CallTimeouts {
    pub(crate) fn timeouts(&self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .operation_attempt_timeout(self.attempt)
            .operation_timeout(self.operation)
            .build()
    }

    pub(crate) fn retries(&self) -> RetryConfig {
        RetryConfig::standard().with_initial_backoff(self.first_backoff)
    }
}

/// Why a call failed, in a word or two for the log: the service's own code, or what became of the call.
pub(crate) fn reason<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    match error {
        SdkError::ServiceError(refused) => refused.err().code().unwrap_or("an error without code").to_owned(),
        SdkError::TimeoutError(_) => "time-out".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_io() => "no connection".to_owned(),
        SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => "unreadable answer".to_owned(),
        SdkError::ConstructionFailure(_) => "the request could not be built".to_owned(),
        _ => "unknown failure".to_owned(),
    }
}

/// The SDK's own client takes roots as PEM certificates only, and parses them for every service's client at the start,
/// just to see that it can, and once more in the first request: 7 million instructions each time.
fn http_client(client: HttpsClient) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector(client));
    http_client_fn(move |_, _| connector.clone())
}

#[derive(Debug)]
struct Connector(HttpsClient);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            // What the SDK may try again, lost connections, is told from what it may not.
            let answer = client.send(outgoing(request)?).await.map_err(|error| match error {
                NoAnswer::Lost(_) => ConnectorError::io(error.into()),
                NoAnswer::TooLong => ConnectorError::other(error.into(), None),
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
        let outcome = Connector(HttpsClient::new()).call(request).await;
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
        answer.resize(9 * 1024 * 1024, b' ');
        let error = answered(answer).await.unwrap_err();
        assert!(error.is_other() && error.as_other().is_none(), "{error:?}");
    }
}
