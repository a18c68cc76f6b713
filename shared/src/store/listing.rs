//! Lists of authorizations for an operator: what needs attention, or by state and owner, latest first.

use std::fmt;

use async_trait::async_trait;
use strum::VariantArray as _;

use crate::model::authorization::{Authorization, Status};
use crate::model::clock::UnixMillis;
use crate::model::id::AuthorizationId;
use crate::model::owner::Owner;
use crate::store::StoreError;

/// The authorizations to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    pub view: View,
    /// Of this business or scheme alone.
    pub owner: Option<Owner>,
    /// Requested at this time or later.
    pub since: Option<UnixMillis>,
    /// Requested before this time.
    pub until: Option<UnixMillis>,
    /// The place where an earlier page ended.
    pub after: Option<Cursor>,
    pub limit: u32,
    /// The time that [`View::Attention`] is judged at.
    pub now: UnixMillis,
}

/// The kind of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// What somebody should look at, see [`crate::model::attention`]. It has one page.
    Attention,
    /// Those in one of these states; if all of them are [`ENDED_BADLY`], without those whose person was forgotten.
    States(Vec<Status>),
}

/// The states of what ended badly and may be mended.
pub const ENDED_BADLY: [Status; 2] = [Status::Undeliverable, Status::ExchangeUnknown];

impl View {
    /// All, in whichever state.
    #[must_use]
    pub fn every_state() -> Self {
        Self::States(Status::VARIANTS.to_vec())
    }

    /// True if it is of states, and of no others than [`ENDED_BADLY`].
    #[must_use]
    pub fn is_of_bad_ends(&self) -> bool {
        matches!(self, Self::States(states) if states.iter().all(|state| ENDED_BADLY.contains(state)))
    }
}

/// The place of an authorization in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The time that the list is in the order of: of the request, or of what ended badly.
    pub at: UnixMillis,
    pub id: AuthorizationId,
}

impl Cursor {
    /// Reads what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (millis, id) = text.split_once('-')?;
        Some(Self { at: UnixMillis(millis.parse().ok()?), id: AuthorizationId::parse(id)? })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at, self.id)
    }
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Fewer than the limit, perhaps none, although there are more, where a store has looked at as many as one page may
    /// cost, and the others are in other states.
    pub records: Vec<Authorization>,
    /// The references of those that are left out: this version cannot read what a newer one has written, nor what is
    /// damaged. One whose state this version does not know is in no list of [`ENDED_BADLY`].
    pub unreadable: Vec<String>,
    /// True if there may be more.
    pub more: bool,
    /// The place where the next page begins; [`View::Attention`] has none.
    pub next: Option<Cursor>,
}

/// A list that is unavailable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// The store could not do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A table has no index over all owners.
    #[error("a table lists the authorizations of one business or scheme: name it")]
    OwnerNeeded,
    /// The table was made without it.
    #[error("the table has no index of recent authorizations: deploy with the parameter RecentIndex=true")]
    NoIndex,
}

#[async_trait]
pub trait ListAuthorizations: Send + Sync {
    /// One page, latest first. Of [`View::Attention`] what is overdue is kept first.
    async fn list(&self, listing: &Listing) -> Result<Page, ListError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let id = AuthorizationId::from_serial("B1", "S1");
        let cursor = Cursor { at: UnixMillis(1_795_355_000_123), id };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for text in ["", "-", "1", "1-", "x-0123", "1795355000123-xyz"] {
            assert_eq!(Cursor::parse(text), None, "{text:?}");
        }
    }
}
