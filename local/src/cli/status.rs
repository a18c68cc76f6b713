//! `authlink status`: is everything healthy?

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use shared::model::clock::SystemClock;
use shared::runtime::start::StartError;

use super::place::PlaceArgs;
use crate::status::finding::Finding;
use crate::status::findings;

#[derive(Args)]
pub(super) struct StatusArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

impl StatusArgs {
    pub(super) async fn run(self, folder: PathBuf) -> Result<(), StartError> {
        let findings = match findings(&self.place.place(folder), &SystemClock).await {
            Ok(findings) => findings,
            Err(error) => {
                if self.json {
                    println!("{:#}", failed(&error));
                }
                return Err(error);
            }
        };
        let is_healthy = findings.iter().all(Finding::is_healthy);
        if self.json {
            println!("{:#}", to_json(is_healthy, &findings));
        } else {
            print!("{}", for_people(is_healthy, &findings));
        }
        if is_healthy { Ok(()) } else { Err(StartError::new("something needs attention".to_owned())) }
    }
}

fn to_json(is_healthy: bool, findings: &[Finding]) -> Value {
    let mut status = json!({"healthy": is_healthy});
    for finding in findings {
        status[finding.name] = match &finding.seen {
            Ok(seen) => {
                let mut part = json!({"healthy": finding.is_healthy(), "found": seen.value});
                if let Some(unseen) = &seen.unseen {
                    part["error"] = unseen.as_str().into();
                }
                part
            }
            Err(error) => failed(error),
        };
    }
    status
}

/// The same of what could not be looked at: a part, or the whole place.
fn failed(error: &StartError) -> Value {
    json!({"healthy": false, "error": error.to_string()})
}

fn for_people(is_healthy: bool, findings: &[Finding]) -> String {
    let mut text = format!("{}\n", if is_healthy { "healthy" } else { "not healthy" });
    for finding in findings {
        let mark = if finding.is_healthy() { "ok" } else { "!!" };
        let lines: Vec<_> = match &finding.seen {
            Ok(seen) => seen.lines.iter().chain(&seen.unseen).cloned().collect(),
            Err(error) => vec![format!("could not be looked at: {error}")],
        };
        text += &format!("  {mark}  {:<16} {}\n", finding.name, lines.join(&format!("\n{:23}", "")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::finding::Seen;

    #[test]
    fn every_part_has_a_mark_and_its_lines_one_below_the_other() {
        let seen = |is_healthy, lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
            Ok(Seen { is_healthy, value: json!(lines), lines, unseen: None })
        };
        let unseen = Some("account/1001 could not be read".to_owned());
        let some = Seen { unseen, ..seen(true, &["fine"]).unwrap() };
        let findings = [
            Finding { name: "records", seen: seen(true, &["nothing needs attention"]) },
            Finding { name: "alarms", seen: seen(false, &["OldestDue", "Poison"]) },
            Finding { name: "sweep", seen: Err(StartError::new("denied".to_owned())) },
            Finding { name: "documents", seen: Ok(some) },
        ];
        let expected = "not healthy\n  ok  records          nothing needs attention\n  \
                        !!  alarms           OldestDue\n                       Poison\n  \
                        !!  sweep            could not be looked at: denied\n  \
                        !!  documents        fine\n                       account/1001 could not be read\n";
        assert_eq!(for_people(false, &findings), expected);
        let expected = json!({
            "healthy": false,
            "records": {"healthy": true, "found": ["nothing needs attention"]},
            "alarms": {"healthy": false, "found": ["OldestDue", "Poison"]},
            "sweep": {"healthy": false, "error": "denied"},
            "documents": {"healthy": false, "found": ["fine"], "error": "account/1001 could not be read"},
        });
        assert_eq!(to_json(false, &findings), expected);
    }
}
