//! Lists of authorizations, each by an index: no list reads more than its page, and that of each state once.

use async_trait::async_trait;
use rusqlite::{Connection, ToSql};

use crate::model::attention::OVERDUE_AFTER;
use crate::model::authorization::Status;
use crate::model::clock::UnixMillis;
use crate::store::listing::{Cursor, ListAuthorizations, ListError, Listing, Page, View};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::rows::read;
use crate::telemetry::Alarm;

#[async_trait]
impl ListAuthorizations for SqliteStore {
    async fn list(&self, listing: &Listing) -> Result<Page, ListError> {
        let listing = listing.clone();
        Ok(self.0.run(move |connection| page(connection, &listing)).await?)
    }
}

fn page(connection: &Connection, listing: &Listing) -> rusqlite::Result<Page> {
    let mut page = Page::default();
    match &listing.view {
        View::States(states) => {
            for &state in states {
                in_state(connection, listing, state, &mut page)?;
            }
        }
        View::Attention => {
            for state in [Status::Undeliverable, Status::ExchangeUnknown] {
                in_state(connection, listing, state, &mut page)?;
            }
            others_of_attention(connection, listing, &mut page)?;
        }
    }
    page.records.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));
    let limit = usize::try_from(listing.limit).unwrap_or(usize::MAX);
    page.more = page.records.len() > limit;
    page.records.truncate(limit);
    let last = page.records.last().filter(|_| page.more && listing.view != View::Attention);
    page.next = last.map(|last| Cursor { at: last.created_at, id: last.id.clone() });
    Ok(page)
}

/// The latest in one state, one more than fits a page.
fn in_state(
    connection: &Connection,
    listing: &Listing,
    state: Status,
    page: &mut Page,
) -> rusqlite::Result<()> {
    let (of_owner, index) = match listing.owner {
        Some(_) => ("owner = :owner AND", "recent_of_owner"),
        None => ("", "recent"),
    };
    let needed = match listing.view {
        View::Attention => "AND forgotten_at IS NULL",
        View::States(_) => "",
    };
    let sql = format!(
        "SELECT * FROM authorizations INDEXED BY {index} WHERE {of_owner} status = :status {needed}
             AND created_at >= :since AND (created_at, id) < (:before, :id)
         ORDER BY created_at DESC, id DESC"
    );
    let owner = listing.owner.as_ref().map(|owner| (":owner", owner as &dyn ToSql));
    let own = owner.into_iter().chain([(":status", &state as &dyn ToSql)]);
    read_into(page, connection, listing, &sql, own)
}

/// What has been due for long, what has no address, and exchanges that have ended without a word.
fn others_of_attention(connection: &Connection, listing: &Listing, page: &mut Page) -> rusqlite::Result<()> {
    let (now, overdue) = (listing.now, listing.now - OVERDUE_AFTER);
    for (index, condition, order, moment) in [
        ("due", "status = 'AUTHORIZED' AND due_at <= :overdue", "due_at", Some((":overdue", &overdue))),
        (
            "without_address",
            "status = 'AUTHORIZED' AND next_attempt_at IS NULL AND forgotten_at IS NULL",
            "created_at DESC",
            None,
        ),
        (
            "recent",
            "status = 'EXCHANGING' AND exchange_until <= :now",
            "created_at DESC",
            Some((":now", &now)),
        ),
    ] {
        let sql = format!(
            "SELECT * FROM authorizations INDEXED BY {index} WHERE {condition} AND (:owner IS NULL OR owner = :owner)
                 AND created_at >= :since AND (created_at, id) < (:before, :id)
             ORDER BY {order}"
        );
        let moment = moment.map(|(name, moment)| (name, moment as &dyn ToSql));
        let own = [(":owner", &listing.owner as &dyn ToSql)].into_iter().chain(moment);
        read_into(page, connection, listing, &sql, own)?;
    }
    Ok(())
}

/// The earliest time, and the place before which the list begins.
fn bounds(listing: &Listing) -> (UnixMillis, (UnixMillis, String)) {
    let since = listing.since.unwrap_or(UnixMillis(i64::MIN));
    let until = listing.until.map(|until| (until, String::new()));
    let after = listing.after.as_ref().map(|Cursor { at, id }| (*at, id.to_string()));
    let before = [until, after].into_iter().flatten().min();
    (since, before.unwrap_or((UnixMillis(i64::MAX), String::new())))
}

/// Adds the first records of a query within the bounds of `listing`, by these parameters and those of the bounds, one
/// more than fits a page. One that cannot be read is told, and does not keep the others from the list.
fn read_into<'a>(
    page: &mut Page,
    connection: &Connection,
    listing: &Listing,
    sql: &str,
    own: impl IntoIterator<Item = (&'a str, &'a dyn ToSql)>,
) -> rusqlite::Result<()> {
    let (since, (before, id)) = bounds(listing);
    let bounds: [(&str, &dyn ToSql); 3] = [(":since", &since), (":before", &before), (":id", &id)];
    let mut parameters: Vec<(&str, &dyn ToSql)> = own.into_iter().collect();
    parameters.extend(bounds);
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(&parameters[..])?;
    let mut wanted = u64::from(listing.limit) + 1;
    // The rows come by an index, one by one: those that are not asked for cost nothing.
    while wanted > 0
        && let Some(row) = rows.next()?
    {
        match read(row) {
            Ok(record) => {
                page.records.push(record);
                wanted -= 1;
            }
            Err(error) => {
                let (reference, alarm) = (row.get::<_, String>("id").ok(), Alarm::Record.as_str());
                tracing::error!(reference, %error, alarm, "a record is left out of a list");
                page.unreadable.push(reference.unwrap_or_default());
            }
        }
    }
    Ok(())
}
