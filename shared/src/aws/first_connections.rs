//! Connections to AWS that are made while a process starts: Lambda lends a start more CPU than an event, and no caller
//! waits for it. DNS and TLS are most of a cold process's first event.
//!
//! A service's address is the SDK's business, so its client makes a request as for any call; what is sent of it is a
//! plain `GET /`, which says and asks nothing. Whatever comes back, the connection stays and is the first call's.

use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient as _, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use tokio::time::timeout;

use crate::aws::SdkConfig;

/// The longest that a start waits for its connections; it goes on without them.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// The services that a process calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Services {
    /// Amazon DynamoDB.
    pub dynamodb: bool,
    /// AWS Secrets Manager.
    pub secrets_manager: bool,
}

/// Connects to `services`, side by side, for the clients that are built from `config`.
pub async fn connect(config: &SdkConfig, services: Services) {
    connect_within(config, services, CONNECT_WITHIN).await;
}

async fn connect_within(config: &SdkConfig, services: Services, within: Duration) {
    let Some(http_client) = config.http_client() else { return };
    let greeting = config.clone().into_builder().http_client(greeting(http_client));
    let config = greeting.retry_config(RetryConfig::disabled()).build();
    let dynamodb = async {
        if services.dynamodb {
            // An answer that is none of the call's is an error to the SDK.
            let _ = aws_sdk_dynamodb::Client::new(&config).get_item().table_name("none").send().await;
        }
    };
    let secrets_manager = async {
        if services.secrets_manager {
            let client = aws_sdk_secretsmanager::Client::new(&config);
            let _ = client.get_secret_value().secret_id("none").send().await;
        }
    };
    if timeout(within, async { tokio::join!(dynamodb, secrets_manager) }).await.is_err() {
        tracing::warn!("a start goes on without its connections to AWS");
    }
}

fn greeting(client: SharedHttpClient) -> SharedHttpClient {
    http_client_fn(move |settings, components| {
        SharedHttpConnector::new(Greeting(client.http_connector(settings, components)))
    })
}

/// Sends `GET /` to the address of each request, instead of it.
#[derive(Debug)]
struct Greeting(SharedHttpConnector);

impl HttpConnector for Greeting {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match HttpRequest::get(request.uri()) {
            Ok(greeting) => self.0.call(greeting),
            Err(error) => HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::aws::fake_aws::{leading_to, nobody};

    const BOTH: Services = Services { dynamodb: true, secrets_manager: true };

    /// A server that answers every request, and counts its connections; and what came, one text a request.
    struct Server {
        config: SdkConfig,
        connections: Arc<AtomicUsize>,
        requests: tokio::sync::mpsc::UnboundedReceiver<String>,
    }

    async fn server() -> Server {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let config = leading_to(&listener.local_addr().unwrap().to_string());
        let (tell, requests) = tokio::sync::mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(connection, tell.clone()));
            }
        });
        Server { config, connections, requests }
    }

    async fn serve(mut connection: TcpStream, tell: tokio::sync::mpsc::UnboundedSender<String>) {
        let mut seen = vec![0; 8 * 1_024];
        while let Ok(length @ 1..) = connection.read(&mut seen).await {
            let _ = tell.send(String::from_utf8_lossy(&seen[..length]).into_owned());
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
            connection.write_all(answer).await.unwrap();
        }
    }

    #[tokio::test]
    async fn the_first_call_finds_the_connection_that_the_start_has_made() {
        let mut server = server().await;
        connect(&server.config, Services { dynamodb: true, secrets_manager: false }).await;
        let greeting = server.requests.recv().await.unwrap().to_lowercase();
        assert!(greeting.starts_with("get / http/1.1\r\n"), "{greeting}");
        for told in ["authorization", "x-amz", "none"] {
            assert!(!greeting.contains(told), "{greeting}");
        }
        let table = aws_sdk_dynamodb::Client::new(&server.config).get_item().table_name("authlink");
        let key = aws_sdk_dynamodb::types::AttributeValue::S("x".to_owned());
        table.key("pk", key).send().await.unwrap();
        assert!(server.requests.recv().await.unwrap().starts_with("POST / "));
        assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn each_service_that_a_process_calls_is_connected_to_and_no_other() {
        for (services, made) in [(Services::default(), 0), (BOTH, 2)] {
            let server = server().await;
            connect(&server.config, services).await;
            assert_eq!(server.connections.load(Ordering::SeqCst), made, "{services:?}");
        }
    }

    #[tokio::test]
    async fn a_start_goes_on_where_nobody_listens_or_answers() {
        let (nowhere, _reserved) = nobody();
        connect(&nowhere, BOTH).await;
        // It takes connections, and never reads.
        let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let config = leading_to(&silent.local_addr().unwrap().to_string());
        connect_within(&config, BOTH, Duration::from_millis(20)).await;
    }
}
