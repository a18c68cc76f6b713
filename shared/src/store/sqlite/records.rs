//! Records as a whole: one is read, and that of a notice is added.

use async_trait::async_trait;

use crate::model::authorization::Authorization;
use crate::model::id::{AuthorizationId, OperationId};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::rows::{find, insert};
use crate::store::{ReadAuthorizations, RecordNotices, StoreError};

#[async_trait]
impl ReadAuthorizations for SqliteStore {
    async fn authorization(&self, id: &AuthorizationId) -> Result<Option<Authorization>, StoreError> {
        let id = id.clone();
        self.0.run(move |connection| find(connection, &id)).await
    }
}

#[async_trait]
impl RecordNotices for SqliteStore {
    async fn record_notice(&self, notice: &Authorization, by: &OperationId) -> Result<bool, StoreError> {
        let (notice, by) = (notice.clone(), by.clone());
        self.0.run(move |connection| Ok(insert(connection, notice, &by)? == 1)).await
    }
}
