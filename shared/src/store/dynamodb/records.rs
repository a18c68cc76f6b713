//! Records as a whole: one is read, and that of a notice is added.

use async_trait::async_trait;

use crate::model::authorization::Authorization;
use crate::model::id::{AuthorizationId, OperationId};
use crate::store::dynamodb::item;
use crate::store::dynamodb::table::{DynamoStore, was_done};
use crate::store::{ReadAuthorizations, RecordNotices, StoreError};

#[async_trait]
impl ReadAuthorizations for DynamoStore {
    async fn authorization(&self, id: &AuthorizationId) -> Result<Option<Authorization>, StoreError> {
        self.item(item::key(id)).await?.as_ref().map(item::authorization).transpose()
    }
}

#[async_trait]
impl RecordNotices for DynamoStore {
    async fn record_notice(&self, notice: &Authorization, by: &OperationId) -> Result<bool, StoreError> {
        let recorded = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item::new_record(notice, by)?))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        was_done(recorded)
    }
}
