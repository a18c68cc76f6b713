//! The deny list: the parties and keys that an operator has disabled at once, whatever their documents say.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::model::party_id::{FORM, is_party_id};

const DIGEST_BYTES: usize = 32;

/// The kind of a party that can be denied.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum PartyKind {
    /// A caller of the open API.
    Business,
    /// A caller of `GetAuthorizationUrl`.
    AccessKey,
    /// The account of such callers.
    Account,
    /// A scheme of such an account.
    Scheme,
    /// A platform that makes links, and calls back.
    Platform,
}

impl PartyKind {
    /// The kind in a word, as an entry has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The name of one key: the SHA-256 of its public half's DER (SPKI), or of a shared key's or secret's text. Whoever has
/// the list cannot make a signature of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyFingerprint([u8; DIGEST_BYTES]);

impl KeyFingerprint {
    /// That of a key of these bytes.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    pub(super) const fn bytes(&self) -> &[u8; DIGEST_BYTES] {
        &self.0
    }
}

impl FromStr for KeyFingerprint {
    type Err = DenialError;

    /// 64 hex digits, in pairs with colons between them if one likes, as OpenSSL prints them.
    fn from_str(text: &str) -> Result<Self, DenialError> {
        let digits: String = text.chars().filter(|digit| *digit != ':').collect();
        let mut digest = [0; DIGEST_BYTES];
        hex::decode_to_slice(digits, &mut digest).map_err(|_| DenialError::Fingerprint)?;
        Ok(Self(digest))
    }
}

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFingerprint({self})")
    }
}

/// One entry of the list. It displays as the stores keep it: `business/B1`, `access-key/ID/<fingerprint>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    kind: PartyKind,
    id: String,
    key: Option<KeyFingerprint>,
}

impl Denial {
    /// A party as a whole, or one of its keys.
    ///
    /// # Errors
    /// [`DenialError::Id`] unless the id is 1 to 64 characters of `[A-Za-z0-9_-]`, as every party's is, and
    /// [`DenialError::NoKeys`] of a key of a party that has none.
    pub fn new(kind: PartyKind, id: &str, key: Option<KeyFingerprint>) -> Result<Self, DenialError> {
        if !is_party_id(id) {
            return Err(DenialError::Id);
        }
        if key.is_some() && matches!(kind, PartyKind::Account | PartyKind::Scheme) {
            return Err(DenialError::NoKeys);
        }
        Ok(Self { kind, id: id.to_owned(), key })
    }

    #[must_use]
    pub const fn kind(&self) -> PartyKind {
        self.kind
    }

    /// True of a key alone.
    #[must_use]
    pub const fn is_of_a_key(&self) -> bool {
        self.key.is_some()
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.id)?;
        self.key.map_or(Ok(()), |key| write!(f, "/{key}"))
    }
}

impl FromStr for Denial {
    type Err = DenialError;

    fn from_str(text: &str) -> Result<Self, DenialError> {
        let mut parts = text.splitn(3, '/');
        let kind = parts.next().unwrap_or_default().parse().map_err(|_| DenialError::Kind)?;
        let id = parts.next().unwrap_or_default();
        Self::new(kind, id, parts.next().map(str::parse).transpose()?)
    }
}

/// There can be no such entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DenialError {
    #[error("a party is a business, an access-key, an account, a scheme or a platform")]
    Kind,
    #[error("an id has {FORM}")]
    Id,
    #[error("an account or a scheme has no keys")]
    NoKeys,
    #[error("a fingerprint is a SHA-256 in hex, 64 digits")]
    Fingerprint,
}

/// All entries, as they stood at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DenyList {
    /// What is denied of whoever has an id: a party, or a key of it.
    denied: HashMap<String, Vec<(PartyKind, Option<KeyFingerprint>)>>,
    /// Entries that this program cannot read. They concern nobody that it knows.
    unread: Vec<String>,
}

impl DenyList {
    /// The most entries that a list may have: it is read as a whole.
    pub const MOST: u32 = 1_000;

    /// The list of these entries, as the stores keep them.
    #[must_use]
    pub fn from_entries(entries: impl IntoIterator<Item = String>) -> Self {
        let mut list = Self::default();
        for entry in entries {
            match entry.parse() {
                Ok(Denial { kind, id, key }) => list.denied.entry(id).or_default().push((kind, key)),
                Err(_) => list.unread.push(entry),
            }
        }
        list
    }

    /// True if the party is denied as a whole.
    #[must_use]
    pub fn denies(&self, kind: PartyKind, id: &str) -> bool {
        self.has(kind, id, None)
    }

    /// True if this key of the party is denied.
    #[must_use]
    pub fn denies_key(&self, kind: PartyKind, id: &str, key: &KeyFingerprint) -> bool {
        self.has(kind, id, Some(key))
    }

    fn has(&self, kind: PartyKind, id: &str, key: Option<&KeyFingerprint>) -> bool {
        self.denied
            .get(id)
            .is_some_and(|denied| denied.iter().any(|(of, which)| (*of, which.as_ref()) == (kind, key)))
    }

    /// Its entries, sorted.
    #[must_use]
    pub fn entries(&self) -> Vec<String> {
        let mut entries = self.unread.clone();
        for (id, denied) in &self.denied {
            entries
                .extend(denied.iter().map(|&(kind, key)| Denial { kind, id: id.clone(), key }.to_string()));
        }
        entries.sort_unstable();
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_or_one_of_its_keys_is_denied_and_nobody_else() {
        let (ours, other) = (KeyFingerprint::new(b"one"), KeyFingerprint::new(b"two"));
        let entries = [
            Denial::new(PartyKind::Business, "B1", None),
            Denial::new(PartyKind::AccessKey, "B2", Some(ours)),
        ];
        let list = DenyList::from_entries(entries.map(|denial| denial.unwrap().to_string()));
        for (kind, id, whole, of_one, of_two) in [
            (PartyKind::Business, "B1", true, false, false),
            (PartyKind::Business, "B2", false, false, false),
            (PartyKind::AccessKey, "B1", false, false, false),
            (PartyKind::AccessKey, "B2", false, true, false),
            (PartyKind::Platform, "B1", false, false, false),
        ] {
            let keys = [&ours, &other].map(|key| list.denies_key(kind, id, key));
            assert_eq!((list.denies(kind, id), keys), (whole, [of_one, of_two]), "{kind:?} {id}");
        }
        assert!(!DenyList::default().denies(PartyKind::Business, "B1"));
    }

    #[test]
    fn an_entry_is_read_as_it_is_written_and_one_that_cannot_be_is_kept() {
        let key = KeyFingerprint::new(b"one");
        let denials = [
            Denial::new(PartyKind::Business, "B1", None).unwrap(),
            Denial::new(PartyKind::Business, "B1", Some(key)).unwrap(),
            Denial::new(PartyKind::Platform, "B1", None).unwrap(),
            Denial::new(PartyKind::Account, "1001", None).unwrap(),
            Denial::new(PartyKind::Scheme, "234", None).unwrap(),
        ];
        for denial in &denials {
            assert_eq!(denial.to_string().parse(), Ok(denial.clone()));
        }
        assert_eq!(denials.each_ref().map(Denial::is_of_a_key), [false, true, false, false, false]);
        let unread =
            ["", "business", "business/", "merchant/B1", "business/B 1", "business/B1/x", "business/B1/"];
        let mut entries: Vec<_> = denials.iter().map(Denial::to_string).collect();
        entries.extend(unread.map(str::to_owned));
        let list = DenyList::from_entries(entries.clone());
        entries.sort_unstable();
        assert_eq!(list.entries(), entries);
        assert!(unread.iter().all(|text| text.parse::<Denial>().is_err()));
    }

    #[test]
    fn a_fingerprint_is_read_in_the_forms_that_tools_print() {
        let ours = KeyFingerprint::new(b"hello");
        let plain = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(ours.to_string(), plain);
        let pairs: Vec<_> = plain.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap()).collect();
        for text in [plain.to_owned(), plain.to_uppercase(), pairs.join(":").to_uppercase()] {
            assert_eq!(text.parse(), Ok(ours), "{text}");
        }
        for text in ["", "2cf2", &plain[1..], &format!("{plain}00"), "x"] {
            assert_eq!(text.parse::<KeyFingerprint>(), Err(DenialError::Fingerprint), "{text}");
        }
    }

    #[test]
    fn who_has_no_keys_is_denied_as_a_whole() {
        let key = Some(KeyFingerprint::new(b"one"));
        for (kind, denied) in [
            (PartyKind::Business, true),
            (PartyKind::AccessKey, true),
            (PartyKind::Account, false),
            (PartyKind::Scheme, false),
            (PartyKind::Platform, true),
        ] {
            assert_eq!(Denial::new(kind, "1", key).is_ok(), denied, "{kind:?}");
            assert!(Denial::new(kind, "1", None).is_ok());
        }
    }

    #[test]
    fn an_id_is_one_that_a_party_can_have() {
        let long = "B".repeat(65);
        for id in ["", "B/1", "B 1", "Bé", long.as_str()] {
            assert_eq!(Denial::new(PartyKind::Business, id, None), Err(DenialError::Id), "{id:?}");
        }
    }
}
