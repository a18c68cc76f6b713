//! The settings of AWS. They stand apart from its clients, so that a program without these can read them too.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::SecretString;

/// The way to AWS, by the variables that the AWS SDKs share. Empty if no setting names anything of AWS.
#[derive(Clone, Default)]
pub struct AwsSettings {
    /// `AWS_REGION`.
    pub region: String,
    /// `AWS_ENDPOINT_URL`, for an emulator: scheme, host and port.
    pub endpoint_url: Option<String>,
    /// `AWS_ENDPOINT_URL_<SERVICE>` by that variable's name; it takes precedence over `AWS_ENDPOINT_URL`.
    pub service_endpoint_urls: BTreeMap<&'static str, String>,
    /// `AWS_USE_FIPS_ENDPOINT`.
    pub use_fips: bool,
    /// `AWS_USE_DUALSTACK_ENDPOINT`.
    pub use_dual_stack: bool,
    /// `AWS_ACCESS_KEY_ID`: visible ASCII.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: SecretString,
    /// `AWS_SESSION_TOKEN`: visible ASCII.
    pub session_token: Option<SecretString>,
}

/// The variables with the endpoints of single services.
pub const SERVICE_ENDPOINT_VARIABLES: [&str; 3] =
    ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL_SQS"];

impl fmt::Debug for AwsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSettings").field("region", &self.region).finish_non_exhaustive()
    }
}
