//! The time that passes for one process, for how old something is that may have lain while the machine slept.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::clock::{Clock, Monotonic};
use crate::model::clock_step::{ClockStep, ClockWatch};

/// Runs by the monotonic clock, and never back. A sleep of the machine (a frozen instance, a closed lid) counts as
/// well, which the monotonic clock may leave out: the wall clock has gone forward meanwhile. So it cannot be told from
/// a clock that was set forward, which makes things old before their time and none young again.
pub struct PassedTime {
    clock: Arc<dyn Clock>,
    seen: Mutex<Seen>,
}

struct Seen {
    watch: ClockWatch,
    slept: Duration,
}

impl PassedTime {
    /// Begins now.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let seen = Seen { watch: ClockWatch::begin(&*clock), slept: Duration::ZERO };
        Self { clock, seen: Mutex::new(seen) }
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Monotonic {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let step = seen.watch.step(&*self.clock);
        if let Some(ClockStep::Forward(by)) = step {
            seen.slept = seen.slept.saturating_add(by);
        }
        seen.watch.seen_at() + seen.slept
    }
}

impl fmt::Debug for PassedTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassedTime").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock::{ManualClock, UnixMillis};

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn it_runs_with_the_time_and_counts_a_sleep_and_never_goes_back() {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_305_600_000)));
        let time = PassedTime::new(clock.clone());
        let began = time.now();
        let passed = || time.now().since(began);
        clock.advance(Duration::from_secs(2));
        assert_eq!(passed(), Duration::from_secs(2));
        clock.step_to(clock.now() - HOUR);
        assert_eq!(passed(), Duration::from_secs(2), "set back");
        clock.advance(Duration::from_secs(3));
        assert_eq!(passed(), Duration::from_secs(5));
        clock.step_to(clock.now() + HOUR);
        assert_eq!(passed(), HOUR + Duration::from_secs(5), "asleep, or set forward");
    }

    #[test]
    fn small_differences_of_the_clocks_do_not_add_up() {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_305_600_000)));
        let time = PassedTime::new(clock.clone());
        for _ in 0..1_000 {
            clock.step_to(clock.now() + Duration::from_millis(1));
            assert_eq!(time.now(), Monotonic(Duration::ZERO));
        }
    }
}
