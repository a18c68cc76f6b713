//! Lists of authorizations for an operator: what needs attention, or by state and owner, latest first.

use std::fmt;

use async_trait::async_trait;

use crate::model::authorization::{Authorization, Status};
use crate::model::clock::UnixMillis;
use crate::model::id::AuthorizationId;
use crate::model::owner::Owner;
use crate::store::StoreError;

/// The size of the pages that fill one up.
const FILLED_BY: u32 = 500;

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
    /// Those in one of these states.
    States(Vec<Status>),
}

/// The place of an authorization in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub created_at: UnixMillis,
    pub id: AuthorizationId,
}

impl Cursor {
    /// The place of `record`.
    #[must_use]
    pub fn of(record: &Authorization) -> Self {
        Self { created_at: record.created_at, id: record.id.clone() }
    }

    /// Reads what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (millis, id) = text.split_once('-')?;
        Some(Self { created_at: UnixMillis(millis.parse().ok()?), id: AuthorizationId::parse(id)? })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.created_at, self.id)
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// None, perhaps, although there are more: a store may have looked at a page's worth that are in other states.
    pub records: Vec<Authorization>,
    /// True if there may be more.
    pub more: bool,
    /// The place where the next page begins; [`View::Attention`] has none.
    pub next: Option<Cursor>,
}

/// A list that cannot be had.
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

/// Lists authorizations.
#[async_trait]
pub trait ListAuthorizations: Send + Sync {
    /// One page, latest first.
    async fn list(&self, listing: &Listing) -> Result<Page, ListError>;

    /// A page that is full unless the list ends with it, however many pages it takes.
    async fn list_filled(&self, listing: &Listing) -> Result<Page, ListError> {
        let wanted = usize::try_from(listing.limit).unwrap_or(usize::MAX);
        let mut filled = self.list(listing).await?;
        while filled.records.len() < wanted
            && let Some(next) = filled.next.take()
        {
            let limit = listing.limit.max(FILLED_BY);
            let page = self.list(&Listing { after: Some(next), limit, ..listing.clone() }).await?;
            filled.records.extend(page.records);
            (filled.more, filled.next) = (page.more, page.next);
        }
        if filled.records.len() > wanted {
            filled.records.truncate(wanted);
            filled.more = true;
            filled.next = filled.records.last().map(Cursor::of);
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let id = AuthorizationId::from_serial("B1", "S1");
        let cursor = Cursor { created_at: UnixMillis(1_795_355_000_123), id };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for text in ["", "-", "1", "1-", "x-0123", "1795355000123-xyz"] {
            assert_eq!(Cursor::parse(text), None, "{text:?}");
        }
    }
}
