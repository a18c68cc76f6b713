//! A source of secrets, its values, and the documents that they are parsed into.

use std::collections::HashSet;
use std::fmt;

use async_trait::async_trait;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::egress::callback_url::CallbackRules;
use crate::secrets::error::FetchError;
use crate::secrets::name::SecretName;

#[async_trait]
pub trait SecretSource: Send + Sync {
    /// The current version of the secret. Each call asks anew; remembering is the cache's part.
    ///
    /// # Errors
    /// [`FetchError::Absent`] when the source answered that there is none, [`FetchError::Denied`] that this process may
    /// not read it, and [`FetchError::Unavailable`] when it did not answer.
    async fn fetch(&self, name: &SecretName) -> Result<SecretValue, FetchError>;

    /// The names of all secrets of a [kind](SecretName::kind). A secret that is new may not be among them for minutes.
    ///
    /// # Errors
    /// [`FetchError::Denied`] and [`FetchError::Unavailable`], as [`SecretSource::fetch`].
    async fn names(&self, kind: &str) -> Result<HashSet<SecretName>, FetchError>;
}

/// One version of a secret, as its source gave it. Its `Debug` shows the version alone.
#[derive(Clone)]
pub struct SecretValue {
    /// Names the content: the same version always means the same document.
    pub version: String,
    /// The JSON text. Empty when the value is not a text (a binary secret, bytes that are not UTF-8): no document
    /// parses from that.
    pub document: Zeroizing<String>,
}

/// Compiles as long as the text is overwritten when it is dropped.
const _: fn(&SecretValue) -> &dyn ZeroizeOnDrop = |it| &it.document;

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretValue").field("version", &self.version).finish_non_exhaustive()
    }
}

/// A type that a secret's JSON text is parsed into.
pub trait Document: Sized + Send + Sync + 'static {
    /// Parses the text, keys included, so that nothing is left to fail when it is used. The addresses that it holds are
    /// judged by `rules`.
    ///
    /// # Errors
    /// The flaw of the text, in words that repeat no part of a key.
    fn parse_by(json: &str, rules: &CallbackRules) -> Result<Self, DocumentError>;

    /// The same, by the default rules.
    ///
    /// # Errors
    /// As [`Document::parse_by`].
    fn parse(json: &str) -> Result<Self, DocumentError> {
        Self::parse_by(json, &CallbackRules::default())
    }
}

/// The flaw of a text that is not the document it should be. It is logged, so it repeats no part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError {
    /// The field at fault, with the place in its list if it is one of several (`md5Keys[1]`); `None` if none is.
    pub path: Option<String>,
    /// What is wrong: a clause whose subject is the field, or the document.
    pub flaw: String,
}

impl DocumentError {
    /// The flaw of a field.
    #[must_use]
    pub fn new(path: impl Into<String>, flaw: impl Into<String>) -> Self {
        Self { path: Some(path.into()), flaw: flaw.into() }
    }

    #[must_use]
    pub fn whole(flaw: impl Into<String>) -> Self {
        Self { path: None, flaw: flaw.into() }
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{path} ")?;
        }
        f.write_str(&self.flaw)
    }
}

impl std::error::Error for DocumentError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let value = SecretValue { version: "v1".to_owned(), document: Zeroizing::new("hush".to_owned()) };
        assert_eq!(format!("{value:?}"), r#"SecretValue { version: "v1", .. }"#);
    }
}
