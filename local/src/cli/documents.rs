//! `authlink business|scheme|access-key|account|platform|app`: make, show and check a document; and
//! `authlink check FILE`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared::egress::callback_url::CallbackRules;
use shared::model::clock::{Clock as _, SystemClock};
use shared::runtime::start::StartError;
use shared::secrets::{SecretName, SecretValue};
use zeroize::Zeroizing;

use super::new_document::DocumentArgs;
use super::place::PlaceArgs;
use crate::bounded::text;
use crate::documents::check::Flaw;
use crate::documents::health::missing_app;
use crate::documents::rotation::KeyList;
use crate::documents::{DocumentKind, KeptKey, NewKey, Vault, WriteError, check, last_use, shown};
use crate::operate::{Place, audit, question};

#[derive(Subcommand)]
pub(super) enum DocumentCommand<A: Args> {
    /// Make one; new keys are kept in files that only you may read
    Add {
        #[command(flatten)]
        document: A,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Show one, its keys by their fingerprints; without an id list all
    Show {
        id: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// Read one as the functions do, and say every flaw
    Check {
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: PlaceArgs,
    },
}

#[derive(Args)]
pub(super) struct CommonArgs {
    /// Ask nothing
    #[arg(long)]
    pub(super) yes: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

impl CommonArgs {
    /// Says what whoever is asked should know, beside what is printed for programs.
    pub(super) fn say(&self, text: &str) {
        if self.json {
            eprintln!("{text}");
        } else {
            println!("{text}");
        }
    }
}

impl<A: Args + DocumentArgs> DocumentCommand<A> {
    pub(super) async fn run(self, folder: PathBuf) -> Result<(), StartError> {
        match self {
            Self::Add { document, common } => {
                let yes = common.yes;
                add(document, common, folder, |what| question::confirm(what, yes)).await
            }
            Self::Show { id: None, json, place } => {
                let ids = Vault::open(&place.place(folder)).await?.ids(A::KIND).await?;
                if json {
                    println!("{:#}", json!(ids));
                } else {
                    ids.iter().for_each(|id| println!("{id}"));
                }
                Ok(())
            }
            Self::Show { id: Some(id), json, place } => show(A::KIND, &id, json, &place.place(folder)).await,
            Self::Check { id, json, place } => {
                let vault = Vault::open(&place.place(folder)).await?;
                let (name, read) = fetch(&vault, A::KIND, &id).await?;
                let flaws = unserviceable(A::KIND, &read.document, &vault.rules())?;
                say_flaws(name.as_str(), &flaws, json)
            }
        }
    }
}

async fn show(kind: DocumentKind, id: &str, as_json: bool, place: &Place) -> Result<(), StartError> {
    let vault = Vault::open(place).await?;
    let (name, read) = fetch(&vault, kind, id).await?;
    let document: Value = serde_json::from_str(&read.document)
        .map_err(|error| StartError::new(format!("{name} is no JSON at line {}", error.line())))?;
    let mut shown = shown::without_keys(&document);
    if !last_use::is_recorded(kind) {
        let reason = last_use::unrecorded(kind);
        if let Some(reason) = reason.filter(|_| as_json) {
            shown["verifiedLast"] = json!({"unknown": reason});
        }
        println!("{shown:#}");
        if let Some(reason) = reason.filter(|_| !as_json) {
            println!("{reason}.");
        }
        return Ok(());
    }
    let keys: Vec<_> =
        KeyList::for_kind(kind).iter().flat_map(|list| shown::keys_of(&document, list.as_str())).collect();
    let last = last_use::last_use(place, &vault, (kind, id), &document, &keys, SystemClock.now()).await;
    if as_json {
        shown["verifiedLast"] = last.to_json();
        println!("{shown:#}");
    } else {
        println!("{}", last.beside(&shown));
    }
    Ok(())
}

/// Makes a document if the question is answered by yes.
pub(super) async fn add<A: DocumentArgs>(
    document: A,
    common: CommonArgs,
    folder: PathBuf,
    confirm: impl FnOnce(&str) -> Result<(), StartError>,
) -> Result<(), StartError> {
    let (id, place) = (document.id().to_owned(), common.place.clone().place(folder));
    let name = A::KIND.name(&id)?;
    let vault = Vault::open(&place).await?;
    if vault.fetch(&name).await?.is_some() {
        return Err(WriteError::IsThere(name).into());
    }
    // Before a key is made: it would be made in vain.
    if let Some(app) = missing_app(&vault, document.alipay_app()).await? {
        return Err(StartError::new(format!("there is no {app}: app add makes it")));
    }
    let draft = document.make(place.folder())?;
    let text = Zeroizing::new(format!("{:#}\n", draft.fields));
    refuse(name.as_str(), &unserviceable(A::KIND, &text, &vault.rules())?, common.json)?;
    confirm(&format!("Make {name} at {}?", place.name()))?;
    let write = DocumentWrite { place: &place, vault: &vault, kind: A::KIND, id: &id };
    let kept = write.run(&name, &text, None, &draft.keys).await?;
    if common.json {
        let keys: Vec<_> = kept.iter().map(KeptKey::to_json).collect();
        println!("{:#}", json!({"document": name.as_str(), "step": "add", "keys": keys, "next": draft.told}));
    } else {
        println!("{name} is made; it works within 30 s");
        kept.iter().for_each(|key| println!("{key}"));
        draft.told.iter().for_each(|line| println!("{line}"));
    }
    note(&place, "add", &name)
}

/// A write of a party's document, and of the keys that are made for it.
pub(super) struct DocumentWrite<'a> {
    pub(super) place: &'a Place,
    pub(super) vault: &'a Vault,
    pub(super) kind: DocumentKind,
    pub(super) id: &'a str,
}

impl DocumentWrite<'_> {
    /// Keeps the new keys and writes the document in place of the version `replaces`.
    pub(super) async fn run(
        &self,
        name: &SecretName,
        text: &str,
        replaces: Option<&str>,
        new: &[NewKey],
    ) -> Result<Vec<KeptKey>, StartError> {
        let keys = self.vault.keys_folder(self.place.folder());
        // Before the document: nobody else has the other half.
        let kept = new.iter().map(|key| key.keep(&keys, self.kind, self.id));
        let kept = kept.collect::<Result<Vec<_>, _>>()?;
        match self.vault.write(name, text, replaces).await {
            Ok(()) => Ok(kept),
            Err(error @ (WriteError::Changed(_) | WriteError::IsThere(_))) => {
                kept.into_iter().try_for_each(KeptKey::discard)?;
                Err(error.into())
            }
            Err(error @ WriteError::Failed(_)) => Err(error.into()),
        }
    }
}

#[derive(Args)]
pub(super) struct CheckArgs {
    /// The document
    file: PathBuf,
    /// Its kind; by its folder's name, as in secrets/business/B1.json, unless said
    #[arg(long)]
    kind: Option<DocumentKind>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl CheckArgs {
    /// Checks it as what runs in `folder` would read it, or a deployment if nothing does.
    pub(super) async fn run(self, folder: PathBuf) -> Result<(), StartError> {
        let rules = Vault::open(&Place::Folder(folder)).await.map(|vault| vault.rules()).unwrap_or_default();
        let named = |path: Option<&std::ffi::OsStr>| {
            let name = path.and_then(std::ffi::OsStr::to_str)?;
            name.parse().ok()
        };
        let by_folder = self.file.parent().and_then(|folder| named(folder.file_name()));
        let kind = self.kind.or(by_folder).or_else(|| named(self.file.file_stem()));
        let kind = kind.ok_or_else(|| StartError::new("say by --kind which document it is".to_owned()))?;
        let flaws = unserviceable(kind, &text(&self.file)?, &rules)?;
        say_flaws(&self.file.display().to_string(), &flaws, self.json)
    }
}

/// The flaws by which a document cannot serve now.
pub(super) fn unserviceable(
    kind: DocumentKind,
    text: &str,
    rules: &CallbackRules,
) -> Result<Vec<Flaw>, StartError> {
    let mut flaws = check::flaws(kind, text, rules)?;
    flaws.extend(check::out_of_validity(kind, text, SystemClock.now()));
    Ok(flaws)
}

/// Refuses a document that has flaws, and prints each.
pub(super) fn refuse(name: &str, flaws: &[Flaw], as_json: bool) -> Result<(), StartError> {
    if flaws.is_empty() { Ok(()) } else { say_flaws(name, flaws, as_json) }
}

fn say_flaws(name: &str, flaws: &[Flaw], as_json: bool) -> Result<(), StartError> {
    if as_json {
        let flaws: Vec<_> = flaws.iter().map(Flaw::to_json).collect();
        println!("{:#}", json!({"document": name, "flaws": flaws}));
    } else {
        flaws.iter().for_each(|flaw| println!("{name}:{flaw}"));
    }
    if flaws.is_empty() {
        return Ok(());
    }
    let noun = if flaws.len() == 1 { "flaw" } else { "flaws" };
    Err(StartError::new(format!("{name} has {} {noun}", flaws.len())))
}

pub(super) async fn fetch(
    vault: &Vault,
    kind: DocumentKind,
    id: &str,
) -> Result<(SecretName, SecretValue), StartError> {
    let name = kind.name(id)?;
    match vault.current(&name).await? {
        Some(read) => Ok((name, read)),
        None => Err(StartError::new(format!("there is no {name}"))),
    }
}

pub(super) fn note(place: &Place, action: &str, name: &SecretName) -> Result<(), StartError> {
    Ok(audit::note(place.folder(), &place.name(), action, &json!({"document": name.as_str(), "done": 1}))?)
}
