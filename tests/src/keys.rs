//! Keys for tests: the known answers' own for the merchant, generated ones for everyone else.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::rand_core::OsRng;
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde_json::Value;

/// The known answers of the open API: vectors, and the keys they were made with.
pub fn open_api_vectors() -> &'static Value {
    static VECTORS: OnceLock<Value> = OnceLock::new();
    VECTORS.get_or_init(|| serde_json::from_str(include_str!("../vectors/open-api.json")).expect("is JSON"))
}

/// A text of the known answers.
pub fn vector_text(name: &str) -> &'static str {
    open_api_vectors()[name].as_str().expect("is a string")
}

/// The merchant's key pair.
pub fn merchant() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| {
        let der = STANDARD.decode(vector_text("private_key_pkcs8_bare_base64")).expect("is Base64");
        RsaPrivateKey::from_pkcs8_der(&der).expect("is PKCS#8")
    })
}

/// The MD5 key that the merchant shares with us.
pub fn merchant_md5() -> &'static str {
    vector_text("md5_key")
}

/// Our app's key pair at Alipay.
pub fn app() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(generate)
}

/// Alipay's key pair.
pub fn alipay() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(generate)
}

/// The key pair that our callbacks are signed with.
pub fn callback() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(generate)
}

/// The key pair of another platform.
pub fn platform() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(generate)
}

/// A key pair that nobody knows.
pub fn foreign() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(generate)
}

fn generate() -> RsaPrivateKey {
    RsaPrivateKey::new(&mut OsRng, 2048).expect("a key")
}

/// PKCS#8 PEM.
pub fn private_pem(key: &RsaPrivateKey) -> String {
    key.to_pkcs8_pem(LineEnding::LF).expect("encodes").to_string()
}

/// SPKI PEM.
pub fn public_pem(key: &RsaPrivateKey) -> String {
    RsaPublicKey::from(key).to_public_key_pem(LineEnding::LF).expect("encodes")
}
