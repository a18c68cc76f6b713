//! The common part of all services' clients: configuration, time-outs, and words for their failures.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
// What follows is the same type in every service's crate.
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, IdentityCache, Region, StalledStreamProtectionConfig};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
pub use aws_types::SdkConfig;
use aws_types::request_id::RequestId as _;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use secrecy::ExposeSecret as _;

use crate::aws::connector::http_client;
use crate::aws::settings::AwsSettings;

/// The configuration of every service's client. All of them share one HTTP client and its connections.
#[must_use]
pub fn sdk_config(settings: &AwsSettings) -> SdkConfig {
    // Lambda gives each process credentials for as long as it lives.
    let credentials = Credentials::new(
        &settings.access_key_id,
        settings.secret_access_key.expose_secret(),
        settings.session_token.as_ref().map(|token| token.expose_secret().to_owned()),
        None,
        "environment",
    );
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(settings.region.clone()))
        .use_fips(settings.use_fips)
        .use_dual_stack(settings.use_dual_stack)
        .service_config(ServiceEndpoints(settings.service_endpoint_urls.clone()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        // They are here, so there is nothing to fetch and to keep.
        .identity_cache(IdentityCache::no_cache())
        // Bodies are read whole and each attempt has its time: no stream can stall beyond that.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http_client());
    config.set_endpoint_url(settings.endpoint_url.clone());
    config.build()
}

/// The endpoints that settings name for one service each.
#[derive(Debug)]
struct ServiceEndpoints(BTreeMap<&'static str, String>);

impl LoadServiceConfig for ServiceEndpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        self.0.get(format!("{}_{service}", key.env()).as_str()).cloned()
    }
}

/// The limits of a call to a service, for one attempt and with its repetitions (three attempts, the SDK's standard).
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallTimeouts {
    pub attempt: Duration,
    pub operation: Duration,
    /// The longest first pause; each later one may be twice as long.
    pub first_backoff: Duration,
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

/// The longest id of a request that is taken from an answer.
const MAX_REQUEST_ID: usize = 64;

/// The reason of a failure, in a word or two for the log: the service's own code, or what became of the call; with
/// AWS's id of the request, if it has answered. It names nothing of what was asked or answered.
pub(crate) fn log_reason<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    let reason = reason(error);
    let is_an_id = |id: &&str| {
        id.len() <= MAX_REQUEST_ID && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    match error.request_id().filter(is_an_id) {
        Some(id) => format!("{reason} (request {id} at AWS)"),
        None => reason,
    }
}

fn reason<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    match error {
        // The SDK has nothing else for a body that it cannot read.
        SdkError::ServiceError(refused) if refused.raw().status().is_success() => {
            "unreadable answer".to_owned()
        }
        SdkError::ServiceError(refused) => refused.err().code().unwrap_or("an error without code").to_owned(),
        SdkError::TimeoutError(_) => "time-out".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_io() => "no connection".to_owned(),
        SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => "unreadable answer".to_owned(),
        SdkError::ConstructionFailure(_) => "the request could not be built".to_owned(),
        _ => "unknown failure".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    use super::*;

    /// Reaches nobody, and keeps the address of the last request.
    #[derive(Clone, Debug, Default)]
    struct Recorder(Arc<Mutex<String>>);

    impl HttpConnector for Recorder {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            *self.0.lock().unwrap() = request.uri().to_owned();
            HttpConnectorFuture::ready(Err(ConnectorError::other("recorded".into(), None)))
        }
    }

    /// The addresses of DynamoDB and SQS by these settings.
    async fn addresses(settings: AwsSettings) -> [String; 2] {
        let recorder = Recorder::default();
        let connector = SharedHttpConnector::new(recorder.clone());
        let config = sdk_config(&settings).into_builder();
        let config = config.http_client(http_client_fn(move |_, _| connector.clone())).build();
        let recorded = || recorder.0.lock().unwrap().clone();
        aws_sdk_dynamodb::Client::new(&config).list_tables().send().await.unwrap_err();
        let dynamodb = recorded();
        aws_sdk_sqs::Client::new(&config).list_queues().send().await.unwrap_err();
        [dynamodb, recorded()]
    }

    #[tokio::test]
    async fn a_service_is_where_partition_fips_and_dual_stack_have_it() {
        for (region, use_fips, use_dual_stack, dynamodb, sqs) in [
            (
                "eu-central-1",
                false,
                false,
                "dynamodb.eu-central-1.amazonaws.com",
                "sqs.eu-central-1.amazonaws.com",
            ),
            (
                "us-east-1",
                true,
                false,
                "dynamodb-fips.us-east-1.amazonaws.com",
                "sqs-fips.us-east-1.amazonaws.com",
            ),
            ("us-east-1", false, true, "dynamodb.us-east-1.api.aws", "sqs.us-east-1.api.aws"),
            (
                "cn-north-1",
                false,
                false,
                "dynamodb.cn-north-1.amazonaws.com.cn",
                "sqs.cn-north-1.amazonaws.com.cn",
            ),
        ] {
            let region = region.to_owned();
            let settings = AwsSettings { region, use_fips, use_dual_stack, ..AwsSettings::default() };
            let expected = [dynamodb, sqs].map(|host| format!("https://{host}/"));
            assert_eq!(addresses(settings).await, expected);
        }
    }

    #[tokio::test]
    async fn an_address_of_the_settings_comes_first_and_that_of_one_service_before_that_of_all() {
        let mut settings = AwsSettings {
            region: "eu-central-1".to_owned(),
            endpoint_url: Some("http://127.0.0.1:5000".to_owned()),
            ..AwsSettings::default()
        };
        let all = "http://127.0.0.1:5000/";
        assert_eq!(addresses(settings.clone()).await, [all, all]);
        settings.service_endpoint_urls =
            [("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:5001".to_owned())].into();
        assert_eq!(addresses(settings).await, ["http://127.0.0.1:5001/", all]);
    }
}
