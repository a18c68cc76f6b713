//! An account's allowance: until when it is booked, in one row.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::SqliteStore;
use crate::model::booking::{Booking, Leased};
use crate::store::{LeaseAllowance, StoreError};

#[async_trait]
impl LeaseAllowance for SqliteStore {
    async fn lease(&self, booking: &Booking) -> Result<Leased, StoreError> {
        let booking = booking.clone();
        self.0
            .run(move |connection| match book(connection, &booking)? {
                Some(begin) => Ok(Leased::from_micros(begin)),
                None => booked_until(connection, &booking.account).map(|until| booking.full(until)),
            })
            .await
    }
}

fn book(connection: &Connection, booking: &Booking) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "INSERT INTO allowances (account, booked_until) VALUES (:account, :floor + :cost)
             ON CONFLICT (account) DO UPDATE SET booked_until = max(booked_until, :floor) + :cost
             WHERE booked_until <= :ceiling
             RETURNING booked_until - :cost",
        )?
        .query_row(
            named_params! {
                ":account": booking.account,
                ":floor": booking.floor_micros(),
                ":ceiling": booking.ceiling_micros(),
                ":cost": booking.cost_micros(),
            },
            |row| row.get(0),
        )
        .optional()
}

fn booked_until(connection: &Connection, account: &str) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT booked_until FROM allowances WHERE account = ?1")?
        .query_row([account], |row| row.get(0))
}
