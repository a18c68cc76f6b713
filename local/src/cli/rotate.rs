//! `authlink business|access-key|platform|app rotate`: a new key in two steps.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use shared::model::clock::{Clock as _, SystemClock};
use shared::runtime::start::StartError;
use zeroize::Zeroizing;

use super::documents::{CommonArgs, DocumentWrite, fetch, note, refuse, unserviceable};
use crate::bounded::text;
use crate::documents::rotation::{self, KeyList};
use crate::documents::{DocumentKind, KeptKey, NewKey, Vault, check, last_use, shown};
use crate::operate::question;

#[derive(Args)]
pub(super) struct RotateArgs<C: Args> {
    id: String,
    step: RotationStep,
    #[command(flatten)]
    keys: C,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RotationStep {
    Begin,
    Finish,
}

/// The options that say which keys change.
pub(super) trait ChoosesKeys {
    fn list(&self) -> Option<KeyList>;
    /// The file of the new key.
    fn given(&self) -> Option<&Path>;
}

/// Of a party that has RSA keys, MD5 keys, or both.
#[derive(Args)]
pub(super) struct RsaOrMd5Keys {
    /// The list that changes; needed if the document has both
    #[arg(long)]
    field: Option<KeyList>,
    /// The other side's new public key; a business that names none is given a new pair
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
}

impl ChoosesKeys for RsaOrMd5Keys {
    fn list(&self) -> Option<KeyList> {
        self.field
    }

    fn given(&self) -> Option<&Path> {
        self.public_key.as_deref()
    }
}

/// Of an app at Alipay.
#[derive(Args)]
pub(super) struct AlipaysKeys {
    /// Alipay's new public key for the app
    #[arg(long, value_name = "FILE", conflicts_with = "alipay_certificate")]
    public_key: Option<PathBuf>,
    /// Alipay's new certificate for the app, alipayCertPublicKey_RSA2.crt
    #[arg(long, value_name = "FILE")]
    alipay_certificate: Option<PathBuf>,
}

impl ChoosesKeys for AlipaysKeys {
    fn list(&self) -> Option<KeyList> {
        let by_key = self.public_key.as_ref().map(|_| KeyList::AlipayPublicKeys);
        by_key.or_else(|| self.alipay_certificate.as_ref().map(|_| KeyList::AlipayCertificates))
    }

    fn given(&self) -> Option<&Path> {
        self.public_key.as_deref().or(self.alipay_certificate.as_deref())
    }
}

/// No options: an access key has one list, and its new secret is made here.
#[derive(Args)]
pub(super) struct NoKeyOptions {}

impl ChoosesKeys for NoKeyOptions {
    fn list(&self) -> Option<KeyList> {
        None
    }

    fn given(&self) -> Option<&Path> {
        None
    }
}

impl<C: Args + ChoosesKeys> RotateArgs<C> {
    pub(super) async fn run(self, kind: DocumentKind, folder: PathBuf) -> Result<(), StartError> {
        let yes = self.common.yes;
        self.run_if(kind, folder, |what| question::confirm(what, yes)).await
    }

    /// The same, if the question is answered by yes.
    pub(super) async fn run_if(
        self,
        kind: DocumentKind,
        folder: PathBuf,
        confirm: impl FnOnce(&str) -> Result<(), StartError>,
    ) -> Result<(), StartError> {
        let Self { id, step, keys, common } = self;
        let place = common.place.clone().place(folder);
        let vault = Vault::open(&place).await?;
        let (name, read) = fetch(&vault, kind, &id).await?;
        refuse(name.as_str(), &check::flaws(kind, &read.document, &vault.rules())?, common.json)?;
        let mut document: Value = serde_json::from_str(&read.document)?;
        let under_way =
            (step == RotationStep::Finish).then(|| rotation::under_way(kind, &document)).flatten();
        let list = rotation::list(kind, &document, keys.list().or(under_way))?;
        let before = shown::keys_of(&document, list.as_str());
        let new = change(&mut document, kind, list, step, keys.given())?;
        let text = Zeroizing::new(format!("{document:#}\n"));
        refuse(name.as_str(), &unserviceable(kind, &text, &vault.rules())?, common.json)?;
        let (what, action, told) = match step {
            RotationStep::Begin => ("Put a new key beside the old one in", "rotate begin", BEGUN),
            RotationStep::Finish => {
                ("Take the old key, and with it what still signs with it, out of", "rotate finish", FINISHED)
            }
        };
        let mut said = json!({"document": name.as_str(), "step": action, "field": list.as_str()});
        if step == RotationStep::Finish
            && last_use::is_recorded(kind)
            && let [old, new] = &before[..]
        {
            let now = SystemClock.now();
            let last = last_use::last_use(&place, &vault, (kind, &id), &document, &before, now).await;
            common.say(&last.before_it_goes(old, new));
            said["verifiedLast"] = last.to_json();
        } else if step == RotationStep::Finish
            && let Some(reason) = last_use::unrecorded(kind)
        {
            common.say(&format!("{reason}."));
        }
        confirm(&format!("{what} {name} at {}?", place.name()))?;
        let write = DocumentWrite { place: &place, vault: &vault, kind, id: &id };
        let kept = write.run(&name, &text, Some(&read.version), new.as_slice()).await?;
        if common.json {
            said["keys"] = kept.iter().map(KeptKey::to_json).collect();
            said["next"] = json!([told]);
            println!("{said:#}");
        } else {
            println!("{name} is changed");
            kept.iter().for_each(|key| println!("{key}"));
            println!("{told}");
        }
        note(&place, action, &name)
    }
}

const BEGUN: &str = "the new key works after up to 10 s, not at once; the old one still works\n\
    when the other side has changed: rotate … finish";
const FINISHED: &str = "the old key is refused from now on, within 5 minutes";

/// Takes the step in `document`; the key that was made for it, if one was.
fn change(
    document: &mut Value,
    kind: DocumentKind,
    list: KeyList,
    step: RotationStep,
    file: Option<&Path>,
) -> Result<Option<NewKey>, StartError> {
    let is_theirs =
        matches!(list, KeyList::PublicKeys | KeyList::AlipayPublicKeys | KeyList::AlipayCertificates);
    if file.is_some() && !(step == RotationStep::Begin && is_theirs) {
        let problem = match kind {
            DocumentKind::AlipayApp => "--public-key and --alipay-certificate are for `begin`",
            _ => "--public-key is for `begin`, of public keys",
        };
        return Err(StartError::new(problem.to_owned()));
    }
    if step == RotationStep::Finish {
        rotation::finish(document, list)?;
        return Ok(None);
    }
    let (given, made) = match (list, file) {
        (KeyList::PublicKeys | KeyList::AlipayPublicKeys | KeyList::AlipayCertificates, Some(file)) => {
            (Some(text(file)?), None)
        }
        (KeyList::AlipayPublicKeys, None) => {
            return Err(StartError::new("name Alipay's new public key by --public-key".to_owned()));
        }
        (KeyList::AlipayCertificates, None) => {
            return Err(StartError::new("name Alipay's new certificate by --alipay-certificate".to_owned()));
        }
        (KeyList::PublicKeys, None) if kind == DocumentKind::Platform => {
            let problem = "a platform makes its own keys: name its new public key by --public-key";
            return Err(StartError::new(problem.to_owned()));
        }
        (KeyList::PublicKeys, None) => (None, Some(NewKey::theirs()?)),
        (KeyList::Md5Keys, _) => (None, Some(NewKey::shared::<16>())),
        (KeyList::Secrets, _) => (None, Some(NewKey::shared::<15>())),
    };
    if let Some(key) = given.as_ref().or_else(|| made.as_ref().map(|made| &made.in_document)) {
        rotation::begin(document, list, key)?;
    }
    Ok(made)
}
