//! The result of looking at one part of a place.

use serde_json::{Value, json};
use shared::runtime::start::StartError;

/// A part that was looked at, by its name.
pub struct Finding {
    pub name: &'static str,
    /// The result of the check, or the error that prevented it.
    pub seen: Result<Seen, StartError>,
}

/// The result of a check of one part.
pub struct Seen {
    pub is_healthy: bool,
    pub value: Value,
    /// For people.
    pub lines: Vec<String>,
    /// The error that hid some of it.
    pub unseen: Option<String>,
}

impl Finding {
    /// A part that cannot be looked at, as a whole or in part, is not known to be healthy.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.seen.as_ref().is_ok_and(|seen| seen.is_healthy && seen.unseen.is_none())
    }
}

impl Seen {
    /// A list of problems: healthy, and `none` for people, if it is empty.
    pub(super) fn from_problems(problems: Vec<String>, none: &str) -> Self {
        let (is_healthy, value) = (problems.is_empty(), json!(problems));
        let lines = if is_healthy { vec![none.to_owned()] } else { problems };
        Self { is_healthy, value, lines, unseen: None }
    }
}
