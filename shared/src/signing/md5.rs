//! MD5 over a string and a shared key, for callers that support nothing stronger.

use std::fmt;

use md5::{Digest as _, Md5};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::model::deny_list::KeyFingerprint;

/// The shortest shared key that is accepted, in characters.
pub const MIN_KEY_CHARACTERS: usize = 16;

/// A key shared with a business.
#[derive(Clone)]
pub struct Md5Key {
    key: Zeroizing<String>,
    fingerprint: KeyFingerprint,
}

/// Compiles as long as the key is overwritten when it is dropped.
const _: fn(&Md5Key) -> &dyn ZeroizeOnDrop = |it| &it.key;

impl Md5Key {
    /// Takes a shared key; `None` if it is shorter than [`MIN_KEY_CHARACTERS`].
    #[must_use]
    pub fn new(key: &str) -> Option<Self> {
        (key.chars().count() >= MIN_KEY_CHARACTERS).then(|| Self {
            key: Zeroizing::new(key.to_owned()),
            fingerprint: KeyFingerprint::new(key.as_bytes()),
        })
    }

    /// Its name on the deny list.
    #[must_use]
    pub const fn fingerprint(&self) -> &KeyFingerprint {
        &self.fingerprint
    }

    /// The key itself: for masking it in an answer that repeats it, and for nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.key
    }

    /// MD5 over `string` followed directly by the key, as upper-case hex.
    #[must_use]
    pub fn tag(&self, string: &[u8]) -> String {
        hex::encode_upper(self.digest(string, KeyPlace::AtTheEnd))
    }

    /// MD5 over `string` and the key in some place.
    pub(super) fn digest(&self, string: &[u8], place: KeyPlace) -> [u8; 16] {
        let (key, none) = (self.key.as_bytes(), &b""[..]);
        let [before, between, after, end] = match place {
            KeyPlace::AtTheEnd => [none, none, key, none],
            KeyPlace::After(text) => [none, text.as_bytes(), key, none],
            KeyPlace::Before(text) => [none, none, key, text.as_bytes()],
            KeyPlace::First => [key, none, none, none],
            KeyPlace::BothEnds => [key, none, key, none],
        };
        let hash = Md5::new().chain_update(before).chain_update(string);
        hash.chain_update(between).chain_update(after).chain_update(end).finalize().into()
    }
}

/// The place of the shared key in what is hashed.
#[derive(Clone, Copy, Debug)]
pub(super) enum KeyPlace {
    /// Directly after the string, where it belongs.
    AtTheEnd,
    /// After the string and this text.
    After(&'static str),
    /// After the string, with this text behind it.
    Before(&'static str),
    /// Before the string.
    First,
    /// Before and after the string.
    BothEnds,
}

impl fmt::Debug for Md5Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Md5Key(…)")
    }
}
