//! `authlink serve`: everything on this machine, until it is told to stop.

use std::path::PathBuf;

use clap::Args;
use shared::egress::callback_url::Origin;
use shared::runtime::start::StartError;
use url::Url;

use crate::app::{DEFAULT_EMULATOR_PORT, DEFAULT_MERCHANT_PORT, DEFAULT_PORT, Local, Options};
use crate::program;
use crate::signals::StopSignals;

#[derive(Args)]
pub(super) struct ServeArgs {
    /// authlink's port on 127.0.0.1; 0 for any
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// The port of the emulator of Alipay; 0 for any
    #[arg(long, default_value_t = DEFAULT_EMULATOR_PORT)]
    emulator_port: u16,
    /// The port of the demo merchant and its page; 0 for any
    #[arg(long, default_value_t = DEFAULT_MERCHANT_PORT)]
    merchant_port: u16,
    /// Host the emulator and the merchant only, around an authlink that runs at this address (cargo lambda watch)
    #[arg(long, value_name = "URL")]
    authlink: Option<Url>,
    /// Begin a new database, or go on with another one or an earlier copy
    #[arg(long)]
    new_database: bool,
    /// Let callbacks go to this origin too, although it is not public; those of this machine may always be called. Can
    /// be repeated
    #[arg(long, value_name = "ORIGIN", value_parser = Origin::parse)]
    allow_callback: Vec<Origin>,
}

impl ServeArgs {
    pub(super) async fn run(self, folder: PathBuf) -> Result<(), StartError> {
        program::raise_descriptors();
        // Before the start: a signal that comes during it stops what was started.
        let mut signals = StopSignals::listen()?;
        let mut local = Local::start(&Options {
            folder,
            port: self.port,
            emulator_port: self.emulator_port,
            merchant_port: self.merchant_port,
            log: true,
            authlink_elsewhere: self.authlink,
            new_database: self.new_database,
            allow_callback: self.allow_callback,
            settings: Vec::new(),
        })
        .await?;
        println!("{}", local.greeting());
        tokio::select! {
            () = local.wait() => return Err(StartError::new("a part has stopped by itself".to_owned())),
            () = signals.next() => {}
        }
        println!("Stopping: what was begun may end. A second signal stops at once.");
        tokio::select! {
            stopped = local.stop() => stopped,
            () = signals.next() => Err(StartError::new("stopped at once".to_owned())),
        }
    }
}
