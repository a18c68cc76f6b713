//! `authlink app move`: an app from bare public keys to certificates, in steps, and back.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared::registry::AlipayApp;
use shared::runtime::start::StartError;
use zeroize::Zeroizing;

use super::documents::{CommonArgs, fetch, note, refuse, unserviceable};
use crate::bounded::text;
use crate::documents::rotation::{self, KeyList, RotationError};
use crate::documents::{DocumentKind, Vault};
use crate::operate::question;

const KEYS: &str = AlipayApp::ALIPAY_KEYS;
const APP: &str = AlipayApp::CERTIFICATE;
const ALIPAYS: &str = AlipayApp::ALIPAY_CERTIFICATES;
const ROOTS: &str = AlipayApp::ROOTS;

#[derive(Subcommand)]
pub(super) enum MoveStep {
    /// Put certificates beside Alipay's public keys, or newer ones in their place: answers of both kinds are believed
    #[command(after_help = "Example:\n  authlink app move 2021000000000002 begin --stack authlink \
        --app-certificate appCertPublicKey.crt --alipay-certificate alipayCertPublicKey_RSA2.crt \
        --root-certificates alipayRootCert.crt")]
    Begin {
        #[command(flatten)]
        files: CertificateFiles,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Take Alipay's public keys out, once links work with the certificates
    #[command(after_help = "Example:\n  authlink app move 2021000000000002 finish --stack authlink")]
    Finish {
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Take the certificates out: the app stays with public keys
    #[command(after_help = "Example:\n  authlink app move 2021000000000002 back --stack authlink")]
    Back {
        #[command(flatten)]
        common: CommonArgs,
    },
}

/// The files as Alipay's console gives them.
#[derive(Args)]
pub(super) struct CertificateFiles {
    /// The app's certificate, appCertPublicKey_….crt
    #[arg(long, value_name = "FILE")]
    app_certificate: PathBuf,
    /// Alipay's, alipayCertPublicKey_RSA2.crt
    #[arg(long, value_name = "FILE")]
    alipay_certificate: PathBuf,
    /// Alipay's roots, alipayRootCert.crt
    #[arg(long, value_name = "FILE")]
    root_certificates: PathBuf,
}

/// The same of a new app, which may have public keys instead.
#[derive(Args)]
pub(super) struct NewCertificates {
    /// The app's certificate, appCertPublicKey_….crt, with the next two
    #[arg(long, value_name = "FILE", requires_all = ["alipay_certificate", "root_certificates"])]
    app_certificate: Option<PathBuf>,
    /// Alipay's, alipayCertPublicKey_RSA2.crt
    #[arg(long, value_name = "FILE", requires = "app_certificate")]
    alipay_certificate: Option<PathBuf>,
    /// Alipay's roots, alipayRootCert.crt
    #[arg(long, value_name = "FILE", requires = "app_certificate")]
    root_certificates: Option<PathBuf>,
}

impl NewCertificates {
    /// The files, if they are named.
    pub(super) fn files(self) -> Option<CertificateFiles> {
        Some(CertificateFiles {
            app_certificate: self.app_certificate?,
            alipay_certificate: self.alipay_certificate?,
            root_certificates: self.root_certificates?,
        })
    }
}

impl MoveStep {
    pub(super) async fn run(self, id: &str, folder: PathBuf) -> Result<(), StartError> {
        let yes = self.common().yes;
        self.run_if(id, folder, |what| question::confirm(what, yes)).await
    }

    const fn common(&self) -> &CommonArgs {
        let (Self::Begin { common, .. } | Self::Finish { common } | Self::Back { common }) = self;
        common
    }

    /// The same, if the question is answered by yes.
    pub(super) async fn run_if(
        self,
        id: &str,
        folder: PathBuf,
        confirm: impl FnOnce(&str) -> Result<(), StartError>,
    ) -> Result<(), StartError> {
        let place = self.common().place.clone().place(folder);
        let vault = Vault::open(&place).await?;
        let (name, before) = fetch(&vault, DocumentKind::AlipayApp, id).await?;
        // What is wrong with it may be what this step puts right.
        let mut document = serde_json::from_str::<Value>(&before.document).unwrap_or_default();
        if !document.is_object() {
            return Err(StartError::new(format!("{name} is no JSON object")));
        }
        let texts = self.take(&mut document)?;
        let after = Zeroizing::new(format!("{document:#}\n"));
        refuse(
            name.as_str(),
            &unserviceable(DocumentKind::AlipayApp, &after, &vault.rules())?,
            self.common().json,
        )?;
        confirm(&format!("{} {name} at {}?", texts.question, place.name()))?;
        vault.write(&name, &after, Some(&before.version)).await?;
        if self.common().json {
            let (step, next) = (texts.action, [texts.next]);
            println!("{:#}", json!({"document": name.as_str(), "step": step, "next": next}));
        } else {
            println!("{name} is changed\n{}", texts.next);
        }
        note(&place, texts.action, &name)
    }

    fn take(&self, document: &mut Value) -> Result<StepTexts, StartError> {
        Ok(match self {
            Self::Begin { files, .. } => {
                files.put_into(document)?;
                StepTexts {
                    question: "Put the certificates into",
                    action: "move begin",
                    next: "requests name the certificates from now on, within 5 minutes; when links work with them: \
                           app move … finish",
                }
            }
            Self::Finish { .. } => {
                take_out(document, &[KEYS], ALIPAYS)?;
                StepTexts {
                    question: "Take Alipay's public keys out of",
                    action: "move finish",
                    next: "answers that name no certificate are refused from now on, within 5 minutes",
                }
            }
            Self::Back { .. } => {
                take_out(document, &[APP, ALIPAYS, ROOTS], KEYS)?;
                StepTexts {
                    question: "Take the certificates out of",
                    action: "move back",
                    next: "requests name no certificate from now on, within 5 minutes",
                }
            }
        })
    }
}

/// What an operator is asked and told of a step, and its name in the audit.
struct StepTexts {
    question: &'static str,
    action: &'static str,
    next: &'static str,
}

impl CertificateFiles {
    /// Puts them into a document; a certificate of Alipay's beside the one that is there.
    pub(super) fn put_into(&self, document: &mut Value) -> Result<(), StartError> {
        let alipays = text(&self.alipay_certificate)?;
        match document[ALIPAYS].as_array() {
            None => document[ALIPAYS] = json!([*alipays]),
            Some(_) => match rotation::begin(document, KeyList::AlipayCertificates, &alipays) {
                Ok(()) => {}
                // A new one of ours, or of an issuer of Alipay's.
                Err(RotationError::AlreadyThere) => {
                    rotation::replace(document, KeyList::AlipayCertificates, &alipays)?
                }
                Err(error) => return Err(error.into()),
            },
        }
        document[APP] = json!(*text(&self.app_certificate)?);
        document[ROOTS] = json!(*text(&self.root_certificates)?);
        Ok(())
    }
}

/// Takes `fields` out of a document that has `others`, too.
fn take_out(document: &mut Value, fields: &[&str], others: &str) -> Result<(), StartError> {
    let has = |name: &str| document.get(name).is_some_and(|value| !value.is_null());
    if let Some(missing) = fields.iter().copied().chain([others]).find(|name| !has(name)) {
        return Err(StartError::new(format!("the document has no {missing}: this step is not due")));
    }
    if let Some(known) = document.as_object_mut() {
        known.retain(|name, _| !fields.contains(&name.as_str()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_out_leaves_what_answers_are_verified_with() {
        let both = || json!({"privateKey": "p", KEYS: ["k"], APP: "a", ALIPAYS: ["b"], ROOTS: "r"});
        let (mut moved, mut back) = (both(), both());
        take_out(&mut moved, &[KEYS], ALIPAYS).unwrap();
        take_out(&mut back, &[APP, ALIPAYS, ROOTS], KEYS).unwrap();
        assert_eq!(moved, json!({"privateKey": "p", APP: "a", ALIPAYS: ["b"], ROOTS: "r"}));
        assert_eq!(back, json!({"privateKey": "p", KEYS: ["k"]}));
        assert!(take_out(&mut moved, &[KEYS], ALIPAYS).is_err());
        assert!(take_out(&mut back, &[KEYS], ALIPAYS).is_err());
    }
}
