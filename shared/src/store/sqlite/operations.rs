//! An operator's tools.

use async_trait::async_trait;
use rusqlite::named_params;

use crate::model::id::AuthorizationId;
use crate::model::owner::Owner;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::rows::to_json;
use crate::store::{Operate, Resend, StoreError};

#[async_trait]
impl Operate for SqliteStore {
    async fn undeliverable(&self, owner: Option<&Owner>) -> Result<Vec<AuthorizationId>, StoreError> {
        let owner = owner.map(Owner::to_string);
        self.0
            .run(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id FROM authorizations
                         WHERE status = 'UNDELIVERABLE' AND forgotten_at IS NULL AND (?1 IS NULL OR owner = ?1)",
                    )?
                    .query_map([owner], |row| row.get(0))?
                    .collect()
            })
            .await
    }

    async fn resend(&self, resend: &Resend) -> Result<bool, StoreError> {
        let resend = resend.clone();
        self.0
            .run(move |connection| {
                let resent = connection
                    .prepare_cached(
                        "UPDATE authorizations SET status = 'AUTHORIZED',
                             attempts = CASE status WHEN 'AUTHORIZED' THEN attempts ELSE 0 END, next_attempt_at = :now,
                             due_at = :now, forget_at = NULL, delivery_by = :by, delivery_until = NULL,
                             callback = COALESCE(:callback, callback)
                         WHERE id = :id AND body IS NOT NULL
                           AND (status IN (SELECT value FROM json_each(:from))
                                    AND (delivery_until IS NULL OR delivery_until <= :now)
                                OR status = 'AUTHORIZED' AND delivery_by = :by)",
                    )?
                    .execute(named_params! {
                        ":id": resend.id,
                        ":by": resend.operation,
                        ":now": resend.now,
                        ":from": to_json(&resend.from.iter().map(|from| from.as_str()).collect::<Vec<_>>())?,
                        ":callback": resend.to.as_ref().map(to_json).transpose()?,
                    })?;
                Ok(resent == 1)
            })
            .await
    }
}
