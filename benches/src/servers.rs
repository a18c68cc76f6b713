//! Lambda's Runtime API, which serves one function at a time; and stand-ins for DynamoDB, Secrets Manager, SQS,
//! Alipay's gateway and a merchant, which give fixed answers and count the calls. All on plain HTTP.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use local::folder::Folder;
use local::merchant::signing::sign_rsa;
use serde_json::{Value, json};
use shared::aws::settings::AwsSettings;
use shared::aws::{SdkConfig, sdk_config};
use shared::model::clock::{Clock as _, SystemClock};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use crate::Error;
use crate::requests::{item, template};

const INVOCATIONS: &str = "/2018-06-01/runtime/invocation/";
const ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct RuntimeApi {
    pub(crate) origin: String,
    calls: mpsc::UnboundedReceiver<Call>,
}

/// A request of the function, which waits for its answer.
pub(crate) struct Call {
    pub(crate) at: Instant,
    pub(crate) body: Bytes,
    line: String,
    answer: oneshot::Sender<Response<String>>,
}

impl RuntimeApi {
    pub(crate) async fn start() -> Result<Self, Error> {
        let (send, calls) = mpsc::unbounded_channel();
        let router = Router::new().fallback(async move |method: Method, uri: Uri, body: Bytes| {
            let (answer, answered) = oneshot::channel();
            // Without a receiver the answer is dropped too, and the function gets a 500.
            let _ = send.send(Call { at: Instant::now(), line: format!("{method} {uri}"), body, answer });
            answered.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
        });
        Ok(Self { origin: serve(listen().await?, router), calls })
    }

    /// Waits until the function asks for an event.
    pub(crate) async fn next(&mut self) -> Result<Call, Error> {
        self.call(format!("GET {INVOCATIONS}next")).await
    }

    /// Gives the function its event, and returns the call that answers it.
    pub(crate) async fn invoke(&mut self, next: Call, event: String) -> Result<(Instant, Bytes), Error> {
        let given = Response::builder()
            // Node's runtime client dies of an answer without.
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", ID)
            .header("lambda-runtime-deadline-ms", "4102444800000")
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:us-east-1:000000000000:function:authlink",
            );
        next.answer.send(given.body(event)?).map_err(|_| "the function has hung up")?;
        let call = self.call(format!("POST {INVOCATIONS}{ID}/response")).await?;
        let accepted = Response::builder().status(StatusCode::ACCEPTED).body(String::new())?;
        call.answer.send(accepted).map_err(|_| "the function has hung up")?;
        Ok((call.at, call.body))
    }

    async fn call(&mut self, expected: String) -> Result<Call, Error> {
        let call = timeout(FUNCTION_TIMEOUT, self.calls.recv()).await?.ok_or("the server has ended")?;
        if call.line == expected {
            return Ok(call);
        }
        Err(format!("{}: {}", call.line, String::from_utf8_lossy(&call.body)).into())
    }
}

/// What a function calls.
#[derive(Clone, Copy)]
pub(crate) enum Service {
    Store,
    Secrets,
    Queue,
    /// Alipay's gateway, or a merchant.
    Other,
}

pub(crate) struct FakeServices {
    pub(crate) origin: String,
    counts: Arc<[AtomicU32; 4]>,
}

impl FakeServices {
    /// Starts all of them on one port, with the documents of `folder`, and the item of `status` in the store.
    pub(crate) async fn start(folder: &Folder, status: &str) -> Result<Self, Error> {
        let listener = listen().await?;
        let counts = Arc::<[AtomicU32; 4]>::default();
        let origin = format!("http://{}", listener.local_addr()?);
        let router = Self::router(folder, status, &origin, Arc::clone(&counts))?;
        Ok(Self { origin: serve(listener, router), counts })
    }

    /// Their answers, with the calls of each counted.
    pub(crate) fn router(
        folder: &Folder,
        status: &str,
        origin: &str,
        counted: Arc<[AtomicU32; 4]>,
    ) -> Result<Router, Error> {
        let secrets = folder.secrets();
        let (item, token) = (item(status, origin)?, template("token")?.to_string());
        let sign = sign_rsa(token.as_bytes(), &folder.parties()?.alipay_private_key);
        let token = format!(r#"{{"alipay_system_oauth_token_response":{token},"sign":"{sign}"}}"#);
        Ok(Router::new().fallback(async move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
            let (service, answer) = match target.and_then(|target| target.split_once('.')) {
                Some(("DynamoDB_20120810", operation)) => (Service::Store, dynamodb(operation, &body, &item)),
                Some(("secretsmanager", "GetSecretValue")) => (Service::Secrets, secret(&secrets, &body)),
                Some(("AmazonSQS", "SendMessage")) => {
                    (Service::Queue, Some(json!({"MessageId": ID}).to_string()))
                }
                Some(_) => (Service::Other, None),
                None if uri.path() == "/gateway.do" => (Service::Other, Some(token.clone())),
                None => (Service::Other, Some("SUCCESS".to_owned())),
            };
            counted[service as usize].fetch_add(1, Ordering::Relaxed);
            answer.ok_or((StatusCode::BAD_REQUEST, r#"{"__type":"ResourceNotFoundException"}"#))
        }))
    }

    /// Calls so far, each at the place of its [`Service`].
    pub(crate) fn calls(&self) -> [u32; 4] {
        self.counts.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}

pub(crate) fn secret(folder: &Path, body: &[u8]) -> Option<String> {
    let request: Value = serde_json::from_slice(body).ok()?;
    let name = request["SecretId"].as_str()?.strip_prefix("authlink/")?;
    let document = fs::read_to_string(folder.join(format!("{name}.json"))).ok()?;
    Some(json!({"Name": name, "VersionId": "v-1", "SecretString": document}).to_string())
}

fn dynamodb(operation: &str, body: &[u8], item: &Value) -> Option<String> {
    let request: Value = serde_json::from_slice(body).ok()?;
    let answer = match (operation, request["ReturnValues"].as_str()) {
        ("GetItem", _) => json!({"Item": item}),
        ("UpdateItem", Some("ALL_NEW")) => json!({"Attributes": item}),
        // A reservation of an account's rate, which begins at once.
        ("UpdateItem", Some("UPDATED_NEW")) => {
            let values = &request["ExpressionAttributeValues"];
            let number = |name: &str| values[name]["N"].as_str()?.parse::<i64>().ok();
            let cost = || SystemClock.now().0 * 1_000 + number(":cost").unwrap_or_default();
            json!({"Attributes": {"reservedUntil": {"N": number(":end").unwrap_or_else(cost).to_string()}}})
        }
        ("TransactWriteItems" | "PutItem" | "UpdateItem", _) => json!({}),
        _ => return None,
    };
    Some(answer.to_string())
}

/// The SDK, for services at `origin`.
pub(crate) fn sdk_at(origin: String) -> SdkConfig {
    sdk_config(&AwsSettings {
        region: "us-east-1".to_owned(),
        endpoint_url: Some(origin),
        access_key_id: "AKID".to_owned(),
        secret_access_key: "stands-in".into(),
        ..AwsSettings::default()
    })
}

/// A free port.
pub(crate) async fn listen() -> Result<TcpListener, Error> {
    Ok(TcpListener::bind(("127.0.0.1", 0)).await?)
}

/// Serves `router` for as long as the runtime lives, and returns its origin.
pub(crate) fn serve(listener: TcpListener, router: Router) -> String {
    let origin = listener.local_addr().map_or(String::new(), |address| format!("http://{address}"));
    // Fails on a broken connection only.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    origin
}

#[cfg(test)]
mod tests {
    use shared::store::ReadAuthorizations as _;
    use shared::store::dynamodb::DynamoStore;

    use super::*;
    use crate::requests::id;
    use crate::subject::FUNCTIONS;

    #[tokio::test]
    async fn every_item_that_a_function_reads_is_a_record() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::make(place.path()).unwrap();
        // No function reads one that is issued.
        let statuses =
            FUNCTIONS.map(|(_, _, status)| status).into_iter().filter(|status| *status != "issued");
        for status in statuses {
            let services = FakeServices::start(&folder, status).await.unwrap();
            let record = DynamoStore::new(&sdk_at(services.origin), "table").authorization(&id()).await;
            assert!(matches!(record, Ok(Some(_))), "{status}: {record:?}");
        }
    }
}
