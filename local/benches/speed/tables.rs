//! The results as tables, as a run prints them and the README shows them.

use crate::bounds::{
    FIRST_USE_MILLIS_AT_MOST, HOST_RESIDENT_BYTES_BELOW, RATE_AT_LEAST, RESIDENT_BYTES_AT_MOST,
    START_OVER_BASELINE_MILLIS_AT_MOST, ZIP_BYTES_AT_MOST, cpu_to_baseline_at_most,
};
use crate::figures::Figures;
use crate::host::{Held, RATE};
use crate::load::CONNECTIONS;
use crate::long;
use crate::results::Results;

/// A table's place in the README, and what makes it of the results.
type Named = (&'static str, fn(&Results) -> String);

/// Every table.
pub(crate) const TABLES: [Named; 7] = [
    ("costs", costs),
    ("functions", functions),
    ("starts", starts),
    ("host", host),
    ("load", |results| long::table(results, "load")),
    ("growth", |results| long::table(results, "growth")),
    ("backlog", |results| long::table(results, "backlog")),
];

fn costs(results: &Results) -> String {
    let mut table = Table::new(&["CPU time of one request", "median", "to aws-lc-rs alone", "at most"]);
    for cost in &results.costs {
        let bound = cost.ratio_at_most.map(|bound| format!("{bound:.2}")).unwrap_or_default();
        let median = format!("{} µs", grouped(cost.median_micros, 1));
        table.row([cost.case.clone(), median, format!("{:.2}", cost.ratio), bound]);
    }
    if let Some(first) = results.first_use {
        let median = format!("{} µs", grouped(first.total_millis() * 1e3, 1));
        let name = "the first signature and the first TLS handshake of a process".to_owned();
        table.row([name, median, String::new(), format!("{FIRST_USE_MILLIS_AT_MOST} ms")]);
    }
    table.text
}

fn functions(results: &Results) -> String {
    let mut table = Table::new(&[
        "one event, when all is warm",
        "CPU",
        "to the baseline",
        "least CPU",
        "to the baseline's least",
        "at most",
        "p50",
        "p99",
        "calls of store, secrets, queue, others",
        "resident",
    ]);
    for of in results.functions.iter().chain(&results.peers) {
        let bound = cpu_to_baseline_at_most(&of.name).map(|bound| format!("{bound:.2}")).unwrap_or_default();
        let calls = [of.store_calls, of.secret_calls, of.hints, of.other_calls].map(count).join(", ");
        table.row([
            shown(&of.name),
            format!("{} µs", grouped(of.warm_cpu_micros, 0)),
            format!("{:.2}", of.cpu_to_baseline_median),
            format!("{} µs", grouped(of.warm_cpu_least_micros, 0)),
            format!("{:.2}", of.cpu_to_baseline_least),
            bound,
            format!("{} µs", grouped(of.warm_p50_micros, 0)),
            format!("{} µs", grouped(of.warm_p99_micros, 0)),
            calls,
            megabytes(of.resident_bytes),
        ]);
    }
    table.text
}

fn starts(results: &Results) -> String {
    let mut table = Table::new(&[
        "a function's start",
        "until it asks for an event",
        "over the baseline",
        "CPU",
        "first event",
        "CPU",
        "resident",
        "program",
        "zip",
    ]);
    let mut row = |of: &Figures, over: String| {
        table.row([
            shown(&of.name),
            format!("{:.2} ms", of.start_millis),
            over,
            format!("{:.2} ms", of.start_cpu_millis),
            format!("{:.2} ms", of.first_millis),
            format!("{:.2} ms", of.first_cpu_millis),
            megabytes(of.resident_bytes_at_start),
            of.program_bytes.map(megabytes).unwrap_or_default(),
            of.zip_bytes.map(megabytes).unwrap_or_default(),
        ]);
    };
    let mut baseline = true;
    for of in results.functions.iter().chain(&results.peers) {
        let over = format!("{:.2} ms", of.start_over_baseline_millis);
        row(of, if baseline { String::new() } else { over });
        baseline = false;
    }
    let (resident, zip) = (megabytes(RESIDENT_BYTES_AT_MOST), megabytes(ZIP_BYTES_AT_MOST));
    let over = format!("{START_OVER_BASELINE_MILLIS_AT_MOST:.2} ms");
    let no = String::new;
    table.row(["at most, for ours".to_owned(), no(), over, no(), no(), no(), resident, no(), zip]);
    table.text
}

fn host(results: &Results) -> String {
    let Some(host) = &results.host else { return String::new() };
    let paced = format!("{} a second", grouped(f64::from(RATE), 0));
    let flood = format!("as fast as {CONNECTIONS} connections can");
    let mut table = Table::new(&["the local host, embedded store", &paced, &flood, "bound"]);
    let mut row = |name: &str, show: &dyn Fn(&Held) -> String, bound: String| {
        table.row([name.to_owned(), show(&host.paced), show(&host.flood), bound]);
    };
    let number = |number: u32| grouped(f64::from(number), 0);
    row(
        "granted",
        &|held| format!("{} of {}", number(held.granted), number(held.requests)),
        "all".to_owned(),
    );
    row(
        "recorded",
        &|held| format!("{} of {}", number(held.recorded), number(held.requests)),
        "all".to_owned(),
    );
    row("granted a second", &|held| grouped(held.granted_per_second, 0), format!("≥ {RATE_AT_LEAST:.0}"));
    row(
        "latency, median / 99 %",
        &|held| format!("{:.1} ms / {:.1} ms", held.p50_millis, held.p99_millis),
        String::new(),
    );
    row("CPU a request", &|held| format!("{:.0} µs", held.cpu_micros), String::new());
    row(
        "peak resident",
        &|held| megabytes(held.peak_resident_bytes),
        format!("< {:.0} MB", HOST_RESIDENT_BYTES_BELOW as f64 / 1e6),
    );
    table.text
}

/// A table in Markdown, its first column of words and the others of numbers.
struct Table {
    text: String,
}

impl Table {
    fn new(heads: &[&str]) -> Self {
        let numbers = "--:|".repeat(heads.len().saturating_sub(1));
        Self { text: format!("| {} |\n|---|{numbers}\n", heads.join(" | ")) }
    }

    fn row<const COLUMNS: usize>(&mut self, cells: [String; COLUMNS]) {
        for cell in &cells {
            self.text += "| ";
            self.text += cell;
            self.text += if cell.is_empty() { "" } else { " " };
        }
        self.text += "|\n";
    }
}

/// A function's name is that of its program; a peer's is words.
fn shown(name: &str) -> String {
    match name {
        "baseline-function" => "[`baseline-function`](local/baseline/src/main.rs)".to_owned(),
        words if words.contains(' ') => words.to_owned(),
        program => format!("`{program}`"),
    }
}

fn count(count: f64) -> String {
    if count.fract() == 0.0 { format!("{count:.0}") } else { format!("{count:.2}") }
}

pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// With a comma at the thousands.
fn grouped(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let whole = text.find('.').unwrap_or(text.len());
    match whole.checked_sub(3).filter(|at| *at > 0) {
        Some(at) => format!("{},{}", &text[..at], &text[at..]),
        None => text,
    }
}
