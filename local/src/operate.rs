//! An operator's commands, on the database of a local run or on a deployment's table. They may run beside whoever else
//! works there.

use std::path::PathBuf;
use std::sync::Arc;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use serde_json::{Value, json};
use shared::aws::http_client;
use shared::model::authorization::{Authorization, Callback};
use shared::model::authorization_request::AuthorizationRequest;
use shared::model::clock::{Clock as _, SystemClock, UnixMillis};
use shared::model::id::{AuthorizationId, OperationId};
use shared::model::owner::Owner;
use shared::model::random::OsRandom;
use shared::runtime::config::{Config, StoreAt};
use shared::runtime::start::StartError;
use shared::store::Operate;
use shared::store::dynamodb::DynamoStore;

use crate::database;
use crate::folder::Folder;

/// The place of the records.
pub enum Place {
    /// The folder of a local run.
    Folder(PathBuf),
    /// A table of Amazon DynamoDB; region and credentials come from where the AWS CLI finds them: the environment, a
    /// profile, SSO, a role.
    Table(String),
}

/// The deliveries to set due again.
pub enum Redrive {
    /// One authorization.
    One(AuthorizationId),
    /// Every one that is UNDELIVERABLE, of one owner or of all.
    All(Option<Owner>),
}

/// Prints what became of one authorization.
pub async fn show(place: &Place, id: &AuthorizationId) -> Result<(), StartError> {
    let record = open(place).await?.authorization(id).await?;
    let record = record.ok_or_else(|| nobody(id))?;
    println!("{:#}", summary(&record, SystemClock.now()));
    Ok(())
}

/// Sets undeliverable deliveries due; the next sweep takes them up.
pub async fn redrive(place: &Place, what: Redrive) -> Result<(), StartError> {
    let store = open(place).await?;
    let random = OsRandom::default();
    let redrive = async |id: &AuthorizationId| -> Result<bool, StartError> {
        Ok(store.redrive(id, &OperationId::generate(&random)?, SystemClock.now()).await?)
    };
    let mut redriven = 0;
    match what {
        Redrive::One(id) => {
            if !redrive(&id).await? {
                let record = store.authorization(&id).await?.ok_or_else(|| nobody(&id))?;
                return Err(StartError::new(format!("it is {}, not UNDELIVERABLE", record.status())));
            }
            redriven = 1;
        }
        Redrive::All(owner) => {
            for id in store.undeliverable(owner.as_ref()).await? {
                let done = redrive(&id).await.map_err(|error| {
                    StartError::new(format!("{redriven} are due again; run this again for the rest: {error}"))
                })?;
                redriven += u64::from(done);
            }
        }
    }
    println!("{redriven} due again; the next sweep, within a minute, takes up what is due");
    Ok(())
}

fn nobody(id: &AuthorizationId) -> StartError {
    StartError::new(format!(
        "there is no authorization {id} here: of this serialNo and business, or by this reference"
    ))
}

/// Finds the credentials once, before any call: a process, a login or a chain of roles may take longer than the store
/// gives an attempt.
async fn with_found_credentials(config: SdkConfig) -> Result<SdkConfig, StartError> {
    let Some(provider) = config.credentials_provider() else { return Ok(config) };
    let found = SharedCredentialsProvider::new(provider.provide_credentials().await?);
    Ok(config.into_builder().credentials_provider(found).build())
}

/// The folder's database is the one that the host uses: of the environment, or of the folder.
async fn open(place: &Place) -> Result<Arc<dyn Operate>, StartError> {
    let folder = match place {
        Place::Table(table) => {
            let loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http_client());
            let config = loader.load().await;
            if config.region().is_none() {
                return Err(StartError::new("neither AWS_REGION nor a profile names a region".to_owned()));
            }
            return Ok(Arc::new(DynamoStore::new(&with_found_credentials(config).await?, table)));
        }
        Place::Folder(folder) => Folder::open(folder)?,
    };
    let config = Config::from_env_or(&|name| folder.kept_setting(name))?;
    let file = match config.store {
        StoreAt::File(file) => file,
        StoreAt::Table(_) => folder.database(),
    };
    Ok(Arc::new(database::open(&file)?))
}

/// The part of a record that may be shown: neither the user's identity or phone number nor the link.
fn summary(record: &Authorization, now: UnixMillis) -> Value {
    let mut summary = match &record.request {
        AuthorizationRequest::Merchant(request) => json!({
            "businessId": request.business_id,
            "merchantId": request.merchant_id,
            "serialNo": request.serial_no,
        }),
        AuthorizationRequest::Scheme(request) => json!({
            "accountId": request.account_id,
            "schemeId": request.scheme_id,
            "requestId": request.request_id,
            "endDate": request.end_date,
        }),
    };
    let callback = match &record.callback {
        Callback::Explicit(url) => url.as_str(),
        Callback::OwnersDefault => "the owner's default",
        Callback::Nowhere => "none",
    };
    let state = json!({
        "reference": record.id,
        "status": record.status_at(now).as_str(),
        "source": record.source.to_string(),
        "callbackUrl": callback,
        "createdAt": record.created_at,
        "linkedAt": record.linked_at,
        "expiresAt": record.link_ends_at(),
        "codesTried": record.codes.len(),
        "authorizedAt": record.consent().map(|consent| consent.authorized_at),
        "attempts": record.attempts_begun(),
        "nextAttemptAt": record.next_attempt_at(),
        "history": record.history(),
    });
    if let (Some(fields), Value::Object(state)) = (summary.as_object_mut(), state) {
        fields.extend(state);
    }
    summary
}
