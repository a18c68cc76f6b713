//! New keys of documents, and the files that they are kept in until the other side has them.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use serde_json::{Value, json};
use shared::model::deny_list::KeyFingerprint;
use shared::runtime::start::StartError;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::DocumentKind;
use super::shown::{KeyForm, fingerprint};
use crate::keys::{new_rsa, private_pem, public_pem, random_hex};
use crate::private_file;

/// The characters of its fingerprint in the name of a key's file.
const SHORT: usize = 16;

/// A key that was made and is nowhere yet.
pub struct NewKey {
    /// The text that the document holds.
    pub in_document: Zeroizing<String>,
    /// The text that the other side is given.
    for_them: Zeroizing<String>,
    fingerprint: String,
    extension: &'static str,
    told: &'static str,
}

/// Compiles as long as both texts are overwritten when they are dropped.
const _: fn(&NewKey) -> [&dyn ZeroizeOnDrop; 2] = |it| [&it.in_document, &it.for_them];

impl NewKey {
    /// A pair of the other side's, which gets the private key.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn theirs() -> Result<Self, StartError> {
        let key = new_rsa()?;
        let (private, public) = (private_pem(&key)?, public_pem(&key.to_public_key())?);
        let told = "give to the other side, by a safe way: the private key in";
        Self::rsa(KeyForm::Public, public, private, "pem", told)
    }

    /// A pair of ours: the other side gets the public key.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn ours() -> Result<Self, StartError> {
        let key = new_rsa()?;
        let (private, public) = (private_pem(&key)?, public_pem(&key.to_public_key())?);
        Self::rsa(KeyForm::Private, private, public, "pub.pem", "give to the other side: our public key in")
    }

    /// A key or secret that both sides have.
    #[must_use]
    pub fn shared<const BYTES: usize>() -> Self {
        let key = Zeroizing::new(random_hex::<BYTES>());
        Self {
            in_document: key.clone(),
            fingerprint: KeyFingerprint::new(key.as_bytes()).to_string(),
            for_them: key,
            extension: "txt",
            told: "give to the other side, by a safe way: the key in",
        }
    }

    fn rsa(
        form: KeyForm,
        in_document: String,
        for_them: String,
        extension: &'static str,
        told: &'static str,
    ) -> Result<Self, StartError> {
        let fingerprint = fingerprint(form, &in_document)
            .ok_or_else(|| StartError::new("a key was made that cannot serve".to_owned()))?
            .to_string();
        let (in_document, for_them) = (in_document.into(), for_them.into());
        Ok(Self { in_document, for_them, fingerprint, extension, told })
    }

    /// Keeps it in a new file of `folder`, which only its owner may read and which has the key's fingerprint in its
    /// name.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self, folder: &Path, kind: DocumentKind, id: &str) -> io::Result<KeptKey> {
        private_file::make_folder(folder)?;
        let short = &self.fingerprint[..SHORT];
        let path: PathBuf = folder.join(format!("{}-{id}-{short}.{}", kind.as_str(), self.extension));
        private_file::create(&path, &self.for_them)?;
        Ok(KeptKey { file: fs::canonicalize(path)?, told: self.told, fingerprint: self.fingerprint.clone() })
    }
}

/// A new key's file. It displays as what to do with it.
pub struct KeptKey {
    file: PathBuf,
    told: &'static str,
    fingerprint: String,
}

impl KeptKey {
    /// Deletes the file: no document has the key.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub fn discard(self) -> io::Result<()> {
        fs::remove_file(self.file)
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({"file": self.file.display().to_string(), "fingerprint": self.fingerprint})
    }
}

impl fmt::Display for KeptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.told, self.file.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_a_party_has_a_file_of_its_own_that_says_which_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let keys = [NewKey::theirs().unwrap(), NewKey::theirs().unwrap(), NewKey::shared::<16>()];
        for key in &keys {
            let told = key.keep(folder.path(), DocumentKind::Business, "B1").unwrap().to_string();
            let file = told.rsplit(' ').next().unwrap();
            assert!(file.contains(&format!("business-B1-{}.", &key.fingerprint[..SHORT])), "{told}");
            assert_eq!(fs::read_to_string(file).unwrap(), *key.for_them);
        }
        assert!(keys[0].keep(folder.path(), DocumentKind::Business, "B1").is_err(), "one is not replaced");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
        NewKey::shared::<16>().keep(folder.path(), DocumentKind::Business, "B1").unwrap().discard().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }
}
