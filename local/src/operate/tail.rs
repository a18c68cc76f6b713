//! Changes of authorizations as they come, found by looking again and again.
//!
//! A poll reads what was requested since the one before, what needs attention, and of those that it knows some that may
//! change: however many there are, a poll costs the same. A change of an old one that it does not know and that needs
//! no attention is not seen, nor that an old one begins to need it while more do than a poll reads; the log has every
//! one.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::{Value, json};
use shared::model::attention::{Attention, attention};
use shared::model::authorization::{Authorization, Status};
use shared::model::clock::UnixMillis;
use shared::model::id::AuthorizationId;
use shared::model::owner::Owner;
use shared::store::listing::{ListAuthorizations, ListError, Listing, Page, View};
use shared::store::{ReadAuthorizations, StoreError};

use super::local_time::local;
use super::summary;
use crate::printable::line;

/// A request is recorded so much later than its time at most, and the clocks of whoever writes are so far apart.
const OVERLAP: Duration = Duration::from_mins(1);
/// The most that are known at a time.
const KNOWN: usize = 10_000;
const PAGE: u32 = 500;

/// The reads of a poll.
#[derive(Clone, Copy)]
pub struct Reads {
    /// The newest that are known from the beginning, and the most of what needs attention.
    pub newest: u32,
    /// The most of those known already.
    pub again: usize,
}

/// Those of an owner, or all.
pub struct Tail {
    owner: Option<Owner>,
    /// Those requested since then are told by the first poll.
    since: Option<UnixMillis>,
    reads: Reads,
    known: HashMap<AuthorizationId, Known>,
    /// The time of the poll before.
    polled_at: Option<UnixMillis>,
    /// More needed attention than the poll before has read.
    more_needed_attention: bool,
    polls: u64,
    /// False where the place has no list of what was requested.
    lists_requests: bool,
    /// The references of those that this version cannot read, as the last poll met them.
    unreadable: Vec<String>,
}

/// A record as the last poll saw it.
struct Known {
    state: State,
    /// It may change without an operator.
    is_open: bool,
    /// The number of that poll.
    poll: u64,
}

/// The parts of a record whose change is printed.
#[derive(PartialEq, Eq)]
struct State {
    status: Status,
    attempts_begun: u32,
    attempts_told: usize,
    is_forgotten: bool,
    attention: Option<Attention>,
}

impl Known {
    fn new(record: &Authorization, now: UnixMillis, poll: u64) -> Self {
        let status = record.status_at(now);
        let is_forgotten = record.forgotten_at().is_some();
        let is_open = match status {
            _ if is_forgotten => false,
            Status::LinkPending | Status::Issued | Status::ExchangeUnknown => now < record.link_ends_at(),
            Status::Exchanging => true,
            Status::Authorized => record.pending_delivery().is_some(),
            Status::Delivered | Status::Undeliverable => false,
        };
        let state = State {
            status,
            attempts_begun: record.attempts_begun(),
            attempts_told: record.history().len(),
            is_forgotten,
            attention: attention(record, now),
        };
        Self { state, is_open, poll }
    }
}

impl Tail {
    /// Of `owner` alone, if there is one. The first poll tells what was requested at `since` or later, or nothing.
    #[must_use]
    pub fn new(owner: Option<Owner>, since: Option<UnixMillis>, reads: Reads) -> Self {
        Self {
            owner,
            since,
            reads,
            known: HashMap::new(),
            polled_at: None,
            more_needed_attention: false,
            polls: 0,
            lists_requests: true,
            unreadable: Vec::new(),
        }
    }

    /// The number of those that are known.
    #[must_use]
    pub fn known(&self) -> usize {
        self.known.len()
    }

    /// False once a poll has found that the place cannot list requests: then only what needs attention is seen.
    #[must_use]
    pub const fn lists_requests(&self) -> bool {
        self.lists_requests
    }

    /// The references of those that the last poll met and that this version cannot read.
    #[must_use]
    pub fn unreadable(&self) -> &[String] {
        &self.unreadable
    }

    /// Polls at `now`. What has changed since the poll before, as it is now, the oldest request first.
    ///
    /// # Errors
    /// The place cannot be asked; the next poll tells what this one did not.
    pub async fn poll<S: ReadAuthorizations + ListAuthorizations + ?Sized>(
        &mut self,
        store: &S,
        now: UnixMillis,
    ) -> Result<Vec<Authorization>, ListError> {
        let Page { records: mut found, mut unreadable, .. } = self.requested(store, now).await?;
        let needing = store.list(&self.listing(View::Attention, None, self.reads.newest, now)).await?;
        found.extend(needing.records);
        unreadable.extend(needing.unreadable);
        let read: HashSet<_> = found.iter().map(|record| record.id.clone()).collect();
        for id in self.to_read_again(&read) {
            match store.authorization(&id).await {
                Ok(Some(record)) => found.push(record),
                Ok(None) => {
                    self.known.remove(&id);
                }
                Err(StoreError::Corrupt(_)) => {
                    unreadable.push(id.to_string());
                    self.known.remove(&id);
                }
                Err(error) => return Err(error.into()),
            }
        }
        unreadable.sort();
        unreadable.dedup();
        self.unreadable = unreadable;
        found.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        found.dedup_by(|one, other| one.id == other.id);
        let mut changed = Vec::new();
        for record in found {
            let seen = Known::new(&record, now, self.polls);
            let is_told = match (self.known.get(&record.id), self.polled_at) {
                (Some(before), _) => before.state != seen.state,
                (None, None) => self.since.is_some_and(|since| since <= record.created_at),
                // A list of all that need it had it not.
                (None, Some(_)) if seen.state.attention.is_some() && !self.more_needed_attention => true,
                // It may have come into a list because another one left it.
                (None, Some(before)) => before - OVERLAP <= touched_at(&record),
            };
            self.known.insert(record.id.clone(), seen);
            changed.extend(is_told.then_some(record));
        }
        self.polled_at = Some(now);
        self.more_needed_attention = needing.more;
        self.polls += 1;
        self.evict();
        Ok(changed)
    }

    /// What was requested since the poll before.
    async fn requested<S: ListAuthorizations + ?Sized>(
        &mut self,
        store: &S,
        now: UnixMillis,
    ) -> Result<Page, ListError> {
        if !self.lists_requests {
            return Ok(Page::default());
        }
        let since = self.polled_at.map(|polled_at| polled_at - OVERLAP).or(self.since);
        let (most, limit) = match since {
            None => (1, self.reads.newest),
            Some(_) => (KNOWN / PAGE as usize, PAGE),
        };
        let mut all = Page::default();
        let mut listing = self.listing(View::every_state(), since, limit, now);
        for _ in 0..most {
            let page = match store.list(&listing).await {
                Err(ListError::OwnerNeeded | ListError::NoIndex) => {
                    self.lists_requests = false;
                    return Ok(Page::default());
                }
                page => page?,
            };
            all.records.extend(page.records);
            all.unreadable.extend(page.unreadable);
            listing.after = page.next;
            if listing.after.is_none() {
                break;
            }
        }
        Ok(all)
    }

    fn listing(&self, view: View, since: Option<UnixMillis>, limit: u32, now: UnixMillis) -> Listing {
        Listing { view, owner: self.owner.clone(), since, until: None, after: None, limit, now }
    }

    /// Those to read one by one, the longest not read first. What needs attention no more or is left out of its
    /// list, what may change, and the rest have turns: however many are of one kind, none waits for ever.
    fn to_read_again(&self, read: &HashSet<AuthorizationId>) -> Vec<AuthorizationId> {
        let mut others: Vec<_> = self.known.iter().filter(|(id, _)| !read.contains(*id)).collect();
        others.sort_by_key(|(_, known)| known.poll);
        let mut turns = [0_usize; 3];
        let mut by_turns: Vec<_> = others
            .into_iter()
            .map(|(id, known)| {
                let kind = match (known.state.attention, known.is_open) {
                    (Some(_), _) => 0,
                    (None, true) => 1,
                    (None, false) => 2,
                };
                turns[kind] += 1;
                (turns[kind], kind, id)
            })
            .collect();
        by_turns.sort();
        by_turns.into_iter().take(self.reads.again).map(|(_, _, id)| id.clone()).collect()
    }

    /// Drops those that have been read the longest ago, if there are too many.
    fn evict(&mut self) {
        let too_many = self.known.len().saturating_sub(KNOWN);
        if too_many > 0 {
            let mut by_poll: Vec<_> =
                self.known.iter().map(|(id, known)| (known.is_open, known.poll, id.clone())).collect();
            by_poll.sort();
            for (_, _, id) in by_poll.into_iter().take(too_many) {
                self.known.remove(&id);
            }
        }
    }
}

/// The time of the last that is known to have happened to it.
fn touched_at(record: &Authorization) -> UnixMillis {
    let last = record.history().last().map(|attempt| attempt.at);
    let known = [record.linked_at, record.refused_at, record.authorized_at(), record.forgotten_at(), last];
    known.into_iter().flatten().fold(record.created_at, UnixMillis::max)
}

/// A change, for people.
#[must_use]
pub fn told(record: &Authorization, now: UnixMillis) -> String {
    let last = record.history().last().map_or("", |attempt| attempt.outcome.as_str());
    let (owner, name, id) = (record.owner(), line(summary::callers_name(record)), &record.id);
    let (at, status) = (local(now), record.status_at(now).as_str());
    let forgotten = if record.forgotten_at().is_some() { "  person forgotten" } else { "" };
    // Most states are their reason themselves.
    let reason = attention(record, now).map(Attention::as_str);
    let reason = reason.filter(|reason| !reason.eq_ignore_ascii_case(status));
    let reason = reason.map(|reason| format!("  {reason}")).unwrap_or_default();
    format!("{at}  {owner}  {name}  {id}  {status}{forgotten}{reason}  {last}").trim_end().to_owned()
}

/// A change, for programs.
#[must_use]
pub fn to_json(record: &Authorization, now: UnixMillis) -> Value {
    let mut told = json!({"time": now});
    if let (Some(told), Value::Object(fields)) = (told.as_object_mut(), summary::summary(record, now)) {
        told.extend(fields);
    }
    told
}
