//! What an RSA signature holds once it is opened with the public key: the digest that was signed and the way it was
//! signed. Another key opens it to bytes without any form, so a form tells whose it is.

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

use crate::signing::rsa::VerifyingKey;

/// A signature that a key has opened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// PKCS #1 v1.5 with SHA-256, as it should be; over these bytes or others.
    Sha256([u8; 32]),
    /// PKCS #1 v1.5 with SHA-1.
    Sha1,
    /// PKCS #1 v1.5 with another hash.
    OtherHash,
    /// PKCS #1 v1.5 around something that names no hash.
    Bare,
    Pss,
}

/// The ends of the encoded names of hashes, with the length of the digest.
const SHA256_INFO: [&[u8]; 2] = [
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
    b"\x30\x2f\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x20",
];
const SHA1_INFO: [&[u8]; 2] = [
    b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
    b"\x30\x1f\x30\x07\x06\x05\x2b\x0e\x03\x02\x1a\x04\x14",
];
/// The beginnings of the names of MD5, and of the other members of SHA-2 and SHA-3, after the lengths.
const OTHER_HASHES: [&[u8]; 2] =
    [b"\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05", b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02"];

/// The fewest bytes of padding that tell a form from chance.
const LEAST_PADDING: usize = 8;

/// Opens `signature` with `key`; `None` if the key did not make it. `string` is what it should be over: a PSS signature
/// with the longest salt has no padding, and is known only by what it is over.
pub(super) fn open(key: &VerifyingKey, signature: &[u8], string: &[u8]) -> Option<Opened> {
    let encoded = key.encoded_message(signature)?;
    match pkcs1_content(&encoded) {
        Some(content) => Some(named_hash(content)),
        None => is_pss(&encoded, key.bits(), string).then_some(Opened::Pss),
    }
}

/// The content of `00 01 FF … FF 00 content`.
fn pkcs1_content(encoded: &[u8]) -> Option<&[u8]> {
    let padded = encoded.strip_prefix(&[0, 1])?;
    let padding = padded.iter().take_while(|byte| **byte == 0xff).count();
    if padding < LEAST_PADDING {
        return None;
    }
    padded[padding..].strip_prefix(&[0])
}

fn named_hash(content: &[u8]) -> Opened {
    let digest = |infos: &[&[u8]]| infos.iter().find_map(|info| content.strip_prefix(*info));
    if let Some(digest) = digest(&SHA256_INFO).and_then(|digest| digest.try_into().ok()) {
        return Opened::Sha256(digest);
    }
    if digest(&SHA1_INFO).is_some_and(|digest| digest.len() == 20) {
        return Opened::Sha1;
    }
    // Two lengths of two bytes stand before the name.
    let names_other = content.first() == Some(&0x30)
        && content.get(4..).is_some_and(|name| OTHER_HASHES.iter().any(|other| name.starts_with(other)));
    if names_other { Opened::OtherHash } else { Opened::Bare }
}

/// The digest of the string and that of the mask: both SHA-256, as OpenSSL does; the mask by SHA-1, as Java does unless
/// told otherwise; both SHA-1.
const PSS_HASHES: [(&Algorithm, &Algorithm); 3] = [
    (&SHA256, &SHA256),
    (&SHA256, &SHA1_FOR_LEGACY_USE_ONLY),
    (&SHA1_FOR_LEGACY_USE_ONLY, &SHA1_FOR_LEGACY_USE_ONLY),
];

/// True if `encoded` is an EMSA-PSS encoding (RFC 8017, 9.1.2) with any length of salt: of any string if it has padding
/// enough to tell, or else of `string`.
fn is_pss(encoded: &[u8], bits: usize, string: &[u8]) -> bool {
    // One bit less than the modulus: a whole byte less if that begins with a single bit.
    let unused = (8 - (bits - 1) % 8) % 8;
    let encoded = if (bits - 1).is_multiple_of(8) { encoded.get(1..).unwrap_or_default() } else { encoded };
    let Some((0xbc, rest)) = encoded.split_last() else { return false };
    PSS_HASHES.iter().any(|(hash, mask)| {
        let Some((masked, seed)) = rest.len().checked_sub(hash.output_len()).map(|at| rest.split_at(at))
        else {
            return false;
        };
        let mut block: Vec<u8> =
            masked.iter().zip(mgf1(mask, seed, masked.len())).map(|(one, other)| one ^ other).collect();
        if let Some(first) = block.first_mut() {
            *first &= 0xff >> unused;
        }
        let padding = block.iter().take_while(|byte| **byte == 0).count();
        let Some(salt) = block[padding..].strip_prefix(&[1]) else { return false };
        padding >= LEAST_PADDING || {
            let message = [&[0; 8], digest(hash, string).as_ref(), salt].concat();
            digest(hash, &message).as_ref() == seed
        }
    })
}

/// The mask of RFC 8017, B.2.1.
fn mgf1(hash: &'static Algorithm, seed: &[u8], length: usize) -> Vec<u8> {
    let blocks = (0_u32..)
        .flat_map(|counter| digest(hash, &[seed, &counter.to_be_bytes()].concat()).as_ref().to_vec());
    blocks.take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_of_padding_tell_a_form_from_chance() {
        let encoded = |padding: usize| [&[0, 1][..], &vec![0xff; padding], b"\0content"].concat();
        for (padding, is_form) in [(0, false), (7, false), (8, true), (200, true)] {
            assert_eq!(pkcs1_content(&encoded(padding)).is_some(), is_form, "{padding}");
        }
    }

    #[test]
    fn a_hash_is_named_within_a_sequence() {
        let named = [b"\x30\x51\x30\x0d".as_slice(), OTHER_HASHES[1], b"\x03\x05\x00\x04\x40"].concat();
        assert_eq!(named_hash(&named), Opened::OtherHash);
        assert_eq!(named_hash(&[&[0x31], &named[1..]].concat()), Opened::Bare);
        assert_eq!(named_hash(b"\x30\x51\x30\x0dsomething else"), Opened::Bare);
    }
}
