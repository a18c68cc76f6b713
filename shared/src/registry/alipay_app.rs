//! Our apps at Alipay.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::egress::callback_url::CallbackRules;
use crate::model::alipay_app_id::AlipayAppId;
use crate::model::clock::UnixMillis;
use crate::protocol::alipay::app_keys::{
    AlipayKeys, Holder, OwnCertificate, OwnKey, ValidityError, out_of_validity,
};
use crate::registry::document::{self, Field, FromValue, KeyTexts};
use crate::secrets::{Document, DocumentError};
use crate::signing::alipay_certificate::{CertificateError, KeyCertificate, RootCertificates};
use crate::signing::rsa::{SigningKey, VerifyingKey};

/// `alipay-app/<appId>`: an app of ours at Alipay.
///
/// | field | required | value |
/// |---|---|---|
/// | `privateKey` | yes | ours, that requests to the gateway are signed with |
/// | `alipayPublicKeys` | without certificates | one or two of Alipay's, that answers are verified with; none of them may be the public half of ours |
/// | `appCertificate` | with the next two | the certificate of `privateKey`, in PEM |
/// | `alipayCertificates` | with the other two | one or two of Alipay's files in PEM: its certificate and that of its issuer, which leads to a root |
/// | `alipayRootCertificates` | with the other two | Alipay's file of roots, in PEM |
#[derive(Debug)]
pub struct AlipayApp {
    /// Signs our requests.
    pub own: OwnKey,
    /// Verify Alipay's answers.
    pub alipay: AlipayKeys,
}

impl AlipayApp {
    /// The field of our key.
    pub const PRIVATE_KEY: &str = "privateKey";
    /// The field of Alipay's bare keys.
    pub const ALIPAY_KEYS: &str = "alipayPublicKeys";
    /// The field of our certificate.
    pub const CERTIFICATE: &str = "appCertificate";
    /// The field of Alipay's certificates.
    pub const ALIPAY_CERTIFICATES: &str = "alipayCertificates";
    /// The field of the roots.
    pub const ROOTS: &str = "alipayRootCertificates";
    /// The fields of certificates, of which there are none or all.
    pub const CERTIFICATES: [&str; 3] = [Self::CERTIFICATE, Self::ALIPAY_CERTIFICATES, Self::ROOTS];

    /// The field of a certificate of `holder`.
    #[must_use]
    pub const fn field(holder: Holder) -> &'static str {
        match holder {
            Holder::App => Self::CERTIFICATE,
            Holder::Alipay => Self::ALIPAY_CERTIFICATES,
        }
    }

    /// The certificate for whose dates no exchange may begin at `now`.
    #[must_use]
    pub fn out_of_validity(&self, now: UnixMillis) -> Option<ValidityError> {
        out_of_validity(&self.own, &self.alipay, now)
    }

    /// Every flaw of the certificates in a document, whatever else is wrong with it, where [`Document::parse`] stops at
    /// the first. They have no places.
    #[must_use]
    pub fn certificate_flaws(json: &str) -> Vec<DocumentError> {
        let Ok(fields) = serde_json::from_str(json) else { return Vec::new() };
        let own = single::<SecretString>(&fields, Self::PRIVATE_KEY).ok().and_then(Field::optional);
        let own = own.and_then(|key| SigningKey::parse(key.expose_secret()).ok());
        let mut flaws = Vec::new();
        let app = noted(&mut flaws, single(&fields, Self::CERTIFICATE));
        let alipay = single(&fields, Self::ALIPAY_CERTIFICATES)
            .and_then(|texts| document::at_most_two(Self::ALIPAY_CERTIFICATES, texts));
        let alipay = noted(&mut flaws, alipay);
        let roots = noted(&mut flaws, single(&fields, Self::ROOTS));
        let texts = CertificateTexts {
            app: app.and_then(Field::optional),
            alipay: alipay.unwrap_or_default(),
            roots: roots.and_then(Field::optional),
        };
        let mut others = texts.read(own.as_ref()).err().unwrap_or_default();
        // What cannot be read is not missing.
        others.retain(|other| flaws.iter().all(|flaw| flaw.path != other.path));
        flaws.extend(others);
        flaws
    }
}

/// One field of a document.
fn single<T: FromValue>(fields: &Map<String, Value>, name: &str) -> Result<Field<T>, DocumentError> {
    let value = fields.get(name).cloned().unwrap_or_default();
    serde_json::from_value(value).map_err(|flaw| DocumentError::new(name, flaw.to_string()))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct AlipayAppFields {
    private_key: Field<SecretString>,
    alipay_public_keys: KeyTexts,
    app_certificate: Field<SecretString>,
    alipay_certificates: KeyTexts,
    alipay_root_certificates: Field<SecretString>,
}

impl Document for AlipayApp {
    fn parse_by(json: &str, _: &CallbackRules) -> Result<Self, DocumentError> {
        document::read::<AlipayAppFields, _>(json, Self::try_from)
    }
}

impl TryFrom<AlipayAppFields> for AlipayApp {
    type Error = DocumentError;

    fn try_from(fields: AlipayAppFields) -> Result<Self, DocumentError> {
        let private_key = fields.private_key.required(Self::PRIVATE_KEY)?;
        let private_key = document::key(Self::PRIVATE_KEY, &private_key, SigningKey::parse)?;
        let public_keys = document::keys(Self::ALIPAY_KEYS, fields.alipay_public_keys, VerifyingKey::parse)?;
        document::no_own_key(Self::ALIPAY_KEYS, &public_keys, &private_key)?;
        let texts = CertificateTexts {
            app: fields.app_certificate.optional(),
            alipay: document::at_most_two(Self::ALIPAY_CERTIFICATES, fields.alipay_certificates)?,
            roots: fields.alipay_root_certificates.optional(),
        };
        let read = texts.read(Some(&private_key)).map_err(|flaws| first(&flaws))?;
        let (certificate, certificates) =
            read.map_or_else(Default::default, |(own, alipays)| (Some(own), alipays));
        if public_keys.is_empty() && certificates.is_empty() {
            return Err(DocumentError::whole("needs alipayPublicKeys or certificates"));
        }
        let own = OwnKey { private_key, certificate };
        Ok(Self { own, alipay: AlipayKeys { public_keys, certificates } })
    }
}

struct CertificateTexts {
    app: Option<SecretString>,
    alipay: Vec<SecretString>,
    roots: Option<SecretString>,
}

impl CertificateTexts {
    /// The certificates, if there are any, or every flaw. They are compared with `own`, if that can be read.
    fn read(
        &self,
        own: Option<&SigningKey>,
    ) -> Result<Option<(OwnCertificate, Vec<KeyCertificate>)>, Vec<DocumentError>> {
        if self.app.is_none() && self.alipay.is_empty() && self.roots.is_none() {
            return Ok(None);
        }
        let missing = [
            (AlipayApp::CERTIFICATE, self.app.is_none()),
            (AlipayApp::ALIPAY_CERTIFICATES, self.alipay.is_empty()),
            (AlipayApp::ROOTS, self.roots.is_none()),
        ];
        let missing = missing.into_iter().filter(|(_, missing)| *missing);
        let mut flaws: Vec<_> = missing
            .map(|(name, _)| {
                DocumentError::new(name, "is missing: the three fields of certificates come together")
            })
            .collect();
        let app = self.app.as_ref().and_then(|text| noted(&mut flaws, app_certificate(text, own)));
        let roots = self
            .roots
            .as_ref()
            .and_then(|text| noted(&mut flaws, certificate(AlipayApp::ROOTS, text, RootCertificates::parse)));
        let alipays: Vec<_> = self
            .alipay
            .iter()
            .enumerate()
            .filter_map(|(index, text)| {
                let path = format!("{}[{index}]", AlipayApp::ALIPAY_CERTIFICATES);
                noted(&mut flaws, alipays_certificate(path, text, roots.as_ref(), own))
            })
            .collect();
        match (app, roots) {
            (Some(app), Some(roots)) if flaws.is_empty() => {
                Ok(Some((OwnCertificate::new(app, &roots), alipays)))
            }
            _ => Err(flaws),
        }
    }
}

fn first(flaws: &[DocumentError]) -> DocumentError {
    flaws.first().cloned().unwrap_or_else(|| DocumentError::whole("has certificates that cannot serve"))
}

/// What was read; its flaw joins `flaws`.
fn noted<T>(flaws: &mut Vec<DocumentError>, read: Result<T, DocumentError>) -> Option<T> {
    read.map_err(|flaw| flaws.push(flaw)).ok()
}

fn app_certificate(text: &SecretString, own: Option<&SigningKey>) -> Result<KeyCertificate, DocumentError> {
    let app = certificate(AlipayApp::CERTIFICATE, text, KeyCertificate::parse)?;
    if own.is_some_and(|own| !app.key().is_half_of(own)) {
        return Err(DocumentError::new(AlipayApp::CERTIFICATE, "is of another key than privateKey"));
    }
    Ok(app)
}

/// One of Alipay's. Without roots, which have a flaw of their own then, it is led nowhere.
fn alipays_certificate(
    path: String,
    text: &SecretString,
    roots: Option<&RootCertificates>,
    own: Option<&SigningKey>,
) -> Result<KeyCertificate, DocumentError> {
    let alipays = certificate(&path, text, |text| match roots {
        Some(roots) => KeyCertificate::parse_with_chain(text, roots),
        None => KeyCertificate::parse(text),
    })?;
    if own.is_some_and(|own| alipays.key().is_half_of(own)) {
        return Err(DocumentError::new(path, "is of our own privateKey; Alipay's belongs here"));
    }
    Ok(alipays)
}

fn certificate<C>(
    path: &str,
    text: &SecretString,
    parse: impl Fn(&str) -> Result<C, CertificateError>,
) -> Result<C, DocumentError> {
    parse(text.expose_secret()).map_err(|flaw| DocumentError::new(path, flaw.to_string()))
}

/// The app that the field `alipayApp` of another document names.
pub(super) fn named(app_id: Field<String>) -> Result<Option<AlipayAppId>, DocumentError> {
    let flaw = || DocumentError::new("alipayApp", "must be an app's id, 1 to 32 digits");
    app_id.optional().map(|id| AlipayAppId::parse(&id).ok_or_else(flaw)).transpose()
}
