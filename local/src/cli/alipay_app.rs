//! `authlink app`: the documents of our apps at Alipay.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use shared::runtime::start::StartError;

use super::certificates::{MoveStep, NewCertificates};
use super::documents::DocumentCommand;
use super::new_document::{DocumentArgs, Draft};
use super::rotate::{AlipaysKeys, RotateArgs};
use crate::bounded::text;
use crate::documents::DocumentKind;
use crate::keys::{new_rsa, private_pem, public_pem};
use crate::private_file::{create, make_folder};

#[derive(Subcommand)]
pub(super) enum AppCommand {
    #[command(flatten)]
    Document(DocumentCommand<NewAlipayApp>),
    /// Give it a new key or certificate of Alipay's in two steps: `begin`, and `finish` when Alipay has changed
    Rotate(RotateArgs<AlipaysKeys>),
    /// Make the app's key pair: Alipay's console shows Alipay's key only when it has the public half
    Key {
        /// The app's id
        id: String,
    },
    /// Move the app from public keys to certificates in steps: `begin`, then `finish`, or `back`
    Move {
        /// The app's id
        id: String,
        #[command(subcommand)]
        step: MoveStep,
    },
}

impl AppCommand {
    pub(super) async fn run(self, folder: PathBuf) -> Result<(), StartError> {
        match self {
            Self::Document(command) => command.run(folder).await,
            Self::Rotate(rotate) => rotate.run(DocumentKind::AlipayApp, folder).await,
            Self::Key { id } => make_key(&id, &folder),
            Self::Move { id, step } => step.run(&id, folder).await,
        }
    }
}

fn make_key(id: &str, folder: &Path) -> Result<(), StartError> {
    let name = DocumentKind::AlipayApp.name(id)?;
    let (key, keys) = (new_rsa()?, folder.join("keys"));
    make_folder(&keys)?;
    let [private, public] = [file_of_key(id), format!("alipay-app-{id}.pub.pem")].map(|file| keys.join(file));
    create(&private, &private_pem(&key)?)?;
    create(&public, &public_pem(&key.to_public_key())?)?;
    println!("the private key of {name} is in {}", private.display());
    println!("give to Alipay's console, for the app: the public key in {}", public.display());
    println!(
        "then save Alipay's own public key, which the console shows: app add {id} --alipay-public-key FILE"
    );
    Ok(())
}

fn file_of_key(id: &str) -> String {
    format!("alipay-app-{id}.pem")
}

#[derive(Args)]
pub(super) struct NewAlipayApp {
    /// The app's id
    id: String,
    /// Alipay's public key for this app, as its console shows it; an app with certificates needs none
    #[arg(long, value_name = "FILE", required_unless_present = "app_certificate")]
    alipay_public_key: Option<PathBuf>,
    #[command(flatten)]
    certificates: NewCertificates,
    /// Our private key of this app; the one of `app key` unless said
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
}

impl DocumentArgs for NewAlipayApp {
    const KIND: DocumentKind = DocumentKind::AlipayApp;

    fn id(&self) -> &str {
        &self.id
    }

    fn make(self, folder: &Path) -> Result<Draft, StartError> {
        let made_before = folder.join("keys").join(file_of_key(&self.id));
        let private_key = self.private_key.as_ref().unwrap_or(&made_before);
        if self.private_key.is_none() && !made_before.exists() {
            let missing = format!("there is no {}: app key {} makes one", made_before.display(), self.id);
            return Err(io::Error::new(io::ErrorKind::NotFound, missing).into());
        }
        let mut fields = json!({"privateKey": *text(private_key)?});
        if let Some(file) = &self.alipay_public_key {
            fields["alipayPublicKeys"] = json!([*text(file)?]);
        }
        if let Some(files) = self.certificates.files() {
            files.put_into(&mut fields)?;
        }
        let told = vec![
            format!("its private key is in the document now: delete {}", private_key.display()),
            format!(
                "name it where its links are made: \"alipayApp\": \"{}\" in a business or scheme",
                self.id
            ),
            "its authorization callback address at Alipay is the deployment's CallbackAddress".to_owned(),
        ];
        Ok(Draft { fields, keys: Vec::new(), told })
    }
}
