//! The command line of `authlink`: runs everything on this machine, sends a merchant's calls, and operates on records.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};
use shared::model::id::AuthorizationId;
use shared::model::owner::Owner;
use shared::runtime::start::StartError;
use url::Url;

use crate::app::{
    DEFAULT_EMULATOR_PORT, DEFAULT_FOLDER, DEFAULT_MERCHANT_PORT, DEFAULT_PORT, Local, Options,
};
use crate::folder::BUSINESS_ID;
use crate::merchant::SignType;
use crate::operate::{self, Place, Redrive};
use crate::request;
use crate::signals::StopSignals;

/// The program's arguments.
#[derive(Parser)]
#[command(
    version,
    about = "authlink on this machine: the functions, an emulator of Alipay and a demo merchant"
)]
pub struct Cli {
    /// The folder of keys and database; made on the first start
    #[arg(long, global = true, default_value = DEFAULT_FOLDER)]
    folder: PathBuf,
    #[command(flatten)]
    serve: ServeArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    /// Does as the arguments say; without a command, serves until the program is told to stop.
    pub async fn run(self) -> Result<(), StartError> {
        let Self { folder, serve, command } = self;
        match command {
            None => serve.run(folder).await,
            Some(Command::Request { signature, to, merchant }) => {
                request::send(&folder, signature.sign_type(), &to, &merchant).await
            }
            Some(Command::Query { serial_no, signature, to }) => {
                request::query(&folder, signature.sign_type(), &serial_no, &to).await
            }
            Some(Command::Show { which, table }) => {
                let place = table.or_folder(folder);
                operate::show(&place, &which.id(&place)?).await
            }
            Some(Command::Redrive { which, all, all_of, table }) => {
                let place = table.or_folder(folder);
                let what = if all || all_of.is_some() {
                    Redrive::All(all_of)
                } else {
                    Redrive::One(which.id(&place)?)
                };
                operate::redrive(&place, what).await
            }
        }
    }
}

#[derive(Args)]
struct ServeArgs {
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
}

impl ServeArgs {
    async fn run(self, folder: PathBuf) -> Result<(), StartError> {
        let mut local = Local::start(&Options {
            folder,
            port: self.port,
            emulator_port: self.emulator_port,
            merchant_port: self.merchant_port,
            log: true,
            authlink_elsewhere: self.authlink,
            new_database: self.new_database,
            settings: Vec::new(),
        })
        .await?;
        let mut signals = StopSignals::listen()?;
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

#[derive(Subcommand)]
enum Command {
    /// Sign and send a request for a link, as the demo merchant does, and print both
    Request {
        #[command(flatten)]
        signature: SignatureArgs,
        /// The address of authlink
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8787")]
        to: Url,
        /// The address of the merchant that gets the callback
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8789")]
        merchant: Url,
    },
    /// Sign and send a query for a serialNo, as the demo merchant does, and print both
    Query {
        #[arg(long)]
        serial_no: String,
        #[command(flatten)]
        signature: SignatureArgs,
        /// The address of authlink
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8787")]
        to: Url,
    },
    /// Print one authorization, without the user's identity
    #[command(group(ArgGroup::new("what").required(true).args(["serial_no", "reference"])))]
    Show {
        #[command(flatten)]
        which: AuthorizationArgs,
        #[command(flatten)]
        table: TableArgs,
    },
    /// Set what is UNDELIVERABLE due again, with the same body
    #[command(group(ArgGroup::new("what").required(true).args(["serial_no", "reference", "all", "all_of"])))]
    Redrive {
        #[command(flatten)]
        which: AuthorizationArgs,
        /// Everything that is UNDELIVERABLE, of every business and scheme
        #[arg(long, conflicts_with = "business_id")]
        all: bool,
        /// Everything of one business or scheme that is UNDELIVERABLE
        #[arg(
            long, value_name = "BUSINESS_ID|scheme:SCHEME_ID", conflicts_with = "business_id",
            value_parser = |text: &str| Owner::try_from(text.to_owned())
        )]
        all_of: Option<Owner>,
        #[command(flatten)]
        table: TableArgs,
    },
}

#[derive(Args)]
struct SignatureArgs {
    /// Sign with MD5 instead of SHA256-RSA
    #[arg(long)]
    md5: bool,
}

impl SignatureArgs {
    const fn sign_type(&self) -> SignType {
        if self.md5 { SignType::Md5 } else { SignType::Sha256Rsa }
    }
}

#[derive(Args)]
struct TableArgs {
    /// A deployment's table, instead of the folder's database; region and credentials come from where the AWS CLI finds
    /// them
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
}

impl TableArgs {
    fn or_folder(self, folder: PathBuf) -> Place {
        self.table.map_or(Place::Folder(folder), Place::Table)
    }
}

#[derive(Args)]
struct AuthorizationArgs {
    /// The business of the serialNo; in a local run the demo business
    #[arg(long)]
    business_id: Option<String>,
    #[arg(long)]
    serial_no: Option<String>,
    /// The reference of a result page or a log line, instead of a serialNo
    #[arg(long, conflicts_with = "serial_no", value_parser = |text: &str| AuthorizationId::try_from(text.to_owned()))]
    reference: Option<AuthorizationId>,
}

impl AuthorizationArgs {
    fn id(self, place: &Place) -> Result<AuthorizationId, StartError> {
        if let Some(reference) = self.reference {
            return Ok(reference);
        }
        let business_id = match (self.business_id, place) {
            (Some(business_id), _) => business_id,
            (None, Place::Folder(_)) => BUSINESS_ID.to_owned(),
            (None, Place::Table(_)) => {
                return Err(StartError::new("--business-id is missing".to_owned()));
            }
        };
        Ok(AuthorizationId::from_serial(&business_id, self.serial_no.as_deref().unwrap_or_default()))
    }
}
