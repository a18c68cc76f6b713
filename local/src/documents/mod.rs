//! The parties' documents, for an operator: made, checked before they go live by the code of the functions, shown
//! without their keys, with the key that verified last, and given new keys in two steps.

pub mod check;
pub mod health;
mod keys;
pub mod kind;
pub mod last_use;
pub mod pending_deletion;
mod references;
pub mod rotation;
pub mod shown;
pub mod vault;
mod writing;

pub use keys::{KeptKey, NewKey};
pub use kind::DocumentKind;
pub use vault::Vault;
pub use writing::WriteError;
