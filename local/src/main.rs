//! `authlink`: runs everything on this machine, and an operator's commands on what it keeps.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};
use local::app::{
    DEFAULT_EMULATOR_PORT, DEFAULT_FOLDER, DEFAULT_MERCHANT_PORT, DEFAULT_PORT, Local, Options,
};
use local::merchant::SignType;
use local::operate::{Place, Redrive};
use local::{operate, request};
use shared::model::id::AuthorizationId;
use shared::model::owner::Owner;
use shared::runtime::start::StartError;
use url::Url;

#[derive(Parser)]
#[command(
    version,
    about = "authlink on this machine: the functions, an emulator of Alipay and a demo merchant"
)]
struct Cli {
    /// Where keys and database are; made on the first start
    #[arg(long, global = true, default_value = DEFAULT_FOLDER)]
    folder: PathBuf,
    #[command(flatten)]
    serve: Serve,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args)]
struct Serve {
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
}

#[derive(Subcommand)]
enum Command {
    /// Sign and send a request for a link, as the demo merchant does, and print both
    Request {
        /// Sign with MD5 instead of SHA256-RSA
        #[arg(long)]
        md5: bool,
        /// Where authlink answers
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8787")]
        to: Url,
        /// Where the callback shall go
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8789")]
        merchant: Url,
    },
    /// Sign and send a query for a serialNo, as the demo merchant does, and print both
    Query {
        #[arg(long)]
        serial_no: String,
        /// Sign with MD5 instead of SHA256-RSA
        #[arg(long)]
        md5: bool,
        /// Where authlink answers
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8787")]
        to: Url,
    },
    /// Print what became of one authorization, without the user's identity
    #[command(group(ArgGroup::new("what").required(true).args(["serial_no", "reference"])))]
    Show {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        table: Table,
    },
    /// Set what is UNDELIVERABLE due again, with the same body
    #[command(group(ArgGroup::new("what").required(true).args(["serial_no", "reference", "all", "all_of"])))]
    Redrive {
        #[command(flatten)]
        which: Which,
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
        table: Table,
    },
}

#[derive(Args)]
struct Table {
    /// A deployment's table, instead of the folder's database; AWS_REGION and AWS_ACCESS_KEY_ID, … say how it is reached
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
}

impl Table {
    fn or(self, folder: PathBuf) -> Place {
        self.table.map_or(Place::Folder(folder), Place::Table)
    }
}

#[derive(Args)]
struct Which {
    /// Whose serialNo; of a local run the demo business's
    #[arg(long)]
    business_id: Option<String>,
    #[arg(long)]
    serial_no: Option<String>,
    /// The reference of a result page or a log line, instead of a serialNo
    #[arg(long, conflicts_with = "serial_no", value_parser = |text: &str| AuthorizationId::try_from(text.to_owned()))]
    reference: Option<AuthorizationId>,
}

impl Which {
    fn in_place(self, place: &Place) -> Result<AuthorizationId, StartError> {
        if let Some(reference) = self.reference {
            return Ok(reference);
        }
        let business_id = match (self.business_id, place) {
            (Some(business_id), _) => business_id,
            (None, Place::Folder(_)) => local::folder::BUSINESS_ID.to_owned(),
            (None, Place::Table(_)) => {
                return Err(StartError::new("--business-id is missing: whose serialNo is it?".to_owned()));
            }
        };
        Ok(AuthorizationId::from_serial(&business_id, self.serial_no.as_deref().unwrap_or_default()))
    }
}

#[tokio::main]
async fn main() -> Result<(), StartError> {
    let cli = Cli::parse();
    match cli.command {
        None => serve(cli.folder, cli.serve).await,
        Some(Command::Request { md5, to, merchant }) => {
            request::send(&cli.folder, sign_type(md5), &to, &merchant).await
        }
        Some(Command::Query { serial_no, md5, to }) => {
            request::query(&cli.folder, sign_type(md5), &serial_no, &to).await
        }
        Some(Command::Show { which, table }) => {
            let place = table.or(cli.folder);
            operate::show(&place, &which.in_place(&place)?).await
        }
        Some(Command::Redrive { which, all, all_of, table }) => {
            let place = table.or(cli.folder);
            let what = if all || all_of.is_some() {
                Redrive::All(all_of)
            } else {
                Redrive::One(which.in_place(&place)?)
            };
            operate::redrive(&place, what).await
        }
    }
}

const fn sign_type(md5: bool) -> SignType {
    if md5 { SignType::Md5 } else { SignType::Sha256Rsa }
}

async fn serve(folder: PathBuf, serve: Serve) -> Result<(), StartError> {
    let mut local = Local::start(&Options {
        folder,
        port: serve.port,
        emulator_port: serve.emulator_port,
        merchant_port: serve.merchant_port,
        log: true,
        authlink_elsewhere: serve.authlink,
        settings: Vec::new(),
    })
    .await?;
    println!("{}", local.greeting());
    tokio::select! {
        () = local.wait() => Err(StartError::new("a part has stopped by itself".to_owned())),
        stopped = shutdown() => stopped,
    }
}

/// Waits for Ctrl-C or a polite kill. Nothing is lost by a rude one.
async fn shutdown() -> Result<(), StartError> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
