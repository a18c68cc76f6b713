//! The one connection of a process, on a thread of its own, committing for several requests at once.
//!
//! A commit waits for the disk (`synchronous = FULL`: what was answered survives even a loss of power), so whatever
//! requests have come while the disk was busy share the next commit, each in a savepoint of its own. Other processes
//! on the same file wait their turn at `BEGIN IMMEDIATE`.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::store::StoreError;

const WAITING_JOBS: usize = 1_024;
const JOBS_PER_COMMIT: usize = 256;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const SWITCH_TRIES: u32 = 250;
const SWITCH_PAUSE: Duration = Duration::from_millis(20);
const SCHEMA_VERSION: i64 = 5;

type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> Reply + Send>;

/// Hands work to the connection's thread. The thread ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub(super) struct Writer(mpsc::Sender<Job>);

impl Writer {
    pub(super) fn open(file: &Path) -> Result<Self, StoreError> {
        let mut connection = connect(file).map_err(|error| unavailable(&error))?;
        let (jobs, mut waiting) = mpsc::channel(WAITING_JOBS);
        std::thread::Builder::new()
            .name("sqlite".to_owned())
            .spawn(move || {
                while let Some(job) = waiting.blocking_recv() {
                    commit_together(&mut connection, job, &mut waiting);
                }
            })
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self(jobs))
    }

    /// Runs `work` in a transaction. If it fails, none of it stays; if it succeeds, all of it is on the disk.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let done = in_savepoint(connection, work);
            Box::new(move |committed| {
                let outcome = done.map_err(|error| store_error(&error));
                // Nobody is waiting any more if the request was given up; the work is done all the same.
                let _ = answer.send(committed.and(outcome));
            })
        });
        let gone = || StoreError::Unavailable("the database's thread has ended".to_owned());
        self.0.send(job).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

fn commit_together(connection: &mut Connection, first: Job, waiting: &mut mpsc::Receiver<Job>) {
    let transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => {
            tracing::error!(%error, "the database cannot be written to");
            // Dropping the job drops its answer: its caller is told that the store is unavailable.
            return drop(first);
        }
    };
    let mut replies = vec![first(&transaction)];
    while replies.len() < JOBS_PER_COMMIT
        && let Ok(job) = waiting.try_recv()
    {
        replies.push(job(&transaction));
    }
    let committed = transaction.commit().map_err(|error| unavailable(&error));
    for reply in replies {
        reply(committed.clone());
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.execute_batch("SAVEPOINT job")?;
    let done = work(connection);
    connection.execute_batch(match done {
        Ok(_) => "RELEASE job",
        Err(_) => "ROLLBACK TO job; RELEASE job",
    })?;
    done
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(file)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    switch_to_wal(&connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match transaction.pragma_query_value(None, "user_version", |row| row.get(0))? {
        0 => transaction.execute_batch(include_str!("schema.sql"))?,
        SCHEMA_VERSION => {}
        version => {
            let reason = format!("its schema is version {version}, this program knows {SCHEMA_VERSION}");
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_MISMATCH),
                Some(reason),
            ));
        }
    }
    transaction.commit()?;
    Ok(connection)
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

fn store_error(error: &rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..) => {
            StoreError::Corrupt(error.to_string())
        }
        _ => unavailable(error),
    }
}

fn unavailable(error: &rusqlite::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("authlink.db");
        let connection = connect(&file).unwrap();
        for version in [SCHEMA_VERSION - 1, SCHEMA_VERSION + 1] {
            connection.pragma_update(None, "user_version", version).unwrap();
            let refused = connect(&file).unwrap_err().to_string();
            let expected = format!("version {version}, this program knows {SCHEMA_VERSION}");
            assert!(refused.contains(&expected), "{refused}");
        }
    }
}
