//! Where an operator's commands work: the folder of a local run, or a deployment that is found by its stack's name.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sdk_cloudformation::config::timeout::TimeoutConfig;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use shared::aws::http_client;
use shared::egress::callback_url::CallbackRules;
use shared::runtime::config::StoreAt;
use shared::runtime::start::StartError;
use shared::store::Operate;
use shared::store::dynamodb::DynamoStore;
use shared::store::listing::ListAuthorizations;

use super::credentials;
use crate::database;
use crate::folder::Folder;

/// The longest that one attempt of a call to AWS may take, where nothing shorter is said.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest that a call may take with its repetitions.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// The place of the records.
pub enum Place {
    /// The folder of a local run.
    Folder(PathBuf),
    /// A deployment.
    Stack(Stack),
    /// A table alone, by its name.
    Table(Stack),
}

/// A stack or a table; region and credentials come from where the AWS CLI finds them: the environment, a profile,
/// SSO, a role.
pub struct Stack {
    pub name: String,
    pub region: Option<String>,
    pub profile: Option<String>,
    /// Keeps what commands remember, and their audit lines.
    pub folder: PathBuf,
}

impl Stack {
    /// Its name, and where it is as far as that was said.
    fn told(&self) -> String {
        let region = self.region.as_ref().map_or_else(String::new, |region| format!(" in {region}"));
        let profile =
            self.profile.as_ref().map_or_else(String::new, |profile| format!(" of the profile {profile}"));
        format!("{}{region}{profile}", self.name)
    }
}

/// The records, for an operator.
pub trait Records: Operate + ListAuthorizations {}

impl<S: Operate + ListAuthorizations> Records for S {}

/// An opened place.
pub struct Opened {
    pub records: Arc<dyn Records>,
    /// The rules that a callback address is held against there.
    pub callbacks: CallbackRules,
}

impl Place {
    /// Its name in audit lines.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::Stack(stack) => format!("stack {}", stack.told()),
            Self::Table(table) => format!("table {}", table.told()),
        }
    }

    /// The folder of what commands remember.
    #[must_use]
    pub fn folder(&self) -> &Path {
        match self {
            Self::Folder(folder) => folder,
            Self::Stack(stack) | Self::Table(stack) => &stack.folder,
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// It is not there, not authlink's, or not for us.
    pub async fn open(&self) -> Result<Opened, StartError> {
        match self {
            Self::Folder(folder) => open_folder(folder),
            Self::Stack(stack) => Deployed::find(stack).await?.open(),
            Self::Table(table) => {
                let records = Arc::new(DynamoStore::new(&sdk(table).await?, &table.name));
                Ok(Opened { records, callbacks: CallbackRules::default() })
            }
        }
    }
}

/// The database is the one that the host uses: of the environment, or of the folder.
fn open_folder(folder: &Path) -> Result<Opened, StartError> {
    let folder = Folder::open(folder)?;
    let config = folder.config()?;
    let file = match config.store {
        StoreAt::File(file) => file,
        StoreAt::Table(_) => folder.database(),
    };
    Ok(Opened { records: Arc::new(database::open(&file)?), callbacks: config.callbacks })
}

/// A stack as CloudFormation describes it.
pub struct Deployed {
    pub sdk: SdkConfig,
    name: String,
    outputs: HashMap<String, String>,
    parameters: HashMap<String, String>,
}

impl Deployed {
    /// Asks CloudFormation.
    ///
    /// # Errors
    /// There are no credentials or no region, there is no such stack, or it is not of authlink.
    pub async fn find(stack: &Stack) -> Result<Self, StartError> {
        let sdk = sdk(stack).await?;
        let client = aws_sdk_cloudformation::Client::new(&sdk);
        let described = client.describe_stacks().stack_name(&stack.name).send().await.map_err(|error| {
            let region = sdk.region().map_or("", Region::as_ref);
            match (error.code(), error.message()) {
                // CloudFormation has no code of its own for this.
                (Some("ValidationError"), Some(message)) if message.contains("does not exist") => {
                    StartError::new(format!(
                        "there is no stack {} in {region}: give another name by --stack, or --region",
                        stack.name
                    ))
                }
                (code, _) if credentials::are_refused(code) => {
                    credentials::refused(&StartError::from(error), stack.profile.as_deref())
                }
                _ => StartError::from(error),
            }
        })?;
        let found = described.stacks().first();
        let outputs = found.into_iter().flat_map(|stack| stack.outputs());
        let outputs = outputs.filter_map(|each| each.output_key.clone().zip(each.output_value.clone()));
        let parameters = found.into_iter().flat_map(|stack| stack.parameters());
        let parameters =
            parameters.filter_map(|each| each.parameter_key.clone().zip(each.parameter_value.clone()));
        let (outputs, parameters) = (outputs.collect(), parameters.collect());
        // It may have been asked for by its ARN.
        let name = found.and_then(|found| found.stack_name()).unwrap_or(&stack.name).to_owned();
        Ok(Self { sdk, name, outputs, parameters })
    }

    /// The stack's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens its records.
    ///
    /// # Errors
    /// It is not of authlink.
    pub fn open(&self) -> Result<Opened, StartError> {
        let records = Arc::new(DynamoStore::new(&self.sdk, self.output("TableName")?));
        Ok(Opened { records, callbacks: self.callback_rules()? })
    }

    /// An output of the stack.
    ///
    /// # Errors
    /// There is none of this name: the stack is not of authlink, or its deployment has not succeeded.
    pub fn output(&self, key: &str) -> Result<&str, StartError> {
        self.outputs.get(key).map(String::as_str).ok_or_else(|| {
            StartError::new(format!(
                "the stack {} names no {key}: it is not of authlink, or its deployment has not succeeded",
                self.name
            ))
        })
    }

    /// A parameter of the stack, unless it is empty.
    #[must_use]
    pub fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Its name with its region: `name.region`.
    #[must_use]
    pub fn name_in_region(&self) -> String {
        format!("{}.{}", self.name, self.sdk.region().map_or("", Region::as_ref))
    }

    fn callback_rules(&self) -> Result<CallbackRules, StartError> {
        let Some(ports) = self.parameter("CallbackPorts") else {
            return Ok(CallbackRules::default());
        };
        let ports = ports.split(',').map(|port| port.trim().parse()).collect::<Result<_, _>>()?;
        Ok(CallbackRules { ports, ..CallbackRules::default() })
    }
}

/// Finds the credentials once, before any call: a process, a login or a chain of roles may take longer than the store
/// gives an attempt.
async fn sdk(stack: &Stack) -> Result<SdkConfig, StartError> {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http_client());
    if let Some(region) = &stack.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &stack.profile {
        loader = loader.profile_name(profile);
    }
    let config = loader.load().await;
    if config.region().is_none() {
        return Err(StartError::new(
            "neither --region nor AWS_REGION nor a profile names a region".to_owned(),
        ));
    }
    let Some(provider) = config.credentials_provider() else { return Ok(in_time(config)) };
    let found = provider.provide_credentials().await;
    let found = found.map_err(|error| credentials::credentials_error(error, stack.profile.as_deref()))?;
    let found = SharedCredentialsProvider::new(found);
    Ok(in_time(config.into_builder().credentials_provider(found).build()))
}

/// The same, for calls that end. Not before the credentials are found: a login may take longer.
fn in_time(config: SdkConfig) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    config.into_builder().timeout_config(timeouts).build()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;
    use crate::operate::fake_aws::leading_to;

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_not_answered_ends() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sdk = in_time(leading_to(&format!("http://{}", silent.local_addr().unwrap())));
        let began = Instant::now();
        let client = aws_sdk_cloudformation::Client::new(&sdk);
        assert!(client.describe_stacks().send().await.is_err());
        assert!(began.elapsed() < CALL_TIMEOUT + Duration::from_secs(1), "{:?}", began.elapsed());
    }
}
