//! `storm`: goes through a storm, prints its report, and fails when a bar is broken.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use faults::journal::ProcessFault;
use faults::plan::{FAULTS, Plan};
use faults::storm::Storm;
use tokio::signal::unix::{SignalKind, signal};

/// Puts the program `authlink` through a storm
#[derive(Parser)]
struct Options {
    /// The number of authorizations
    #[arg(long, default_value_t = 2_000)]
    authorizations: usize,
    /// The seconds in which they begin, and in which everything fails
    #[arg(long, default_value_t = 80)]
    seconds: u64,
    /// The seconds that everybody has afterwards
    #[arg(long, default_value_t = 145)]
    patience: u64,
    /// Repeats the plan of an earlier storm
    #[arg(long)]
    seed: Option<u64>,
    /// The faults of the process, equally often: kill, kill_at_start, stop, pause, lock; all of them, most often kills,
    /// unless named
    #[arg(long, value_delimiter = ',', value_parser = fault)]
    faults: Vec<ProcessFault>,
    /// The program `authlink`; beside this one, unless named
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Where report and log are written to
    #[arg(long, value_name = "FOLDER", default_value = "target/storm")]
    folder: PathBuf,
}

fn fault(name: &str) -> Result<ProcessFault, &'static str> {
    let mut faults = FAULTS.into_iter().map(|(fault, _)| fault);
    faults.find(|fault| fault.to_string() == name).ok_or("no fault of the process has this name")
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let options = Options::parse();
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    println!("storm: {} authorizations, seed {seed}", options.authorizations);
    fs::create_dir_all(&options.folder)?;
    let program = match options.program {
        Some(program) => program,
        None => std::env::current_exe()?.with_file_name("authlink"),
    };
    let faults: Vec<_> = match options.faults.as_slice() {
        [] => FAULTS.to_vec(),
        named => named.iter().map(|fault| (*fault, 1)).collect(),
    };
    let storm = Storm {
        plan: Plan::generate(seed, options.authorizations, options.seconds * 1_000, &faults),
        program,
        folder: options.folder.clone(),
        patience: options.patience * 1_000,
    };
    let mut terminated = signal(SignalKind::terminate())?;
    // Whatever ends first, the host's process ends with it.
    let report = tokio::select! {
        report = storm.go_through() => report?,
        _ = tokio::signal::ctrl_c() => return Ok(ExitCode::from(130)),
        _ = terminated.recv() => return Ok(ExitCode::from(143)),
    };
    fs::write(options.folder.join("report.json"), serde_json::to_string_pretty(&report)?)?;
    println!("{report}");
    Ok(if report.findings.hold() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
