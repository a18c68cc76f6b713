//! One process on AWS: its settings, and what they choose for it: a source of keys, a store, a queue.

use std::sync::Arc;

use crate::aws::first_connections::{Services, connect};
use crate::aws::{SdkConfig, sdk_config};
use crate::model::clock::{Clock, SystemClock};
use crate::model::random::{OsRandom, Random};
use crate::queue::HintQueue;
use crate::queue::sqs::SqsQueue;
use crate::registry::DenyListCache;
use crate::runtime::config::{Config, SecretsFrom, StoreAt};
use crate::runtime::embedded_metrics::EmbeddedMetrics;
use crate::runtime::log_output;
use crate::runtime::start::StartError;
use crate::secrets::{SecretFolder, SecretSource, SecretsManager};
use crate::store::dynamodb::DynamoStore;
use crate::store::scheme_links::SchemeLinks;
#[cfg(feature = "embedded")]
use crate::store::sqlite::SqliteStore;
use crate::store::{
    FindDue, ForgetDelivered, ReadAuthorizations, ReadDenyList, RecordDeliveries, RecordPlatformLinks,
    RecordReturns, UseNonces,
};

/// The parts of a process that every function takes, and the way to those that one function takes.
///
/// The store is opened for the capabilities that a function asks for, so that no other code of it is linked in.
pub struct Process {
    pub config: Config,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    /// The source of keys that the settings name.
    pub secrets: Arc<dyn SecretSource>,
    aws: SdkConfig,
}

impl Process {
    /// Reads the settings, begins to log, on standard output, and connects to the services of AWS that the settings
    /// choose. A start is no slower than [`CONNECT_WITHIN`](crate::aws::first_connections::CONNECT_WITHIN) where they
    /// do not answer, and fails for the settings alone.
    ///
    /// # Errors
    /// The first setting that is missing or cannot be used.
    pub async fn start() -> Result<Self, StartError> {
        let process = Self::read()?;
        connect(&process.aws, process.services()).await;
        Ok(process)
    }

    const fn services(&self) -> Services {
        Services {
            dynamodb: matches!(self.config.store, StoreAt::Table(_)),
            secrets_manager: matches!(self.config.secrets, SecretsFrom::Manager(_)),
        }
    }

    fn read() -> Result<Self, StartError> {
        let config = Config::from_env()?;
        let (clock, random) = (Arc::new(SystemClock), Arc::new(OsRandom::default()));
        let metrics = config.metrics.as_ref().map(|namespace| EmbeddedMetrics::new(namespace, clock.clone()));
        log_output::start(config.log_level, std::io::stdout, metrics);
        let aws = sdk_config(&config.aws);
        let secrets: Arc<dyn SecretSource> = match &config.secrets {
            SecretsFrom::Folder(folder) => Arc::new(SecretFolder::new(folder)),
            SecretsFrom::Manager(prefix) => Arc::new(SecretsManager::new(&aws, prefix.clone())),
        };
        Ok(Self { config, clock, random, secrets, aws })
    }

    /// The queue that the settings name, if they do.
    #[must_use]
    pub fn hints(&self) -> Option<Arc<dyn HintQueue>> {
        let queue = SqsQueue::new(&self.aws, self.config.queue_url.clone()?);
        Some(Arc::new(queue))
    }

    /// Records links of the open API, and tells who is disabled.
    ///
    /// # Errors
    /// The embedded store cannot be opened.
    pub fn platform_links(&self) -> Result<WithDenyList<Arc<dyn RecordPlatformLinks>>, StartError> {
        Ok(match self.store()? {
            Store::Table(table) => (table.clone(), self.deny_list(table)),
            #[cfg(feature = "embedded")]
            Store::File(file) => (file.clone(), self.deny_list(file)),
        })
    }

    /// Records and finds links of `GetAuthorizationUrl`, reserves their callers' requests, and tells who is disabled.
    ///
    /// # Errors
    /// As [`Process::platform_links`].
    pub fn scheme_links(&self) -> Result<WithDenyList<SchemeLinks>, StartError> {
        Ok(match self.store()? {
            Store::Table(table) => (SchemeLinks::new(table.clone()), self.deny_list(table)),
            #[cfg(feature = "embedded")]
            Store::File(file) => (SchemeLinks::new(file.clone()), self.deny_list(file)),
        })
    }

    /// Consumes the nonces of queries, reads authorizations, and tells who is disabled.
    ///
    /// # Errors
    /// As [`Process::platform_links`].
    pub fn queries(&self) -> Result<WithDenyList<Queries>, StartError> {
        Ok(match self.store()? {
            Store::Table(table) => ((table.clone(), table.clone()), self.deny_list(table)),
            #[cfg(feature = "embedded")]
            Store::File(file) => ((file.clone(), file.clone()), self.deny_list(file)),
        })
    }

    /// Records returns, and tells who is disabled.
    ///
    /// # Errors
    /// As [`Process::platform_links`].
    pub fn returns(&self) -> Result<WithDenyList<Arc<dyn RecordReturns>>, StartError> {
        Ok(match self.store()? {
            Store::Table(table) => (table.clone(), self.deny_list(table)),
            #[cfg(feature = "embedded")]
            Store::File(file) => (file.clone(), self.deny_list(file)),
        })
    }

    /// Records deliveries, finds those that are due, and forgets persons once they were delivered.
    ///
    /// # Errors
    /// As [`Process::platform_links`].
    pub fn deliveries(&self) -> Result<Deliveries, StartError> {
        Ok(match self.store()? {
            Store::Table(table) => (table.clone(), table.clone(), table),
            #[cfg(feature = "embedded")]
            Store::File(file) => (file.clone(), file.clone(), file),
        })
    }

    fn deny_list(&self, store: Arc<dyn ReadDenyList>) -> DenyListCache {
        DenyListCache::new(store, Arc::clone(&self.clock))
    }

    fn store(&self) -> Result<Store, StartError> {
        match &self.config.store {
            StoreAt::Table(name) => Ok(Store::Table(Arc::new(DynamoStore::new(&self.aws, name)))),
            #[cfg(feature = "embedded")]
            StoreAt::File(file) => Ok(Store::File(Arc::new(SqliteStore::open(file)?))),
            #[cfg(not(feature = "embedded"))]
            StoreAt::File(_) => Err(StartError::new(
                "AUTHLINK_DATABASE names an embedded store, which this program was built without".to_owned(),
            )),
        }
    }
}

/// The capabilities of a query.
type Queries = (Arc<dyn UseNonces>, Arc<dyn ReadAuthorizations>);

/// The capabilities of a delivery.
type Deliveries = (Arc<dyn RecordDeliveries>, Arc<dyn FindDue>, Arc<dyn ForgetDelivered>);

/// A function's store, and who is disabled there.
type WithDenyList<T> = (T, DenyListCache);

/// The store that the settings name.
enum Store {
    Table(Arc<DynamoStore>),
    #[cfg(feature = "embedded")]
    File(Arc<SqliteStore>),
}
