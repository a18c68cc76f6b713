//! A key's fingerprint in short, which a record has room for.

use std::fmt;

use crate::model::deny_list::KeyFingerprint;

const DIGITS: usize = 8;

/// The first 8 hex digits of a key's fingerprint. They tell a party's few keys apart, and verify nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortFingerprint([u8; DIGITS / 2]);

impl ShortFingerprint {
    /// Reads what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; DIGITS / 2];
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        (is_lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(Self(bytes))
    }
}

impl KeyFingerprint {
    /// Its beginning.
    #[must_use]
    pub const fn short(&self) -> ShortFingerprint {
        let [one, two, three, four, ..] = *self.bytes();
        ShortFingerprint([one, two, three, four])
    }
}

impl fmt::Display for ShortFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_beginning_of_what_is_printed_and_is_read_as_it_is_written() {
        let key = KeyFingerprint::new(b"hello");
        let short = key.short();
        assert_eq!(short.to_string(), "2cf24dba");
        assert!(key.to_string().starts_with(&short.to_string()));
        assert_eq!(ShortFingerprint::parse("2cf24dba"), Some(short));
        assert_ne!(KeyFingerprint::new(b"hallo").short(), short);
        for text in ["", "2cf24db", "2cf24dbaa", "2CF24DBA", "2cf24dbx", " 2cf24db"] {
            assert_eq!(ShortFingerprint::parse(text), None, "{text:?}");
        }
    }
}
