//! One part of the long report: a table, the same as JSON, and which of its bounds were missed.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// What one measurement came to.
pub(crate) struct Section {
    /// What it is called in the JSON.
    pub(crate) name: &'static str,
    pub(crate) json: Value,
    /// In Markdown.
    pub(crate) table: String,
    /// Each bound that was missed, in words.
    pub(crate) missed: Vec<String>,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.table)?;
        if self.missed.is_empty() {
            return writeln!(f, "{}: every bound is kept.", self.name);
        }
        self.missed.iter().try_for_each(|bound| writeln!(f, "MISSED: {}: {bound}", self.name))
    }
}

/// The value that `share` of `sorted` keep to; zero if there are none.
pub(crate) fn within(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
