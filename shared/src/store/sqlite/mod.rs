//! The embedded store: SQLite, for local runs and tests, safe for several processes on one file.
//!
//! Every change is an `UPDATE` whose `WHERE` is the change's condition; only if it touched no row is the record read,
//! in the same transaction, to say why. A file here for each capability.

mod deliveries;
mod found_link;
mod links;
mod operations;
mod reservations;
mod returns;
mod rows;
mod writer;

use std::path::Path;

use crate::store::StoreError;
use crate::store::sqlite::writer::Writer;

/// A store in one file. Cheap to clone; a process opens a file once.
#[derive(Clone, Debug)]
pub struct SqliteStore(Writer);

impl SqliteStore {
    /// Opens `file`, and makes it and its tables if they are not there.
    ///
    /// # Errors
    /// When the file cannot be opened or is of another version.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        Writer::open(file).map(Self)
    }
}
