//! The deny list: a row for each entry.

use async_trait::async_trait;
use rusqlite::named_params;

use crate::model::deny_list::{Denial, DenyList};
use crate::store::sqlite::SqliteStore;
use crate::store::{ChangeDenyList, ReadDenyList, StoreError};

#[async_trait]
impl ReadDenyList for SqliteStore {
    async fn deny_list(&self) -> Result<DenyList, StoreError> {
        self.0
            .run(|connection| {
                let mut entries = connection.prepare_cached("SELECT entry FROM deny_list")?;
                let entries = entries.query_map([], |row| row.get(0))?.collect::<Result<Vec<_>, _>>()?;
                Ok(DenyList::from_entries(entries))
            })
            .await
    }
}

#[async_trait]
impl ChangeDenyList for SqliteStore {
    async fn deny(&self, denial: &Denial) -> Result<bool, StoreError> {
        let entry = denial.to_string();
        self.0
            .run(move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO deny_list (entry) SELECT :entry
                         WHERE (SELECT count(*) FROM deny_list) < :most
                         ON CONFLICT DO NOTHING",
                    )?
                    .execute(named_params! { ":entry": entry, ":most": DenyList::MOST })?;
                connection
                    .prepare_cached("SELECT EXISTS (SELECT 1 FROM deny_list WHERE entry = ?1)")?
                    .query_row([entry], |row| row.get(0))
            })
            .await
    }

    async fn allow(&self, denial: &Denial) -> Result<bool, StoreError> {
        let entry = denial.to_string();
        self.0
            .run(move |connection| {
                let removed =
                    connection.prepare_cached("DELETE FROM deny_list WHERE entry = ?1")?.execute([entry])?;
                Ok(removed == 1)
            })
            .await
    }
}
