//! Bounds that every run is held to, and the instructions that were counted by the last whole run.

use Limit::{AtLeast, AtMost};

use crate::results::{Results, Row, code, shown};

/// What a run was measured on.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum On {
    /// One that may be slow, or have other work: its times are held to no bound, its ratios, sizes and counts are. The
    /// ratio of CPU to the baseline's is one of its times: it was 2.5 on one machine and 4.2 on another, of like
    /// programs.
    AnyMachine,
    /// One that had nothing else to do.
    QuietMachine,
}

#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

/// What is held: a section, the beginning of its rows' names, a figure, the limit, and words for it.
type Bound = (&'static str, &'static str, &'static str, Limit, &'static str);

const ALIPAY: &str = "alipay-auth-url";
const CALL: &str = "get-authorization-url";
const BOUNDS: [Bound; 28] = [
    ("functions", ALIPAY, "cpuToBaseline", AtMost(4.0), "CPU of a warm event, in baselines; the aim is 3.0"),
    ("functions", CALL, "cpuToBaseline", AtMost(4.0), "CPU of a warm event, in baselines; the aim is 3.0"),
    (
        "functions",
        ALIPAY,
        "instructionsToBaseline",
        AtMost(3.0),
        "instructions of a warm event, in baselines",
    ),
    ("functions", CALL, "instructionsToBaseline", AtMost(3.0), "instructions of a warm event, in baselines"),
    ("functions", ALIPAY, "cpuToNode", AtMost(0.3), "CPU of a warm event, to Node's"),
    ("functions", CALL, "cpuToNode", AtMost(0.3), "CPU of a warm event, to Node's"),
    ("functions", ALIPAY, "cpuToPython", AtMost(0.4), "CPU of a warm event, to Python's"),
    ("functions", CALL, "cpuToPython", AtMost(0.4), "CPU of a warm event, to Python's"),
    ("functions", ALIPAY, "startToNode", AtMost(0.1), "start, to Node's"),
    ("functions", "", "startOverBaselineMillis", AtMost(3.0), "start, over the baseline's"),
    ("functions", "", "residentAtStartBytes", AtMost(12e6), "resident at the start"),
    ("functions", "", "residentBytes", AtMost(12e6), "resident when warm"),
    ("functions", "", "zipBytes", AtMost(4.5e6), "zip"),
    ("functions", "", "secretCalls", AtMost(0.0), "calls of Secrets Manager in a warm event"),
    ("functions", ALIPAY, "storeCalls", AtMost(1.0), "calls of DynamoDB in a warm event"),
    // A lease serves twenty calls, once an account is busy.
    ("functions", CALL, "storeCalls", AtMost(1.1), "calls of DynamoDB in a warm event"),
    ("functions", "", "storeCalls", AtMost(2.0), "calls of DynamoDB in a warm event"),
    ("inProcess", "open API, RSA", "toVerify", AtMost(1.3), "read and verified, to RSA alone"),
    ("inProcess", "GetAuthorizationUrl", "toVerify", AtMost(0.71), "read and verified, to RSA alone"),
    ("inProcess", "a link, RSA", "toVerify", AtMost(4.29), "the whole handler, to RSA alone"),
    ("inProcess", "a link of Get", "toVerify", AtMost(2.0), "the whole handler, to RSA alone"),
    (
        "inProcess",
        "a diagnosis",
        "leastMicros",
        AtMost(3_000.0),
        "the cause of a refused signature, at worst",
    ),
    ("inProcess", "a diagnosis", "toVerify", AtMost(190.0), "the cause of a refused signature, to RSA alone"),
    ("load", "", "lost", AtMost(0.0), "requests that failed or were not recorded"),
    ("load", "64 connections", "perSecond", AtLeast(3_000.0), "links a second"),
    ("load", "64 connections", "p99Millis", AtMost(50.0), "99 % of the answers"),
    ("load", "", "grownBytes", AtMost(10e6), "resident, over the first level's"),
    ("growth", "", "cpuToSmallest", AtMost(1.2), "CPU of a request, to the smallest store's"),
];
/// Instructions may become this many times more than they were in the last whole run.
const MORE_AT_MOST: f64 = 1.15;

/// Of each bound that was measured: whether it holds, and a table's row of what is held, the row of the results that is
/// furthest from the limit, its figure, and the limit.
pub(crate) fn held(results: &Results, on: On) -> Vec<(bool, [String; 4])> {
    let judge = |(section, prefix, name, limit, what): &Bound| {
        let of = |row: &Row| Some((code(&row.name), *row.figures.get(*name)?));
        let rows = results.rows(section).iter().filter(|row| row.name.starts_with(prefix));
        let rows = rows.filter(|row| row.name != "baseline-function").filter_map(of);
        let ascending = |one: &(String, f64), other: &(String, f64)| one.1.total_cmp(&other.1);
        let ((row, figure), holds, sign, limit) = match *limit {
            AtMost(limit) => {
                let worst = rows.max_by(ascending)?;
                let holds = worst.1 <= limit;
                (worst, holds, '≤', limit)
            }
            AtLeast(limit) => {
                let worst = rows.min_by(ascending)?;
                let holds = worst.1 >= limit;
                (worst, holds, '≥', limit)
            }
        };
        let limit = format!("{sign} {}", shown(name, limit));
        Some((holds, [(*what).to_owned(), row, shown(name, figure), limit]))
    };
    let is_time =
        |name: &str| name.ends_with("Millis") || name.ends_with("Micros") || name == "cpuToBaseline";
    BOUNDS.iter().filter(|bound| on == On::QuietMachine || !is_time(bound.2)).filter_map(judge).collect()
}

/// Each bound that is missed, in words.
pub(crate) fn missed(results: &Results, on: On) -> Vec<String> {
    held(results, on).into_iter().filter(|(holds, _)| !holds).map(|(_, row)| row.join(", ")).collect()
}

/// Each count of instructions that has grown since `before`, in words. It is of one kind of processor.
pub(crate) fn grown(results: &Results, before: &Results) -> Vec<String> {
    let mut grown = Vec::new();
    for row in results.rows("functions").iter().filter(|_| cfg!(target_arch = "x86_64")) {
        for figure in ["warmInstructions", "startInstructions"] {
            let (now, then) = (row.figures[figure], before.figure("functions", &row.name, figure));
            if let Some(then) = then.filter(|then| now > then * MORE_AT_MOST) {
                grown.push(format!("{}: {figure} are {now:.0}; they were {then:.0}", row.name));
            }
        }
    }
    grown
}
