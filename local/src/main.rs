//! `authlink`: everything on this machine, and an operator's commands.

use clap::Parser as _;
use local::cli::Cli;
use shared::runtime::start::StartError;

#[tokio::main]
async fn main() -> Result<(), StartError> {
    Cli::parse().run().await
}
