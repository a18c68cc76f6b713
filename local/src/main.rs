//! `authlink`: everything on this machine, and an operator's commands.

use clap::Parser as _;
use local::cli::Cli;
use local::program;
use shared::runtime::start::StartError;

fn main() -> Result<(), StartError> {
    program::run(Cli::parse().run())?
}
