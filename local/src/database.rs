//! The database of a folder, which remembers it from start to start: what was answered is never silently forgotten.

use std::path::Path;

use shared::runtime::start::StartError;
use shared::store::sqlite::{DatabaseError, SqliteStore};

use crate::folder::Folder;

/// Opens `file` for a start of the host. With `new_database` it may be any, and the folder remembers it from now on.
pub(crate) fn start(folder: &Folder, file: &Path, new_database: bool) -> Result<SqliteStore, StartError> {
    let remembered = if new_database { None } else { folder.remembered_database()? };
    let (store, mark) =
        SqliteStore::start(file, remembered.as_ref()).map_err(|error| refusal(file, &error))?;
    folder.remember_database(&mark)?;
    Ok(store)
}

/// Opens `file` for an operator, beside the host.
pub(crate) fn open(file: &Path) -> Result<SqliteStore, StartError> {
    SqliteStore::open_existing(file).map_err(|error| refusal(file, &error))
}

fn refusal(file: &Path, error: &DatabaseError) -> StartError {
    let advice = match error {
        DatabaseError::Gone | DatabaseError::Empty => {
            "put it back; or start with --new-database for a new one, which knows no link and no authorization"
        }
        DatabaseError::Another | DatabaseError::Older => {
            "put the right one back; or start with --new-database to go on with this one, \
             and what the other knew is lost, or done again"
        }
        DatabaseError::Damaged(_) => {
            "put a whole copy back; or move it away and start with --new-database for a new one"
        }
        DatabaseError::ReadOnly => "make the file and its folder writable for this user",
        DatabaseError::Version(_) => "name another folder with --folder, or use the version that made it",
        DatabaseError::Unavailable(_) => "another program may hold it",
    };
    StartError::new(format!("cannot use the database {}: {error}; {advice}", file.display()))
}
