//! What is over is deleted, and a clock that is wrong for an hour must not delete everything: the end of a record
//! counts only if the clock said so twice, long apart.

use std::time::Duration;

use crate::model::clock::UnixMillis;

/// Between the two readings that a record's end needs: a clock that is wrong is noticed within a day.
pub const RECORDS_APART: Duration = Duration::from_hours(24);
/// Between the two readings for nonces and reservations, of which there are many, and which are of use for minutes.
pub const NONCES_APART: Duration = Duration::from_hours(1);
/// A reading is recorded so often.
const RECORDED_EVERY: Duration = Duration::from_mins(10);

/// The readings of the clock that were recorded: what it said when something was to be deleted or forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClockReadings(Vec<UnixMillis>);

impl ClockReadings {
    /// Those that were recorded, in any order.
    #[must_use]
    pub const fn recorded(readings: Vec<UnixMillis>) -> Self {
        Self(readings)
    }

    /// The latest reading that is `apart` before `now` at least: what was over then, and is now, is over.
    #[must_use]
    pub fn over_by(&self, now: UnixMillis, apart: Duration) -> Option<UnixMillis> {
        self.0.iter().copied().filter(|reading| *reading <= now - apart).max()
    }

    /// True if `now` is to be recorded as well.
    #[must_use]
    pub fn is_due(&self, now: UnixMillis) -> bool {
        let latest = self.0.iter().copied().filter(|reading| *reading <= now).max();
        latest.is_none_or(|latest| now.since(latest) >= RECORDED_EVERY)
    }

    /// True if `reading` is of no use any more: it is before the ones that count, or of a clock that was ahead.
    #[must_use]
    pub fn is_obsolete(&self, reading: UnixMillis, now: UnixMillis) -> bool {
        reading > now || self.over_by(now, RECORDS_APART).is_some_and(|oldest| reading < oldest)
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
    fn what_is_over_was_so_by_two_readings_far_apart() {
        let far_ahead = NOW + Duration::from_hours(500 * 24);
        for (readings, now, records, nonces) in [
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
            let readings = ClockReadings::recorded(readings);
            let over = (readings.over_by(now, RECORDS_APART), readings.over_by(now, NONCES_APART));
            assert_eq!(over, (records, nonces), "{readings:?} {now}");
        }
    }

    #[test]
    fn readings_are_few() {
        for (readings, is_due) in [(vec![], true), (vec![ago(9)], false), (vec![ago(10)], true)] {
            assert_eq!(ClockReadings::recorded(readings.clone()).is_due(NOW), is_due, "{readings:?}");
        }
        let later = NOW + Duration::from_secs(1);
        assert!(ClockReadings::recorded(vec![later]).is_due(NOW));
        let readings = ClockReadings::recorded(vec![ago(30 * 60), ago(25 * 60), ago(5), NOW, later]);
        let obsolete: Vec<_> = readings.0.iter().map(|reading| readings.is_obsolete(*reading, NOW)).collect();
        assert_eq!(obsolete, [true, false, false, false, true]);
    }
}
