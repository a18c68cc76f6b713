//! Writing a document: only over the version that its change was made of, since another operator may have changed it
//! while this one was asked.
//!
//! A folder is locked for as long as its file is compared and replaced. Secrets Manager has no condition on a write,
//! but takes a name for the new version, and two contents never have one name: the name is made of the version that is
//! replaced, so that of two who replace the same one only one can.

use std::fs::File;
use std::io;
use std::path::Path;

use aws_sdk_secretsmanager::Client;
use sha2::{Digest as _, Sha256};
use shared::runtime::start::StartError;
use shared::secrets::{FetchError, SecretName};

use super::Vault;
use crate::private_file;

/// The names that are tried for a version. One is taken, too, after an operator has made an earlier version the current
/// one again by hand.
const NAMES: u32 = 8;

/// A document that was not written.
#[derive(Debug)]
pub enum WriteError {
    /// It is not any more what was read, and stays as it is.
    Changed(SecretName),
    /// It was to be new, and stays as it is.
    IsThere(SecretName),
    /// Something failed; it may be written.
    Failed(StartError),
}

impl From<WriteError> for StartError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Changed(name) => Self::new(format!(
                "{name} was changed by somebody else meanwhile; nothing was done: look at it, then run the same again"
            )),
            WriteError::IsThere(name) => Self::new(format!("{name} is there already")),
            WriteError::Failed(error) => error,
        }
    }
}

impl From<FetchError> for WriteError {
    fn from(error: FetchError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl Vault {
    /// Writes a document in place of the version `replaces`, or a new one.
    ///
    /// # Errors
    /// It has another version by now, or cannot be written.
    pub async fn write(
        &self,
        name: &SecretName,
        text: &str,
        replaces: Option<&str>,
    ) -> Result<(), WriteError> {
        match (self, replaces) {
            (Self::Folder { secrets, .. }, _) => self.write_file(secrets, name, text, replaces).await,
            (Self::Manager { client, prefix, key, .. }, None) => {
                let create = client.create_secret().name(format!("{prefix}/{name}")).secret_string(text);
                match create.set_kms_key_id(key.clone()).send().await {
                    Ok(_) => Ok(()),
                    Err(error)
                        if error.as_service_error().is_some_and(|it| it.is_resource_exists_exception()) =>
                    {
                        Err(WriteError::IsThere(name.clone()))
                    }
                    Err(error) => Err(WriteError::Failed(error.into())),
                }
            }
            (Self::Manager { client, prefix, .. }, Some(replaced)) => {
                self.put(client, &format!("{prefix}/{name}"), name, text, replaced).await
            }
        }
    }

    async fn write_file(
        &self,
        secrets: &Path,
        name: &SecretName,
        text: &str,
        replaces: Option<&str>,
    ) -> Result<(), WriteError> {
        let file = secrets.join(format!("{name}.json"));
        let folder = file.parent().unwrap_or(secrets).to_owned();
        private_file::make_folder(&folder)?;
        // Whoever writes there by this program, too, waits until it is dropped.
        let _held = tokio::task::spawn_blocking(move || {
            let folder = File::open(folder)?;
            folder.lock()?;
            Ok::<_, io::Error>(folder)
        })
        .await
        .map_err(|error| WriteError::Failed(error.into()))??;
        self.expect(name, replaces).await?;
        Ok(private_file::write(&file, text)?)
    }

    async fn put(
        &self,
        client: &Client,
        id: &str,
        name: &SecretName,
        text: &str,
        replaced: &str,
    ) -> Result<(), WriteError> {
        let mut was_put = false;
        for turn in 0..NAMES {
            match self.expect(name, Some(replaced)).await {
                Err(WriteError::Changed(_)) if was_put => return Ok(()),
                expected => expected?,
            }
            let new = version(replaced, turn);
            let put = client.put_secret_value().secret_id(id).secret_string(text).client_request_token(new);
            match put.send().await {
                // Of a version that is there with the same content Secrets Manager says so as well, and does nothing.
                Ok(_) => was_put = true,
                Err(error)
                    if error.as_service_error().is_some_and(|it| it.is_resource_exists_exception()) => {}
                Err(error) => return Err(WriteError::Failed(error.into())),
            }
        }
        if was_put { Ok(()) } else { Err(WriteError::Changed(name.clone())) }
    }

    async fn expect(&self, name: &SecretName, version: Option<&str>) -> Result<(), WriteError> {
        let now = self.current(name).await?.map(|value| value.version);
        match (version, now) {
            (None, Some(_)) => Err(WriteError::IsThere(name.clone())),
            (version, now) if version != now.as_deref() => Err(WriteError::Changed(name.clone())),
            _ => Ok(()),
        }
    }
}

/// The name of the version that replaces another, in the form that Secrets Manager asks for: 32 to 64 characters.
fn version(replaced: &str, turn: u32) -> String {
    hex::encode(Sha256::digest(format!("{replaced}/{turn}")))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fs;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use shared::egress::callback_url::CallbackRules;
    use shared::secrets::SecretsManager;
    use wiremock::{Request, ResponseTemplate};

    use super::*;
    use crate::documents::DocumentKind;
    use crate::operate::fake_aws::FakeAws;

    /// The versions of one secret, each with its text, and the one that is current, as Secrets Manager keeps them.
    #[derive(Default)]
    struct Secret {
        versions: HashMap<String, Value>,
        current: Option<String>,
    }

    impl Secret {
        fn answer(&mut self, target: &str, asked: &Value) -> Result<Value, &'static str> {
            let text = asked["SecretString"].clone();
            match (target, &self.current) {
                ("secretsmanager.GetSecretValue", None) => Err("ResourceNotFoundException"),
                ("secretsmanager.GetSecretValue", Some(version)) => {
                    Ok(json!({"VersionId": version, "SecretString": self.versions[version]}))
                }
                ("secretsmanager.CreateSecret", Some(_)) => Err("ResourceExistsException"),
                ("secretsmanager.CreateSecret" | "secretsmanager.PutSecretValue", _) => {
                    let token = asked["ClientRequestToken"].as_str().unwrap().to_owned();
                    assert!((32..=64).contains(&token.len()), "{token}");
                    match self.versions.get(&token) {
                        Some(known) if *known != text => return Err("ResourceExistsException"),
                        Some(_) => {}
                        None => {
                            self.versions.insert(token.clone(), text);
                            self.current = Some(token.clone());
                        }
                    }
                    Ok(json!({"VersionId": token}))
                }
                _ => Err("InvalidRequestException"),
            }
        }
    }

    async fn manager() -> (FakeAws, Arc<Mutex<Secret>>, Vault) {
        let secret = Arc::new(Mutex::new(Secret::default()));
        let kept = Arc::clone(&secret);
        let aws = FakeAws::answering(move |request: &Request| {
            let target = request.headers["x-amz-target"].to_str().unwrap();
            match kept.lock().unwrap().answer(target, &request.body_json().unwrap()) {
                Ok(answer) => ResponseTemplate::new(200).set_body_json(answer),
                Err(error) => ResponseTemplate::new(400).set_body_json(json!({"__type": error})),
            }
        })
        .await;
        let prefix = "authlink".to_owned();
        let vault = Vault::Manager {
            client: Client::new(&aws.sdk),
            source: SecretsManager::new(&aws.sdk, prefix.clone()),
            prefix,
            key: None,
            stack: "authlink.test".to_owned(),
        };
        (aws, secret, vault)
    }

    async fn version_of(vault: &Vault, name: &SecretName) -> String {
        vault.current(name).await.unwrap().unwrap().version
    }

    #[tokio::test]
    async fn of_two_who_change_the_same_version_one_is_told_that_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (_aws, _, stack) = manager().await;
        for vault in [Vault::of_files(folder.path(), CallbackRules::default()), stack] {
            let name = DocumentKind::Account.name("1001").unwrap();
            let (one, other) = (vault.write(&name, "1", None), vault.write(&name, "2", None));
            let (one, other) = tokio::join!(one, other);
            assert!(one.is_ok() != other.is_ok());
            let late = one.and(other).unwrap_err();
            assert!(matches!(&late, WriteError::IsThere(there) if *there == name), "{late:?}");

            let read = version_of(&vault, &name).await;
            let (one, other) = (vault.write(&name, "3", Some(&read)), vault.write(&name, "4", Some(&read)));
            let (one, other) = tokio::join!(one, other);
            assert!(one.is_ok() != other.is_ok());
            let written = if one.is_ok() { "3" } else { "4" };
            let late = one.and(other).unwrap_err();
            assert!(matches!(&late, WriteError::Changed(changed) if *changed == name), "{late:?}");
            assert_eq!(vault.fetch(&name).await.unwrap().unwrap().as_str(), written);

            let read = version_of(&vault, &name).await;
            vault.write(&name, "5", Some(&read)).await.unwrap();
            let late = vault.write(&name, "6", Some(&read)).await.unwrap_err();
            assert!(matches!(late, WriteError::Changed(_)));
            assert_eq!(vault.fetch(&name).await.unwrap().unwrap().as_str(), "5");
        }
        assert_eq!(fs::read_dir(folder.path().join("account")).unwrap().count(), 1, "nothing is left beside");
    }

    #[tokio::test]
    async fn a_document_that_is_gone_is_not_made_anew_by_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::of_files(folder.path(), CallbackRules::default());
        let name = DocumentKind::Account.name("1001").unwrap();
        assert!(matches!(vault.write(&name, "{}", Some("1")).await, Err(WriteError::Changed(_))));
        assert_eq!(vault.fetch(&name).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_version_that_was_made_current_again_can_be_replaced_once_more() {
        let (_aws, secret, vault) = manager().await;
        let name = DocumentKind::Account.name("1001").unwrap();
        vault.write(&name, "1", None).await.unwrap();
        let first = version_of(&vault, &name).await;
        for text in ["2", "3", "2"] {
            vault.write(&name, text, Some(&first)).await.unwrap();
            assert_eq!(vault.fetch(&name).await.unwrap().unwrap().as_str(), text);
            secret.lock().unwrap().current = Some(first.clone());
        }
    }
}
