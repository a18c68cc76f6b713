//! Whether one merchant that never answers keeps the others waiting, with 100,000 deliveries due: the delivery loop, its
//! sweep and the embedded store as they are, and merchants that answer, or do not, within this process.
//!
//! Time is the machine's, for the store's disk does not know another; a silent merchant costs what it costs in life. Two
//! questions, each with the merchant silent and not: how long a backlog of all merchants takes, as after an outage of
//! ours, and how long a fresh delivery takes beside a backlog of the silent merchant alone.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::Error;
use crate::scene::{Beside, Played, Scene};
use crate::section::{Section, millis, within};

const DUE: u32 = 100_000;
const FRESH: u32 = 3_000;
const FRESH_EVERY: Duration = Duration::from_millis(10);
/// Odd, so that there is one in the middle.
const ROUNDS: usize = 3;
const RATIO_AT_MOST: f64 = 1.1;

/// One question's answer.
struct Compared {
    question: &'static str,
    calm: Played,
    silent: Played,
    /// Of the two 99 % latencies; the median of all rounds.
    ratio: f64,
}

/// Plays every scene.
pub(crate) fn measure(scratch: &Path, divided_by: u32) -> Result<Section, Error> {
    let due = DUE.div_ceil(divided_by);
    let fresh = Beside { count: FRESH.div_ceil(divided_by), every: FRESH_EVERY };
    let none = Beside { count: 0, every: FRESH_EVERY };
    let compared = [
        compare(scratch, "a backlog of all merchants", 1, |silent| Scene {
            due_of_all: due,
            due_of_one: 0,
            beside: none,
            silent,
        })?,
        compare(scratch, "fresh deliveries beside a backlog of one", ROUNDS, |silent| Scene {
            due_of_all: 0,
            due_of_one: if silent { due } else { 0 },
            beside: fresh,
            silent,
        })?,
    ];
    report(&compared)
}

fn compare(
    scratch: &Path,
    question: &'static str,
    rounds: usize,
    scene: impl Fn(bool) -> Scene,
) -> Result<Compared, Error> {
    let mut pairs = Vec::new();
    for _ in 0..rounds {
        let (calm, silent) = (scene(false).play(scratch)?, scene(true).play(scratch)?);
        let ratio = millis(within(&silent.latencies, 0.99)) / millis(within(&calm.latencies, 0.99)).max(1.0);
        pairs.push(Compared { question, calm, silent, ratio });
    }
    pairs.sort_by(|one, other| one.ratio.total_cmp(&other.ratio));
    Ok(pairs.swap_remove(rounds / 2))
}

fn report(compared: &[Compared]) -> Result<Section, Error> {
    let (mut json, mut table, mut missed) = (Vec::new(), String::new(), Vec::new());
    writeln!(
        table,
        "| due to delivered, merchants that answer | all answer | one is silent | ratio | at most |"
    )?;
    writeln!(table, "|---|--:|--:|--:|--:|")?;
    for Compared { question, calm, silent, ratio } in compared {
        let at = |played: &Played, share| millis(within(&played.latencies, share));
        let mut row = |what: &str, share: f64, ratio: &str, bound: &str| {
            let (calm, silent) = (at(calm, share), at(silent, share));
            writeln!(table, "| {question}, {what} | {calm:.0} ms | {silent:.0} ms | {ratio} | {bound} |")
        };
        row("median", 0.5, "", "")?;
        row("99 %", 0.99, &format!("{ratio:.2}"), &format!("{RATIO_AT_MOST:.2}"))?;
        if *ratio > RATIO_AT_MOST {
            missed.push(format!(
                "{question}: 99 % take {ratio:.2} of their time, allowed are {RATIO_AT_MOST:.2}"
            ));
        }
        for (kind, played) in [("answering", calm), ("silent", silent)] {
            if played.latencies.len() != played.expected as usize {
                let (got, expected) = (played.latencies.len(), played.expected);
                missed.push(format!("{question}, one {kind}: {got} of {expected} were delivered"));
            }
        }
        let figures = |played: &Played| {
            json!({
                "delivered": played.latencies.len(),
                "expected": played.expected,
                "p50Millis": at(played, 0.5),
                "p99Millis": at(played, 0.99),
                "maxMillis": at(played, 1.0),
                "attemptsOfTheOne": played.attempts_of_one,
            })
        };
        json.push(json!({"question": question, "allAnswer": figures(calm), "oneIsSilent": figures(silent), "ratio": ratio}));
    }
    Ok(Section {
        name: "backlog",
        json: json!({"questions": json, "bounds": {"ratioAtMost": RATIO_AT_MOST}}),
        table,
        missed,
    })
}
