//! Secrets as files, for local runs: the same documents under the same names, so that what works here works from
//! Secrets Manager. A file that is changed is a new version.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::secrets::error::{AbsentError, FetchError};
use crate::secrets::name::SecretName;
use crate::secrets::source::{SecretSource, SecretValue};

/// As much as Secrets Manager holds in one secret.
const MAX_BYTES: usize = 64 * 1024;

/// A folder with one file per secret: `<folder>/business/B1.json`, `<folder>/callback-key.json`.
///
/// A missing file is a missing secret, a file that may not be read a denied one; any other failure, and a file of more
/// than 65,536 bytes, is [`FetchError::Unavailable`]. The version is the SHA-256 of the content, in hex.
#[derive(Clone, Debug)]
pub struct SecretFolder {
    folder: PathBuf,
}

impl SecretFolder {
    /// The secrets in `folder`. It is looked at only when a secret is fetched.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }
}

#[async_trait]
impl SecretSource for SecretFolder {
    async fn fetch(&self, name: &SecretName) -> Result<SecretValue, FetchError> {
        let path = self.folder.join(format!("{name}.json"));
        tokio::task::spawn_blocking(move || read(&path)).await.unwrap_or_else(|_| Err(stopped()))
    }

    async fn names(&self, kind: &str) -> Result<HashSet<SecretName>, FetchError> {
        let (folder, kind) = (self.folder.join(kind), kind.to_owned());
        tokio::task::spawn_blocking(move || list(&folder, &kind)).await.unwrap_or_else(|_| Err(stopped()))
    }
}

fn stopped() -> FetchError {
    FetchError::Unavailable("the read was stopped".to_owned())
}

fn list(folder: &Path, kind: &str) -> Result<HashSet<SecretName>, FetchError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashSet::new()),
        entries => entries.map_err(|error| failure(&error))?,
    };
    let mut names = HashSet::new();
    for entry in entries {
        let file = entry.map_err(|error| failure(&error))?.file_name();
        let key = file.to_str().and_then(|file| file.strip_suffix(".json"));
        names.extend(key.and_then(|key| SecretName::new(kind, key).ok()));
    }
    Ok(names)
}

fn read(path: &Path) -> Result<SecretValue, FetchError> {
    // The whole capacity from the start: a buffer that grows would leave copies of the secret behind.
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut content))
        .map_err(|error| failure(&error))?;
    if content.len() > MAX_BYTES {
        return Err(FetchError::Unavailable(format!("the file has more than {MAX_BYTES} bytes")));
    }
    let version = hex::encode(Sha256::digest(&*content));
    let document = Zeroizing::new(std::str::from_utf8(&content).unwrap_or_default().to_owned());
    Ok(SecretValue { version, document })
}

fn failure(error: &io::Error) -> FetchError {
    match error.kind() {
        io::ErrorKind::NotFound => FetchError::Absent(AbsentError::NotFound),
        io::ErrorKind::PermissionDenied => FetchError::Denied,
        other => FetchError::Unavailable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn b1() -> SecretName {
        SecretName::business("B1").unwrap()
    }

    fn folder_with(content: &[u8]) -> (tempfile::TempDir, SecretFolder) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("business")).unwrap();
        fs::write(folder.path().join("business/B1.json"), content).unwrap();
        let source = SecretFolder::new(folder.path());
        (folder, source)
    }

    #[tokio::test]
    async fn a_file_is_a_secret_and_its_digest_the_version() {
        let (_folder, source) = folder_with(b"{}");
        let value = source.fetch(&b1()).await.unwrap();
        assert_eq!(value.document.as_str(), "{}");
        assert_eq!(value.version, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    }

    #[tokio::test]
    async fn a_singleton_lies_at_the_top() {
        let (folder, source) = folder_with(b"{}");
        fs::write(folder.path().join("callback-key.json"), "{\"k\":1}").unwrap();
        let value = source.fetch(&SecretName::callback_key()).await.unwrap();
        assert_eq!(value.document.as_str(), "{\"k\":1}");
    }

    #[tokio::test]
    async fn a_changed_file_is_a_new_version() {
        let (folder, source) = folder_with(b"{}");
        let old = source.fetch(&b1()).await.unwrap().version;
        fs::write(folder.path().join("business/B1.json"), "{ }").unwrap();
        assert_ne!(source.fetch(&b1()).await.unwrap().version, old);
    }

    #[tokio::test]
    async fn a_missing_file_is_a_missing_secret() {
        let (_folder, source) = folder_with(b"{}");
        let other = SecretName::business("B2").unwrap();
        assert_eq!(source.fetch(&other).await.unwrap_err(), FetchError::Absent(AbsentError::NotFound));
    }

    #[test]
    fn a_refused_file_is_a_denied_secret() {
        let refused = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(failure(&refused), FetchError::Denied);
    }

    #[tokio::test]
    async fn the_names_of_a_kind_are_its_files() {
        let (folder, source) = folder_with(b"{}");
        for file in ["B2.json", "B3.json.tmp", "no name.json", "README"] {
            fs::write(folder.path().join("business").join(file), "{}").unwrap();
        }
        let listed = source.names("business").await.unwrap();
        assert_eq!(listed, HashSet::from([b1(), SecretName::business("B2").unwrap()]));
        assert_eq!(source.names("scheme").await, Ok(HashSet::new()));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_unavailable() {
        let (folder, source) = folder_with(b"{}");
        fs::create_dir(folder.path().join("business/B3.json")).unwrap();
        let b3 = SecretName::business("B3").unwrap();
        let failed = source.fetch(&b3).await.unwrap_err();
        assert_eq!(failed, FetchError::Unavailable("is a directory".to_owned()));
    }

    #[tokio::test]
    async fn no_more_than_64_kib_are_read() {
        let (_folder, source) = folder_with(&[b' '; MAX_BYTES]);
        assert_eq!(source.fetch(&b1()).await.unwrap().document.len(), MAX_BYTES);
        let (_folder, source) = folder_with(&[b' '; MAX_BYTES + 1]);
        let failed = source.fetch(&b1()).await.unwrap_err();
        assert_eq!(failed, FetchError::Unavailable("the file has more than 65536 bytes".to_owned()));
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_are_a_version_without_document() {
        let (_folder, source) = folder_with(&[0xff, 0xfe]);
        assert_eq!(source.fetch(&b1()).await.unwrap().document.as_str(), "");
    }
}
