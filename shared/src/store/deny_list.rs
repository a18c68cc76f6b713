//! The capabilities that concern the deny list.

use async_trait::async_trait;

use crate::model::deny_list::{Denial, DenyList};
use crate::store::StoreError;

/// Reads the deny list (every function that somebody calls with a key).
#[async_trait]
pub trait ReadDenyList: Send + Sync {
    /// The whole list, as it stands after every change that was answered.
    async fn deny_list(&self) -> Result<DenyList, StoreError>;
}

/// Changes the deny list (an operator).
#[async_trait]
pub trait ChangeDenyList: ReadDenyList {
    /// Puts it on the list, if it is not there. Whether it is there now: no, if the list is
    /// [full](DenyList::MOST).
    async fn deny(&self, denial: &Denial) -> Result<bool, StoreError>;

    /// Takes it off the list. Whether it was there; a repeat after an answer that was lost says no.
    async fn allow(&self, denial: &Denial) -> Result<bool, StoreError>;
}
