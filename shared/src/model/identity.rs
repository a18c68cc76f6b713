//! The user's ids at Alipay, and the code that they are exchanged for. All of it is masked in `Debug`.

use std::fmt;

use crate::model::id::digest_of;

/// The code that the user's browser brings back from Alipay; spent by its first use.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthCode(String);

impl AuthCode {
    /// Reads a code: 1 to 64 letters and digits (Alipay's have about 32, at most 40).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed =
            (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        well_formed.then(|| Self(text.to_owned()))
    }

    /// The SHA-256 of the code, in hex: all that a record keeps of it.
    #[must_use]
    pub fn digest(&self) -> String {
        digest_of(&self.0)
    }

    /// The code itself, for Alipay's gateway only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The user's `open_id`: the user's id at one app.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenId(String);

impl OpenId {
    /// Reads an open_id: 1 to 128 printable ASCII characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        well_formed.then(|| Self(text.to_owned()))
    }

    /// The id itself, for the merchant and the record only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The user's older `user_id` (`2088…`), which apps of old get; never passed off as an [`OpenId`].
#[derive(Clone, PartialEq, Eq)]
pub struct AlipayUserId(String);

impl AlipayUserId {
    /// Reads a user_id: 1 to 32 digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        well_formed.then(|| Self(text.to_owned()))
    }

    /// The id itself, for the merchant and the record only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The user's ids: an [`OpenId`], an [`AlipayUserId`], or, while an app migrates, both.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    open_id: Option<OpenId>,
    user_id: Option<AlipayUserId>,
}

impl Identity {
    /// At least one of the two; `None` without either.
    #[must_use]
    pub fn new(open_id: Option<OpenId>, user_id: Option<AlipayUserId>) -> Option<Self> {
        (open_id.is_some() || user_id.is_some()).then_some(Self { open_id, user_id })
    }

    /// The open_id, if Alipay gave one.
    #[must_use]
    pub const fn open_id(&self) -> Option<&OpenId> {
        self.open_id.as_ref()
    }

    /// The user_id, if Alipay gave one.
    #[must_use]
    pub const fn user_id(&self) -> Option<&AlipayUserId> {
        self.user_id.as_ref()
    }

    /// True if both name the same user, as far as they have an id of the same kind.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        match (&self.open_id, &other.open_id) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => self.user_id.is_some() && self.user_id == other.user_id,
        }
    }
}

macro_rules! mask_debug {
    ($($kind:ident),+) => {$(
        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($kind), "(…)"))
            }
        }
    )+};
}

mask_debug!(AuthCode, OpenId, AlipayUserId, Identity);

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(open_id: Option<&str>, user_id: Option<&str>) -> Identity {
        Identity::new(
            open_id.map(|text| OpenId::parse(text).expect("well-formed")),
            user_id.map(|text| AlipayUserId::parse(text).expect("well-formed")),
        )
        .expect("one id at least")
    }

    #[test]
    fn a_code_is_letters_and_digits_of_bounded_length() {
        assert_eq!(
            AuthCode::parse("4b203fe6c11548bcabd8da5bb087a83b").map(|code| code.reveal().len()),
            Some(32)
        );
        for bad in ["", "a b", "a&b", "é", &"a".repeat(65)] {
            assert_eq!(AuthCode::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn identities_agree_by_the_id_that_both_have() {
        let both = identity(Some("o1"), Some("2088"));
        assert!(both.agrees_with(&identity(Some("o1"), None)));
        assert!(both.agrees_with(&identity(None, Some("2088"))));
        assert!(!both.agrees_with(&identity(Some("o2"), Some("2088"))));
        assert!(!both.agrees_with(&identity(None, Some("2089"))));
        assert!(!identity(Some("o1"), None).agrees_with(&identity(None, Some("2088"))));
    }

    #[test]
    fn debug_masks_every_id() {
        let shown = format!("{:?} {:?}", identity(Some("o1"), Some("2088")), OpenId::parse("o1"));
        assert_eq!(shown, "Identity(…) Some(OpenId(…))");
    }
}
