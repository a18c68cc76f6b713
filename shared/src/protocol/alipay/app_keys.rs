//! The keys of one app at Alipay: what its requests are signed with, and what the answers to it are verified with.
//!
//! An app has bare public keys there, or certificates. While it moves from one to the other Alipay takes both for seven
//! days, and both are in hand: requests name the certificates, and an answer is verified by any key in hand, that of
//! the certificate which it names first. The name stands outside of what is signed, so it proves nothing; and Alipay's
//! next certificate is of the same key as the last one.

use std::fmt;

use crate::model::clock::UnixMillis;
use crate::signing::alipay_certificate::{KeyCertificate, RootCertificates, Validity};
use crate::signing::rsa::{SigningKey, VerifyingKey};

#[derive(Debug)]
pub struct OwnKey {
    /// Signs requests.
    pub private_key: SigningKey,
    /// Its certificate, and the roots that we name beside it.
    pub certificate: Option<OwnCertificate>,
}

/// What requests name of our certificate.
#[derive(Debug)]
pub struct OwnCertificate {
    certificate: KeyCertificate,
    root_sn: String,
}

impl OwnCertificate {
    /// Our certificate beside `roots`.
    #[must_use]
    pub fn new(certificate: KeyCertificate, roots: &RootCertificates) -> Self {
        Self { certificate, root_sn: roots.sn().to_owned() }
    }

    /// The parameters that name it in the address of a request.
    pub(super) fn parameters(&self) -> [(&'static str, &str); 2] {
        [("app_cert_sn", self.certificate.sn()), ("alipay_root_cert_sn", &self.root_sn)]
    }
}

/// Alipay's keys for an app.
#[derive(Debug)]
pub struct AlipayKeys {
    /// Bare ones.
    pub public_keys: Vec<VerifyingKey>,
    /// Certificates, each led to a root.
    pub certificates: Vec<KeyCertificate>,
}

impl AlipayKeys {
    /// The keys that may have signed an answer at `now` that names the certificates `sns`, the likeliest first.
    pub(super) fn keys_for_answer(&self, sns: &[String], now: UnixMillis) -> KeysForAnswer<'_> {
        let in_force = self.certificates.iter().filter(|certificate| certificate.validity().holds(now));
        let (named, others): (Vec<_>, Vec<_>) =
            in_force.partition(|certificate| sns.iter().any(|sn| sn == certificate.sn()));
        let others = others.into_iter().map(KeyCertificate::key).chain(&self.public_keys).collect();
        let has_ended =
            named.is_empty() && self.certificates.iter().any(|one| sns.iter().any(|sn| sn == one.sn()));
        KeysForAnswer { named: named.into_iter().map(KeyCertificate::key).collect(), others, has_ended }
    }
}

/// The keys that may have signed one answer.
pub(super) struct KeysForAnswer<'a> {
    /// Those of the certificates that it names.
    pub(super) named: Vec<&'a VerifyingKey>,
    /// Those of the other certificates in force, and the bare ones.
    pub(super) others: Vec<&'a VerifyingKey>,
    /// True if a certificate that it names is in hand, and is not in force.
    pub(super) has_ended: bool,
}

/// The holder of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    App,
    Alipay,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::App => "the app's certificate",
            Self::Alipay => "Alipay's certificate",
        })
    }
}

/// A certificate that is not valid yet, or no more, so that no exchange may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{holder} is not valid at this time")]
pub struct ValidityError {
    /// The holder of the certificate: by our own Alipay would refuse what we sign, by Alipay's no answer could be
    /// believed.
    pub holder: Holder,
    /// Its dates; of several the one that ends last.
    pub validity: Validity,
}

/// The certificate for whose dates no exchange may begin at `now`: ours, or all of Alipay's. Bare keys beside do not
/// help, because Alipay answers by certificate to a request that names ours.
#[must_use]
pub fn out_of_validity(own: &OwnKey, alipay: &AlipayKeys, now: UnixMillis) -> Option<ValidityError> {
    let ours = own.certificate.as_ref().map(|own| own.certificate.validity());
    if let Some(validity) = ours.filter(|validity| !validity.holds(now)) {
        return Some(ValidityError { holder: Holder::App, validity });
    }
    let theirs = || alipay.certificates.iter().map(KeyCertificate::validity);
    if theirs().any(|validity| validity.holds(now)) {
        return None;
    }
    let validity = theirs().max_by_key(|validity| validity.until())?;
    Some(ValidityError { holder: Holder::Alipay, validity })
}
