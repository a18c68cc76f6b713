//! AWS Secrets Manager as a source: one `GetSecretValue` per fetch, of the version that is current.

use std::time::Duration;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Region, SharedHttpClient};
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::{GetSecretValueError, GetSecretValueOutput};
use zeroize::Zeroizing;

use super::{AbsentReason, FetchError, SecretName, SecretSource, SecretValue};

/// Never `AWSPENDING` (not yet in force) nor `AWSPREVIOUS` (withdrawn).
const CURRENT: &str = "AWSCURRENT";

/// What a [`SecretsManager`] needs to know.
#[derive(Clone, Debug)]
pub struct SecretsManagerConfig {
    /// The region the secrets are in.
    pub region: String,
    /// The deployment's prefix, without a slash at its end: the secret `<prefix>/<name>` is asked for.
    pub prefix: String,
    /// Another endpoint than the region's own; for emulators.
    pub endpoint_url: Option<String>,
    /// What the requests are signed with. Lambda gives each process its own for as long as it lives.
    pub credentials: Credentials,
    /// The process's client, from [`super::https_client`].
    pub http_client: SharedHttpClient,
}

/// Secrets of AWS Secrets Manager. The version is the secret's `VersionId`; a binary secret is a version without
/// document.
///
/// An attempt may last 2 s and a fetch 5 s with its retries (three attempts, by the SDK's standard mode).
#[derive(Clone, Debug)]
pub struct SecretsManager {
    client: Client,
    prefix: String,
}

struct Patience {
    attempt: Duration,
    operation: Duration,
    first_backoff: Duration,
}

const PATIENCE: Patience = Patience {
    attempt: Duration::from_secs(2),
    operation: Duration::from_secs(5),
    first_backoff: Duration::from_secs(1),
};

impl SecretsManager {
    /// A source that connects when it is first asked.
    #[must_use]
    pub fn new(config: SecretsManagerConfig) -> Self {
        Self::with_patience(config, &PATIENCE)
    }

    fn with_patience(config: SecretsManagerConfig, patience: &Patience) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(patience.attempt)
            .operation_timeout(patience.operation)
            .build();
        let mut sdk = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(config.region))
            .credentials_provider(config.credentials)
            .http_client(config.http_client)
            .retry_config(RetryConfig::standard().with_initial_backoff(patience.first_backoff))
            .timeout_config(timeouts);
        sdk.set_endpoint_url(config.endpoint_url);
        Self { client: Client::from_conf(sdk.build()), prefix: config.prefix }
    }
}

#[async_trait]
impl SecretSource for SecretsManager {
    async fn fetch(&self, name: &SecretName) -> Result<SecretValue, FetchError> {
        let id = format!("{}/{name}", self.prefix);
        let answer = self.client.get_secret_value().secret_id(id).version_stage(CURRENT).send().await;
        answer.map_err(|error| failure(&error)).and_then(value)
    }
}

fn value(answer: GetSecretValueOutput) -> Result<SecretValue, FetchError> {
    let document = Zeroizing::new(answer.secret_string.unwrap_or_default());
    let version =
        answer.version_id.ok_or_else(|| FetchError::Unavailable("an answer without VersionId".to_owned()))?;
    Ok(SecretValue { version, document })
}

/// The SDK's kinds of failure are open-ended; whatever is not known to mean "there is none for you" counts as a
/// failure to answer, so that a new kind never revokes a key.
fn failure<R>(error: &SdkError<GetSecretValueError, R>) -> FetchError {
    let unavailable = |reason: &str| FetchError::Unavailable(reason.to_owned());
    match error {
        SdkError::ServiceError(context) => refusal(context.err()),
        SdkError::TimeoutError(_) => unavailable("time-out"),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => unavailable("connection time-out"),
        SdkError::DispatchFailure(_) => unavailable("no connection"),
        SdkError::ResponseError(_) => unavailable("unreadable answer"),
        SdkError::ConstructionFailure(_) => unavailable("the request could not be built"),
        _ => unavailable("unknown failure"),
    }
}

fn refusal(error: &GetSecretValueError) -> FetchError {
    match error {
        GetSecretValueError::ResourceNotFoundException(_) => FetchError::Absent(AbsentReason::NotFound),
        // In GetSecretValue: marked for deletion.
        GetSecretValueError::InvalidRequestException(_) => FetchError::Absent(AbsentReason::Deleted),
        // DecryptionFailure among them: KMS may be failing; a KMS key we may not use is an AccessDeniedException.
        other => match other.code() {
            Some("AccessDeniedException" | "AccessDenied") => FetchError::Absent(AbsentReason::Denied),
            Some(code) => FetchError::Unavailable(code.to_owned()),
            None => FetchError::Unavailable("an error without code".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::http::{HeaderMap, StatusCode};
    use tokio::net::{TcpListener, TcpSocket};
    use tokio::task::JoinHandle;

    use super::*;
    use crate::secrets::https_client;

    /// What the stand-in for Secrets Manager was asked: the headers and the body.
    type Asked = Arc<Mutex<Vec<(HeaderMap, serde_json::Value)>>>;

    struct StandIn {
        source: SecretsManager,
        asked: Asked,
        server: JoinHandle<()>,
    }

    impl Drop for StandIn {
        fn drop(&mut self) {
            self.server.abort();
        }
    }

    /// A server on this machine that gives every request the same answer; without one it never answers.
    async fn stand_in(answer: Option<(u16, &'static str)>, patience: &Patience) -> StandIn {
        let asked = Asked::default();
        let seen = Arc::clone(&asked);
        let app = Router::new().fallback(async move |headers: HeaderMap, body: String| {
            seen.lock().unwrap().push((headers, serde_json::from_str(&body).unwrap()));
            match answer {
                Some((status, body)) => (StatusCode::from_u16(status).unwrap(), body),
                None => pending().await,
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let source = SecretsManager::with_patience(config(format!("http://{address}")), patience);
        StandIn { source, asked, server }
    }

    fn config(endpoint_url: String) -> SecretsManagerConfig {
        SecretsManagerConfig {
            region: "eu-central-1".to_owned(),
            prefix: "authlink/prod".to_owned(),
            endpoint_url: Some(endpoint_url),
            credentials: Credentials::new("AKID", "hush", Some("session".to_owned()), None, "test"),
            http_client: https_client(),
        }
    }

    const BRISK: Patience = Patience {
        attempt: Duration::from_secs(10),
        operation: Duration::from_secs(30),
        first_backoff: Duration::from_millis(1),
    };

    fn b1() -> SecretName {
        SecretName::business("B1").unwrap()
    }

    async fn fetch_answered(status: u16, body: &'static str) -> (Result<SecretValue, FetchError>, usize) {
        let stand_in = stand_in(Some((status, body)), &BRISK).await;
        let fetched = stand_in.source.fetch(&b1()).await;
        let requests = stand_in.asked.lock().unwrap().len();
        (fetched, requests)
    }

    async fn failure_of(status: u16, body: &'static str) -> (FetchError, usize) {
        let (fetched, requests) = fetch_answered(status, body).await;
        (fetched.unwrap_err(), requests)
    }

    #[tokio::test]
    async fn the_current_version_is_asked_for_by_its_full_name() {
        let answer =
            r#"{"Name":"authlink/prod/business/B1","VersionId":"v-1","SecretString":"{\"enabled\":true}"}"#;
        let stand_in = stand_in(Some((200, answer)), &BRISK).await;
        let value = stand_in.source.fetch(&b1()).await.unwrap();
        assert_eq!((value.version.as_str(), value.document.as_str()), ("v-1", r#"{"enabled":true}"#));

        let asked = stand_in.asked.lock().unwrap();
        let [(headers, body)] = asked.as_slice() else { panic!("{} requests", asked.len()) };
        let expected =
            serde_json::json!({"SecretId": "authlink/prod/business/B1", "VersionStage": "AWSCURRENT"});
        assert_eq!(*body, expected);
        assert_eq!(headers["x-amz-target"], "secretsmanager.GetSecretValue");
        assert_eq!(headers["x-amz-security-token"], "session");
        let authorization = headers["authorization"].to_str().unwrap();
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{authorization}");
        assert!(authorization.contains("/eu-central-1/secretsmanager/aws4_request"), "{authorization}");
    }

    #[tokio::test]
    async fn a_binary_secret_is_a_version_without_document() {
        let (fetched, _) = fetch_answered(200, r#"{"VersionId":"v-1","SecretBinary":"AAEC"}"#).await;
        let value = fetched.unwrap();
        assert_eq!((value.version.as_str(), value.document.as_str()), ("v-1", ""));
    }

    #[tokio::test]
    async fn what_means_that_there_is_none_for_us_is_absent_and_not_retried() {
        for (body, reason) in [
            (r#"{"__type":"ResourceNotFoundException","Message":"?"}"#, AbsentReason::NotFound),
            (
                r#"{"__type":"InvalidRequestException","Message":"marked for deletion"}"#,
                AbsentReason::Deleted,
            ),
            (r#"{"__type":"AccessDeniedException","Message":"?"}"#, AbsentReason::Denied),
            (r#"{"__type":"AccessDenied","Message":"?"}"#, AbsentReason::Denied),
        ] {
            assert_eq!(failure_of(400, body).await, (FetchError::Absent(reason), 1), "{body}");
        }
    }

    #[tokio::test]
    async fn what_may_pass_is_retried_and_then_unavailable() {
        for (status, body, reason) in [
            (400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#, "ThrottlingException"),
            (500, r#"{"__type":"InternalServiceError","Message":"?"}"#, "InternalServiceError"),
            (500, "<html>", "an error without code"),
            (503, "", "an error without code"),
        ] {
            let expected = (FetchError::Unavailable(reason.to_owned()), 3);
            assert_eq!(failure_of(status, body).await, expected, "{status} {body}");
        }
    }

    #[tokio::test]
    async fn what_a_retry_does_not_mend_is_unavailable_at_once() {
        for (status, body, reason) in [
            (400, r#"{"__type":"DecryptionFailure","Message":"?"}"#, "DecryptionFailure"),
            (400, r#"{"__type":"InvalidParameterException","Message":"?"}"#, "InvalidParameterException"),
            (400, r#"{"__type":"UnrecognizedClientException","message":"?"}"#, "UnrecognizedClientException"),
            (200, r#"{"SecretString":"{}"}"#, "an answer without VersionId"),
        ] {
            let expected = (FetchError::Unavailable(reason.to_owned()), 1);
            assert_eq!(failure_of(status, body).await, expected, "{status} {body}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_is_a_time_out() {
        let attempt = Duration::from_millis(50);
        let patience = Patience { attempt, operation: 20 * attempt, first_backoff: Duration::from_millis(1) };
        let stand_in = stand_in(None, &patience).await;
        let failed = stand_in.source.fetch(&b1()).await.unwrap_err();
        assert_eq!(failed, FetchError::Unavailable("time-out".to_owned()));
        assert_eq!(stand_in.asked.lock().unwrap().len(), 3);
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_no_connection() {
        let reserved = TcpSocket::new_v4().unwrap();
        reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = reserved.local_addr().unwrap();
        let source = SecretsManager::with_patience(config(format!("http://{address}")), &BRISK);
        let failed = source.fetch(&b1()).await.unwrap_err();
        assert_eq!(failed, FetchError::Unavailable("no connection".to_owned()));
    }

    #[test]
    fn debug_shows_no_credentials() {
        let shown = format!("{:?}", config("http://127.0.0.1:1".to_owned()));
        assert!(!shown.contains("hush") && !shown.contains("session"), "{shown}");
    }
}
