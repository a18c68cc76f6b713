//! What is over is deleted, and a clock that is wrong for an hour must not delete everything: the end of a record
//! counts only if the clock said so twice, long apart.

use std::time::Duration;

use crate::model::clock::UnixMillis;

/// Between the two looks at records: a clock that is wrong is noticed within a day.
pub const RECORDS_APART: Duration = Duration::from_hours(24);
/// Between the two looks at nonces and reservations, of which there are many, and which are of use for minutes.
pub const NONCES_APART: Duration = Duration::from_hours(1);
/// A look is noted so often.
const NOTED_EVERY: Duration = Duration::from_mins(10);

/// The looks at the clock that were noted, by what it said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looks(Vec<UnixMillis>);

impl Looks {
    /// The looks that were noted, in any order.
    #[must_use]
    pub const fn noted(looks: Vec<UnixMillis>) -> Self {
        Self(looks)
    }

    /// The latest look that is `apart` before `now` at least: what was over then, and is now, is over.
    #[must_use]
    pub fn over_by(&self, now: UnixMillis, apart: Duration) -> Option<UnixMillis> {
        self.0.iter().copied().filter(|look| *look <= now - apart).max()
    }

    /// True if `now` is to be noted as well.
    #[must_use]
    pub fn lacks(&self, now: UnixMillis) -> bool {
        let latest = self.0.iter().copied().filter(|look| *look <= now).max();
        latest.is_none_or(|latest| now.since(latest) >= NOTED_EVERY)
    }

    /// True if `look` is of no use any more: it is before the ones that count, or of a clock that was ahead.
    #[must_use]
    pub fn is_useless(&self, look: UnixMillis, now: UnixMillis) -> bool {
        look > now || self.over_by(now, RECORDS_APART).is_some_and(|oldest| look < oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_305_600_000);

    fn ago(minutes: u64) -> UnixMillis {
        NOW - Duration::from_mins(minutes)
    }

    #[test]
    fn what_is_over_was_so_at_two_looks_far_apart() {
        let far_ahead = NOW + Duration::from_hours(500 * 24);
        for (looks, now, records, nonces) in [
            (vec![], NOW, None, None),
            (vec![NOW], NOW, None, None),
            (vec![ago(59)], NOW, None, None),
            (vec![ago(60), ago(70)], NOW, None, Some(ago(60))),
            (vec![ago(24 * 60), ago(30 * 60), ago(5)], NOW, Some(ago(24 * 60)), Some(ago(24 * 60))),
            // A clock that is 500 days ahead deletes no more than was over before.
            (vec![ago(30 * 60), NOW], far_ahead, Some(NOW), Some(NOW)),
            (vec![NOW, far_ahead], far_ahead, Some(NOW), Some(NOW)),
            // And one that went back believes nothing of what it said when it was ahead.
            (vec![far_ahead], NOW, None, None),
        ] {
            let looks = Looks::noted(looks);
            let over = (looks.over_by(now, RECORDS_APART), looks.over_by(now, NONCES_APART));
            assert_eq!(over, (records, nonces), "{looks:?} {now}");
        }
    }

    #[test]
    fn looks_are_few() {
        for (looks, lacks) in [(vec![], true), (vec![ago(9)], false), (vec![ago(10)], true)] {
            assert_eq!(Looks::noted(looks.clone()).lacks(NOW), lacks, "{looks:?}");
        }
        let later = NOW + Duration::from_secs(1);
        assert!(Looks::noted(vec![later]).lacks(NOW));
        let looks = Looks::noted(vec![ago(30 * 60), ago(25 * 60), ago(5), NOW, later]);
        let useless: Vec<_> = looks.0.iter().map(|look| looks.is_useless(*look, NOW)).collect();
        assert_eq!(useless, [true, false, false, false, true]);
    }
}
