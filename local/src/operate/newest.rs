//! The newest authorizations in whichever state, by an index and as many as one look may cost.

use shared::model::clock::UnixMillis;
use shared::model::owner::Owner;
use shared::store::listing::{ListError, Listing, Page, View};

use super::Opened;

/// The most that one look reads: on a table a query of keys and ten batches.
pub const MOST: u32 = 1_000;

/// The newest, requested at `since` or later, latest first.
///
/// # Errors
/// The place cannot list them.
pub async fn newest(
    opened: &Opened,
    owner: Option<Owner>,
    since: Option<UnixMillis>,
    now: UnixMillis,
) -> Result<Page, ListError> {
    let view = View::every_state();
    let listing = Listing { view, owner, since, until: None, after: None, limit: MOST, now };
    opened.records.list(&listing).await
}
