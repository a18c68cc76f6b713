//! The last day in numbers: how far its requests came, and how the attempts at their deliveries ended.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::model::authorization::{Authorization, Status};
use shared::model::clock::UnixMillis;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::owner::Owner;

/// The length of what is counted.
pub(super) const DAY: Duration = Duration::from_hours(24);

/// How far requests came. Each number is part of the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Funnel {
    pub(super) requested: u32,
    /// The user came back, whether with a consent or without.
    pub(super) returned: u32,
    pub(super) authorized: u32,
    pub(super) delivered: u32,
}

/// The numbers of some records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) funnel: Funnel,
    pub(super) owners: BTreeMap<Owner, Funnel>,
    /// Attempts by the word of their outcome, and whether it is a success.
    pub(super) outcomes: BTreeMap<&'static str, (u32, bool)>,
}

impl Funnel {
    fn count(&mut self, record: &Authorization) {
        let authorized = record.authorized_at().is_some();
        let returned = authorized || record.refused_at.is_some() || !record.codes.is_empty();
        self.requested += 1;
        self.returned += u32::from(returned);
        self.authorized += u32::from(authorized);
        self.delivered += u32::from(record.status() == Status::Delivered);
    }
}

impl Day {
    /// Counts records, and those of their attempts that ended at `since` or later. A notice is an authorization's and
    /// no request of its own; its attempts count.
    pub(super) fn from_records<'a>(
        records: impl IntoIterator<Item = &'a Authorization>,
        since: UnixMillis,
    ) -> Self {
        let mut day = Self::default();
        for record in records {
            if record.notice().is_none() {
                day.funnel.count(record);
                day.owners.entry(record.owner()).or_default().count(record);
            }
            for attempt in record.history().iter().filter(|attempt| attempt.at >= since) {
                let is_success = attempt.outcome == DeliveryOutcome::Success;
                let counted = day.outcomes.entry(attempt.outcome.as_str()).or_insert((0, is_success));
                counted.0 += 1;
            }
        }
        day
    }

    /// The owners with the most requests, and the number of the others.
    pub(super) fn greatest(&self, most: usize) -> (Vec<(&Owner, Funnel)>, usize) {
        let mut owners: Vec<_> = self.owners.iter().map(|(owner, funnel)| (owner, *funnel)).collect();
        owners.sort_by_key(|(_, funnel)| std::cmp::Reverse(funnel.requested));
        let others = owners.len().saturating_sub(most);
        owners.truncate(most);
        (owners, others)
    }
}
