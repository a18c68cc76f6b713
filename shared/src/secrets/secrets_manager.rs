//! AWS Secrets Manager as a source: one `GetSecretValue` per fetch, of the version that is current; `ListSecrets` for
//! names.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::Builder;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::{GetSecretValueError, GetSecretValueOutput};
use aws_sdk_secretsmanager::operation::list_secrets::ListSecretsError;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use zeroize::Zeroizing;

use crate::aws::{CallTimeouts, SdkConfig, log_reason};
use crate::secrets::{AbsentError, FetchError, SecretName, SecretSource, SecretValue};

/// Never `AWSPENDING` (not yet in force) nor `AWSPREVIOUS` (withdrawn).
const CURRENT: &str = "AWSCURRENT";

/// Secrets of AWS Secrets Manager. The version is the secret's `VersionId`; a binary secret is a version without
/// document.
///
/// An attempt may last 2 s and a fetch 5 s with its retries (three attempts, by the SDK's standard mode).
#[derive(Clone, Debug)]
pub struct SecretsManager {
    client: Client,
    prefix: String,
}

const TIMEOUTS: CallTimeouts = CallTimeouts {
    attempt: Duration::from_secs(2),
    operation: Duration::from_secs(5),
    first_backoff: Duration::from_secs(1),
};

/// The longest that a list of names may take, with all its pages. It leaves a look-up, which has to be over by
/// [`LOOKUP_TIMEOUT`](crate::secrets::LOOKUP_TIMEOUT), the time of one attempt to fetch what is listed.
pub const LIST_TIMEOUT: Duration = Duration::from_secs(3);

/// As many as a page may have.
const NAMES_A_PAGE: i32 = 100;

/// The longest that one fetch may take, with its repetitions; a look-up, which may also wait for others, takes no
/// longer.
pub const FETCH_TIMEOUT: Duration = TIMEOUTS.operation;

impl SecretsManager {
    /// A source that connects when it is first asked, for the secret `<prefix>/<name>` of every name. The deployment's
    /// prefix has no slash at its end.
    #[must_use]
    pub fn new(config: &SdkConfig, prefix: String) -> Self {
        Self::with_timeouts(config, prefix, &TIMEOUTS)
    }

    fn with_timeouts(config: &SdkConfig, prefix: String, timeouts: &CallTimeouts) -> Self {
        let config = Builder::from(config)
            .retry_config(timeouts.retries())
            .timeout_config(timeouts.timeouts())
            .build();
        Self { client: Client::from_conf(config), prefix }
    }
}

#[async_trait]
impl SecretSource for SecretsManager {
    async fn fetch(&self, name: &SecretName) -> Result<SecretValue, FetchError> {
        let id = format!("{}/{name}", self.prefix);
        let answer = self.client.get_secret_value().secret_id(id).version_stage(CURRENT).send().await;
        answer.map_err(|error| failure(&error)).and_then(value)
    }

    async fn names(&self, kind: &str) -> Result<HashSet<SecretName>, FetchError> {
        tokio::time::timeout(LIST_TIMEOUT, self.list(kind)).await.unwrap_or_else(|_| Err(late()))
    }
}

impl SecretsManager {
    async fn list(&self, kind: &str) -> Result<HashSet<SecretName>, FetchError> {
        let prefix = format!("{}/{kind}/", self.prefix);
        // `ListSecrets` matches a name's beginning.
        let filter = Filter::builder().key(FilterNameStringType::Name).values(&prefix).build();
        let list = self.client.list_secrets().filters(filter).max_results(NAMES_A_PAGE);
        let mut pages = list.into_paginator().send();
        let mut names = HashSet::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| list_failure(&error))?;
            let keys = page.secret_list().iter().filter_map(|secret| secret.name()?.strip_prefix(&prefix));
            names.extend(keys.filter_map(|key| SecretName::new(kind, key).ok()));
        }
        Ok(names)
    }
}

fn late() -> FetchError {
    FetchError::Unavailable("time-out".to_owned())
}

fn list_failure(error: &SdkError<ListSecretsError>) -> FetchError {
    match error.as_service_error().and_then(ProvideErrorMetadata::code) {
        Some("AccessDeniedException" | "AccessDenied") => FetchError::Denied,
        _ => FetchError::Unavailable(log_reason(error)),
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
fn failure(error: &SdkError<GetSecretValueError>) -> FetchError {
    match error.as_service_error() {
        Some(GetSecretValueError::ResourceNotFoundException(_)) => FetchError::Absent(AbsentError::NotFound),
        // In GetSecretValue: marked for deletion.
        Some(GetSecretValueError::InvalidRequestException(_)) => FetchError::Absent(AbsentError::Deleted),
        // A KMS key that we may not use is one too; DecryptionFailure is not: KMS may be failing.
        Some(other) if matches!(other.code(), Some("AccessDeniedException" | "AccessDenied")) => {
            FetchError::Denied
        }
        _ => FetchError::Unavailable(log_reason(error)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::fake_aws::{BRISK, FakeAws, SHORT, SentRequest, answer, never, nobody};

    fn source(config: &SdkConfig, timeouts: &CallTimeouts) -> SecretsManager {
        SecretsManager::with_timeouts(config, "authlink/prod".to_owned(), timeouts)
    }

    fn b1() -> SecretName {
        SecretName::business("B1").unwrap()
    }

    async fn fetch_answered(status: u16, body: &str) -> (Result<SecretValue, FetchError>, usize) {
        let fake_aws = FakeAws::answering([answer(status, body)]).await;
        let fetched = source(&fake_aws.sdk, &BRISK).fetch(&b1()).await;
        (fetched, fake_aws.asked().await.len())
    }

    async fn failure_of(status: u16, body: &str) -> (FetchError, usize) {
        let (fetched, requests) = fetch_answered(status, body).await;
        (fetched.unwrap_err(), requests)
    }

    #[tokio::test]
    async fn the_current_version_is_asked_for_by_its_full_name() {
        let found =
            r#"{"Name":"authlink/prod/business/B1","VersionId":"v-1","SecretString":"{\"enabled\":true}"}"#;
        let fake_aws = FakeAws::answering([answer(200, found)]).await;
        let value = source(&fake_aws.sdk, &BRISK).fetch(&b1()).await.unwrap();
        assert_eq!((value.version.as_str(), value.document.as_str()), ("v-1", r#"{"enabled":true}"#));

        let asked = fake_aws.asked().await;
        let [SentRequest { headers, body }] = asked.as_slice() else { panic!("{} requests", asked.len()) };
        let expected = json!({"SecretId": "authlink/prod/business/B1", "VersionStage": "AWSCURRENT"});
        assert_eq!(*body, expected);
        assert_eq!(headers["x-amz-target"], "secretsmanager.GetSecretValue");
        assert_eq!(headers["x-amz-security-token"], "session");
        let authorization = headers["authorization"].to_str().unwrap();
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{authorization}");
        let region = fake_aws.sdk.region().unwrap();
        let scope = format!("/{region}/secretsmanager/aws4_request");
        assert!(authorization.contains(&scope), "{authorization}");
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
            (r#"{"__type":"ResourceNotFoundException","Message":"?"}"#, AbsentError::NotFound),
            (r#"{"__type":"InvalidRequestException","Message":"marked for deletion"}"#, AbsentError::Deleted),
        ] {
            assert_eq!(failure_of(400, body).await, (FetchError::Absent(reason), 1), "{body}");
        }
    }

    #[tokio::test]
    async fn what_we_may_not_read_is_denied_and_not_retried() {
        for code in ["AccessDeniedException", "AccessDenied"] {
            let body = format!(r#"{{"__type":"{code}","Message":"?"}}"#);
            assert_eq!(failure_of(400, &body).await, (FetchError::Denied, 1), "{body}");
        }
    }

    #[tokio::test]
    async fn the_names_of_a_kind_are_listed_page_by_page() {
        let page = |keys: [&str; 2], next: &str| {
            let secrets = keys.map(|key| json!({"Name": format!("authlink/prod/business/{key}")}));
            answer(200, json!({"SecretList": secrets, "NextToken": next}))
        };
        let last = json!({"SecretList": [{"Name": "authlink/prod/business/B4"}]}).to_string();
        let fake_aws = FakeAws::answering([
            page(["B1", "B2"], "more"),
            page(["B3", "not a name"], "most"),
            answer(200, &last),
        ]);
        let fake_aws = fake_aws.await;
        let listed = source(&fake_aws.sdk, &BRISK).names("business").await.unwrap();
        let names = ["B1", "B2", "B3", "B4"].map(|key| SecretName::business(key).unwrap());
        assert_eq!(listed, HashSet::from(names));
        let asked = fake_aws.asked().await;
        assert_eq!(asked[0].headers["x-amz-target"], "secretsmanager.ListSecrets");
        let filters = json!([{"Key": "name", "Values": ["authlink/prod/business/"]}]);
        assert_eq!(asked[0].body, json!({"Filters": filters, "MaxResults": 100}));
        assert_eq!(asked[2].body["NextToken"], "most");
    }

    #[tokio::test]
    async fn names_that_may_not_be_listed_are_denied() {
        let denied = answer(400, r#"{"__type":"AccessDeniedException","Message":"?"}"#);
        let fake_aws = FakeAws::answering([denied]).await;
        assert_eq!(source(&fake_aws.sdk, &BRISK).names("business").await, Err(FetchError::Denied));
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
        let fake_aws = FakeAws::answering([never()]).await;
        let failed = source(&fake_aws.sdk, &SHORT).fetch(&b1()).await.unwrap_err();
        assert_eq!(failed, FetchError::Unavailable("time-out".to_owned()));
        assert_eq!(fake_aws.asked().await.len(), 3);
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_no_connection() {
        let (sdk, _reserved) = nobody();
        let failed = source(&sdk, &BRISK).fetch(&b1()).await.unwrap_err();
        assert_eq!(failed, FetchError::Unavailable("no connection".to_owned()));
    }

    #[test]
    fn debug_shows_no_credentials() {
        let (sdk, _reserved) = nobody();
        let shown = format!("{:?}", source(&sdk, &BRISK));
        assert!(!shown.contains("hush") && !shown.contains("session"), "{shown}");
    }
}
