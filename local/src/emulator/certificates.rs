//! Certificates at the emulator: issued as Alipay's console issues them, and named (SN) by code and a library of its
//! own.

use std::io;

use md5::{Digest as _, Md5};
use pem::Pem;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256,
    SerialNumber, SignatureAlgorithm, date_time_ymd,
};
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey as _;
use rsa::rand_core::{OsRng, RngCore as _};
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::Pem as ParsedPem;

/// The year with which certificates of the emulator's end.
const END: i32 = 2049;

/// The certificates of one app, as its operator downloads them from the console, each file in PEM.
pub struct IssuedFiles {
    pub app: String,
    /// Alipay's, with the one of its issuer behind it.
    pub alipay: String,
    /// Roots of an elliptic curve and of RSA.
    pub roots: String,
}

/// How certificates are issued.
#[derive(Clone, Copy)]
pub struct IssueOptions {
    /// They end as these years begin.
    pub app_until: i32,
    pub alipay_until: i32,
    pub issuer_until: i32,
    pub root_until: i32,
    /// Signs all but the root of an elliptic curve.
    pub algorithm: &'static SignatureAlgorithm,
    /// True if the certificate of the issuer is one of an authority.
    pub issuer_is_authority: bool,
}

impl Default for IssueOptions {
    /// As Alipay's.
    fn default() -> Self {
        Self {
            app_until: END,
            alipay_until: END,
            issuer_until: END,
            root_until: END,
            algorithm: &PKCS_RSA_SHA256,
            issuer_is_authority: true,
        }
    }
}

/// Certifies both keys as Alipay does, by an authority that is made for it.
///
/// # Errors
/// There is no randomness, or a key is none of RSA.
pub fn issue(app: &RsaPrivateKey, alipay: &RsaPrivateKey) -> io::Result<IssuedFiles> {
    issue_as(app, alipay, IssueOptions::default())
}

/// Certifies both keys by these options, by an authority that is made for it.
///
/// # Errors
/// There is no randomness, or a key is none of RSA.
pub fn issue_as(
    app: &RsaPrivateKey,
    alipay: &RsaPrivateKey,
    options: IssueOptions,
) -> io::Result<IssuedFiles> {
    let authority = KeyPair::generate_rsa_for(options.algorithm, rcgen::RsaKeySize::_2048);
    let (authority, curve) = (authority.map_err(io::Error::other)?, KeyPair::generate());
    let sign = |params: &CertificateParams, key: &KeyPair, by: &Issuer<'_, &KeyPair>| {
        params.signed_by(key, by).map_err(io::Error::other)
    };
    let root = of_authority(named("Authority R1", options.root_until));
    let of_curve = of_authority(named("Authority E1", END));
    let roots = [
        of_curve.self_signed(&curve.map_err(io::Error::other)?).map_err(io::Error::other)?,
        root.self_signed(&authority).map_err(io::Error::other)?,
    ];
    let class = named("Authority Class 2 R1", options.issuer_until);
    let class = if options.issuer_is_authority { of_authority(class) } else { class };
    let of_class = sign(&class, &authority, &Issuer::from_params(&root, &authority))?;
    let issuer = Issuer::from_params(&class, &authority);
    let certify = |name, until, key| sign(&named(name, until), &key_pair(key)?, &issuer);
    Ok(IssuedFiles {
        app: written(&[certify("an app", options.app_until, app)?]),
        alipay: written(&[certify("Alipay", options.alipay_until, alipay)?, of_class]),
        roots: written(&roots),
    })
}

fn of_authority(mut params: CertificateParams) -> CertificateParams {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn named(name: &str, until: i32) -> CertificateParams {
    let mut params = CertificateParams::default();
    let parts = [
        (DnType::CountryName, "CN"),
        (DnType::OrganizationName, "Emulator of Alipay"),
        (DnType::OrganizationalUnitName, "Certification Authority"),
        (DnType::CommonName, name),
    ];
    params.distinguished_name = rcgen::DistinguishedName::new();
    parts.into_iter().for_each(|(kind, part)| params.distinguished_name.push(kind, part));
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let mut number = [0; 16];
    OsRng.fill_bytes(&mut number);
    // Neither negative nor longer in one encoding than in another.
    number[0] = number[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&number));
    params
}

fn key_pair(key: &RsaPrivateKey) -> io::Result<KeyPair> {
    let der = key.to_pkcs8_der().map_err(io::Error::other)?;
    KeyPair::try_from(der.as_bytes()).map_err(io::Error::other)
}

fn written(certificates: &[Certificate]) -> String {
    let blocks: Vec<_> = certificates.iter().map(|one| Pem::new("CERTIFICATE", one.der().to_vec())).collect();
    pem::encode_many(&blocks)
}

/// What the emulator knows of an app that has certificates.
#[derive(Clone)]
pub struct AppCertificates {
    /// The `app_cert_sn` of its requests.
    pub(super) app_sn: String,
    /// Their `alipay_root_cert_sn`.
    pub(super) root_sn: String,
    /// The `alipay_cert_sn` of the answers.
    pub(super) alipay_sn: String,
    /// Signs these.
    pub(super) alipay_private_key: RsaPrivateKey,
}

impl AppCertificates {
    /// Reads the files; `alipay_private_key` is the key that Alipay's certificate is of.
    ///
    /// # Errors
    /// One is no PEM of certificates.
    pub fn read(files: &IssuedFiles, alipay_private_key: RsaPrivateKey) -> io::Result<Self> {
        let first = |text: &str| names(text, |_| true)?.into_iter().next().ok_or_else(no_certificate);
        Ok(Self {
            app_sn: first(&files.app)?,
            root_sn: names(&files.roots, is_signed_by_rsa)?.join("_"),
            alipay_sn: first(&files.alipay)?,
            alipay_private_key,
        })
    }

    /// The same for another app, whose certificate is in `file`.
    pub(super) fn of_app(&self, file: &str) -> Option<Self> {
        let app_sn = names(file, |_| true).ok()?.into_iter().next()?;
        Some(Self { app_sn, ..self.clone() })
    }
}

fn no_certificate() -> io::Error {
    io::Error::other("there is no certificate in the file")
}

/// The SNs of the certificates in a file that `count`.
fn names(text: &str, count: impl Fn(&X509Certificate<'_>) -> bool) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for block in ParsedPem::iter_from_buffer(text.as_bytes()) {
        let block = block.map_err(io::Error::other)?;
        let certificate = block.parse_x509().map_err(|_| no_certificate())?;
        if count(&certificate) {
            names.push(sn(&certificate)?);
        }
    }
    Ok(names)
}

fn is_signed_by_rsa(certificate: &X509Certificate<'_>) -> bool {
    certificate.signature_algorithm.algorithm.to_id_string().starts_with("1.2.840.113549.1.1.")
}

fn sn(certificate: &X509Certificate<'_>) -> io::Result<String> {
    let mut issuer = Vec::new();
    for part in certificate.issuer().iter_attributes() {
        let name = match part.attr_type().to_id_string().as_str() {
            "2.5.4.3" => "CN",
            "2.5.4.6" => "C",
            "2.5.4.10" => "O",
            "2.5.4.11" => "OU",
            other => return Err(io::Error::other(format!("an issuer with the part {other}"))),
        };
        issuer.push(format!("{name}={}", part.as_str().map_err(io::Error::other)?));
    }
    issuer.reverse();
    let text = format!("{}{}", issuer.join(","), certificate.tbs_certificate.serial);
    Ok(hex::encode(Md5::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_the_tests_of_alipays_sdk_state() {
        let roots = include_str!("../../../tests/vectors/alipay-roots.crt");
        let expected = ["687b59193f3f462dd5336e5abf83c5d8", "02941eef3187dddf3d3b83462e1dfcf6"];
        assert_eq!(names(roots, is_signed_by_rsa).unwrap(), expected);
        let alipays = include_str!("../../../tests/vectors/alipay-certificate.crt");
        assert_eq!(names(alipays, |_| true).unwrap()[0], "7513daaaa48aa3ba2e4018d84402479c");
    }
}
