//! RSA keys in every form they usually come in, and RSASSA-PKCS1-v1_5 with SHA-256 on them.
//!
//! Operators paste keys from OpenSSL, from Java key tools and from Alipay's console, so the form is read off the
//! bytes and never asked for: PEM or bare Base64 (with or without line breaks); PKCS#1 or PKCS#8 for a private key,
//! PKCS#1 or SPKI for a public one. A key is parsed once and kept.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, PublicKey};
use aws_lc_rs::signature::{KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigUint;
use zeroize::Zeroizing;

use crate::model::deny_list::KeyFingerprint;
use crate::model::random::RandomError;

/// The shortest RSA key that is accepted.
pub const MIN_BITS: usize = 2048;
/// The least public exponent that is accepted, in big-endian bytes: FIPS 186-5 asks for more than 2^16.
const MIN_EXPONENT: [u8; 3] = [1, 0, 1];
/// The longest RSA key that is accepted.
pub const MAX_BITS: usize = 8192;

/// A key could not be used. Never holds any of the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFormError {
    /// Nothing but white space.
    #[error("is empty")]
    Empty,
    /// Starts like PEM, but is none.
    #[error("looks like PEM but cannot be read as PEM")]
    BadPem,
    /// PEM of something else than a plain key of the kind wanted.
    #[error("is PEM of a {0}, which cannot serve here")]
    WrongPem(String),
    /// Neither PEM nor Base64.
    #[error("is neither PEM nor Base64")]
    NotBase64,
    /// DER, perhaps, but of no RSA key of the kind wanted.
    #[error("is not an RSA {0} key")]
    NotRsa(&'static str),
    /// Escaped line breaks that nobody has unescaped.
    #[error("holds \\n as two characters; line breaks belong there")]
    LiteralLineBreaks,
    /// What some editors put before a text.
    #[error("begins with a byte order mark")]
    ByteOrderMark,
    /// A public exponent below [`MIN_EXPONENT`].
    #[error("is an RSA key with a public exponent below 65537")]
    Exponent,
    /// An RSA key shorter or longer than is accepted.
    #[error("is an RSA key of {0} bits; {MIN_BITS} to {MAX_BITS} are accepted")]
    Bits(usize),
}

/// A public key that signatures are verified with.
#[derive(Clone)]
pub struct VerifyingKey {
    key: ParsedPublicKey,
    fingerprint: KeyFingerprint,
    /// Big-endian, without leading zeros.
    modulus: Box<[u8]>,
    /// True for the exponent that all but all keys have.
    has_usual_exponent: bool,
}

impl VerifyingKey {
    /// Reads a public key in any usual form.
    ///
    /// # Errors
    /// [`KeyFormError`], by cause.
    pub fn parse(text: &str) -> Result<Self, KeyFormError> {
        Self::from_der(&parse_der(text, &["PUBLIC KEY", "RSA PUBLIC KEY"])?)
    }

    /// Reads a public key in DER, PKCS#1 or SPKI.
    ///
    /// # Errors
    /// [`KeyFormError`], by cause.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyFormError> {
        let key = PublicKey::from_der(der).map_err(|_| KeyFormError::NotRsa("public"))?;
        let modulus = key.modulus().big_endian_without_leading_zero();
        let exponent = key.exponent().big_endian_without_leading_zero();
        check(modulus, exponent)?;
        let has_usual_exponent = exponent == MIN_EXPONENT;
        let spki: PublicKeyX509Der<'_> = key.as_der().map_err(|_| KeyFormError::NotRsa("public"))?;
        let fingerprint = KeyFingerprint::new(spki.as_ref());
        ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.as_ref())
            .map(|parsed| Self { key: parsed, fingerprint, modulus: modulus.into(), has_usual_exponent })
            .map_err(|_| KeyFormError::NotRsa("public"))
    }

    /// True if this is the public half of `pair`.
    #[must_use]
    pub fn is_half_of(&self, pair: &SigningKey) -> bool {
        *self.modulus == *pair.0.public_key().modulus().big_endian_without_leading_zero()
    }

    /// Its name on the deny list.
    #[must_use]
    pub const fn fingerprint(&self) -> &KeyFingerprint {
        &self.fingerprint
    }

    /// Returns true if `signature` is this key's over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }

    /// The length of the modulus in bits.
    pub(super) fn bits(&self) -> usize {
        bits(&self.modulus)
    }

    /// True if [`Self::encoded_message`] knows this key's signatures.
    pub(super) const fn opens(&self) -> bool {
        self.has_usual_exponent
    }

    /// The number that `signature` was made of, as long as the modulus: what stands in it if this key made it, and
    /// bytes without form if another did.
    ///
    /// `None` for a signature of another length than this key's, or not below the modulus, and for a key with another
    /// exponent than 65537. All of it is public, so the arithmetic need not hide anything.
    pub(super) fn encoded_message(&self, signature: &[u8]) -> Option<Vec<u8>> {
        if signature.len() != self.modulus.len() || !self.has_usual_exponent {
            return None;
        }
        let (modulus, base) = (BigUint::from_bytes_be(&self.modulus), BigUint::from_bytes_be(signature));
        if base >= modulus {
            return None;
        }
        // Sixteen squarings and one multiplication are the power of 65537.
        let squared = (0..16).fold(base.clone(), |power, _| &power * &power % &modulus);
        let number = (squared * base % &modulus).to_bytes_be();
        let zeros = vec![0; self.modulus.len() - number.len()];
        Some([zeros, number].concat())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifyingKey(…)")
    }
}

/// A private key that signs.
pub struct SigningKey(KeyPair);

impl SigningKey {
    /// Reads a private key in any usual form.
    ///
    /// # Errors
    /// [`KeyFormError`], by cause.
    pub fn parse(text: &str) -> Result<Self, KeyFormError> {
        let der: Zeroizing<Vec<u8>> = parse_der(text, &["PRIVATE KEY", "RSA PRIVATE KEY"])?;
        let pair = KeyPair::from_pkcs8(&der)
            .or_else(|_| KeyPair::from_der(&der))
            .map_err(|_| KeyFormError::NotRsa("private"))?;
        let public = pair.public_key();
        check(
            public.modulus().big_endian_without_leading_zero(),
            public.exponent().big_endian_without_leading_zero(),
        )?;
        Ok(Self(pair))
    }

    /// The name on the deny list of its public half, if that can be written down.
    #[must_use]
    pub fn fingerprint(&self) -> Option<KeyFingerprint> {
        let spki: PublicKeyX509Der<'_> = self.0.public_key().as_der().ok()?;
        Some(KeyFingerprint::new(spki.as_ref()))
    }

    /// The signature over `message`, as long as the key's modulus.
    ///
    /// # Errors
    /// [`RandomError`] if the operating system has no randomness for the blinding.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, RandomError> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &aws_lc_rs::rand::SystemRandom::new(), message, &mut signature)
            .map_err(|_| RandomError)?;
        Ok(signature)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

fn parse_der(text: &str, labels: &[&str]) -> Result<Zeroizing<Vec<u8>>, KeyFormError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(KeyFormError::Empty);
    }
    if text.starts_with('\u{feff}') {
        return Err(KeyFormError::ByteOrderMark);
    }
    if text.contains("\\n") {
        return Err(KeyFormError::LiteralLineBreaks);
    }
    if text.starts_with("-----BEGIN") {
        let block = pem::parse(text).map_err(|_| KeyFormError::BadPem)?;
        if !labels.contains(&block.tag()) {
            return Err(KeyFormError::WrongPem(block.tag().to_owned()));
        }
        if block.headers().iter().any(|(name, _)| name == "DEK-Info") {
            return Err(KeyFormError::WrongPem("encrypted key".to_owned()));
        }
        return Ok(Zeroizing::new(block.into_contents()));
    }
    let base64 = Zeroizing::new(text.split_ascii_whitespace().collect::<String>());
    STANDARD.decode(base64.as_bytes()).map(Zeroizing::new).map_err(|_| KeyFormError::NotBase64)
}

fn check(modulus: &[u8], exponent: &[u8]) -> Result<(), KeyFormError> {
    let bits = bits(modulus);
    if !(MIN_BITS..=MAX_BITS).contains(&bits) {
        return Err(KeyFormError::Bits(bits));
    }
    // Of numbers without leading zeros the longer is the greater.
    let is_accepted = (exponent.len(), exponent) >= (MIN_EXPONENT.len(), &MIN_EXPONENT[..]);
    if is_accepted { Ok(()) } else { Err(KeyFormError::Exponent) }
}

/// The length in bits of a number without leading zeros.
fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |first| first.leading_zeros() as usize);
    number.len() * 8 - unused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_bits_of_its_first_byte_and_eight_for_each_other() {
        for (number, length) in [(&[][..], 0), (&[1], 1), (&[0xff], 8), (&[1, 0], 9), (&[0x40, 0, 0], 23)] {
            assert_eq!(bits(number), length, "{number:?}");
        }
    }

    #[test]
    fn only_a_signature_as_long_as_the_key_is_opened() {
        let vectors = include_str!("../../../tests/vectors/open-api.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
        let key = VerifyingKey::parse(vectors["public_key_bare_base64"].as_str().unwrap()).unwrap();
        let length = key.bits() / 8;
        let opened = |bytes: &[u8]| key.encoded_message(bytes).map(|message| message.len());
        assert_eq!(opened(&vec![1; length]), Some(length));
        assert_eq!(opened(&vec![1; length - 1]), None);
        assert_eq!(opened(&vec![1; length + 1]), None);
        assert_eq!(opened(&key.modulus), None, "a number below the modulus alone");
    }
}
