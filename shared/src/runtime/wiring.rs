//! The choice that the settings make: which source of keys, which store, which queue.

use std::sync::Arc;

use crate::aws::SdkConfig;
use crate::queue::HintQueue;
use crate::queue::sqs::SqsQueue;
use crate::runtime::config::{Config, SecretsFrom, StoreAt};
use crate::runtime::start::StartError;
use crate::secrets::{SecretFolder, SecretSource, SecretsManager};
use crate::store::dynamodb::DynamoStore;
#[cfg(feature = "embedded")]
use crate::store::sqlite::SqliteStore;
use crate::store::{
    FindDue, ReadAuthorizations, RecordDeliveries, RecordPlatformLinks, RecordReturns, SchemeLinks, UseNonces,
};

/// The key source that the settings name.
#[must_use]
pub fn secret_source(config: &Config, aws: &SdkConfig) -> Arc<dyn SecretSource> {
    match &config.secrets {
        SecretsFrom::Folder(folder) => Arc::new(SecretFolder::new(folder)),
        SecretsFrom::Manager(prefix) => Arc::new(SecretsManager::new(aws, prefix.clone())),
    }
}

/// The queue that the settings name, if they do.
#[must_use]
pub fn hints(config: &Config, aws: &SdkConfig) -> Option<Arc<dyn HintQueue>> {
    let queue = SqsQueue::new(aws, config.queue_url.clone()?);
    Some(Arc::new(queue))
}

/// The store that the settings name. Only the capabilities that a function takes of it are linked into the function.
enum Store {
    Table(DynamoStore),
    #[cfg(feature = "embedded")]
    File(SqliteStore),
}

impl Store {
    fn open(config: &Config, aws: &SdkConfig) -> Result<Self, StartError> {
        match &config.store {
            StoreAt::Table(name) => Ok(Self::Table(DynamoStore::new(aws, name))),
            #[cfg(feature = "embedded")]
            StoreAt::File(file) => Ok(Self::File(SqliteStore::open(file)?)),
            #[cfg(not(feature = "embedded"))]
            StoreAt::File(_) => Err(StartError::new(
                "AUTHLINK_DATABASE names an embedded store, which this program was built without".to_owned(),
            )),
        }
    }
}

/// Where links of the open API are recorded.
///
/// # Errors
/// When the embedded store cannot be opened.
pub fn links(config: &Config, aws: &SdkConfig) -> Result<Arc<dyn RecordPlatformLinks>, StartError> {
    Ok(match Store::open(config, aws)? {
        Store::Table(table) => Arc::new(table),
        #[cfg(feature = "embedded")]
        Store::File(file) => Arc::new(file),
    })
}

/// Where links of `GetAuthorizationUrl` are recorded and found, and its callers' allowances.
///
/// # Errors
/// As [`links`].
pub fn scheme_links(config: &Config, aws: &SdkConfig) -> Result<SchemeLinks, StartError> {
    Ok(match Store::open(config, aws)? {
        Store::Table(table) => SchemeLinks::new(Arc::new(table)),
        #[cfg(feature = "embedded")]
        Store::File(file) => SchemeLinks::new(Arc::new(file)),
    })
}

/// Where queries of the open API are answered from.
///
/// # Errors
/// As [`links`].
pub fn queries(config: &Config, aws: &SdkConfig) -> Result<Queries, StartError> {
    Ok(match Store::open(config, aws)? {
        Store::Table(table) => Queries { nonces: Arc::new(table.clone()), records: Arc::new(table) },
        #[cfg(feature = "embedded")]
        Store::File(file) => Queries { nonces: Arc::new(file.clone()), records: Arc::new(file) },
    })
}

/// What `authorization-query` may do with the store.
pub struct Queries {
    /// Consumes nonces.
    pub nonces: Arc<dyn UseNonces>,
    /// Reads authorizations.
    pub records: Arc<dyn ReadAuthorizations>,
}

/// Where returns are recorded.
///
/// # Errors
/// As [`links`].
pub fn returns(config: &Config, aws: &SdkConfig) -> Result<Arc<dyn RecordReturns>, StartError> {
    Ok(match Store::open(config, aws)? {
        Store::Table(table) => Arc::new(table),
        #[cfg(feature = "embedded")]
        Store::File(file) => Arc::new(file),
    })
}

/// Where deliveries are recorded and found.
///
/// # Errors
/// As [`links`].
pub fn deliveries(config: &Config, aws: &SdkConfig) -> Result<Deliveries, StartError> {
    Ok(match Store::open(config, aws)? {
        Store::Table(table) => Deliveries { record: Arc::new(table.clone()), find: Arc::new(table) },
        #[cfg(feature = "embedded")]
        Store::File(file) => Deliveries { record: Arc::new(file.clone()), find: Arc::new(file) },
    })
}

/// What `openid-delivery` may do with the store.
pub struct Deliveries {
    /// Records attempts.
    pub record: Arc<dyn RecordDeliveries>,
    /// Finds what is due.
    pub find: Arc<dyn FindDue>,
}
