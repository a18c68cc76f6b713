//! The machine's clock is set now and then. Waits go on by the time that has passed; what the clock says is compared
//! with that, so that a step is seen.

use std::time::Duration;

use crate::model::clock::{Clock, Monotonic, UnixMillis};

/// What a clock is corrected by little by little is below this.
const LEAST: Duration = Duration::from_secs(1);

/// How a clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockStep {
    Forward(Duration),
    Back(Duration),
}

/// Looks at a clock again and again.
#[derive(Debug)]
pub struct ClockWatch {
    now: UnixMillis,
    monotonic: Monotonic,
}

impl ClockWatch {
    /// Begins with what `clock` says now.
    #[must_use]
    pub fn begin(clock: &dyn Clock) -> Self {
        Self { now: clock.now(), monotonic: clock.monotonic() }
    }

    /// The step of `clock` since the last call, if it was set meanwhile.
    pub fn step(&mut self, clock: &dyn Clock) -> Option<ClockStep> {
        let seen = Self::begin(clock);
        let said = seen.now.0.saturating_sub(self.now.0);
        let step = step(said, seen.monotonic.since(self.monotonic));
        *self = seen;
        step
    }

    /// The moment of the last call.
    #[must_use]
    pub const fn seen_at(&self) -> Monotonic {
        self.monotonic
    }
}

/// `said`: milliseconds by the clock, while `passed` has passed.
fn step(said: i64, passed: Duration) -> Option<ClockStep> {
    let ahead = said.saturating_sub(i64::try_from(passed.as_millis()).unwrap_or(i64::MAX));
    let by = Duration::from_millis(ahead.unsigned_abs());
    if by < LEAST {
        return None;
    }
    Some(if ahead > 0 { ClockStep::Forward(by) } else { ClockStep::Back(by) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock::ManualClock;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_step_is_what_the_clock_says_beyond_what_has_passed() {
        let (millis, hour) = (Duration::from_millis, 3_600_000);
        for (said, passed, expected) in [
            (50, millis(50), None),
            (1_049, millis(50), None),
            (1_050, millis(50), Some(ClockStep::Forward(millis(1_000)))),
            (-949, millis(50), None),
            (-950, millis(50), Some(ClockStep::Back(millis(1_000)))),
            (hour, millis(0), Some(ClockStep::Forward(HOUR))),
            (hour, HOUR, None),
            (0, HOUR, Some(ClockStep::Back(HOUR))),
            (i64::MAX, millis(0), Some(ClockStep::Forward(millis(u64::try_from(i64::MAX).unwrap())))),
        ] {
            assert_eq!(step(said, passed), expected, "{said} {passed:?}");
        }
    }

    #[test]
    fn a_step_is_seen_once() {
        let clock = ManualClock::at(UnixMillis(1_795_305_600_000));
        let mut watch = ClockWatch::begin(&clock);
        clock.advance(HOUR);
        assert_eq!(watch.step(&clock), None);
        clock.step_to(clock.now() - HOUR);
        assert_eq!(watch.step(&clock), Some(ClockStep::Back(HOUR)));
        assert_eq!(watch.step(&clock), None);
    }
}
