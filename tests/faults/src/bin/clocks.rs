//! `clocks`: sets the clock of the program `authlink` while it runs, and fails when that stops, repeats or deletes
//! something.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use faults::clocks::Clocks;
use faults::clocks::host_clock::installed_library;
use tokio::signal::unix::{SignalKind, signal};

/// Sets the clock of the program `authlink` while it runs
#[derive(Parser)]
struct Options {
    /// The number of authorizations of each host
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=80))]
    authorizations: u8,
    /// The program `authlink`; beside this one, unless named
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// libfaketime for programs of many threads; as Debian installs it, unless named
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,
    /// Where the hosts' logs are written to
    #[arg(long, value_name = "FOLDER", default_value = "target/clocks")]
    folder: PathBuf,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let Options { authorizations, program, library, folder: logs } = Options::parse();
    let program = match program {
        Some(program) => program,
        None => std::env::current_exe()?.with_file_name("authlink"),
    };
    let library = library.map_or_else(installed_library, Ok)?;
    std::fs::create_dir_all(&logs)?;
    let home = tempfile::tempdir_in(&logs)?;
    let clocks = Clocks {
        program,
        library,
        home: home.path().canonicalize()?,
        logs,
        authorizations: authorizations.into(),
    };
    let mut terminated = signal(SignalKind::terminate())?;
    // Whatever ends first, the hosts' processes end with it.
    let rows = tokio::select! {
        rows = clocks.set() => rows?,
        _ = tokio::signal::ctrl_c() => return Ok(ExitCode::from(130)),
        _ = terminated.recv() => return Ok(ExitCode::from(143)),
    };
    rows.iter().for_each(|row| println!("{row}"));
    Ok(if rows.iter().all(|row| row.holds()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
