//! What the passing of time does: what is over is deleted, and waits follow a clock that was set back.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, named_params, params};

use crate::model::clock::UnixMillis;
use crate::model::purge::{Looks, NONCES_APART, RECORDS_APART};
use crate::store::sqlite::SqliteStore;
use crate::store::{MoveWaits, PurgeExpired, StoreError};

/// Rows that one call deletes of each kind.
const AT_ONCE: u32 = 1_000;

const NONCES: &str = "DELETE FROM nonces WHERE (space, nonce) IN
     (SELECT space, nonce FROM nonces WHERE until <= ?1 LIMIT ?2)";
/// Free since then; the few accounts there are need no index.
const RESERVATIONS: &str = "DELETE FROM reservations WHERE account IN
     (SELECT account FROM reservations WHERE booked_until <= ?1 * 1000 LIMIT ?2)";
const RECORDS: &str = "DELETE FROM authorizations WHERE id IN
     (SELECT id FROM authorizations WHERE retain_until <= ?1 LIMIT ?2)";

#[async_trait]
impl PurgeExpired for SqliteStore {
    async fn purge_expired(&self, now: UnixMillis) -> Result<bool, StoreError> {
        self.0
            .run(move |connection| {
                let looks = look(connection, now)?;
                let mut more = false;
                for (purge, apart) in
                    [(NONCES, NONCES_APART), (RESERVATIONS, NONCES_APART), (RECORDS, RECORDS_APART)]
                {
                    if let Some(over_by) = looks.over_by(now, apart) {
                        let deleted = connection.prepare_cached(purge)?.execute(params![over_by, AT_ONCE])?;
                        more |= deleted == AT_ONCE as usize;
                    }
                }
                Ok(more)
            })
            .await
    }
}

/// The looks before this one, which is noted.
fn look(connection: &Connection, now: UnixMillis) -> rusqlite::Result<Looks> {
    let noted: Vec<UnixMillis> = connection
        .prepare_cached("SELECT at FROM looks")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let looks = Looks::noted(noted.clone());
    for useless in noted.into_iter().filter(|look| looks.is_useless(*look, now)) {
        connection.prepare_cached("DELETE FROM looks WHERE at = ?1")?.execute([useless])?;
    }
    if looks.lacks(now) {
        connection.prepare_cached("INSERT OR IGNORE INTO looks (at) VALUES (?1)")?.execute([now])?;
    }
    Ok(looks)
}

#[async_trait]
impl MoveWaits for SqliteStore {
    async fn clock_went_back(&self, by: Duration, now: UnixMillis) -> Result<(), StoreError> {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0
            .run(move |connection| {
                let moving = named_params! {":by": by, ":now": now};
                connection
                    .prepare_cached(
                        "UPDATE authorizations SET due_at = max(due_at - :by, min(due_at, :now)),
                             next_attempt_at = max(next_attempt_at - :by, min(next_attempt_at, :now)),
                             delivery_until = max(delivery_until - :by, min(delivery_until, :now))
                         WHERE due_at > :now",
                    )?
                    .execute(moving)?;
                connection
                    .prepare_cached(
                        "UPDATE authorizations SET exchange_until = max(exchange_until - :by, :now)
                         WHERE exchange_until > :now",
                    )?
                    .execute(moving)?;
                connection
                    .prepare_cached(
                        "UPDATE reservations SET booked_until = max(booked_until - :by * 1000, :now * 1000)
                         WHERE booked_until > :now * 1000",
                    )?
                    .execute(moving)?;
                Ok(())
            })
            .await
    }
}
