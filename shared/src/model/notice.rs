//! A notice: what a merchant is told of a link that has named nobody, if its document asks for it.
//!
//! A notice is delivered by a record of its own beside the authorization's, with an id of its own, so that neither of
//! the two deliveries waits for the other: a user who refused may consent while the link lives, and the openId is
//! then delivered.

use std::str::FromStr;

/// What is told.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display, strum::EnumString, strum::IntoStaticStr,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Notice {
    /// The user came back without having consented.
    Refused,
    /// The link ended, and nobody had consented.
    Expired,
}

impl Notice {
    /// The value of `result`, and of the record's field.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Reads [`as_str`](Self::as_str).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_str(text).ok()
    }
}
