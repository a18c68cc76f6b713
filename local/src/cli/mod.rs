//! The command line of `authlink`: runs everything on this machine, sends a merchant's calls, and operates on records.

mod alipay_app;
mod authorizations;
mod call;
mod certificates;
mod console;
mod disable;
mod documents;
mod examples;
mod new_document;
mod party;
mod place;
mod printed;
mod receiver;
mod reference;
mod rotate;
mod serve;
mod status;

use std::path::PathBuf;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use shared::model::deny_list::PartyKind;
use shared::runtime::start::StartError;

use crate::app::DEFAULT_FOLDER;
use crate::cli::alipay_app::AppCommand;
use crate::cli::authorizations::AuthorizationsCommand;
use crate::cli::call::CallCommand;
use crate::cli::console::ConsoleArgs;
use crate::cli::documents::CheckArgs;
use crate::cli::new_document::{NewAccessKey, NewAccount, NewBusiness, NewPlatform, NewScheme};
use crate::cli::party::{KeylessCommand, PartyCommand};
use crate::cli::receiver::{ListenArgs, TriggerCommand};
use crate::cli::rotate::{NoKeyOptions, RsaOrMd5Keys};
use crate::cli::serve::ServeArgs;
use crate::cli::status::StatusArgs;
use crate::doctor::{self, DoctorArgs};

/// The program's arguments.
#[derive(Parser)]
#[command(
    version,
    name = "authlink",
    about = "authlink: run everything on this machine, call it, and operate it here or on AWS"
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
            Some(Command::Serve(serve)) => serve.run(folder).await,
            Some(Command::Call { command }) => command.run(&folder).await,
            Some(Command::Authorizations { command }) => command.run(folder).await,
            Some(Command::Console(console)) => console.run(folder).await,
            Some(Command::Listen(listen)) => listen.run(&folder).await,
            Some(Command::Trigger { command }) => command.run(&folder).await,
            Some(Command::Business { command }) => command.run(PartyKind::Business, folder).await,
            Some(Command::Scheme { command }) => command.run(PartyKind::Scheme, folder).await,
            Some(Command::AccessKey { command }) => command.run(PartyKind::AccessKey, folder).await,
            Some(Command::Account { command }) => command.run(PartyKind::Account, folder).await,
            Some(Command::Platform { command }) => command.run(PartyKind::Platform, folder).await,
            Some(Command::App { command }) => command.run(folder).await,
            Some(Command::Doctor(arguments)) => doctor::run(&arguments),
            Some(Command::Check(check)) => check.run(folder).await,
            Some(Command::Status(status)) => status.run(folder).await,
            Some(Command::Completions { shell }) => {
                print!("{}", completions(shell));
                Ok(())
            }
        }
    }
}

/// The completions of a shell.
#[must_use]
pub fn completions(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "authlink", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[derive(Subcommand)]
enum Command {
    /// Run everything on this machine; the same as without a command
    #[command(after_help = "Examples:\n  authlink serve\n  \
        authlink serve --folder /tmp/authlink --port 0 --emulator-port 0 --merchant-port 0\n  \
        authlink serve --allow-callback http://192.168.1.20:3000")]
    Serve(ServeArgs),
    /// Make one call, signed with your key
    Call {
        #[command(subcommand)]
        command: CallCommand,
    },
    /// Find authorizations, see what became of them, deliver once more, forget persons
    Authorizations {
        #[command(subcommand)]
        command: AuthorizationsCommand,
    },
    /// Show the same as pages on 127.0.0.1: what needs attention, one authorization's life, the last day
    #[command(after_help = "Examples:\n  authlink console\n  authlink console --stack authlink --write")]
    Console(ConsoleArgs),
    /// Receive callbacks of a local host, show them and pass them on
    #[command(after_help = "Example:\n  authlink listen --forward-to http://127.0.0.1:3000/callback")]
    Listen(ListenArgs),
    /// Send a test callback to a receiver
    Trigger {
        #[command(subcommand)]
        command: TriggerCommand,
    },
    /// Say why a signed request is refused, from its text and the key that is registered
    #[command(after_help = "Examples:\n  authlink doctor request.txt --public-key theirs.pem\n  \
        authlink doctor request.txt --md5-key-file key.txt\n  cat request.txt | authlink doctor --public-key theirs.pem")]
    Doctor(DoctorArgs),
    /// Callers of the open API
    #[command(
        after_help = "Examples:\n  authlink business add B1 --merchant-id M1 --public-key theirs.pem\n  \
        authlink business show B1\n  authlink business rotate B1 begin\n  authlink business disable B1 --stack authlink",
        mut_subcommands(examples::of("business", "B1"))
    )]
    Business {
        #[command(subcommand)]
        command: PartyCommand<NewBusiness, RsaOrMd5Keys>,
    },
    /// Schemes of GetAuthorizationUrl
    #[command(
        after_help = "Example:\n  authlink scheme add 236 --account-id demo --merchant-name 示例商店",
        mut_subcommands(examples::of("scheme", "236"))
    )]
    Scheme {
        #[command(subcommand)]
        command: KeylessCommand<NewScheme>,
    },
    /// Access keys of GetAuthorizationUrl
    #[command(
        after_help = "Examples:\n  authlink access-key add key1 --account-id demo\n  authlink access-key rotate key1 begin",
        mut_subcommands(examples::of("access-key", "key1"))
    )]
    AccessKey {
        #[command(subcommand)]
        command: PartyCommand<NewAccessKey, NoKeyOptions>,
    },
    /// Accounts of GetAuthorizationUrl
    #[command(
        after_help = "Examples:\n  authlink account add 1001 --requests-per-second 100\n  \
        authlink account disable 1001 --stack authlink",
        mut_subcommands(examples::of("account", "1001"))
    )]
    Account {
        #[command(subcommand)]
        command: KeylessCommand<NewAccount>,
    },
    /// Platforms that make links for some businesses
    #[command(
        after_help = "Example:\n  authlink platform add east --base-url https://east.example --business-id us \
        --public-key east.pem",
        mut_subcommands(examples::of("platform", "east"))
    )]
    Platform {
        #[command(subcommand)]
        command: PartyCommand<NewPlatform, RsaOrMd5Keys>,
    },
    /// Our apps at Alipay: the deployment's, and those of businesses and schemes that have their own
    #[command(
        after_help = "Examples:\n  authlink app key 2021000000000002\n  \
        authlink app add 2021000000000002 --alipay-public-key alipay.pem --stack authlink\n  \
        authlink app check 2021000000000002 --stack authlink\n  \
        authlink app move 2021000000000002 finish --stack authlink",
        mut_subcommands(examples::of("app", "2021000000000002"))
    )]
    App {
        #[command(subcommand)]
        command: AppCommand,
    },
    /// Read a document as the functions do, and say every flaw with line, column and field
    #[command(
        after_help = "Examples:\n  authlink check .authlink/secrets/business/demo.json\n  authlink check b1.json --kind business"
    )]
    Check(CheckArgs),
    /// Say if everything is healthy; fails if it is not
    #[command(after_help = "Examples:\n  authlink status\n  authlink status --stack authlink --json")]
    Status(StatusArgs),
    /// Print a shell's completions
    #[command(
        after_help = "Example:\n  authlink completions bash > ~/.local/share/bash-completion/completions/authlink"
    )]
    Completions { shell: Shell },
}

#[cfg(test)]
mod tests;
