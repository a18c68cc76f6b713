//! Lists of authorizations, each by an index. A query gives at most a page, and reads ten times as many rows at most
//! where some of them cannot be read.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql};

use crate::model::attention::{OVERDUE_AFTER, is_overdue};
use crate::model::authorization::{Authorization, Status};
use crate::model::clock::UnixMillis;
use crate::store::listing::{Cursor, ENDED_BADLY, ListAuthorizations, ListError, Listing, Page, View};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::rows::read;
use crate::telemetry::Alarm;

/// The most rows that are read for one record.
const ROWS_FOR_ONE: u64 = 10;
/// The most states that are looked for beside those that this version knows.
const MAX_STATES: usize = 100;

#[async_trait]
impl ListAuthorizations for SqliteStore {
    async fn list(&self, listing: &Listing) -> Result<Page, ListError> {
        let listing = listing.clone();
        Ok(self.0.run(move |connection| page(connection, &listing)).await?)
    }
}

fn page(connection: &Connection, listing: &Listing) -> rusqlite::Result<Page> {
    let mut page = Page::default();
    let mut broken_off = Vec::new();
    let states = match &listing.view {
        View::States(states) => states,
        View::Attention => &ENDED_BADLY.to_vec(),
    };
    for state in states {
        broken_off.extend(in_state(connection, listing, state.as_str(), &mut page)?);
    }
    if !listing.view.is_of_bad_ends() {
        for state in unknown_states(connection, listing)? {
            broken_off.extend(in_state(connection, listing, &state, &mut page)?);
        }
    }
    if listing.view == View::Attention {
        broken_off.extend(others_of_attention(connection, listing, &mut page)?);
    }
    let end = broken_off.into_iter().max_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
    sort_latest_first(&mut page.records);
    if let Some(end) = end.as_ref().filter(|_| listing.view != View::Attention) {
        // What has not been read there comes before all that is earlier.
        page.records.retain(|record| (record.created_at, &record.id) >= (end.at, &end.id));
    }
    let limit = usize::try_from(listing.limit).unwrap_or(usize::MAX);
    let is_full = page.records.len() > limit;
    page.more = is_full || end.is_some();
    if listing.view == View::Attention {
        page.records.sort_by_key(|record| !is_overdue(record, listing.now));
    }
    page.records.truncate(limit);
    sort_latest_first(&mut page.records);
    let last = page.records.last().filter(|_| is_full);
    let next = last.map(|last| Cursor { at: last.created_at, id: last.id.clone() }).or(end);
    page.next = next.filter(|_| listing.view != View::Attention);
    Ok(page)
}

fn sort_latest_first(records: &mut [Authorization]) {
    records.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));
}

/// The index of a list by state, and the condition that it begins with.
fn recent(listing: &Listing) -> (&'static str, &'static str) {
    match listing.owner {
        Some(_) => ("recent_of_owner", "owner = :owner AND"),
        None => ("recent", ""),
    }
}

/// The states that this version does not know, by one step in the index for each that there is.
fn unknown_states(connection: &Connection, listing: &Listing) -> rusqlite::Result<Vec<String>> {
    let (index, of_owner) = recent(listing);
    let sql = format!(
        "SELECT status FROM authorizations INDEXED BY {index} WHERE {of_owner} status > :before
         ORDER BY status LIMIT 1"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let (mut unknown, mut before) = (Vec::new(), String::new());
    for _ in 0..MAX_STATES {
        let owner = listing.owner.as_ref().map(|owner| (":owner", owner as &dyn ToSql));
        let parameters: Vec<_> = owner.into_iter().chain([(":before", &before as &dyn ToSql)]).collect();
        let Some(state) = statement.query_row(&parameters[..], |row| row.get::<_, String>(0)).optional()?
        else {
            break;
        };
        if state.parse::<Status>().is_err() {
            unknown.push(state.clone());
        }
        before = state;
    }
    Ok(unknown)
}

/// The latest in one state, one more than fits a page; and the place where it broke off, if it did.
fn in_state(
    connection: &Connection,
    listing: &Listing,
    state: &str,
    page: &mut Page,
) -> rusqlite::Result<Option<Cursor>> {
    let (index, of_owner) = recent(listing);
    let is_to_mend = listing.view == View::Attention || listing.view.is_of_bad_ends();
    let to_mend = if is_to_mend { "AND forgotten_at IS NULL" } else { "" };
    let sql = format!(
        "SELECT * FROM authorizations INDEXED BY {index} WHERE {of_owner} status = :status {to_mend}
             AND created_at >= :since AND (created_at, id) < (:before, :id)
         ORDER BY created_at DESC, id DESC"
    );
    let owner = listing.owner.as_ref().map(|owner| (":owner", owner as &dyn ToSql));
    let own = owner.into_iter().chain([(":status", &state as &dyn ToSql)]);
    read_into(page, connection, listing, &sql, own)
}

/// What has been due for long, what has no address, and exchanges that have ended without a word.
fn others_of_attention(
    connection: &Connection,
    listing: &Listing,
    page: &mut Page,
) -> rusqlite::Result<Vec<Cursor>> {
    let mut broken_off = Vec::new();
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
        broken_off.extend(read_into(page, connection, listing, &sql, own)?);
    }
    Ok(broken_off)
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
/// more than fits a page. One that cannot be read is told, and does not keep the others from the list; after too many
/// of these it breaks off, at the place that is returned.
fn read_into<'a>(
    page: &mut Page,
    connection: &Connection,
    listing: &Listing,
    sql: &str,
    own: impl IntoIterator<Item = (&'a str, &'a dyn ToSql)>,
) -> rusqlite::Result<Option<Cursor>> {
    let (since, (before, id)) = bounds(listing);
    let bounds: [(&str, &dyn ToSql); 3] = [(":since", &since), (":before", &before), (":id", &id)];
    let mut parameters: Vec<(&str, &dyn ToSql)> = own.into_iter().collect();
    parameters.extend(bounds);
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(&parameters[..])?;
    let mut wanted = u64::from(listing.limit) + 1;
    let mut rows_left = wanted * ROWS_FOR_ONE;
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
        rows_left = rows_left.saturating_sub(1);
        // One without a place is no place to go on from.
        if rows_left == 0
            && wanted > 0
            && let Some(place) = place(row)
        {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

fn place(row: &Row<'_>) -> Option<Cursor> {
    Some(Cursor { at: row.get("created_at").ok()?, id: row.get("id").ok()? })
}
