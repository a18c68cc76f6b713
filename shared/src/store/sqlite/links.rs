//! A link request: nonce and authorization in one transaction.

use async_trait::async_trait;
use rusqlite::{Connection, named_params, params};
use url::Url;

use crate::model::authorization::Authorization;
use crate::model::clock::UnixMillis;
use crate::model::id::{AuthorizationId, OperationId};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::rows::{find, insert};
use crate::store::{Linked, NonceUse, RecordLinks, RecordPlatformLinks, Recorded, StoreError, UseNonces};

#[async_trait]
impl RecordLinks for SqliteStore {
    async fn record_link(&self, new: &Authorization, nonce: &NonceUse) -> Result<Recorded, StoreError> {
        let (new, nonce) = (new.clone(), nonce.clone());
        self.0
            .run(move |connection| {
                if !use_nonce(connection, &nonce)? {
                    return Ok(Recorded::NonceUsed);
                }
                let id = new.id.clone();
                delete_past_retention(connection, &id, nonce.used_at)?;
                if insert(connection, new, &nonce.operation)? == 1
                    || was_created_by(connection, &id, &nonce.operation)?
                {
                    return Ok(Recorded::New);
                }
                let old = find(connection, &id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
                Ok(Recorded::SerialUsed(Box::new(old)))
            })
            .await
    }
}

#[async_trait]
impl RecordPlatformLinks for SqliteStore {
    async fn record_platform_link(
        &self,
        id: &AuthorizationId,
        link: &Url,
        now: UnixMillis,
    ) -> Result<Linked, StoreError> {
        let (id, new) = (id.clone(), link.to_string());
        let old = self
            .0
            .run(move |connection| {
                let came = connection
                    .prepare_cached(
                        "UPDATE authorizations SET status = 'ISSUED', link = :link, linked_at = :now, pending_state = NULL
                         WHERE id = :id AND status = 'LINK_PENDING' AND forgotten_at IS NULL",
                    )?
                    .execute(named_params! {":id": id, ":link": new, ":now": now})?;
                if came == 1 { Ok(None) } else { find(connection, &id).map(Some) }
            })
            .await?;
        old.map_or(Ok(Linked::Ours), |old| Linked::refused_by(old, link))
    }
}

#[async_trait]
impl UseNonces for SqliteStore {
    async fn use_nonce(&self, nonce: &NonceUse) -> Result<bool, StoreError> {
        let nonce = nonce.clone();
        self.0.run(move |connection| use_nonce(connection, &nonce)).await
    }
}

fn use_nonce(connection: &Connection, nonce: &NonceUse) -> rusqlite::Result<bool> {
    let used = connection
        .prepare_cached(
            "INSERT INTO nonces (space, nonce, until, used_by) VALUES (:space, :nonce, :until, :by)
             ON CONFLICT (space, nonce) DO UPDATE SET until = :until, used_by = :by
             WHERE until <= :used_at OR used_by = :by",
        )?
        .execute(named_params! {
            ":space": nonce.space,
            ":nonce": nonce.nonce,
            ":until": nonce.until,
            ":used_at": nonce.used_at,
            ":by": nonce.operation,
        })?;
    Ok(used == 1)
}

fn delete_past_retention(
    connection: &Connection,
    id: &AuthorizationId,
    now: UnixMillis,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("DELETE FROM authorizations WHERE id = ?1 AND retain_until <= ?2")?
        .execute(params![id, now])
}

fn was_created_by(connection: &Connection, id: &AuthorizationId, by: &OperationId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM authorizations WHERE id = ?1 AND created_by = ?2")?
        .exists(params![id, by])
}
