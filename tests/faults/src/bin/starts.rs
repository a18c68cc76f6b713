//! `starts`: starts the program `authlink` again and again, kills it in the middle, starts two at once, and fails when
//! the folder is damaged or no start works.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use faults::starts::Starts;

/// Kills the program `authlink` while it starts, and starts two at once
#[derive(Parser)]
struct Options {
    /// Starts that are killed within 60 ms
    #[arg(long, default_value_t = 300)]
    kills: u32,
    /// Starts of two at once
    #[arg(long, default_value_t = 30)]
    pairs: u32,
    /// Repeats the times of an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// The program `authlink`; beside this one, unless named
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let Options { kills, pairs, seed, program } = Options::parse();
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let program = match program {
        Some(program) => program,
        None => std::env::current_exe()?.with_file_name("authlink"),
    };
    let place = tempfile::tempdir()?;
    let broken = Starts { kills, pairs, seed }.make(&program, place.path()).await?;
    broken.iter().for_each(|case| println!("{case}"));
    println!("{kills} starts killed, {pairs} of two at once, seed {seed}: {} went wrong", broken.len());
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
