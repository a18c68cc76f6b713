//! `authlink business|access-key|account|scheme|platform`: what is done to the document of a party, to its keys, and to
//! itself.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use shared::model::deny_list::PartyKind;
use shared::runtime::start::StartError;

use super::disable::DenyCommand;
use super::documents::DocumentCommand;
use super::new_document::DocumentArgs;
use super::rotate::{ChoosesKeys, RotateArgs};

/// The commands of a party: it has keys, chosen by `C`, and can be disabled.
#[derive(Subcommand)]
pub(super) enum PartyCommand<A: Args, C: Args> {
    #[command(flatten)]
    Document(DocumentCommand<A>),
    /// Give it a new key in two steps: `begin`, and `finish` when the other side has changed
    Rotate(RotateArgs<C>),
    #[command(flatten)]
    Deny(DenyCommand),
}

/// The commands of a party without keys of its own.
#[derive(Subcommand)]
pub(super) enum KeylessCommand<A: Args> {
    #[command(flatten)]
    Document(DocumentCommand<A>),
    #[command(flatten)]
    Deny(DenyCommand),
}

impl<A: Args + DocumentArgs> KeylessCommand<A> {
    pub(super) async fn run(self, kind: PartyKind, folder: PathBuf) -> Result<(), StartError> {
        match self {
            Self::Document(command) => command.run(folder).await,
            Self::Deny(command) => command.run(kind, folder).await,
        }
    }
}

impl<A: Args + DocumentArgs, C: Args + ChoosesKeys> PartyCommand<A, C> {
    pub(super) async fn run(self, kind: PartyKind, folder: PathBuf) -> Result<(), StartError> {
        match self {
            Self::Document(command) => command.run(folder).await,
            Self::Rotate(rotate) => rotate.run(A::KIND, folder).await,
            Self::Deny(command) => command.run(kind, folder).await,
        }
    }
}
