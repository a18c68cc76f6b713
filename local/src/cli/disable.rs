//! Disabling a party, or one of its keys, at once: an entry of the deny list, which every function looks at within
//! fifteen seconds.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use shared::model::deny_list::{Denial, DenyList, KeyFingerprint, PartyKind};
use shared::runtime::start::StartError;
use shared::web::language::Language;

use super::place::PlaceArgs;
use crate::operate::deny_list::Change;
use crate::operate::question;

/// A change of the list.
#[derive(Subcommand)]
pub(super) enum DenyCommand {
    /// Refuse it everywhere within 15 seconds, whatever its document says
    Disable(PartyArgs),
    /// Take it off the list of what is refused; its document counts again
    Enable(PartyArgs),
}

/// The party, and where the list is.
#[derive(Args)]
pub(super) struct PartyArgs {
    /// Its id, as its document is named
    id: String,
    /// One of its keys alone, if it has some: the SHA-256 of a public half's DER, or of a shared key's or secret's text
    #[arg(long, value_name = "FINGERPRINT")]
    key: Option<KeyFingerprint>,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

impl DenyCommand {
    /// Asks, does it, and prints the list as it then stands.
    pub(super) async fn run(self, kind: PartyKind, folder: PathBuf) -> Result<(), StartError> {
        let (Self::Disable(party) | Self::Enable(party)) = &self;
        let place = party.place.clone().place(folder);
        let denial = Denial::new(kind, &party.id, party.key)?;
        let store = place.open().await?.records;
        let change = if matches!(self, Self::Disable(_)) { Change::Disable } else { Change::Enable };
        question::confirm(&change.question(&place.name(), &denial, Language::English), party.yes)?;
        let changed = change.make(&place, &*store, &denial).await?;
        let list = store.deny_list().await?;
        if party.json {
            let (denial, done) = (denial.to_string(), u8::from(changed.anything));
            println!("{:#}", json!({"denial": denial, "done": done, "disabled": list.entries()}));
        } else {
            println!("{}", changed.told);
            print_list(&list);
        }
        Ok(())
    }
}

fn print_list(list: &DenyList) {
    match list.entries()[..] {
        [] => println!("Nothing is disabled here."),
        ref entries => println!("Disabled here:\n  {}", entries.join("\n  ")),
    }
}
