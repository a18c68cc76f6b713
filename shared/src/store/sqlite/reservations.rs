//! An account's rate limit: the end of its reservations, in one row.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, named_params};

use crate::model::reservation::{Reservation, ReservationOutcome};
use crate::store::sqlite::SqliteStore;
use crate::store::{ReserveRate, StoreError};

#[async_trait]
impl ReserveRate for SqliteStore {
    async fn reserve(&self, reservation: &Reservation) -> Result<ReservationOutcome, StoreError> {
        let reservation = reservation.clone();
        self.0
            .run(move |connection| match reserve(connection, &reservation)? {
                Some(begin) => Ok(ReservationOutcome::from_micros(begin)),
                None => reserved_until(connection, &reservation.account).map(|until| reservation.full(until)),
            })
            .await
    }
}

fn reserve(connection: &Connection, reservation: &Reservation) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "INSERT INTO reservations (account, reserved_until) VALUES (:account, :floor + :cost)
             ON CONFLICT (account) DO UPDATE SET reserved_until = max(reserved_until, :floor) + :cost
             WHERE reserved_until <= :ceiling
             RETURNING reserved_until - :cost",
        )?
        .query_row(
            named_params! {
                ":account": reservation.account,
                ":floor": reservation.floor_micros(),
                ":ceiling": reservation.ceiling_micros(),
                ":cost": reservation.cost_micros(),
            },
            |row| row.get(0),
        )
        .optional()
}

fn reserved_until(connection: &Connection, account: &str) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT reserved_until FROM reservations WHERE account = ?1")?
        .query_row([account], |row| row.get(0))
}
