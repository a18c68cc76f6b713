//! The life of one authorization as a line of moments, and what comes next.

use std::collections::BTreeSet;
use std::time::Duration;

use shared::model::attention::OVERDUE_AFTER;
use shared::model::authorization::{Attempt, Authorization, Callback, Status};
use shared::model::clock::UnixMillis;
use shared::model::delivery_outcome::DeliveryOutcome;

/// A moment of a life, past or to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LifeEvent<'a> {
    Requested,
    /// A platform's link came.
    Linked,
    /// The page behind the link was opened.
    Opened,
    /// The browser came back without a code.
    Refused,
    Authorized,
    /// An attempt ended.
    Attempted(&'a Attempt),
    /// The next attempt may begin.
    NextAttempt,
    LinkEnds,
    /// All that says who it was is gone since then.
    Forgotten,
}

/// Every moment that the record knows, in order.
pub(super) fn events(record: &Authorization) -> Vec<(UnixMillis, LifeEvent<'_>)> {
    let (authorized, forgotten) = (record.authorized_at(), record.forgotten_at());
    let is_open = authorized.is_none() && forgotten.is_none();
    let single = [
        (Some(record.created_at), LifeEvent::Requested),
        (record.linked_at, LifeEvent::Linked),
        (record.opened_at, LifeEvent::Opened),
        (record.refused_at, LifeEvent::Refused),
        (authorized, LifeEvent::Authorized),
        (is_open.then(|| record.link_ends_at()), LifeEvent::LinkEnds),
        (record.next_attempt_at(), LifeEvent::NextAttempt),
        (forgotten, LifeEvent::Forgotten),
    ];
    let comes_last = |event: &LifeEvent<'_>| matches!(event, LifeEvent::NextAttempt | LifeEvent::Forgotten);
    let single = single.into_iter().filter_map(|(at, event)| Some((at?, event)));
    let attempts = record.history().iter().map(|attempt| (attempt.at, LifeEvent::Attempted(attempt)));
    // A stable order, so that what is recorded at one moment stays in the order of a life.
    let mut all: Vec<_> = single.clone().filter(|(_, event)| !comes_last(event)).collect();
    all.extend(attempts);
    all.extend(single.filter(|(_, event)| comes_last(event)));
    all.sort_by_key(|(at, _)| *at);
    all
}

/// The numbers of attempts that were begun since the settlement or the last resend and never concluded.
pub(super) fn unconcluded(record: &Authorization) -> Vec<u32> {
    let mut concluded = BTreeSet::new();
    let mut before = u32::MAX;
    for attempt in record.history().iter().rev().take_while(|attempt| {
        let goes_on = attempt.number < before;
        before = attempt.number;
        goes_on
    }) {
        concluded.insert(attempt.number);
    }
    (1..=record.attempts_begun()).filter(|number| !concluded.contains(number)).collect()
}

/// The next step of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nobody has consented yet.
    Consent,
    /// Nobody has consented, and the link is over.
    Nothing,
    NoAddress,
    /// An attempt is under way, until then at most.
    UnderWay(UnixMillis),
    /// The first attempt, or one after a resend or after one that was never concluded.
    Due(UnixMillis),
    /// Another attempt, after one that ended so, so long before it.
    Again {
        at: UnixMillis,
        after: DeliveryOutcome,
        wait: Duration,
    },
    /// It was due at that time, and nobody makes it.
    Overdue(UnixMillis),
    Delivered,
    GivenUp,
    /// Nothing: the person was forgotten.
    Forgotten,
}

pub(super) fn next(record: &Authorization, now: UnixMillis) -> Next {
    if record.forgotten_at().is_some() {
        return Next::Forgotten;
    }
    match record.status() {
        Status::Delivered => return Next::Delivered,
        Status::Undeliverable => return Next::GivenUp,
        _ if record.subject().is_none() => {
            return if record.link_works(now) { Next::Consent } else { Next::Nothing };
        }
        _ => {}
    }
    let Some(delivery) = record.pending_delivery() else {
        return if record.callback == Callback::Nowhere { Next::NoAddress } else { Next::Nothing };
    };
    if let Some(lease) = delivery.lease.as_ref().filter(|lease| lease.until > now) {
        return Next::UnderWay(lease.until);
    }
    let at = delivery.next_attempt_at;
    if now.since(delivery.due_at) >= OVERDUE_AFTER {
        return Next::Overdue(at);
    }
    match record.history().last() {
        Some(last) if last.number == delivery.attempts.begun && last.outcome != DeliveryOutcome::Success => {
            Next::Again { at, after: last.outcome, wait: at.since(last.at) }
        }
        _ => Next::Due(at),
    }
}
