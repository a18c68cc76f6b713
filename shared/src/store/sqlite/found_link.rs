//! The part of a record that the page of a link shows. The columns that say who the user is are not read.

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Row, params};
use url::Url;

use crate::model::authorization::link_end;
use crate::model::clock::UnixMillis;
use crate::model::id::AuthorizationId;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::rows::{corrupt, from_json};
use crate::store::{FindLinks, FoundLink, StoreError};

const FIND: &str = "SELECT link, status, expires_at, retry_until, exchange_until, owner,
                        requested ->> '$.scheme.endDate' AS end_date, opened_at, terms
                    FROM authorizations WHERE id = ?1";

#[async_trait]
impl FindLinks for SqliteStore {
    async fn link(&self, id: &AuthorizationId) -> Result<Option<FoundLink>, StoreError> {
        let id = id.clone();
        self.0.run(move |connection| connection.prepare_cached(FIND)?.query_row([id], read).optional()).await
    }

    async fn record_opening(&self, id: &AuthorizationId, now: UnixMillis) -> Result<(), StoreError> {
        let id = id.clone();
        self.0
            .run(move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE authorizations SET opened_at = ?2 WHERE id = ?1 AND opened_at IS NULL",
                    )?
                    .execute(params![id, now])?;
                Ok(())
            })
            .await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<FoundLink> {
    let link: Option<String> = row.get("link")?;
    Ok(FoundLink {
        link: link.as_deref().map(Url::parse).transpose().map_err(corrupt)?,
        status: row.get("status")?,
        ends_at: link_end(row.get("expires_at")?, row.get("retry_until")?, row.get("exchange_until")?),
        owner: row.get("owner")?,
        end_date: row.get("end_date")?,
        opened_at: row.get("opened_at")?,
        terms: from_json(row, "terms")?,
    })
}
