//! The functions' part of the report: medians of the starts, sizes, and their bounds.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cold_start::{Function, Start};
use crate::report::{megabytes, micros};

const OVER_BASELINE_MILLIS_AT_MOST: f64 = 3.0;
const RESIDENT_BYTES_AT_MOST: u64 = 10_000_000;
const ZIP_BYTES_AT_MOST: u64 = 4_000_000;

/// What one function's starts come to.
pub(crate) struct StartFigures {
    name: &'static str,
    wall: Duration,
    /// The median of the rounds' differences; nothing for the baseline itself.
    over_baseline_millis: Option<f64>,
    cpu: Duration,
    peak_resident_bytes: u64,
    resident_bytes_after_event: u64,
    program_bytes: u64,
    zip_bytes: u64,
}

/// The figures of all `functions`, of which the first is the baseline.
pub(crate) fn figures(functions: &[Function]) -> Vec<StartFigures> {
    let Some((baseline, others)) = functions.split_first() else { return Vec::new() };
    let over_baseline = |function: &Function| {
        let pairs = function.starts.iter().zip(&baseline.starts);
        median(pairs.map(|(start, least)| (micros(start.wall) - micros(least.wall)) / 1e3), f64::total_cmp)
    };
    let of_others = others.iter().map(|function| StartFigures::of(function, Some(over_baseline(function))));
    [StartFigures::of(baseline, None)].into_iter().chain(of_others).collect()
}

impl StartFigures {
    fn of(function: &Function, over_baseline_millis: Option<f64>) -> Self {
        let of_each = |value: fn(&Start) -> u64| median(function.starts.iter().map(value), u64::cmp);
        let time = |value: fn(&Start) -> Duration| median(function.starts.iter().map(value), Duration::cmp);
        Self {
            name: function.name,
            wall: time(|start| start.wall),
            over_baseline_millis,
            cpu: time(|start| start.cpu),
            peak_resident_bytes: of_each(|start| start.peak_resident_bytes),
            resident_bytes_after_event: of_each(|start| start.resident_bytes_after_event),
            program_bytes: function.artifact.bytes,
            zip_bytes: function.artifact.zip_bytes,
        }
    }

    /// Each bound that was missed, in words.
    pub(crate) fn missed(&self) -> Vec<String> {
        let Some(over_baseline) = self.over_baseline_millis else { return Vec::new() };
        let mut missed = Vec::new();
        if over_baseline > OVER_BASELINE_MILLIS_AT_MOST {
            missed.push(format!("{} starts {over_baseline:.2} ms after the baseline", self.name));
        }
        let resident = self.peak_resident_bytes.max(self.resident_bytes_after_event);
        if resident > RESIDENT_BYTES_AT_MOST {
            missed.push(format!("{} has {resident} bytes resident", self.name));
        }
        if self.zip_bytes > ZIP_BYTES_AT_MOST {
            missed.push(format!("{} is a zip of {} bytes", self.name, self.zip_bytes));
        }
        missed
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "function": self.name,
            "startMillis": micros(self.wall) / 1e3,
            "overBaselineMillis": self.over_baseline_millis,
            "startCpuMillis": micros(self.cpu) / 1e3,
            "peakResidentBytes": self.peak_resident_bytes,
            "residentBytesAfterEvent": self.resident_bytes_after_event,
            "programBytes": self.program_bytes,
            "zipBytes": self.zip_bytes,
        })
    }
}

pub(crate) fn bounds() -> Value {
    json!({
        "overBaselineMillisAtMost": OVER_BASELINE_MILLIS_AT_MOST,
        "residentBytesAtMost": RESIDENT_BYTES_AT_MOST,
        "zipBytesAtMost": ZIP_BYTES_AT_MOST,
    })
}

/// The table of `figures`.
pub(crate) fn table(figures: &[StartFigures], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(
        f,
        "| a function's start | until it asks for an event | over the baseline | CPU | resident | after an event \
         | program | zip |"
    )?;
    writeln!(f, "|---|--:|--:|--:|--:|--:|--:|--:|")?;
    for of in figures {
        let over = of.over_baseline_millis.map(|over| format!("{over:.2} ms")).unwrap_or_default();
        writeln!(
            f,
            "| {} | {:.2} ms | {over} | {:.2} ms | {} | {} | {} | {} |",
            of.name,
            micros(of.wall) / 1e3,
            micros(of.cpu) / 1e3,
            megabytes(of.peak_resident_bytes),
            megabytes(of.resident_bytes_after_event),
            megabytes(of.program_bytes),
            megabytes(of.zip_bytes),
        )?;
    }
    let (resident, zip) = (megabytes(RESIDENT_BYTES_AT_MOST), megabytes(ZIP_BYTES_AT_MOST));
    writeln!(f, "| at most | | {OVER_BASELINE_MILLIS_AT_MOST:.2} ms | | {resident} | {resident} | | {zip} |")
}

fn median<T: Copy>(values: impl Iterator<Item = T>, order: impl Fn(&T, &T) -> std::cmp::Ordering) -> T {
    let mut values: Vec<_> = values.collect();
    values.sort_by(order);
    values[values.len() / 2]
}
