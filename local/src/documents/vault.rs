//! Where documents are kept: the folder of a local run, or AWS Secrets Manager.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aws_sdk_secretsmanager::Client;
use shared::egress::callback_url::CallbackRules;
use shared::runtime::config::{Config, SecretsFrom};
use shared::runtime::start::StartError;
use shared::secrets::{FetchError, SecretFolder, SecretName, SecretSource as _, SecretValue, SecretsManager};
use zeroize::Zeroizing;

use super::DocumentKind;
use crate::folder::Folder;
use crate::operate::{Deployed, Place};

/// The documents of a place.
pub enum Vault {
    /// Files, in the folder that the functions read too.
    Folder { source: SecretFolder, secrets: PathBuf, rules: CallbackRules },
    /// Secrets of a stack, and the key that new ones are encrypted by where it is not AWS's own.
    Manager { client: Client, source: SecretsManager, prefix: String, key: Option<String>, stack: String },
}

/// The folder that the functions of a local run read documents from.
///
/// # Errors
/// They read none from a folder.
pub fn secrets_folder(config: &Config) -> Result<&Path, StartError> {
    match &config.secrets {
        SecretsFrom::Folder(secrets) => Ok(secrets),
        SecretsFrom::Manager(_) => {
            Err(StartError::new("a local run has its documents in AUTHLINK_SECRETS_DIR".to_owned()))
        }
    }
}

impl Vault {
    /// The vault of `place`.
    ///
    /// # Errors
    /// It is not there, or not for us.
    pub async fn open(place: &Place) -> Result<Self, StartError> {
        match place {
            Place::Folder(folder) => {
                let folder = Folder::open(folder)?;
                let config = folder.config()?;
                Ok(Self::of_files(secrets_folder(&config)?, config.callbacks.clone()))
            }
            Place::Table(_) => Err(StartError::new("a table has no documents: name a stack".to_owned())),
            Place::Stack(stack) => Self::of_stack(&Deployed::find(stack).await?),
        }
    }

    /// The secrets of a stack.
    ///
    /// # Errors
    /// It is not of authlink.
    pub fn of_stack(deployed: &Deployed) -> Result<Self, StartError> {
        let prefix = deployed.output("SecretsPrefix")?.to_owned();
        let source = SecretsManager::new(&deployed.sdk, prefix.clone());
        let key = deployed.parameter("KmsKeyArn").map(str::to_owned);
        let stack = deployed.name_in_region();
        Ok(Self::Manager { client: Client::new(&deployed.sdk), source, prefix, key, stack })
    }

    /// Files in this folder, whose addresses are judged by `rules`.
    #[must_use]
    pub fn of_files(secrets: &Path, rules: CallbackRules) -> Self {
        Self::Folder { source: SecretFolder::new(secrets), secrets: secrets.to_owned(), rules }
    }

    /// The rules that addresses in its documents are judged by: a stack exempts no origin.
    #[must_use]
    pub fn rules(&self) -> CallbackRules {
        match self {
            Self::Folder { rules, .. } => rules.clone(),
            Self::Manager { .. } => CallbackRules::default(),
        }
    }

    /// Where the keys are kept that are made for its documents: below `folder`, apart from those of other places.
    #[must_use]
    pub fn keys_folder(&self, folder: &Path) -> PathBuf {
        folder.join("keys").join(match self {
            Self::Folder { .. } => "local",
            Self::Manager { stack, .. } => stack,
        })
    }

    /// A document's text, if there is one.
    ///
    /// # Errors
    /// It is unavailable.
    pub async fn fetch(&self, name: &SecretName) -> Result<Option<Zeroizing<String>>, FetchError> {
        Ok(self.current(name).await?.map(|value| value.document))
    }

    /// A document as it stands now, with its version, if there is one.
    ///
    /// # Errors
    /// It is unavailable.
    pub async fn current(&self, name: &SecretName) -> Result<Option<SecretValue>, FetchError> {
        let fetched = match self {
            Self::Folder { source, .. } => source.fetch(name).await,
            Self::Manager { source, .. } => source.fetch(name).await,
        };
        match fetched {
            Ok(value) => Ok(Some(value)),
            Err(FetchError::Absent(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The ids of a kind's documents.
    ///
    /// # Errors
    /// They cannot be listed.
    pub async fn ids(&self, kind: DocumentKind) -> Result<BTreeSet<String>, FetchError> {
        let names = match self {
            Self::Folder { source, .. } => source.names(kind.as_str()).await?,
            Self::Manager { source, .. } => source.names(kind.as_str()).await?,
        };
        let id = |name: SecretName| name.as_str().split_once('/').map(|(_, id)| id.to_owned());
        Ok(names.into_iter().filter_map(id).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_what_is_read_wherever_documents_are() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let settings = |name: &str| {
            let secrets = elsewhere.path().display().to_string();
            let database = folder.path().join("authlink.db").display().to_string();
            let address = "http://127.0.0.1:1/".to_owned();
            Some(match name {
                "AUTHLINK_SECRETS_DIR" => secrets,
                "AUTHLINK_DATABASE" => database,
                "AUTHLINK_PUBLIC_URL" | "AUTHLINK_ALIPAY_AUTHORIZE_URL" | "AUTHLINK_ALIPAY_GATEWAY_URL" => {
                    address
                }
                "AUTHLINK_ALIPAY_APP_ID" => "2021000000000001".to_owned(),
                _ => return None,
            })
        };
        let config = Config::read(&settings).unwrap();
        let vault = Vault::of_files(secrets_folder(&config).unwrap(), CallbackRules::default());
        let name = DocumentKind::Account.name("1001").unwrap();
        assert_eq!(vault.fetch(&name).await.unwrap(), None);
        vault.write(&name, "{}", None).await.unwrap();
        assert_eq!(vault.fetch(&name).await.unwrap().unwrap().as_str(), "{}");
        assert_eq!(vault.ids(DocumentKind::Account).await.unwrap(), ["1001".to_owned()].into());
        assert!(elsewhere.path().join("account/1001.json").is_file());
    }
}
