//! The requests whose refusal costs most to explain: bodies of the greatest size, the longest keys, two of a kind, the
//! second of which has signed something that no usual mistake leads to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
use rsa::{BigUint, RsaPublicKey};
use shared::protocol::open_api::MAX_BODY_BYTES;
use shared::signing::md5::Md5Key;
use shared::signing::open_api::VerificationKeys;
use shared::signing::rsa::{MAX_BITS, VerifyingKey};

use crate::Error;

const EXPONENT: u32 = 65_537;
/// Exponents of Mersenne primes. Their product has 8,161 bits and anybody can factor it, so that no key of that length
/// need be generated.
const MERSENNE: [u32; 3] = [521, 3_217, 4_423];
/// The encoded name of SHA-256, before a digest.
const SHA256_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];

/// The keys, and the requests by RSA and by MD5.
pub(crate) struct WorstCase {
    pub(crate) keys: VerificationKeys,
    pub(crate) by_rsa: Vec<Request<Bytes>>,
    pub(crate) by_md5: Vec<Request<Bytes>>,
}

/// Makes both requests in two kinds: with a body of many small values, and with one that grows when it is escaped.
pub(crate) fn worst_case() -> Result<WorstCase, Error> {
    let one = BigUint::from(1_u32);
    let primes = MERSENNE.map(|exponent| (one.clone() << exponent as usize) - &one);
    let modulus = primes.iter().fold(one.clone(), |product, prime| product * prime);
    let totient = primes.iter().fold(one.clone(), |product, prime| product * (prime - &one));
    let public = |modulus: &BigUint| -> Result<VerifyingKey, Error> {
        let key = RsaPublicKey::new_with_max_size(modulus.clone(), EXPONENT.into(), MAX_BITS)?;
        Ok(VerifyingKey::parse(&key.to_public_key_pem(LineEnding::LF)?)?)
    };
    let other_modulus = &modulus - BigUint::from(2_u32);
    let shared = |key| Md5Key::new(key).ok_or("the MD5 key is too short");
    let keys = VerificationKeys {
        rsa: vec![public(&other_modulus)?, public(&modulus)?],
        md5: vec![shared("a-shared-key-of-20-1")?, shared("a-shared-key-of-20-2")?],
    };
    let sign = STANDARD.encode(signature(&modulus, &totient)?);
    let bodies = [many_values(), growing()];
    let requests = |sign: &str, sign_type: &str| -> Result<Vec<_>, Error> {
        bodies.iter().map(|body| request(sign, sign_type, body)).collect()
    };
    let by_rsa = requests(&sign, "SHA256-RSA")?;
    let by_md5 = requests("0123456789ABCDEF0123456789ABCDEF", "MD5")?;
    Ok(WorstCase { keys, by_rsa, by_md5 })
}

/// A signature over a digest that is of no string.
fn signature(modulus: &BigUint, totient: &BigUint) -> Result<Vec<u8>, Error> {
    let exponent = BigUint::from(EXPONENT);
    let private = (1..EXPONENT)
        .map(|factor| totient * BigUint::from(factor) + BigUint::from(1_u32))
        .find(|product| (product % &exponent) == BigUint::from(0_u32))
        .map(|product| product / exponent)
        .ok_or("no private exponent")?;
    let length = modulus.to_bytes_be().len();
    let padding = vec![0xff; length - 3 - SHA256_INFO.len() - 32];
    let encoded = [&[0, 1][..], &padding, &[0], &SHA256_INFO, &[7; 32]].concat();
    let number = BigUint::from_bytes_be(&encoded).modpow(&private, modulus).to_bytes_be();
    Ok([vec![0; length - number.len()], number].concat())
}

fn request(sign: &str, sign_type: &str, body: &str) -> Result<Request<Bytes>, Error> {
    let request = Request::post("/v1/openapi/auth/alipay/url")
        .header("businessId", "B".repeat(64))
        .header("nonce", "n".repeat(128))
        .header("timestamp", "1795305600000")
        .header("signType", sign_type)
        .header("sign", sign);
    Ok(request.body(Bytes::from(body.to_owned()))?)
}

fn many_values() -> String {
    let fields: Vec<_> =
        (0..).map(|number| format!("\"{number:x}\":\"?\"")).take(MAX_BODY_BYTES / 12).collect();
    format!("{{{}}}", fields.join(","))
}

fn growing() -> String {
    format!("{{\"serialNo\":\"{}\"}}", "é/<".repeat((MAX_BODY_BYTES - 20) / 4))
}
