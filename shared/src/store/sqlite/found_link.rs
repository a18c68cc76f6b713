//! The part of a record that the page of a link shows. The columns that say who the user is are not read.

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Row};
use url::Url;

use crate::model::id::AuthorizationId;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::rows::corrupt;
use crate::store::{FindLinks, FoundLink, StoreError};

const FIND: &str = "SELECT link, status, expires_at, owner, requested ->> '$.scheme.endDate' AS end_date
                    FROM authorizations WHERE id = ?1";

#[async_trait]
impl FindLinks for SqliteStore {
    async fn link(&self, id: &AuthorizationId) -> Result<Option<FoundLink>, StoreError> {
        let id = id.clone();
        self.0.run(move |connection| connection.prepare_cached(FIND)?.query_row([id], read).optional()).await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<FoundLink> {
    let link: Option<String> = row.get("link")?;
    Ok(FoundLink {
        link: link.as_deref().map(Url::parse).transpose().map_err(corrupt)?,
        status: row.get("status")?,
        expires_at: row.get("expires_at")?,
        owner: row.get("owner")?,
        end_date: row.get("end_date")?,
    })
}
