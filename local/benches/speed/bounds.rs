//! What the figures must keep to: bounds of their own, bounds against the baseline and the peers of the same run, and
//! their own ratios when they were measured last.

use crate::cost::Cost;
use crate::figures::Figures;
use crate::host::RATE;
use crate::results::Results;

pub(crate) const START_OVER_BASELINE_MILLIS_AT_MOST: f64 = 3.0;
pub(crate) const RESIDENT_BYTES_AT_MOST: u64 = 10_000_000;
pub(crate) const ZIP_BYTES_AT_MOST: u64 = 4_000_000;
pub(crate) const FIRST_USE_MILLIS_AT_MOST: f64 = 3.0;
pub(crate) const HOST_RESIDENT_BYTES_BELOW: u64 = 60_000_000;
/// The last answer comes a moment after the last request, so that the whole rate is never quite seen.
pub(crate) const RATE_AT_LEAST: f64 = 0.99 * RATE as f64;

/// What a warm event's CPU time may be, in those of the baseline.
const CPU_TO_BASELINE_AT_MOST: [(&str, f64); 2] = [(LINK, 3.0), ("get-authorization-url", 2.0)];
/// The function whose job the peers do.
const LINK: &str = "alipay-auth-url";
/// What its CPU time and its start may be, as parts of a peer's.
const PARTS_OF_PEERS: [(&str, f64, Option<f64>); 2] = [("Node", 0.25, Some(0.1)), ("Python", 0.5, None)];
/// How many times worse a ratio to the baseline may become.
const WORSE_AT_MOST: f64 = 1.25;

/// What `function` is held to, if it is.
pub(crate) fn cpu_to_baseline_at_most(function: &str) -> Option<f64> {
    CPU_TO_BASELINE_AT_MOST.iter().find(|(name, _)| *name == function).map(|(_, bound)| *bound)
}

/// Each bound that `measured` misses, in words.
pub(crate) fn missed(measured: &Results) -> Vec<String> {
    let mut missed: Vec<String> = measured.costs.iter().filter_map(costs_too_much).collect();
    for figures in measured.functions.iter().skip(1) {
        missed.extend(of_function(figures));
    }
    if let Some(first_use) = measured.first_use.filter(|it| it.total_millis() > FIRST_USE_MILLIS_AT_MOST) {
        missed.push(format!(
            "the first signature and handshake cost {:.2} ms of CPU, allowed are {FIRST_USE_MILLIS_AT_MOST}",
            first_use.total_millis()
        ));
    }
    missed.extend(against_peers(measured));
    missed.extend(of_host(measured));
    missed
}

/// Each ratio to the baseline that has become worse than in `before`, in words.
pub(crate) fn worse(measured: &Results, before: &Results) -> Vec<String> {
    let mut worse = Vec::new();
    for now in &measured.functions {
        let Some(then) = before.function(&now.name) else { continue };
        for (what, now_is, then_was) in [
            ("CPU time of a warm event", smaller_cpu_to_baseline(now), smaller_cpu_to_baseline(then)),
            ("start", now.start_to_baseline, then.start_to_baseline),
        ] {
            if now_is > then_was * WORSE_AT_MOST {
                worse.push(format!(
                    "{}: its {what} is {now_is:.2} times the baseline's; it was {then_was:.2} times",
                    now.name
                ));
            }
        }
    }
    worse
}

/// The smaller of the two ratios: what costs more in earnest does so by both.
fn smaller_cpu_to_baseline(figures: &Figures) -> f64 {
    figures.cpu_to_baseline_least.min(figures.cpu_to_baseline_median)
}

fn costs_too_much(cost: &Cost) -> Option<String> {
    let bound = cost.ratio_at_most.filter(|bound| cost.ratio > *bound)?;
    Some(format!("{}: {:.2}, allowed are {bound:.2}", cost.case, cost.ratio))
}

fn of_function(figures: &Figures) -> Vec<String> {
    let mut missed = Vec::new();
    let name = &figures.name;
    let over = figures.start_over_baseline_millis;
    let cpu = smaller_cpu_to_baseline(figures);
    if let Some(bound) = cpu_to_baseline_at_most(name).filter(|bound| cpu > *bound) {
        missed.push(format!("{name}: {cpu:.2} times the baseline's CPU time, allowed are {bound}"));
    }
    if over > START_OVER_BASELINE_MILLIS_AT_MOST {
        missed.push(format!("{name} starts {over:.2} ms after the baseline"));
    }
    let resident = figures.resident_bytes_at_start.max(figures.resident_bytes);
    if resident > RESIDENT_BYTES_AT_MOST {
        missed.push(format!("{name} has {resident} bytes resident"));
    }
    if let Some(zip) = figures.zip_bytes.filter(|zip| *zip > ZIP_BYTES_AT_MOST) {
        missed.push(format!("{name} is a zip of {zip} bytes"));
    }
    missed
}

fn against_peers(measured: &Results) -> Vec<String> {
    let Some(link) = measured.function(LINK) else { return Vec::new() };
    let mut missed = Vec::new();
    for (language, of_cpu, of_start) in PARTS_OF_PEERS {
        for peer in measured.peers.iter().filter(|peer| peer.name.starts_with(language)) {
            let parts = [
                ("CPU time", link.warm_cpu_micros / peer.warm_cpu_micros, Some(of_cpu)),
                ("start", link.start_millis / peer.start_millis, of_start),
            ];
            for (what, part, bound) in parts {
                if let Some(bound) = bound.filter(|bound| part > *bound) {
                    missed.push(format!(
                        "{LINK}: {part:.2} of the {what} of {}, allowed are {bound}",
                        peer.name
                    ));
                }
            }
        }
    }
    missed
}

fn of_host(measured: &Results) -> Vec<String> {
    let Some(host) = &measured.host else { return Vec::new() };
    let mut missed = Vec::new();
    for held in [&host.paced, &host.flood] {
        if held.granted != held.requests || held.recorded != held.requests {
            missed.push(format!(
                "of {} requests {} were granted, {} recorded",
                held.requests, held.granted, held.recorded
            ));
        }
    }
    if host.paced.granted_per_second < RATE_AT_LEAST {
        missed.push(format!("{:.0} requests a second, wanted were {RATE}", host.paced.granted_per_second));
    }
    if host.paced.peak_resident_bytes >= HOST_RESIDENT_BYTES_BELOW {
        missed.push(format!(
            "{} bytes resident, allowed are {HOST_RESIDENT_BYTES_BELOW}",
            host.paced.peak_resident_bytes
        ));
    }
    missed
}
