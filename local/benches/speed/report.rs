//! The table, the same as JSON, and which bounds were missed.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cost::Cost;
use crate::host::{Held, HostMeasured, RATE};
use crate::load::CONNECTIONS;
use crate::machine::Machine;
use crate::start_report::{StartFigures, bounds, table};

const RESIDENT_BYTES_BELOW: u64 = 60_000_000;
/// The last answer comes a moment after the last request, so that the whole rate is never quite seen.
const RATE_AT_LEAST: f64 = 0.99 * RATE as f64;

/// Everything that was measured.
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) costs: Vec<Cost>,
    pub(crate) host: HostMeasured,
    pub(crate) starts: Vec<StartFigures>,
}

impl Report {
    /// Each bound that was missed, in words.
    pub(crate) fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        for cost in &self.costs {
            if let Some(bound) = cost.ratio_at_most.filter(|bound| cost.ratio > *bound) {
                missed.push(format!("{}: {:.2}, allowed are {bound:.2}", cost.name, cost.ratio));
            }
        }
        let HostMeasured { paced, flood } = &self.host;
        for held in [paced, flood] {
            let granted = held.load.latencies.len();
            if held.load.refused > 0 || u32::try_from(granted) != Ok(held.sent) || held.recorded != held.sent
            {
                missed.push(format!(
                    "of {} requests {granted} were granted, {} recorded",
                    held.sent, held.recorded
                ));
            }
        }
        if paced.load.rate() < RATE_AT_LEAST {
            missed.push(format!("{:.0} requests a second, wanted were {RATE}", paced.load.rate()));
        }
        if paced.peak_resident_bytes >= RESIDENT_BYTES_BELOW {
            missed.push(format!(
                "{} bytes resident, allowed are {RESIDENT_BYTES_BELOW}",
                paced.peak_resident_bytes
            ));
        }
        missed.extend(self.starts.iter().flat_map(StartFigures::missed));
        missed
    }

    pub(crate) fn json(&self) -> Value {
        let costs = self.costs.iter().map(|cost| {
            json!({
                "case": cost.name,
                "bestMicros": micros(cost.best),
                "medianMicros": micros(cost.median),
                "comparedTo": cost.compared_to,
                "ratio": cost.ratio,
                "ratioAtMost": cost.ratio_at_most,
            })
        });
        json!({
            "machine": {"cpu": self.machine.cpu, "cores": self.machine.cores, "rustc": self.machine.rustc},
            "costs": costs.collect::<Vec<_>>(),
            "paced": held_json(&self.host.paced),
            "flood": held_json(&self.host.flood),
            "starts": self.starts.iter().map(StartFigures::json).collect::<Vec<_>>(),
            "startBounds": bounds(),
            "bounds": {"ratePerSecondAtLeast": RATE_AT_LEAST, "peakResidentBytesBelow": RESIDENT_BYTES_BELOW},
            "missed": self.missed(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.machine)?;
        writeln!(f, "| CPU time of one request | best | median | to aws-lc-rs alone | at most |")?;
        writeln!(f, "|---|--:|--:|--:|--:|")?;
        for cost in &self.costs {
            let bound = cost.ratio_at_most.map(|bound| format!("{bound:.2}")).unwrap_or_default();
            writeln!(
                f,
                "| {} | {:.1} µs | {:.1} µs | {:.2} | {bound} |",
                cost.name,
                micros(cost.best),
                micros(cost.median),
                cost.ratio
            )?;
        }
        let HostMeasured { paced, flood } = &self.host;
        writeln!(f, "\n| the local host | {RATE} a second | as {CONNECTIONS} connections can | bound |")?;
        writeln!(f, "|---|--:|--:|--:|")?;
        let mut row = |name: &str, show: &dyn Fn(&Held) -> String, bound: &str| {
            writeln!(f, "| {name} | {} | {} | {bound} |", show(paced), show(flood))
        };
        row("requests", &|held| held.sent.to_string(), "")?;
        row("granted", &|held| held.load.latencies.len().to_string(), "all")?;
        row("recorded", &|held| held.recorded.to_string(), "all")?;
        row(
            "granted a second",
            &|held| format!("{:.1}", held.load.rate()),
            &format!("≥ {RATE_AT_LEAST:.0}"),
        )?;
        for (name, share) in [("median latency", 0.5), ("99 % within", 0.99), ("longest", 1.0)] {
            row(name, &|held| format!("{:.1} ms", micros(held.load.latency(share)) / 1e3), "")?;
        }
        row("CPU a request", &|held| format!("{:.0} µs", micros(held.cpu)), "")?;
        row(
            "peak resident",
            &|held| megabytes(held.peak_resident_bytes),
            &format!("< {}", megabytes(RESIDENT_BYTES_BELOW)),
        )?;
        writeln!(f)?;
        table(&self.starts, f)?;

        let missed = self.missed();
        if missed.is_empty() {
            return writeln!(f, "\nEvery bound is kept.");
        }
        missed.iter().try_for_each(|bound| writeln!(f, "\nMISSED: {bound}"))
    }
}

fn held_json(held: &Held) -> Value {
    json!({
        "requests": held.sent,
        "granted": held.load.latencies.len(),
        "refused": held.load.refused,
        "recorded": held.recorded,
        "seconds": held.load.elapsed.as_secs_f64(),
        "grantedPerSecond": held.load.rate(),
        "latencyMillis": {
            "p50": micros(held.load.latency(0.5)) / 1e3,
            "p99": micros(held.load.latency(0.99)) / 1e3,
            "max": micros(held.load.latency(1.0)) / 1e3,
        },
        "cpuMicrosPerRequest": micros(held.cpu),
        "peakResidentBytes": held.peak_resident_bytes,
    })
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
