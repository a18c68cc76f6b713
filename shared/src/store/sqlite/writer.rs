//! The one connection of a process, on a thread of its own, committing for several requests at once.
//!
//! A commit waits for the disk (`synchronous = FULL`: what was answered survives even a loss of power), so whatever
//! requests have come while the disk was busy share the next commit, each in a savepoint of its own. Other processes
//! on the same file wait their turn at `BEGIN IMMEDIATE`.
//!
//! Nobody waits long for the file: whoever asks says what time it is, and a lease that is written late would be over
//! too early.

use std::pin::pin;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::model::clock::{Clock, Monotonic, SystemClock};
use crate::store::StoreError;

const WAITING_JOBS: usize = 1_024;
const JOBS_PER_COMMIT: usize = 256;
/// The wait for a process that holds the file. With the repeat of a call a request is answered within two seconds.
const BUSY_TIMEOUT: Duration = Duration::from_millis(800);
/// What has waited longer for its turn is not done any more, and nobody waits longer for an answer.
pub(super) const CALL_WITHIN: Duration = Duration::from_secs(1);

type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Work = Box<dyn FnOnce(&Connection) -> Reply + Send>;

/// What somebody waits for. Dropping it tells them that the store is unavailable.
struct Job {
    asked: Monotonic,
    work: Work,
}

/// Hands work to the connection's thread. The thread ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub(super) struct Writer(mpsc::Sender<Job>);

impl Writer {
    pub(super) fn new(mut connection: Connection) -> std::io::Result<Self> {
        let (jobs, mut waiting) = mpsc::channel(WAITING_JOBS);
        std::thread::Builder::new().name("sqlite".to_owned()).spawn(move || {
            if let Err(error) = connection.busy_timeout(BUSY_TIMEOUT) {
                return tracing::error!(%error, "the database cannot be used");
            }
            while let Some(job) = waiting.blocking_recv() {
                commit_together(&mut connection, job, &mut waiting, &SystemClock);
            }
        })?;
        Ok(Self(jobs))
    }

    /// Runs `work` in a transaction. If it fails, none of it stays; if it succeeds, all of it is on the disk. Without
    /// an answer in time, as when the disk hangs, nothing is known: what was begun goes on, and shares its commit with
    /// the others as if somebody still waited.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let asked = SystemClock.monotonic();
        let work: Work = Box::new(move |connection| {
            let done = in_savepoint(connection, work);
            Box::new(move |committed| {
                let outcome = done.map_err(|error| store_error(&error));
                // Nobody is waiting any more if the request was given up; the work is done all the same.
                let _ = answer.send(committed.and(outcome));
            })
        });
        let gone = || StoreError::Unavailable("the database is locked, or its thread has ended".to_owned());
        let done = async {
            self.0.send(Job { asked, work }).await.map_err(|_| gone())?;
            answered.await.map_err(|_| gone())?
        };
        in_time(asked, done).await
    }
}

/// The end of `done`, unless it comes later than [`CALL_WITHIN`] allows. By the machine's clock, as in the connection's
/// thread: the runtime's may have been told to skip what everybody waits for.
async fn in_time<T>(
    asked: Monotonic,
    done: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let mut done = pin!(done);
    loop {
        let left = CALL_WITHIN.saturating_sub(SystemClock.monotonic().since(asked));
        if left.is_zero() {
            return Err(StoreError::Unavailable("the database does not answer in time".to_owned()));
        }
        if let Ok(answer) = tokio::time::timeout(left, &mut done).await {
            return answer;
        }
    }
}

fn commit_together(
    connection: &mut Connection,
    first: Job,
    waiting: &mut mpsc::Receiver<Job>,
    clock: &dyn Clock,
) {
    let transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => {
            tracing::error!(%error, "the database cannot be written to");
            // All who have waited as long, or nearly; each by itself they would wait one after another.
            for _ in 0..waiting.len() {
                drop(waiting.try_recv());
            }
            return drop(first);
        }
    };
    let (mut replies, mut next) = (Vec::new(), Some(first));
    while let Some(job) = next {
        if clock.monotonic().since(job.asked) <= CALL_WITHIN {
            replies.push((job.work)(&transaction));
        }
        next = if replies.len() < JOBS_PER_COMMIT { waiting.try_recv().ok() } else { None };
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

fn store_error(error: &rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..) => StoreError::Corrupt(error.to_string()),
        _ => unavailable(error),
    }
}

fn unavailable(error: &rusqlite::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests;
