//! The capabilities of `get-authorization-url` at one store.

use std::sync::Arc;

use crate::store::{FindLinks, RecordLinks, ReserveRate, UseNonces};

/// The capabilities of `get-authorization-url` at a store.
#[derive(Clone)]
pub struct SchemeLinks {
    pub record: Arc<dyn RecordLinks>,
    pub nonces: Arc<dyn UseNonces>,
    /// Finds the links of pages.
    pub find: Arc<dyn FindLinks>,
    pub rate_limit: Arc<dyn ReserveRate>,
}

impl SchemeLinks {
    /// All of it with one store.
    #[must_use]
    pub fn new<S>(store: Arc<S>) -> Self
    where
        S: RecordLinks + UseNonces + FindLinks + ReserveRate + 'static,
    {
        Self { record: store.clone(), nonces: store.clone(), find: store.clone(), rate_limit: store }
    }
}
