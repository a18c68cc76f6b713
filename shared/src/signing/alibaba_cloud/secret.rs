//! The secret of an access key, and the two tags that are made with it.

use std::fmt;

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, Key, Tag, sign};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::model::deny_list::KeyFingerprint;

/// The secret that an access key's owner signs with.
#[derive(Clone)]
pub struct AccessKeySecret {
    /// With the `&` that V1 asks for behind it.
    v1_key: Zeroizing<Vec<u8>>,
    fingerprint: KeyFingerprint,
}

/// Compiles as long as the secret is overwritten when it is dropped.
const _: fn(&AccessKeySecret) -> &dyn ZeroizeOnDrop = |it| &it.v1_key;

impl AccessKeySecret {
    /// Takes a secret; `None` unless it is 8 to 128 printable ASCII characters without spaces.
    #[must_use]
    pub fn new(secret: &str) -> Option<Self> {
        if !(8..=128).contains(&secret.len()) || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let mut v1_key = Zeroizing::new(Vec::with_capacity(secret.len() + 1));
        v1_key.extend_from_slice(secret.as_bytes());
        v1_key.push(b'&');
        Some(Self { v1_key, fingerprint: KeyFingerprint::new(secret.as_bytes()) })
    }

    /// Its name on the deny list.
    #[must_use]
    pub const fn fingerprint(&self) -> &KeyFingerprint {
        &self.fingerprint
    }

    /// HMAC-SHA1 under the secret followed by `&`.
    pub(super) fn v1_tag(&self, string_to_sign: &[u8]) -> Tag {
        sign(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.v1_key), string_to_sign)
    }

    /// HMAC-SHA256 under the plain secret.
    pub(super) fn v3_tag(&self, string_to_sign: &[u8]) -> Tag {
        let plain = self.v1_key.split_last().map_or(&[][..], |(_, plain)| plain);
        sign(&Key::new(HMAC_SHA256, plain), string_to_sign)
    }
}

#[cfg(test)]
impl AccessKeySecret {
    /// A secret of any bytes, such as no access key has: V1 signs with all of them, V3 with all but the last.
    pub(super) fn of_v1_key(key: &[u8]) -> Self {
        Self { v1_key: Zeroizing::new(key.to_vec()), fingerprint: KeyFingerprint::new(key) }
    }
}

impl fmt::Debug for AccessKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKeySecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_8_to_128_printable_characters_without_spaces() {
        for (secret, accepted) in [
            ("1234567", false),
            ("12345678", true),
            (&*"~".repeat(128), true),
            (&*"~".repeat(129), false),
            ("1234 5678", false),
            ("1234\t5678", false),
            ("12345678é", false),
            ("", false),
        ] {
            assert_eq!(AccessKeySecret::new(secret).is_some(), accepted, "{secret:?}");
        }
    }

    #[test]
    fn the_two_tags_differ_by_hash_and_by_the_ampersand() {
        let secret = AccessKeySecret::new("testsecret").expect("a secret");
        let v1 = sign(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"testsecret&"), b"string");
        let v3 = sign(&Key::new(HMAC_SHA256, b"testsecret"), b"string");
        assert_eq!(secret.v1_tag(b"string").as_ref(), v1.as_ref());
        assert_eq!(secret.v3_tag(b"string").as_ref(), v3.as_ref());
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(
            format!("{:?}", AccessKeySecret::new("testsecret").expect("a secret")),
            "AccessKeySecret(…)"
        );
    }
}
