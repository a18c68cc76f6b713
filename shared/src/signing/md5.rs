//! MD5 over a string and a shared key, for callers that support nothing stronger.

use std::fmt;

use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

/// The shortest shared key that is accepted, in characters.
pub const MIN_KEY_CHARACTERS: usize = 16;

/// A key shared with a business.
#[derive(Clone)]
pub struct Md5Key(Zeroizing<String>);

impl Md5Key {
    /// Takes a shared key; `None` if it is shorter than [`MIN_KEY_CHARACTERS`].
    #[must_use]
    pub fn new(key: &str) -> Option<Self> {
        (key.chars().count() >= MIN_KEY_CHARACTERS).then(|| Self(Zeroizing::new(key.to_owned())))
    }

    /// MD5 over `string` followed directly by the key, as upper-case hex.
    #[must_use]
    pub fn tag(&self, string: &[u8]) -> String {
        let digest = Md5::new().chain_update(string).chain_update(self.0.as_bytes()).finalize();
        hex::encode_upper(digest)
    }
}

impl fmt::Debug for Md5Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Md5Key(…)")
    }
}
