//! The entries of the journals. Times are milliseconds since the storm began.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;
use strum::Display;

use crate::clock::Millis;
use crate::gateway_answer::GatewayFate;

/// A journal; clones share it.
#[derive(Debug)]
pub struct Journal<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Journal<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Journal<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone> Journal<T> {
    /// Adds an entry, and returns its place.
    pub fn add(&self, entry: T) -> usize {
        let mut entries = self.0.lock().expect("no writer panicked");
        entries.push(entry);
        entries.len() - 1
    }

    /// Changes an entry.
    pub fn change(&self, place: usize, change: impl FnOnce(&mut T)) {
        change(&mut self.0.lock().expect("no writer panicked")[place]);
    }

    /// All entries so far.
    #[must_use]
    pub fn entries(&self) -> Vec<T> {
        self.0.lock().expect("no writer panicked").clone()
    }
}

/// The gateway's entry: a code came.
#[derive(Clone, Debug)]
pub struct Exchanged {
    pub code: String,
    pub at: Millis,
    pub fate: GatewayFate,
    /// The app's signature holds.
    pub sound: bool,
    /// Its sender was gone when it was read.
    pub hung_up: bool,
    /// The user that a signed answer named, and when its last byte was written.
    pub signed: Option<(String, Millis)>,
}

/// A merchant's entry: a POST came.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The number of the authorization.
    pub journey: usize,
    pub at: Millis,
    /// The answer's name in `docs/answers.md`, if it is there.
    pub answer: &'static str,
    /// The answer is one that confirms, sent at once.
    pub success: bool,
    /// The answer is one of [`LATE_SUCCESSES`](crate::merchant_answer::LATE_SUCCESSES), and was written whole to a
    /// caller that still waited.
    pub late_success: bool,
    /// The last byte was written, or the caller gave up.
    pub ended: Option<Millis>,
    pub body: Vec<u8>,
    /// Our signature holds.
    pub sound: bool,
    /// Its sender was gone when it was read.
    pub hung_up: bool,
}

/// A fault of the host's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, Serialize)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum ProcessFault {
    /// SIGKILL.
    Kill,
    /// SIGKILL while it starts.
    KillAtStart,
    /// SIGTERM.
    Stop,
    /// SIGSTOP, and SIGCONT later.
    Pause,
    /// Another process holds the database.
    Lock,
    /// A worker died, or could not write what it had done.
    Worker,
}

/// A fault that the host's process met.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Struck {
    pub fault: ProcessFault,
    /// The one authorization that it was about; all, if it is nobody's.
    pub journey: Option<usize>,
    pub from: Millis,
    /// The process was back.
    pub until: Millis,
}

/// A user's entry: how the way through one authorization ended.
#[derive(Clone, Debug, Default)]
pub struct Travelled {
    pub linked: bool,
    /// The last page, by its outcome's name; empty without one.
    pub outcome: String,
    /// The codes after which a page asked to authorize again.
    pub asked_again: Vec<String>,
    /// A second user was told to be authorized on a link that the first one has used.
    pub wrongly_authorized: bool,
    /// Answers to the link's request other than a link, by what they were.
    pub refusals: Vec<String>,
}

/// The answer to the query for one authorization, at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Empty if the query was refused.
    pub state: String,
    pub open_id: Option<String>,
    pub delivery: String,
    /// The number of attempts that were made.
    pub attempts: usize,
    /// The time for which the next attempt has been due.
    pub overdue: Option<Duration>,
}
