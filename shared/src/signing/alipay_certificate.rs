//! The certificates that an app may have at Alipay instead of bare public keys: read, named as the gateway names them,
//! and followed to a root.
//!
//! The name of a certificate (its SN) is the MD5 of its issuer and of its own number in decimal; that of a bundle of
//! roots has the names of those signed by RSA, in their order. An SN proves nothing: it only says which of the
//! certificates in hand is meant.

use md5::{Digest as _, Md5};
use num_bigint::BigUint;
use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::time::Time;

use crate::model::clock::UnixMillis;
use crate::signing::rsa::{KeyFormError, VerifyingKey};

/// The branch of all signatures by RSA (PKCS #1).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1");
const RSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const PEM_LABEL: &str = "CERTIFICATE";
/// The most certificates from one to its root, without the root.
const LONGEST_CHAIN: usize = 4;

/// A certificate could not be used. It never holds any of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// What some editors put before a text.
    #[error("begins with a byte order mark")]
    ByteOrderMark,
    /// Escaped line breaks that nobody has unescaped.
    #[error("holds \\n as two characters; line breaks belong there")]
    LiteralLineBreaks,
    /// Not one PEM block.
    #[error("is no PEM of certificates")]
    NotPem,
    /// PEM of something else.
    #[error("is PEM of {0}, not of a certificate")]
    WrongPem(&'static str),
    /// A block without its end, or with a line that is not Base64. What follows would be left out without a word.
    #[error("has a block of PEM that is cut off or altered")]
    BrokenPem,
    /// A block that is no certificate.
    #[error("holds what is no X.509 certificate")]
    NotX509,
    /// A certificate of a key that cannot verify.
    #[error("certifies a key that cannot serve: it {0}")]
    Key(KeyFormError),
    /// Roots without one that Alipay asks for.
    #[error("holds no certificate that is signed by RSA")]
    NoRsa,
    /// No chain.
    #[error("does not lead to a root; Alipay's own file has the certificate of its issuer, too")]
    NoRoot,
}

/// The time in which a certificate holds, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    from: UnixMillis,
    until: UnixMillis,
}

impl Validity {
    fn from_certificate(certificate: &Certificate) -> Self {
        let validity = certificate.tbs_certificate().validity();
        Self { from: millis(validity.not_before), until: millis(validity.not_after) }
    }

    fn narrowed(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), until: self.until.min(other.until) }
    }

    /// True at a time within it.
    #[must_use]
    pub fn holds(self, now: UnixMillis) -> bool {
        (self.from..=self.until).contains(&now)
    }

    /// Its first moment.
    #[must_use]
    pub const fn from(self) -> UnixMillis {
        self.from
    }

    /// Its last moment.
    #[must_use]
    pub const fn until(self) -> UnixMillis {
        self.until
    }
}

fn millis(time: Time) -> UnixMillis {
    UnixMillis(i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX))
}

/// The roots that Alipay publishes, as one file.
#[derive(Debug)]
pub struct RootCertificates {
    sn: String,
    roots: Vec<Certificate>,
}

impl RootCertificates {
    /// Reads the file: PEM of one root after another, of RSA and others.
    ///
    /// # Errors
    /// [`CertificateError`], by cause.
    pub fn parse(text: &str) -> Result<Self, CertificateError> {
        let roots = certificates(text)?;
        let is_rsa = |root: &&Certificate| root.signature_algorithm().oid.parent() == Some(RSA);
        let names: Vec<_> = roots.iter().filter(is_rsa).map(sn).collect();
        if names.is_empty() { Err(CertificateError::NoRsa) } else { Ok(Self { sn: names.join("_"), roots }) }
    }

    /// The `alipay_root_cert_sn` of requests.
    #[must_use]
    pub fn sn(&self) -> &str {
        &self.sn
    }
}

/// A certificate of an RSA key, ours or Alipay's.
#[derive(Debug)]
pub struct KeyCertificate {
    sn: String,
    key: VerifyingKey,
    validity: Validity,
}

impl KeyCertificate {
    /// Reads the first certificate of a file in PEM.
    ///
    /// # Errors
    /// [`CertificateError`], by cause.
    pub fn parse(text: &str) -> Result<Self, CertificateError> {
        Self::from_certificate(&certificates(text)?[0])
    }

    /// Reads the first certificate of a file in PEM, and follows it, by the others, to one of `roots`. It then holds
    /// only while all on the way do.
    ///
    /// # Errors
    /// [`CertificateError`], by cause.
    pub fn parse_with_chain(text: &str, roots: &RootCertificates) -> Result<Self, CertificateError> {
        let chain = certificates(text)?;
        let validity =
            chain_validity(roots, &chain[0], &chain[1..], LONGEST_CHAIN).ok_or(CertificateError::NoRoot)?;
        Ok(Self { validity, ..Self::from_certificate(&chain[0])? })
    }

    fn from_certificate(certificate: &Certificate) -> Result<Self, CertificateError> {
        Ok(Self {
            sn: sn(certificate),
            key: key(certificate)?,
            validity: Validity::from_certificate(certificate),
        })
    }

    /// Its name, as in `app_cert_sn` and `alipay_cert_sn`.
    #[must_use]
    pub fn sn(&self) -> &str {
        &self.sn
    }

    /// The key that it certifies.
    #[must_use]
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The time in which it holds.
    #[must_use]
    pub const fn validity(&self) -> Validity {
        self.validity
    }
}

/// The certificates of a file, one at least.
fn certificates(text: &str) -> Result<Vec<Certificate>, CertificateError> {
    if text.starts_with('\u{feff}') {
        return Err(CertificateError::ByteOrderMark);
    }
    if text.contains("\\n") {
        return Err(CertificateError::LiteralLineBreaks);
    }
    let blocks = pem::parse_many(text).map_err(|_| CertificateError::BrokenPem)?;
    if let Some(other) = blocks.iter().find(|block| block.tag() != PEM_LABEL) {
        return Err(CertificateError::WrongPem(content(other.tag())));
    }
    if text.matches("-----BEGIN ").count() != blocks.len() {
        return Err(CertificateError::BrokenPem);
    }
    let parsed = blocks.iter().map(|block| Certificate::from_der(block.contents()));
    let certificates: Vec<_> = parsed.collect::<Result<_, _>>().map_err(|_| CertificateError::NotX509)?;
    if certificates.is_empty() { Err(CertificateError::NotPem) } else { Ok(certificates) }
}

fn content(label: &str) -> &'static str {
    match label {
        "PRIVATE KEY" | "RSA PRIVATE KEY" => "a private key",
        "PUBLIC KEY" | "RSA PUBLIC KEY" => "a public key",
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => "a request for a certificate",
        _ => "something else",
    }
}

/// The issuer's parts stand in the order of RFC 4514, the last one first.
fn sn(certificate: &Certificate) -> String {
    let parts = certificate.tbs_certificate();
    let number = BigUint::from_bytes_be(parts.serial_number().as_bytes());
    hex::encode(Md5::digest(format!("{}{number}", parts.issuer())))
}

fn key(certificate: &Certificate) -> Result<VerifyingKey, CertificateError> {
    let key = certificate.tbs_certificate().subject_public_key_info().to_der();
    VerifyingKey::from_der(&key.map_err(|_| CertificateError::NotX509)?).map_err(CertificateError::Key)
}

/// The time in which a certificate holds that leads to one of `roots` by certificates of `others`, `length` of them at
/// most with itself. Of several ways it is the one that holds longest.
fn chain_validity(
    roots: &RootCertificates,
    certificate: &Certificate,
    others: &[Certificate],
    length: usize,
) -> Option<Validity> {
    let by_root =
        roots.roots.iter().filter(|root| is_issued_by(certificate, root)).map(Validity::from_certificate);
    let may_be_next =
        |other: &&Certificate| length > 1 && may_issue(other) && is_issued_by(certificate, other);
    let by_others = others
        .iter()
        .filter(may_be_next)
        .filter_map(|other| chain_validity(roots, other, others, length - 1));
    let longest = by_root.chain(by_others).max_by_key(|validity| validity.until)?;
    Some(Validity::from_certificate(certificate).narrowed(longest))
}

/// True if `issuer` has signed `certificate`, by RSA with SHA-256.
fn is_issued_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    let names_agree = certificate.tbs_certificate().issuer() == issuer.tbs_certificate().subject();
    if !names_agree || certificate.signature_algorithm().oid != RSA_WITH_SHA256 {
        return false;
    }
    let (Ok(key), Ok(signed)) = (key(issuer), certificate.tbs_certificate().to_der()) else { return false };
    certificate.signature().as_bytes().is_some_and(|signature| key.verifies(&signed, signature))
}

/// A certificate of another app is by the same issuer as Alipay's: it must not vouch for a third one.
fn may_issue(certificate: &Certificate) -> bool {
    let constraints = certificate.tbs_certificate().get_extension::<BasicConstraints>();
    matches!(constraints, Ok(Some((_, constraints))) if constraints.ca)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOTS: &str = include_str!("../../../tests/vectors/alipay-roots.crt");
    const ALIPAYS: &str = include_str!("../../../tests/vectors/alipay-certificate.crt");
    const END: &str = "-----END CERTIFICATE-----\n";
    /// 2021-11-29, when Alipay's certificate holds.
    const NOW: UnixMillis = UnixMillis(1_638_144_000_000);

    /// The certificates of a file, each with what stands before it.
    fn each(file: &str) -> Vec<&str> {
        file.split_inclusive(END).collect()
    }

    #[test]
    fn alipays_own_certificates_have_the_names_that_the_tests_of_its_sdk_state() {
        let roots = RootCertificates::parse(ROOTS).unwrap();
        assert_eq!(roots.sn(), "687b59193f3f462dd5336e5abf83c5d8_02941eef3187dddf3d3b83462e1dfcf6");
        assert_eq!(KeyCertificate::parse(ALIPAYS).unwrap().sn(), "7513daaaa48aa3ba2e4018d84402479c");
    }

    #[test]
    fn alipays_own_certificate_leads_to_its_root_while_all_on_the_way_hold() {
        let roots = RootCertificates::parse(ROOTS).unwrap();
        let led = KeyCertificate::parse_with_chain(ALIPAYS, &roots).unwrap();
        assert!(led.validity().holds(NOW));
        assert!(!led.validity().holds(UnixMillis(0)), "long before");
        let until = led.validity().until();
        assert_eq!(until, UnixMillis(1_652_539_321_000), "2022-05-14T14:42:01Z");
        assert!(led.validity().holds(until) && !led.validity().holds(UnixMillis(until.0 + 1)));
        // Its issuer holds longer.
        let issuer = KeyCertificate::parse_with_chain(each(ALIPAYS)[1], &roots).unwrap();
        assert!(issuer.validity().holds(UnixMillis(until.0 + 1)));
    }

    #[test]
    fn without_its_issuer_or_the_issuers_root_a_certificate_leads_nowhere() {
        let roots = RootCertificates::parse(ROOTS).unwrap();
        let others = RootCertificates::parse(&each(ROOTS)[2..].concat()).unwrap();
        let altered = ALIPAYS.replacen("hoVesfcG", "hoVesfcH", 1);
        for (text, roots) in [(each(ALIPAYS)[0], &roots), (ALIPAYS, &others), (altered.as_str(), &roots)] {
            assert_eq!(KeyCertificate::parse_with_chain(text, roots).unwrap_err(), CertificateError::NoRoot);
        }
    }

    #[test]
    fn what_is_no_certificate_is_named_by_its_flaw() {
        let of_no_rsa = each(ROOTS)[0];
        for (text, flaw) in [
            ("", CertificateError::NotPem),
            ("-----BEGIN CERTIFICATE-----\nMIIE", CertificateError::BrokenPem),
            ("MIIE4jCCAsqgAwIBAgII", CertificateError::NotPem),
            (&format!("\u{feff}{ALIPAYS}"), CertificateError::ByteOrderMark),
            (&ALIPAYS.replace('\n', "\\n"), CertificateError::LiteralLineBreaks),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                CertificateError::WrongPem("a private key"),
            ),
            (
                "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
                CertificateError::WrongPem("a public key"),
            ),
            (
                "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
                CertificateError::WrongPem("a request for a certificate"),
            ),
            (
                "-----BEGIN hush-----\nAAAA\n-----END hush-----\n",
                CertificateError::WrongPem("something else"),
            ),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", CertificateError::NotX509),
            (of_no_rsa, CertificateError::Key(KeyFormError::NotRsa("public"))),
        ] {
            assert_eq!(KeyCertificate::parse(text).unwrap_err(), flaw, "{text}");
        }
        assert_eq!(RootCertificates::parse(of_no_rsa).unwrap_err(), CertificateError::NoRsa);
    }

    #[test]
    fn a_file_that_is_cut_off_or_altered_is_not_taken_for_a_shorter_one() {
        for file in [ROOTS, ALIPAYS] {
            let without_last_line = file.trim_end().rsplit_once('\n').unwrap().0;
            let middle = file.match_indices("-----END").next().unwrap().0;
            let altered = format!("{}*{}", &file[..middle - 1], &file[middle..]);
            for broken in [without_last_line, &file[..file.len() / 2], &altered] {
                assert_eq!(RootCertificates::parse(broken).unwrap_err(), CertificateError::BrokenPem);
                assert_eq!(KeyCertificate::parse(broken).unwrap_err(), CertificateError::BrokenPem);
            }
        }
    }
}
