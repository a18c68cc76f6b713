//! What the passing of time does: what is over is deleted, and waits follow a clock that was set back.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, named_params, params};

use crate::model::claim::{ATTEMPT_LEASE, EXCHANGE_LEASE};
use crate::model::clock::UnixMillis;
use crate::model::purge::{ClockReadings, NONCES_APART, RECORDS_APART};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::writer::CALL_WITHIN;
use crate::store::{MoveWaits, PurgeExpired, StoreError};

/// Rows that one call deletes of each kind.
const AT_ONCE: u32 = 1_000;

const NONCES: &str = "DELETE FROM nonces WHERE (space, nonce) IN
     (SELECT space, nonce FROM nonces WHERE until <= ?1 LIMIT ?2)";
/// Free since then; the few accounts there are need no index.
const RESERVATIONS: &str = "DELETE FROM reservations WHERE account IN
     (SELECT account FROM reservations WHERE reserved_until <= ?1 * 1000 LIMIT ?2)";
const RECORDS: &str = "DELETE FROM authorizations WHERE id IN
     (SELECT id FROM authorizations WHERE retain_until <= ?1 LIMIT ?2)";

/// A lease that ends before `:new_lease` may be of the clock as it is now, by another process: nobody else may begin
/// before it ends, so what it holds stays as it is.
const MOVE_DELIVERIES: &str = "UPDATE authorizations SET due_at = max(due_at - :by, min(due_at, :now)),
         next_attempt_at = max(next_attempt_at - :by, min(next_attempt_at, :now)),
         delivery_until = max(delivery_until - :by, min(delivery_until, :now))
     WHERE (due_at > :now OR delivery_until > :new_lease)
       AND (delivery_until IS NULL OR delivery_until <= :now OR delivery_until > :new_lease)";
const MOVE_EXCHANGES: &str = "UPDATE authorizations SET exchange_until = max(exchange_until - :by, :now)
     WHERE exchange_until > :new_lease";
const MOVE_RESERVATIONS: &str =
    "UPDATE reservations SET reserved_until = max(reserved_until - :by * 1000, :now * 1000)
     WHERE reserved_until > :now * 1000";

#[async_trait]
impl PurgeExpired for SqliteStore {
    async fn purge_expired(&self, now: UnixMillis) -> Result<bool, StoreError> {
        self.0
            .run(move |connection| {
                let readings = record_clock_reading(connection, now)?;
                let mut more = false;
                for (purge, apart) in
                    [(NONCES, NONCES_APART), (RESERVATIONS, NONCES_APART), (RECORDS, RECORDS_APART)]
                {
                    if let Some(over_by) = readings.over_by(now, apart) {
                        let deleted = connection.prepare_cached(purge)?.execute(params![over_by, AT_ONCE])?;
                        more |= deleted == AT_ONCE as usize;
                    }
                }
                Ok(more)
            })
            .await
    }
}

/// Records that the clock says `now`, and gives the readings before.
pub(super) fn record_clock_reading(
    connection: &Connection,
    now: UnixMillis,
) -> rusqlite::Result<ClockReadings> {
    let recorded: Vec<UnixMillis> = connection
        .prepare_cached("SELECT at FROM looks")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let readings = ClockReadings::recorded(recorded.clone());
    for obsolete in recorded.into_iter().filter(|reading| readings.is_obsolete(*reading, now)) {
        connection.prepare_cached("DELETE FROM looks WHERE at = ?1")?.execute([obsolete])?;
    }
    if readings.is_due(now) {
        connection.prepare_cached("INSERT OR IGNORE INTO looks (at) VALUES (?1)")?.execute([now])?;
    }
    Ok(readings)
}

#[async_trait]
impl MoveWaits for SqliteStore {
    async fn clock_went_back(&self, by: Duration, now: UnixMillis) -> Result<(), StoreError> {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0
            .run(move |connection| {
                let new_lease = now + CALL_WITHIN + ATTEMPT_LEASE;
                connection
                    .prepare_cached(MOVE_DELIVERIES)?
                    .execute(named_params! {":by": by, ":now": now, ":new_lease": new_lease})?;
                let new_lease = now + CALL_WITHIN + EXCHANGE_LEASE;
                connection
                    .prepare_cached(MOVE_EXCHANGES)?
                    .execute(named_params! {":by": by, ":now": now, ":new_lease": new_lease})?;
                connection
                    .prepare_cached(MOVE_RESERVATIONS)?
                    .execute(named_params! {":by": by, ":now": now})?;
                Ok(())
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::database;
    use crate::store::sqlite::writer::Writer;

    const NOW: i64 = 1_795_305_600_000;
    const HOUR: i64 = 3_600_000;
    const LEASE: i64 = 30_000;

    /// Due, next attempt, and the ends of the leases of an attempt and an exchange, in milliseconds after now.
    type Waits = [Option<i64>; 4];

    async fn store_with(waits: Waits) -> (SqliteStore, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let connection = database::open(&folder.path().join("authlink.db"), true).unwrap();
        let at = |wait: Option<i64>| wait.map(|wait| NOW + wait);
        connection
            .execute(
                "INSERT INTO authorizations (id, owner, requested, callback, parameters_digest, state_digest, link_source,
                     status, created_at, created_by, expires_at, retain_until, due_at, next_attempt_at, delivery_until,
                     exchange_until)
                 VALUES ('id', '', '', '', '', '', 'alipay:2021', '', 0, '', 0, 0, ?1, ?2, ?3, ?4)",
                waits.map(at),
            )
            .unwrap();
        (SqliteStore(Writer::new(connection).unwrap()), folder)
    }

    async fn waits(store: &SqliteStore) -> Waits {
        let read = |connection: &Connection| {
            let query = "SELECT due_at, next_attempt_at, delivery_until, exchange_until FROM authorizations";
            connection.query_row(query, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))
        };
        let read: Waits = store.0.run(read).await.unwrap();
        read.map(|at| at.map(|at| at - NOW))
    }

    #[tokio::test]
    async fn what_was_dated_by_the_clock_as_it_was_follows_it_and_no_lease_of_the_clock_as_it_is() {
        let old = |wait| Some(HOUR + wait);
        for (before, after) in [
            // A retry waits, and somebody was at work when the clock was set.
            ([old(120_000), old(60_000), None, None], [Some(120_000), Some(60_000), None, None]),
            ([old(LEASE), old(-5_000), old(LEASE), None], [Some(LEASE), Some(0), Some(LEASE), None]),
            ([old(-5_000), old(-5_000), old(LEASE), None], [Some(0), Some(0), Some(LEASE), None]),
            ([None, None, None, old(LEASE)], [None, None, None, Some(LEASE)]),
            // Another process has begun since then; what belongs to its lease stays with it.
            ([Some(LEASE), Some(-1), Some(LEASE), None], [Some(LEASE), Some(-1), Some(LEASE), None]),
            ([Some(120_000), Some(-1), Some(1), None], [Some(120_000), Some(-1), Some(1), None]),
            ([None, None, None, Some(LEASE)], [None, None, None, Some(LEASE)]),
            // A worker died long ago.
            ([old(120_000), Some(-9), Some(-5), None], [Some(120_000), Some(-9), Some(-5), None]),
            ([Some(-1), Some(-1), None, None], [Some(-1), Some(-1), None, None]),
        ] {
            let (store, _kept) = store_with(before).await;
            store.clock_went_back(Duration::from_hours(1), UnixMillis(NOW)).await.unwrap();
            assert_eq!(waits(&store).await, after, "{before:?}");
        }
    }
}
