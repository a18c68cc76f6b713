//! The ids of an authorization: its primary key, the state that travels through the user's browser, and operation ids.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::model::notice::Notice;
use crate::model::random::{Random, RandomError, hex_128};

/// The primary key of an authorization: 32 characters of `[0-9a-f]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct AuthorizationId(String);

impl AuthorizationId {
    /// The id of a business's serialNo: the first 128 bits of SHA-256 over both, each with its length before it.
    ///
    /// Two requests with the same serialNo of one business have the same id, so the second fails on the write itself.
    #[must_use]
    pub fn from_serial(business_id: &str, serial_no: &str) -> Self {
        let digest = digest_of_parts(&[business_id, serial_no]);
        Self(digest.chars().take(32).collect())
    }

    /// A new id, of 128 random bits, for a request that has no serialNo.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        hex_128(random).map(Self)
    }

    /// The id of the record by which `notice` of this authorization is delivered. The same notice has the same id, so
    /// that it is recorded once.
    #[must_use]
    pub fn of_notice(&self, notice: Notice) -> Self {
        Self(digest_of_parts(&["notice", &self.0, notice.as_str()]).chars().take(32).collect())
    }

    /// Reads an id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_lower_hex(text, 32).then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AuthorizationId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("an authorization's id is 32 lower-case hex characters")
    }
}

impl fmt::Display for AuthorizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The state that Alipay hands back with the user: the id, then 128 random bits that only the link's holder knows.
///
/// 64 characters of `[0-9a-f]`; Alipay allows 100 Base64 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct State {
    id: AuthorizationId,
    secret: String,
}

impl State {
    /// A new state for `id`.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn generate(id: AuthorizationId, random: &dyn Random) -> Result<Self, RandomError> {
        Ok(Self { id, secret: hex_128(random)? })
    }

    /// Reads a state as it came back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if !is_lower_hex(text, 64) {
            return None;
        }
        let (id, secret) = text.split_at(32);
        Some(Self { id: AuthorizationId::parse(id)?, secret: secret.to_owned() })
    }

    /// The authorization that it names.
    #[must_use]
    pub const fn id(&self) -> &AuthorizationId {
        &self.id
    }

    /// The SHA-256 of the random half, in hex: all that the record keeps of it.
    #[must_use]
    pub fn digest(&self) -> String {
        digest_of(&self.secret)
    }

    /// The state as it travels.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{}{}", self.id, self.secret)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({}…)", self.id)
    }
}

/// Names one try to change a record, so that a repeat of our own write is told from somebody else's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationId(String);

impl OperationId {
    /// A new one, of 128 random bits.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        hex_128(random).map(Self)
    }

    /// An id as a record holds it.
    #[must_use]
    pub const fn recorded(text: String) -> Self {
        Self(text)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// SHA-256 of `text`, in hex.
#[must_use]
pub fn digest_of(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// SHA-256 over `parts`, each with its length in bytes before it (8 bytes, big-endian), in hex.
#[must_use]
pub fn digest_of_parts(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hex::encode(hasher.finalize())
}

/// Compares two digests in constant time.
#[must_use]
pub fn same_digest(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

fn is_lower_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_serials_do_not_run_into_each_other() {
        let id = AuthorizationId::from_serial("a", "bc");
        assert_ne!(id, AuthorizationId::from_serial("ab", "c"));
        assert_eq!(id, AuthorizationId::from_serial("a", "bc"));
        assert_eq!(AuthorizationId::parse(id.as_str()), Some(id));
    }

    #[test]
    fn a_state_is_64_lower_case_hex_characters() {
        let text = format!("{}{}", "0a".repeat(16), "f1".repeat(16));
        let state = State::parse(&text).expect("well-formed");
        assert_eq!(state.id().as_str(), "0a".repeat(16));
        assert_eq!(state.reveal(), text);
        for bad in ["", &text[1..], &text.to_uppercase(), &format!("{text}0"), &text.replace('f', "g")] {
            assert_eq!(State::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn debug_shows_no_random_half() {
        let state = State::parse(&format!("{}{}", "0".repeat(32), "f".repeat(32))).expect("well-formed");
        assert!(!format!("{state:?}").contains("ffff"));
    }
}
