//! Keys, and the settings that belong to them: JSON documents from AWS Secrets Manager, or from files of the same
//! content in local runs.
//!
//! A source only fetches a text by its checked name. The cache in front of it decides everything else: how long a
//! value may be used, what revokes it, who fetches and who waits. It parses a document once per version, so a request
//! costs neither a look-up nor a parse. What a document means is its own type's business.

mod cache;
mod deadline;
mod entry;
mod error;
mod folder;
mod known_names;
mod lookup_limit;
mod name;
#[cfg(feature = "aws")]
mod secrets_manager;
mod slots;
mod source;
mod token_bucket;

pub use cache::{KeyCheck, SecretCache};
pub use deadline::LOOKUP_TIMEOUT;
pub use error::{AbsentError, FetchError, SecretError};
pub use folder::SecretFolder;
pub use lookup_limit::NameOrigin;
pub use name::{SecretName, SecretNameError};
#[cfg(feature = "aws")]
pub use secrets_manager::{FETCH_TIMEOUT, LIST_TIMEOUT, SecretsManager};
pub use source::{Document, DocumentError, SecretSource, SecretValue};
