//! An operator's tools.

use async_trait::async_trait;
use rusqlite::named_params;

use crate::model::authorization::Authorization;
use crate::model::clock::UnixMillis;
use crate::model::id::{AuthorizationId, OperationId};
use crate::model::owner::Owner;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::rows::find;
use crate::store::{Operate, ReadAuthorizations, StoreError};

#[async_trait]
impl ReadAuthorizations for SqliteStore {
    async fn authorization(&self, id: &AuthorizationId) -> Result<Option<Authorization>, StoreError> {
        let id = id.clone();
        self.0.run(move |connection| find(connection, &id)).await
    }
}

#[async_trait]
impl Operate for SqliteStore {
    async fn undeliverable(&self, owner: Option<&Owner>) -> Result<Vec<AuthorizationId>, StoreError> {
        let owner = owner.map(Owner::to_string);
        self.0
            .run(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id FROM authorizations
                         WHERE status = 'UNDELIVERABLE' AND (?1 IS NULL OR owner = ?1)",
                    )?
                    .query_map([owner], |row| row.get(0))?
                    .collect()
            })
            .await
    }

    async fn redrive(
        &self,
        id: &AuthorizationId,
        operation: &OperationId,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let (id, operation) = (id.clone(), operation.clone());
        self.0
            .run(move |connection| {
                let redriven = connection
                    .prepare_cached(
                        "UPDATE authorizations SET status = 'AUTHORIZED', attempts = 0, next_attempt_at = :now,
                             due_at = :now, delivery_by = :by
                         WHERE id = :id
                           AND (status = 'UNDELIVERABLE' OR status = 'AUTHORIZED' AND delivery_by = :by)",
                    )?
                    .execute(named_params! {":id": id, ":by": operation, ":now": now})?;
                Ok(redriven == 1)
            })
            .await
    }
}
