//! The storm's report: a table, and the same as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::journal::{ProcessFault, Struck};
use crate::reconcile::Findings;

/// Cases of a broken bar that are told in words.
const CASES_TOLD: usize = 12;

/// The report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub seed: u64,
    pub authorizations: usize,
    pub seconds: u64,
    pub process_faults: BTreeMap<ProcessFault, usize>,
    pub failed_starts: usize,
    pub stops_ended_by_a_kill: usize,
    pub gateway_outages: usize,
    pub merchant_outages: usize,
    /// Codes by their fate at the gateway.
    pub gateway: BTreeMap<String, usize>,
    /// POSTs by the merchant's answer.
    pub merchants: BTreeMap<&'static str, usize>,
    pub struck: Vec<Struck>,
    pub findings: Findings,
}

/// Counts equal things.
#[must_use]
pub fn count<K: Ord>(things: impl IntoIterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for thing in things {
        *counts.entry(thing).or_default() += 1;
    }
    counts
}

/// The faults of the process, by kind.
#[must_use]
pub fn process_faults(struck: &[Struck]) -> BTreeMap<ProcessFault, usize> {
    count(struck.iter().map(|struck| struck.fault))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let findings = &self.findings;
        row(f, "seed", self.seed)?;
        row(f, "authorizations", self.authorizations)?;
        row(f, "seconds", self.seconds)?;
        for (fault, times) in &self.process_faults {
            row(f, &format!("process: {fault}"), times)?;
        }
        row(f, "starts that failed", self.failed_starts)?;
        row(f, "stops ended by a kill", self.stops_ended_by_a_kill)?;
        row(f, "gateway: no connection, times", self.gateway_outages)?;
        rows(f, "gateway", &self.gateway)?;
        row(f, "merchants: nobody listens, times", self.merchant_outages)?;
        rows(f, "merchants", &self.merchants)?;
        rows(f, "no link", &findings.refusals)?;
        rows(f, "last page", &findings.pages)?;
        rows(f, "query", &findings.told)?;
        row(f, "codes at the gateway", findings.codes)?;
        row(f, "POSTs at merchants", findings.posts)?;
        row(f, "consents signed in time", findings.signed)?;
        row(f, "of these recorded", findings.recorded)?;
        row(f, "of these told to be unknown", findings.unknown)?;
        lengths(f, "asked to consent again", &findings.asked_again)?;
        lengths(f, "confirmed after the time limit", &findings.confirmed_late)?;
        lengths(f, "doubles explained", &findings.doubles)?;
        for (bar, cases) in &findings.broken {
            row(f, bar, cases.len())?;
            for case in cases.iter().take(CASES_TOLD) {
                writeln!(f, "    {case}")?;
            }
        }
        Ok(())
    }
}

fn rows(f: &mut fmt::Formatter<'_>, of: &str, counts: &BTreeMap<impl fmt::Display, usize>) -> fmt::Result {
    counts.iter().try_for_each(|(name, count)| row(f, &format!("{of}: {name}"), count))
}

fn lengths(f: &mut fmt::Formatter<'_>, of: &str, cases: &BTreeMap<String, Vec<String>>) -> fmt::Result {
    cases.iter().try_for_each(|(name, cases)| row(f, &format!("{of}: {name}"), cases.len()))
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{name:<66} {value:>8}")
}
