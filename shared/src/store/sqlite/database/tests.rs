use tempfile::TempDir;

use super::*;

/// A database that was started once, and what is remembered of it.
fn started() -> (TempDir, PathBuf, DatabaseMark) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authlink.db");
    let (connection, mark) = start(&file, None).unwrap();
    connection.execute_batch(&"INSERT INTO looks SELECT count(*) FROM looks;".repeat(3_000)).unwrap();
    connection.close().unwrap();
    (folder, file, mark)
}

fn refused(file: &Path, mark: &DatabaseMark) -> DatabaseError {
    start(file, Some(mark)).map(drop).unwrap_err()
}

fn cut(file: &Path, length: u64) {
    OpenOptions::new().write(true).open(file).unwrap().set_len(length).unwrap();
}

#[test]
fn the_same_database_is_started_again_and_again() {
    let (_kept, file, mut mark) = started();
    for starts in 2..5 {
        mark = start(&file, Some(&mark)).unwrap().1;
        assert_eq!(mark.starts, starts);
    }
    let behind = DatabaseMark { starts: 1, ..mark.clone() };
    assert!(start(&file, Some(&behind)).is_ok(), "a start that was cut off before it was remembered");
}

#[test]
fn a_database_that_is_gone_or_empty_is_not_made_anew_unless_nothing_is_remembered() {
    let (_kept, file, mark) = started();
    cut(&file, 0);
    assert_eq!(refused(&file, &mark), DatabaseError::Empty);
    fs::remove_file(&file).unwrap();
    assert_eq!(refused(&file, &mark), DatabaseError::Gone);
    assert!(!file.exists());
    assert!(start(&file, None).is_ok_and(|(_, new)| new.id != mark.id));
    assert_eq!(refused(&file, &mark), DatabaseError::Another);
}

#[test]
fn an_earlier_copy_is_refused() {
    let (kept, file, mark) = started();
    let copy = kept.path().join("copy");
    fs::copy(&file, &copy).unwrap();
    let (connection, mark) = start(&file, Some(&mark)).unwrap();
    connection.close().unwrap();
    fs::rename(&copy, &file).unwrap();
    assert_eq!(refused(&file, &mark), DatabaseError::Older);
    assert!(start(&file, None).is_ok());
}

#[test]
fn a_database_that_is_cut_is_refused_with_or_without_the_file_beside_it() {
    for length in [1, 50, 4_096, 20_000] {
        let (_kept, file, mark) = started();
        assert!(fs::metadata(&file).unwrap().len() > length);
        cut(&file, length);
        assert!(matches!(refused(&file, &mark), DatabaseError::Damaged(_)), "{length}");
    }
    let (_kept, file, mark) = started();
    // As after a kill: what was written last is in the file beside it.
    let killed = start(&file, Some(&mark)).unwrap();
    cut(&file, 8_192);
    std::mem::forget(killed);
    assert!(matches!(refused(&file, &mark), DatabaseError::Damaged(_)));
    fs::write(&file, "no database, but long enough to be one".repeat(10)).unwrap();
    assert!(matches!(refused(&file, &mark), DatabaseError::Damaged(_)));
}

#[test]
fn only_its_owner_reads_a_database_and_what_is_beside_it() {
    let (kept, file, mark) = started();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let (connection, _) = start(&file, Some(&mark)).unwrap();
    connection.execute("INSERT INTO looks (at) VALUES (-1)", []).unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(kept.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, MODE, "{:?}", entry.path());
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn what_is_deleted_is_overwritten() {
    let (_kept, file, mark) = started();
    let (connection, _) = start(&file, Some(&mark)).unwrap();
    let secret = "the-random-half-of-a-state";
    let id = format!("INSERT INTO nonces VALUES ('space', '{secret}', 0, 'by')");
    connection.execute_batch(&id).unwrap();
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let holds = || fs::read(&file).unwrap().windows(secret.len()).any(|found| found == secret.as_bytes());
    assert!(holds());
    connection.execute_batch("DELETE FROM nonces; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    assert!(!holds());
}

#[test]
fn an_earlier_database_gets_the_column_of_the_key_that_verified_and_keeps_its_rows() {
    let (_kept, file, mark) = started();
    let (connection, mark) = start(&file, Some(&mark)).unwrap();
    let earlier = "INSERT INTO authorizations (id, owner, requested, callback, parameters_digest, state_digest, link_source,
             status, created_at, created_by, expires_at, retain_until)
         VALUES ('id', 'B1', '{}', '{}', '', '', 'alipay:2021', 'ISSUED', 0, 'by', 1, 2)";
    connection.execute_batch("ALTER TABLE authorizations DROP COLUMN verified_by").unwrap();
    connection.execute_batch(earlier).unwrap();
    connection.close().unwrap();
    for _ in 0..2 {
        let (connection, _) = start(&file, Some(&mark)).unwrap();
        let read = |row: &rusqlite::Row<'_>| row.get::<_, Option<String>>(0);
        let kept = connection.query_row("SELECT verified_by FROM authorizations", [], read);
        assert_eq!(kept, Ok(None));
    }
}

#[test]
fn another_schema_is_refused() {
    let (_kept, file, mark) = started();
    let (connection, _) = start(&file, Some(&mark)).unwrap();
    for version in [SCHEMA_VERSION - 1, SCHEMA_VERSION + 1] {
        connection.pragma_update(None, "user_version", version).unwrap();
        assert_eq!(refused(&file, &mark), DatabaseError::Version(version));
    }
}

#[test]
fn each_way_not_to_be_writable_has_one_name() {
    use io::ErrorKind::{IsADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
    for kind in [PermissionDenied, ReadOnlyFilesystem] {
        assert_eq!(of_file(&kind.into()), DatabaseError::ReadOnly);
    }
    assert_eq!(of_file(&NotFound.into()), DatabaseError::Gone);
    assert!(matches!(of_file(&IsADirectory.into()), DatabaseError::Unavailable(_)));
    for code in [rusqlite::ffi::SQLITE_READONLY, rusqlite::ffi::SQLITE_CANTOPEN] {
        let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        assert_eq!(DatabaseError::from(error), DatabaseError::ReadOnly);
    }
}
