//! `authlink console`: pages for an operator, until Ctrl-C.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use shared::model::clock::SystemClock;
use shared::runtime::start::StartError;

use super::place::PlaceArgs;
use crate::console::{Console, Options};
use crate::signals::StopSignals;

#[derive(Args)]
pub(super) struct ConsoleArgs {
    /// The port on 127.0.0.1; 0 for any
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Let its pages resend, forget, disable and enable, each after a question
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

impl ConsoleArgs {
    pub(super) async fn run(self, folder: PathBuf) -> Result<(), StartError> {
        let mut signals = StopSignals::listen()?;
        let options = Options { port: self.port, may_write: self.write, clock: Arc::new(SystemClock) };
        let console = Console::start(self.place.place(folder), options).await?;
        let manner = if self.write {
            "It may resend, forget, disable and enable."
        } else {
            "It is read-only; --write lets it act."
        };
        println!("{}\n\n{manner} Whoever has the address may use it until Ctrl-C.", console.address);
        signals.next().await;
        console.stop().await;
        Ok(())
    }
}
