//! Time comes in as a parameter, so that a test decides what time it is.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// A moment, in milliseconds since the Unix epoch: the unit of every timestamp of the open API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// The time from `earlier` to this moment; zero if it is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.millis_since(earlier))
    }

    /// The time between two moments, whichever is the later.
    #[must_use]
    pub const fn distance(self, other: Self) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }

    /// [`UnixMillis::since`] in milliseconds, for the log.
    #[must_use]
    pub fn millis_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

impl Add<Duration> for UnixMillis {
    type Output = Self;

    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for UnixMillis {
    type Output = Self;

    fn sub(self, wait: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A moment by the process's monotonic clock, which nobody sets: for lengths of time within one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(pub Duration);

impl Monotonic {
    /// The time from `earlier` to this moment; zero if it is not later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;

    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present moment, by a clock that may be set: what is due, and what others are told.
    fn now(&self) -> UnixMillis;

    /// The present moment by the monotonic clock.
    fn monotonic(&self) -> Monotonic;
}

/// A moment by both clocks, to tell later how much time has passed.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    wall: UnixMillis,
    monotonic: Monotonic,
}

impl Stopwatch {
    /// Begins now.
    #[must_use]
    pub fn start(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), monotonic: clock.monotonic() }
    }

    /// Its beginning by the monotonic clock.
    #[must_use]
    pub const fn began(&self) -> Monotonic {
        self.monotonic
    }

    /// The time that has passed at least by one of the clocks: the monotonic one may stand still while the machine
    /// sleeps, the other may be set back.
    #[must_use]
    pub fn passed(&self, clock: &dyn Clock) -> Duration {
        clock.monotonic().since(self.monotonic).max(clock.now().since(self.wall))
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> UnixMillis {
        let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        UnixMillis(0) + elapsed
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn monotonic(&self) -> Monotonic {
        static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
        Monotonic(BEGINNING.elapsed())
    }
}

/// A clock that stands still until it is told otherwise.
#[derive(Debug)]
pub struct ManualClock {
    wall: AtomicI64,
    monotonic_millis: AtomicU64,
}

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub const fn at(now: UnixMillis) -> Self {
        Self { wall: AtomicI64::new(now.0), monotonic_millis: AtomicU64::new(0) }
    }

    /// Lets `wait` pass.
    pub fn advance(&self, wait: Duration) {
        self.set(self.now() + wait);
    }

    /// Lets time pass until the clock says `now`; an earlier moment sets it back.
    pub fn set(&self, now: UnixMillis) {
        self.monotonic_millis.fetch_add(now.millis_since(self.now()), Ordering::SeqCst);
        self.step_to(now);
    }

    /// Sets the clock, forwards or back, while no time passes.
    pub fn step_to(&self, now: UnixMillis) {
        self.wall.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.wall.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(Duration::from_millis(self.monotonic_millis.load(Ordering::SeqCst)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_zero_when_the_other_moment_is_later() {
        assert_eq!(UnixMillis(5).since(UnixMillis(9)), Duration::ZERO);
        assert_eq!(UnixMillis(9).since(UnixMillis(5)), Duration::from_millis(4));
    }

    #[test]
    fn two_moments_are_as_far_apart_either_way() {
        for (one, other, millis) in [(5, 9, 4), (-5, 9, 14), (i64::MIN, i64::MAX, u64::MAX)] {
            let distance = Duration::from_millis(millis);
            assert_eq!(UnixMillis(one).distance(UnixMillis(other)), distance);
            assert_eq!(UnixMillis(other).distance(UnixMillis(one)), distance);
        }
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::at(UnixMillis(1_000));
        assert_eq!(clock.now(), UnixMillis(1_000));
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), UnixMillis(3_000));
    }

    #[test]
    fn what_has_passed_is_what_either_clock_says() {
        let clock = ManualClock::at(UnixMillis(1_000_000));
        let hour = Duration::from_hours(1);
        let stopwatch = Stopwatch::start(&clock);
        assert_eq!(stopwatch.passed(&clock), Duration::ZERO);
        clock.advance(Duration::from_secs(2));
        assert_eq!(stopwatch.passed(&clock), Duration::from_secs(2));
        clock.step_to(clock.now() - hour);
        assert_eq!(stopwatch.passed(&clock), Duration::from_secs(2), "set back");
        clock.step_to(UnixMillis(1_000_000) + hour);
        assert_eq!(stopwatch.passed(&clock), hour, "asleep, or set forward");
    }

    #[test]
    fn the_machines_monotonic_clock_goes_on() {
        let before = SystemClock.monotonic();
        assert!(SystemClock.monotonic() >= before);
    }
}
