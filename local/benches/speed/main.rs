//! `make bench`: what a request costs, whether the local host holds 1,000 of them a second in little memory, and how soon
//! a function is ready on AWS Lambda.
//!
//! A time alone says more about the machine than about the program, so whatever can be is measured against aws-lc-rs
//! alone, in turns within one run, by the CPU time of the one thread that works. Needs Linux, whose `/proc` tells what
//! the host used.

mod artifact;
mod at_once;
mod authorization_url;
mod caller;
mod cold_start;
mod cost;
mod host;
mod load;
mod machine;
mod merchant;
mod process;
mod report;
mod runtime_api;
mod start_report;

use std::path::Path;
use std::process::ExitCode;

use local::folder::Folder;

use crate::machine::Machine;
use crate::merchant::Merchant;
use crate::report::Report;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<ExitCode, Error> {
    // `cargo test --all-targets` starts benches as well, but without this argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(ExitCode::SUCCESS);
    }
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // On the build's own disk, because the store waits for the disk at every commit.
    let place = tempfile::tempdir_in(scratch)?;
    let folder = Folder::make(place.path())?;
    let merchant = Merchant::of(&folder)?;

    let starts = start_report::figures(&cold_start::measure(&merchant)?);
    let costs = cost::measure(&merchant, &folder)?;
    let host = host::measure(&merchant, &folder)?;
    let report = Report { machine: Machine::describe()?, costs, host, starts };
    println!("{report}");
    let json = scratch.with_file_name("bench.json");
    std::fs::write(&json, format!("{:#}\n", report.json()))?;
    println!("The same as JSON: {}", json.display());
    Ok(if report.missed().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
