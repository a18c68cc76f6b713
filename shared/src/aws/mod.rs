//! Amazon Web Services: what every service's client is built from, once, at a process's start.
//!
//! Region and credentials come from the variables that Lambda sets, read by [`crate::config`]: looking for them where
//! else they might be (`aws-config`) costs milliseconds of every cold start.

mod https_client;
#[cfg(test)]
pub(crate) mod stand_in;

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
// What follows is the same type in every service's crate.
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, IdentityCache, Region, StalledStreamProtectionConfig};
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
pub use aws_types::SdkConfig;

use self::https_client::https_client;
use crate::config::AwsSettings;

/// What each service's client takes, so that all of them share one HTTP client and its connections.
///
/// # Errors
/// When the HTTP client cannot be built.
pub fn sdk_config(settings: &AwsSettings) -> Result<SdkConfig, reqwest::Error> {
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
        .http_client(https_client()?);
    config.set_endpoint_url(settings.endpoint_url.clone());
    Ok(config.build())
}

/// How long a call to a service may take, in one attempt and with its repetitions (three attempts, the SDK's standard).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub attempt: Duration,
    pub operation: Duration,
    /// The longest first pause; each later one may be twice as long.
    pub first_backoff: Duration,
}

impl Patience {
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
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "connection time-out".to_owned(),
        SdkError::DispatchFailure(_) => "no connection".to_owned(),
        SdkError::ResponseError(_) => "unreadable answer".to_owned(),
        SdkError::ConstructionFailure(_) => "the request could not be built".to_owned(),
        _ => "unknown failure".to_owned(),
    }
}
