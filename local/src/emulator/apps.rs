//! The apps that the emulator knows: those that it was started with, and those whose documents lie in a local run's
//! folder by now.

use std::fs;
use std::path::PathBuf;

use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde_json::Value;

use super::certificates::AppCertificates;
use super::refusal::EmulatorRefusal;
use super::signing::Parameters;

/// An app at the emulator.
#[derive(Clone)]
pub struct EmulatedApp {
    pub app_id: String,
    /// Checks its requests.
    pub public_key: RsaPublicKey,
    /// Signs the gateway's answers to it.
    pub alipay_private_key: RsaPrivateKey,
    /// What it has besides bare keys. A request that names a certificate is answered by certificate.
    pub certificates: Option<AppCertificates>,
}

/// Alipay's signature on an answer.
pub(super) struct AnswerKey<'a> {
    pub(super) key: &'a RsaPrivateKey,
    /// The certificate that the answer names.
    pub(super) cert_sn: Option<&'a str>,
}

impl EmulatedApp {
    /// The key for the answer to a request.
    pub(super) fn answer_key(&self, parameters: &Parameters) -> AnswerKey<'_> {
        match &self.certificates {
            Some(known) if names_certificate(parameters) => {
                AnswerKey { key: &known.alipay_private_key, cert_sn: Some(&known.alipay_sn) }
            }
            _ => AnswerKey { key: &self.alipay_private_key, cert_sn: None },
        }
    }

    /// Refuses a request that names other certificates than the app's and Alipay's roots.
    pub(super) fn check_certificates(&self, parameters: &Parameters) -> Result<(), EmulatorRefusal> {
        if !names_certificate(parameters) {
            return Ok(());
        }
        let named = |name| parameters.get(name).filter(|sn| !sn.is_empty());
        let known = self.certificates.as_ref().ok_or(EmulatorRefusal::AppCertNotExist)?;
        let app_sn = named("app_cert_sn").ok_or(EmulatorRefusal::MissingAppCertSn)?;
        let root_sn = named("alipay_root_cert_sn").ok_or(EmulatorRefusal::MissingRootCertSn)?;
        let rules = [
            (*app_sn == known.app_sn, EmulatorRefusal::AppCertNotExist),
            (*root_sn == known.root_sn, EmulatorRefusal::InvalidRootCertSn),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, refusal)| Err(refusal))
    }
}

pub(super) fn names_certificate(parameters: &Parameters) -> bool {
    ["app_cert_sn", "alipay_root_cert_sn"].iter().any(|name| parameters.contains_key(*name))
}

/// The apps: the first one is the owner of codes that nobody named an app for.
pub struct Apps {
    pub started_with: Vec<EmulatedApp>,
    /// The folder `alipay-app` of the documents. An app in it has Alipay's key in common with the first one.
    pub documents: Option<PathBuf>,
}

impl Apps {
    /// One app, and no other ever.
    #[must_use]
    pub fn one(app: EmulatedApp) -> Self {
        Self { started_with: vec![app], documents: None }
    }

    pub(super) fn find(&self, app_id: &str) -> Option<EmulatedApp> {
        let known = self.started_with.iter().find(|app| app.app_id == app_id).cloned();
        known.or_else(|| self.find_document(app_id))
    }

    /// The first one.
    pub(super) fn default_app(&self) -> Option<&EmulatedApp> {
        self.started_with.first()
    }

    fn find_document(&self, app_id: &str) -> Option<EmulatedApp> {
        let is_an_id = !app_id.is_empty() && app_id.bytes().all(|byte| byte.is_ascii_digit());
        let folder = self.documents.as_ref().filter(|_| is_an_id)?;
        let text = fs::read_to_string(folder.join(format!("{app_id}.json"))).ok()?;
        let document: Value = serde_json::from_str(&text).ok()?;
        let first = self.default_app()?;
        let certificates = first.certificates.as_ref().zip(document["appCertificate"].as_str());
        Some(EmulatedApp {
            certificates: certificates.and_then(|(known, file)| known.of_app(file)),
            app_id: app_id.to_owned(),
            public_key: private_key(document["privateKey"].as_str()?)?.to_public_key(),
            alipay_private_key: first.alipay_private_key.clone(),
        })
    }
}

fn private_key(pem: &str) -> Option<RsaPrivateKey> {
    RsaPrivateKey::from_pkcs8_pem(pem).or_else(|_| RsaPrivateKey::from_pkcs1_pem(pem)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{new_rsa, private_pem};

    #[test]
    fn an_app_is_known_as_soon_as_its_document_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, alipays) = (private_pem(&new_rsa().unwrap()).unwrap(), new_rsa().unwrap());
        let first = EmulatedApp {
            app_id: "1".to_owned(),
            public_key: private_key(&ours).unwrap().to_public_key(),
            alipay_private_key: alipays.clone(),
            certificates: None,
        };
        let apps = Apps { started_with: vec![first], documents: Some(folder.path().to_owned()) };
        assert!(apps.find("1").is_some() && apps.find("2").is_none());
        let document = serde_json::json!({"privateKey": ours, "alipayPublicKeys": []});
        fs::write(folder.path().join("2.json"), document.to_string()).unwrap();
        assert_eq!(apps.find("2").unwrap().alipay_private_key, alipays);
        assert!(apps.find("../2").is_none() && apps.find("").is_none());
    }
}
