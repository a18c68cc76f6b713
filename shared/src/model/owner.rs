//! The owner of an authorization: a business of the open API, or a scheme of an account at `GetAuthorizationUrl`.
//!
//! The owner's document gives the default callback address, its name groups messages and selects what is resent.

use std::fmt;

use serde::{Deserialize, Serialize};

const SCHEME: &str = "scheme:";

/// The owner of an authorization. As text: a businessId as it is, or `scheme:` and the SchemeId; a businessId has no
/// colon.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Owner {
    /// A caller of the open API, by its businessId.
    Business(String),
    /// A scheme of an account.
    Scheme(SchemeId),
}

impl Owner {
    /// Reads what `Display` has written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix(SCHEME) {
            Some(id) => SchemeId::parse(id).map(Self::Scheme),
            None if text.is_empty() || text.contains(':') => None,
            None => Some(Self::Business(text.to_owned())),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Business(id) => f.write_str(id),
            Self::Scheme(id) => write!(f, "{SCHEME}{id}"),
        }
    }
}

impl TryFrom<String> for Owner {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("an owner is a businessId or scheme:<SchemeId>")
    }
}

impl From<Owner> for String {
    fn from(owner: Owner) -> Self {
        owner.to_string()
    }
}

/// `SchemeId`: a 64-bit integer from 0 (Dypnsapi 2017-05-25, `GetAuthorizationUrl`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct SchemeId(i64);

impl SchemeId {
    /// Reads decimal digits, without a sign; leading zeros count for nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { text.parse().ok().map(Self) } else { None }
    }
}

impl TryFrom<i64> for SchemeId {
    type Error = &'static str;

    fn try_from(id: i64) -> Result<Self, Self::Error> {
        if id < 0 { Err("a SchemeId is not negative") } else { Ok(Self(id)) }
    }
}

impl From<SchemeId> for i64 {
    fn from(id: SchemeId) -> Self {
        id.0
    }
}

impl fmt::Display for SchemeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_read_as_it_was_written() {
        for text in ["B_1-x", "scheme:0", "scheme:9223372036854775807"] {
            assert_eq!(Owner::parse(text).map(|owner| owner.to_string()).as_deref(), Some(text));
        }
        for text in ["", "scheme:", "scheme:-1", "scheme:x", "account:1"] {
            assert_eq!(Owner::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_scheme_id_is_an_int64_from_0() {
        for (text, id) in
            [("0", Some(0)), ("234", Some(234)), ("007", Some(7)), ("9223372036854775807", Some(i64::MAX))]
        {
            assert_eq!(SchemeId::parse(text).map(i64::from), id, "{text}");
        }
        for (number, is_one) in [(i64::MIN, false), (-1, false), (0, true), (1, true), (i64::MAX, true)] {
            assert_eq!(SchemeId::try_from(number).is_ok(), is_one, "{number}");
        }
        for text in ["", "-1", "+1", "1.0", " 1", "1e3", "9223372036854775808", "１"] {
            assert_eq!(SchemeId::parse(text), None, "{text}");
        }
    }
}
