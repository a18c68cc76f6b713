//! Lists of authorizations, each by an index: no list reads more than its page, and that of each state once.

use async_trait::async_trait;
use rusqlite::{Connection, ToSql};

use crate::model::attention::OVERDUE_AFTER;
use crate::model::authorization::{Authorization, Status};
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
    let mut records = Vec::new();
    match &listing.view {
        View::States(states) => {
            for &state in states {
                records.extend(in_state(connection, listing, state)?);
            }
        }
        View::Attention => {
            for state in [Status::Undeliverable, Status::ExchangeUnknown] {
                records.extend(in_state(connection, listing, state)?);
            }
            records.extend(others_of_attention(connection, listing)?);
        }
    }
    records.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));
    let limit = usize::try_from(listing.limit).unwrap_or(usize::MAX);
    let more = records.len() > limit;
    records.truncate(limit);
    let next = records.last().filter(|_| more && listing.view != View::Attention).map(Cursor::of);
    Ok(Page { records, more, next })
}

/// The latest in one state, one more than fits a page.
fn in_state(
    connection: &Connection,
    listing: &Listing,
    state: Status,
) -> rusqlite::Result<Vec<Authorization>> {
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
         ORDER BY created_at DESC, id DESC LIMIT :limit"
    );
    let owner = listing.owner.as_ref().map(|owner| (":owner", owner as &dyn ToSql));
    records(connection, listing, &sql, owner.into_iter().chain([(":status", &state as &dyn ToSql)]))
}

/// What has been due for long, what has no address, and exchanges that have ended without a word.
fn others_of_attention(connection: &Connection, listing: &Listing) -> rusqlite::Result<Vec<Authorization>> {
    let (now, overdue) = (listing.now, listing.now - OVERDUE_AFTER);
    let mut found = Vec::new();
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
             ORDER BY {order} LIMIT :limit"
        );
        let moment = moment.map(|(name, moment)| (name, moment as &dyn ToSql));
        let own = [(":owner", &listing.owner as &dyn ToSql)].into_iter().chain(moment);
        found.extend(records(connection, listing, &sql, own)?);
    }
    Ok(found)
}

/// The earliest time, and the place before which the list begins.
fn bounds(listing: &Listing) -> (UnixMillis, (UnixMillis, String)) {
    let since = listing.since.unwrap_or(UnixMillis(i64::MIN));
    let until = listing.until.map(|until| (until, String::new()));
    let after = listing.after.as_ref().map(|Cursor { created_at, id }| (*created_at, id.to_string()));
    let before = [until, after].into_iter().flatten().min();
    (since, before.unwrap_or((UnixMillis(i64::MAX), String::new())))
}

/// The records of a query within the bounds of `listing`, by these parameters and those of the bounds. One that cannot
/// be read is told, and does not keep the others from the list.
fn records<'a>(
    connection: &Connection,
    listing: &Listing,
    sql: &str,
    own: impl IntoIterator<Item = (&'a str, &'a dyn ToSql)>,
) -> rusqlite::Result<Vec<Authorization>> {
    let (since, (before, id)) = bounds(listing);
    let limit = listing.limit.saturating_add(1);
    let bounds: [(&str, &dyn ToSql); 4] =
        [(":since", &since), (":before", &before), (":id", &id), (":limit", &limit)];
    let mut parameters: Vec<(&str, &dyn ToSql)> = own.into_iter().collect();
    parameters.extend(bounds);
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(&parameters[..])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        match read(row) {
            Ok(record) => records.push(record),
            Err(error) => {
                let (reference, alarm) = (row.get::<_, String>("id").ok(), Alarm::Record.as_str());
                tracing::error!(reference, %error, alarm, "a record is left out of a list");
            }
        }
    }
    Ok(records)
}
