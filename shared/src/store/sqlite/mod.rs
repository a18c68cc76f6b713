//! The embedded store: SQLite, for local runs and tests, safe for several processes on one file.
//!
//! Every change of a record is an `UPDATE` whose `WHERE` is the change's condition; why it touched no row is read in
//! the same transaction.

mod clockwork;
mod database;
mod deliveries;
mod deny_list;
mod forget;
mod found_link;
mod links;
mod listing;
mod operations;
mod records;
mod reservations;
mod returns;
mod rows;
mod writer;

use std::path::Path;

pub use crate::store::sqlite::database::{DatabaseError, DatabaseMark};
use crate::store::sqlite::writer::Writer;

/// A store in one file. Cheap to clone; a process opens a file once.
#[derive(Clone, Debug)]
pub struct SqliteStore(Writer);

impl SqliteStore {
    /// Opens `file`, and makes it and its tables if they are not there.
    ///
    /// # Errors
    /// When the file cannot be opened, is damaged, read-only or of another version.
    pub fn open(file: &Path) -> Result<Self, DatabaseError> {
        database::open(file, true).and_then(Self::on)
    }

    /// Opens `file`, which is there.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], and when it is gone or empty.
    pub fn open_existing(file: &Path) -> Result<Self, DatabaseError> {
        database::open(file, false).and_then(Self::on)
    }

    /// Opens `file` for its keeper, who remembers it by a mark from start to start. Without a mark it may be any, and
    /// is made if it is not there. The new mark is to be remembered.
    ///
    /// # Errors
    /// As [`SqliteStore::open_existing`], and when it is another database or an earlier copy.
    pub fn start(
        file: &Path,
        remembered: Option<&DatabaseMark>,
    ) -> Result<(Self, DatabaseMark), DatabaseError> {
        let (connection, mark) = database::start(file, remembered)?;
        Ok((Self::on(connection)?, mark))
    }

    fn on(connection: rusqlite::Connection) -> Result<Self, DatabaseError> {
        Writer::new(connection).map(Self).map_err(|error| DatabaseError::Unavailable(error.to_string()))
    }
}
