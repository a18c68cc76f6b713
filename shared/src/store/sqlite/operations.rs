//! An operator's tools, and forgetting.

use async_trait::async_trait;
use rusqlite::{named_params, params};

use crate::model::authorization::Authorization;
use crate::model::clock::UnixMillis;
use crate::model::id::{AuthorizationId, OperationId};
use crate::model::owner::Owner;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::rows::find;
use crate::store::{Operate, PurgeExpired, ReadAuthorizations, StoreError};

/// Rows that one call of [`PurgeExpired::forget`] deletes of each kind.
const FORGOTTEN_AT_ONCE: u32 = 1_000;

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

#[async_trait]
impl PurgeExpired for SqliteStore {
    async fn forget(&self, now: UnixMillis) -> Result<bool, StoreError> {
        self.0
            .run(move |connection| {
                let mut more = false;
                for forget in [
                    "DELETE FROM nonces WHERE (space, nonce) IN
                         (SELECT space, nonce FROM nonces WHERE until <= ?1 LIMIT ?2)",
                    "DELETE FROM authorizations WHERE id IN
                         (SELECT id FROM authorizations WHERE retain_until <= ?1 LIMIT ?2)",
                    // Free for ten minutes; the few accounts there are need no index.
                    "DELETE FROM reservations WHERE account IN
                         (SELECT account FROM reservations WHERE booked_until <= (?1 - 600000) * 1000 LIMIT ?2)",
                ] {
                    let forgotten =
                        connection.prepare_cached(forget)?.execute(params![now, FORGOTTEN_AT_ONCE])?;
                    more |= forgotten == FORGOTTEN_AT_ONCE as usize;
                }
                Ok(more)
            })
            .await
    }
}
