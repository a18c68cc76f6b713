//! New keys, and their texts.

use std::io;

use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::rand_core::{OsRng, RngCore as _};
use rsa::{RsaPrivateKey, RsaPublicKey};

const RSA_BITS: usize = 2048;

pub(crate) fn new_rsa() -> io::Result<RsaPrivateKey> {
    RsaPrivateKey::new(&mut OsRng, RSA_BITS).map_err(io::Error::other)
}

/// PKCS#8 in PEM.
pub(crate) fn private_pem(key: &RsaPrivateKey) -> io::Result<String> {
    key.to_pkcs8_pem(LineEnding::LF).map(|pem| pem.to_string()).map_err(io::Error::other)
}

/// SPKI in PEM.
pub(crate) fn public_pem(key: &RsaPublicKey) -> io::Result<String> {
    key.to_public_key_pem(LineEnding::LF).map_err(io::Error::other)
}

/// Random bytes as text.
pub(crate) fn random_hex<const BYTES: usize>() -> String {
    let mut bytes = [0; BYTES];
    OsRng.fill_bytes(&mut bytes);
    hex::encode(bytes)
}
