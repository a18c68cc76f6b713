//! The demand of an account: an instance expects as many requests as came lately.

use std::time::Duration;

use crate::model::clock::Monotonic;

/// The period that "lately" means, and that a share should last. At 40 requests a second a share is of ten. Half of
/// this, times the limit, is what all instances together hold and have not used, an eighth of a second's requests:
/// they could come at once. Longer would save writes and admit less evenly.
const LATELY: Duration = Duration::from_millis(250);

/// Requests of one account, counted in periods of [`LATELY`]: the present one and the one before.
#[derive(Debug, Default)]
pub(super) struct Demand {
    period: u64,
    present: u32,
    before: u32,
}

impl Demand {
    pub(super) fn count(&mut self, now: Monotonic) {
        let (period, _) = divided(now);
        if period != self.period {
            // Not after a longer rest.
            self.before = if period == self.period + 1 { self.present } else { 0 };
            self.present = 0;
            self.period = period;
        }
        self.present = self.present.saturating_add(1);
    }

    /// Takes back one request that was counted.
    pub(super) fn uncount(&mut self) {
        self.present = self.present.saturating_sub(1);
    }

    /// The requests of the last [`LATELY`], those of the period before taken for evenly spread. Counted up to the last
    /// call of [`Self::count`], which must not be later than `now`.
    pub(super) fn lately(&self, now: Monotonic) -> u32 {
        let (period, elapsed) = divided(now);
        let lately = millis(LATELY);
        let share = |of: u32| {
            u32::try_from(u64::from(of) * lately.saturating_sub(elapsed) / lately).unwrap_or(u32::MAX)
        };
        match period.saturating_sub(self.period) {
            0 => self.present.saturating_add(share(self.before)),
            1 => share(self.present),
            _ => 0,
        }
    }
}

/// The period of a moment, and how many milliseconds of it have passed.
fn divided(at: Monotonic) -> (u64, u64) {
    let (at, lately) = (millis(at.0), millis(LATELY));
    (at / lately, at % lately)
}

fn millis(of: Duration) -> u64 {
    u64::try_from(of.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of a period.
    const START: Monotonic = Monotonic(Duration::from_hours(1));

    fn after(millis: u64) -> Monotonic {
        START + Duration::from_millis(millis)
    }

    fn counted(moments: impl IntoIterator<Item = u64>) -> Demand {
        let mut demand = Demand::default();
        for moment in moments {
            demand.count(after(moment));
        }
        demand
    }

    #[test]
    fn requests_count_fully_for_a_period_and_fade_over_the_next() {
        let demand = counted([0, 10, 20, 30, 249]);
        for (millis, lately) in [(249, 5), (250, 5), (300, 4), (375, 2), (499, 0), (500, 0), (9_999, 0)] {
            assert_eq!(demand.lately(after(millis)), lately, "after {millis} ms");
        }
    }

    #[test]
    fn an_even_load_is_seen_as_it_is() {
        // A request every 25 ms: ten in a quarter of a second.
        for millis in (500..1_000).step_by(25) {
            let demand = counted((0..=millis).step_by(25));
            assert!((10..=11).contains(&demand.lately(after(millis))), "after {millis} ms");
        }
    }

    #[test]
    fn a_rest_begins_anew() {
        assert_eq!(counted([0, 1, 2, 500]).lately(after(500)), 1);
    }
}
