//! Opening the file: it is a whole database of ours, it can be written to, and it is no older than whoever keeps it
//! remembers.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use serde::{Deserialize, Serialize};

const SCHEMA_VERSION: i64 = 10;
/// The wait for another process that makes or opens the file.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
const SWITCH_TRIES: u32 = 250;
const SWITCH_PAUSE: Duration = Duration::from_millis(20);
const LEAST_PAGE_BYTES: u64 = 512;
/// For its owner alone.
const MODE: u32 = 0o600;

/// Why a database cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    #[error("it is gone")]
    Gone,
    #[error("it is empty")]
    Empty,
    #[error("it is another database than before")]
    Another,
    #[error("it is older than it was: an earlier copy")]
    Older,
    #[error("it is cut or damaged: {0}")]
    Damaged(String),
    #[error("it cannot be written to: it or its folder is read-only")]
    ReadOnly,
    #[error("its schema is version {0}, this program knows {SCHEMA_VERSION}")]
    Version(i64),
    #[error("it cannot be opened: {0}")]
    Unavailable(String),
}

/// What whoever keeps a database remembers of it from start to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseMark {
    id: String,
    starts: i64,
}

/// Opens `file`, and makes it if it may be made and is not there.
pub(super) fn open(file: &Path, may_make: bool) -> Result<Connection, DatabaseError> {
    make_private(file, may_make).map_err(|error| of_file(&error))?;
    let suspicious = is_shorter_than_it_says(file)?;
    let mut connection = Connection::open(file)?;
    connection.busy_timeout(OPEN_TIMEOUT)?;
    if connection.is_readonly("main")? {
        return Err(DatabaseError::ReadOnly);
    }
    if suspicious {
        check(&connection)?;
    }
    switch_to_wal(&connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What is deleted is overwritten: a link's state, once it was used, is nowhere in the file.
    connection.pragma_update(None, "secure_delete", "ON")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match transaction.pragma_query_value(None, "user_version", |row| row.get(0))? {
        0 if may_make => transaction.execute_batch(include_str!("schema.sql"))?,
        0 => return Err(DatabaseError::Empty),
        SCHEMA_VERSION => {}
        version => return Err(DatabaseError::Version(version)),
    }
    // Newer than the schema's version: a database without them gets them, and an earlier program ignores them.
    transaction.execute_batch(include_str!("deny_list.sql"))?;
    transaction.execute_batch(include_str!("lists.sql"))?;
    add_verified_by(&transaction)?;
    transaction.commit()?;
    Ok(connection)
}

/// This column is newer than the schema's version, too.
fn add_verified_by(connection: &Connection) -> rusqlite::Result<()> {
    let is_there = "SELECT 1 FROM pragma_table_info('authorizations') WHERE name = 'verified_by'";
    if !connection.prepare(is_there)?.exists([])? {
        connection.execute_batch("ALTER TABLE authorizations ADD COLUMN verified_by TEXT")?;
    }
    Ok(())
}

/// Opens `file` for a start that is counted. Without a mark it may be any database, or be made.
pub(super) fn start(
    file: &Path,
    remembered: Option<&DatabaseMark>,
) -> Result<(Connection, DatabaseMark), DatabaseError> {
    let connection = open(file, remembered.is_none())?;
    let seen = connection.query_row("SELECT id, starts FROM identity", [], |row| {
        Ok(DatabaseMark { id: row.get(0)?, starts: row.get(1)? })
    })?;
    if let Some(remembered) = remembered {
        if seen.id != remembered.id {
            return Err(DatabaseError::Another);
        }
        if seen.starts < remembered.starts {
            return Err(DatabaseError::Older);
        }
    }
    connection.execute("UPDATE identity SET starts = starts + 1", [])?;
    Ok((connection, DatabaseMark { starts: seen.starts + 1, ..seen }))
}

/// SQLite gives its files beside this one the same permissions.
fn make_private(file: &Path, may_make: bool) -> io::Result<()> {
    OpenOptions::new().read(true).write(true).create(may_make).truncate(false).mode(MODE).open(file)?;
    let beside = ["-wal", "-shm"].map(|ending| {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    });
    for file in [file.to_owned()].iter().chain(&beside) {
        match fs::metadata(file) {
            Ok(found) if found.permissions().mode() & 0o077 != 0 => {
                fs::set_permissions(file, Permissions::from_mode(MODE))?;
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

/// Compares the file's length with that in its header (SQLite's file format, section 1.3). A process that was killed
/// may leave it so, with the rest in the file beside it; whoever has cut it, without. SQLite would take what is shorter
/// than a page for a new database.
fn is_shorter_than_it_says(file: &Path) -> Result<bool, DatabaseError> {
    let mut file = File::open(file).map_err(|error| of_file(&error))?;
    let length = file.metadata().map_err(|error| of_file(&error))?.len();
    match length {
        0 => return Ok(false),
        1..LEAST_PAGE_BYTES => return Err(DatabaseError::Damaged("it is shorter than a page".to_owned())),
        _ => {}
    }
    let mut header = [0; 32];
    file.read_exact(&mut header).map_err(|error| of_file(&error))?;
    let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        bytes => u64::from(bytes),
    };
    let pages = u64::from(u32::from_be_bytes([header[28], header[29], header[30], header[31]]));
    Ok(length < page_bytes * pages)
}

fn check(connection: &Connection) -> Result<(), DatabaseError> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(DatabaseError::Damaged(found)) }
}

/// The busy time-out does not cover the switch of a new file: while another process makes it, we are told at once that
/// the file is locked.
fn switch_to_wal(connection: &Connection) -> rusqlite::Result<()> {
    let mut tries = 0;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tries < SWITCH_TRIES =>
            {
                tries += 1;
                std::thread::sleep(SWITCH_PAUSE);
            }
            switched => return switched,
        }
    }
}

fn of_file(error: &io::Error) -> DatabaseError {
    match error.kind() {
        io::ErrorKind::NotFound => DatabaseError::Gone,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => DatabaseError::ReadOnly,
        _ => DatabaseError::Unavailable(error.to_string()),
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Damaged(error.to_string()),
            // The file itself was opened: it is the ones beside it that cannot be.
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => Self::ReadOnly,
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
