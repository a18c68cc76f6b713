//! AWS Lambda at the edge: the only file that names Lambda's types.
//!
//! API Gateway's events become the `http::Request` that handlers take; queue messages and the schedule become
//! [`Event`]s.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use aws_credential_types::Credentials;
use bytes::Bytes;
use lambda_http::request::RequestContext;
use lambda_http::{Body, RequestExt as _};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::config::{Config, SecretsFrom};
use crate::http::Arrival;
use crate::queue::Event;
use crate::secrets::{SecretFolder, SecretSource, SecretsManager, SecretsManagerConfig, https_client};
use crate::start::StartError;
#[cfg(feature = "embedded")]
use crate::store::sqlite::SqliteStore;

/// The key source that the settings name.
///
/// # Errors
/// When the client cannot be built.
pub fn secret_source(config: &Config) -> Result<Arc<dyn SecretSource>, StartError> {
    Ok(match &config.secrets {
        SecretsFrom::Folder(folder) => Arc::new(SecretFolder::new(folder)),
        SecretsFrom::Manager(manager) => Arc::new(SecretsManager::new(SecretsManagerConfig {
            region: manager.region.clone(),
            prefix: manager.prefix.clone(),
            endpoint_url: manager.endpoint_url.clone(),
            credentials: Credentials::new(
                &manager.access_key_id,
                &manager.secret_access_key,
                manager.session_token.clone(),
                None,
                "environment",
            ),
            http_client: https_client(),
        })),
    })
}

/// The store that the settings name.
///
/// # Errors
/// When it is not named, or cannot be opened.
#[cfg(feature = "embedded")]
pub fn store(config: &Config) -> Result<Arc<SqliteStore>, StartError> {
    let missing = || StartError::new("AUTHLINK_DATABASE is not set".to_owned());
    let file = config.database.as_ref().ok_or_else(missing)?;
    Ok(Arc::new(SqliteStore::open(file)?))
}

/// Serves HTTP requests until the runtime ends.
///
/// # Errors
/// When the runtime cannot be reached.
pub async fn serve_http<H, A>(handler: H) -> Result<(), StartError>
where
    H: Fn(http::Request<Bytes>) -> A,
    A: Future<Output = http::Response<Bytes>> + Send + 'static,
{
    lambda_http::run(service_fn(|event: lambda_http::Request| {
        let answer = handler(request(event));
        async move { Ok::<_, Infallible>(answer.await.map(|body| Body::Text(into_text(&body)))) }
    }))
    .await
    .map_err(ended)
}

/// Every answer of ours is JSON or HTML.
fn into_text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

fn request(event: lambda_http::Request) -> http::Request<Bytes> {
    let (source_ip, domain) = match event.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            (context.http.source_ip.clone(), context.domain_name.clone())
        }
        _ => (None, None),
    };
    let arrival = Arrival {
        source_ip: source_ip.and_then(|address| address.parse::<IpAddr>().ok()),
        origin: domain.and_then(|domain| Url::parse(&format!("https://{domain}")).ok()),
    };
    let (mut parts, body) = event.into_parts();
    parts.extensions.insert(arrival);
    http::Request::from_parts(parts, Bytes::from(body.to_vec()))
}

/// Serves queue messages and schedules until the runtime ends. Messages that fail are reported one by one, so that the
/// queue brings back those only.
///
/// # Errors
/// When the runtime cannot be reached.
pub async fn serve_events<H, E>(handler: H) -> Result<(), StartError>
where
    H: AsyncFn(Event) -> Result<(), E>,
    E: std::fmt::Display,
{
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let Ok(messages) = serde_json::from_value::<Messages>(event.payload) else {
            handler(Event::Sweep).await.map_err(|error| error.to_string())?;
            return Ok::<_, lambda_runtime::Error>(Failures::default());
        };
        let mut failures = Failures::default();
        for message in messages.records {
            let done = match serde_json::from_str(&message.body) {
                Ok(hint) => handler(Event::Hint(hint)).await.map_err(|error| error.to_string()),
                Err(_) => Err("the message is no hint".to_owned()),
            };
            if let Err(error) = done {
                tracing::error!(message = %message.id, %error, "a message goes back to the queue");
                failures.items.push(Failure { id: message.id });
            }
        }
        Ok(failures)
    }))
    .await
    .map_err(ended)
}

fn ended(error: lambda_runtime::Error) -> StartError {
    StartError::new(error.to_string())
}

#[derive(Deserialize)]
struct Messages {
    #[serde(rename = "Records")]
    records: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "messageId")]
    id: String,
    body: String,
}

#[derive(Default, Serialize)]
struct Failures {
    #[serde(rename = "batchItemFailures")]
    items: Vec<Failure>,
}

#[derive(Serialize)]
struct Failure {
    #[serde(rename = "itemIdentifier")]
    id: String,
}
