//! A circuit breaker: a party that has hung again and again is left alone for a while, and then asked by one request
//! alone.
//!
//! Only silence counts, of a connection that does not come or of an answer. A party that refuses a request, or a
//! connection, does so at once and costs nothing to ask; one that hangs holds its caller for the whole time-out.
//!
//! A pause is of time that passes, whatever the clock is set to meanwhile.

use std::time::Duration;

use crate::model::clock::Monotonic;

/// The time-outs in a row after which nobody asks any more.
pub const TIMEOUTS_IN_A_ROW: u32 = 3;
/// The time for which a party is left alone, and for which the one request that is then let through is waited for.
pub const PAUSE: Duration = Duration::from_secs(10);

/// The state of one party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Breaker {
    /// Everybody may ask.
    Closed {
        /// The time-outs since the last answer.
        timeouts: u32,
    },
    /// Nobody may ask before this time.
    Open(Monotonic),
    /// One request was let through; no other may ask before this time.
    HalfOpen(Monotonic),
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { timeouts: 0 }
    }
}

impl Breaker {
    /// The state in one word, for logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The state after a request wants to ask, and whether it may.
    #[must_use]
    pub fn asked(self, now: Monotonic) -> (Self, bool) {
        match self {
            Self::Closed { .. } => (self, true),
            Self::Open(until) | Self::HalfOpen(until) if now < until => (self, false),
            Self::Open(_) | Self::HalfOpen(_) => (Self::HalfOpen(now + PAUSE), true),
        }
    }

    /// The state after the one request that was let through was not sent: the next may be, and nothing is known that
    /// was not known before.
    #[must_use]
    pub fn not_sent(self, now: Monotonic) -> Self {
        match self {
            Self::HalfOpen(_) => Self::HalfOpen(now),
            _ => self,
        }
    }

    /// The state after a request that timed out, while connecting or later, or that did not.
    #[must_use]
    pub fn reported(self, timed_out: bool, now: Monotonic) -> Self {
        match self {
            _ if !timed_out => Self::default(),
            Self::Closed { timeouts } if timeouts + 1 < TIMEOUTS_IN_A_ROW => {
                Self::Closed { timeouts: timeouts + 1 }
            }
            // One that was begun before the breaker opened prolongs nothing.
            Self::Open(_) => self,
            Self::Closed { .. } | Self::HalfOpen(_) => Self::Open(now + PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Monotonic = Monotonic(Duration::from_hours(1));
    const SECOND: Duration = Duration::from_secs(1);

    fn closed(timeouts: u32) -> Breaker {
        Breaker::Closed { timeouts }
    }

    #[test]
    fn who_may_ask() {
        let (soon, over) = (NOW + SECOND, NOW);
        let probe = Breaker::HalfOpen(NOW + PAUSE);
        for (before, after, may) in [
            (closed(0), closed(0), true),
            (closed(2), closed(2), true),
            (Breaker::Open(soon), Breaker::Open(soon), false),
            (Breaker::Open(NOW + PAUSE), Breaker::Open(NOW + PAUSE), false),
            (Breaker::Open(over), probe, true),
            (Breaker::HalfOpen(soon), Breaker::HalfOpen(soon), false),
            (Breaker::HalfOpen(over), probe, true),
        ] {
            assert_eq!(before.asked(NOW), (after, may), "{before:?}");
        }
    }

    #[test]
    fn a_request_that_is_not_sent_leaves_the_next_one_its_place() {
        for before in [closed(0), closed(2), Breaker::Open(NOW + SECOND)] {
            assert_eq!(before.not_sent(NOW), before);
        }
        let given_back = Breaker::HalfOpen(NOW + PAUSE).not_sent(NOW);
        assert_eq!(given_back, Breaker::HalfOpen(NOW), "it has not opened once more");
        assert!(given_back.asked(NOW).1);
    }

    #[test]
    fn what_an_exchange_changes() {
        let (soon, opened) = (NOW + SECOND, Breaker::Open(NOW + PAUSE));
        for (before, timed_out, after) in [
            (closed(0), true, closed(1)),
            (closed(1), true, closed(2)),
            (closed(2), true, opened),
            (closed(2), false, closed(0)),
            (Breaker::Open(soon), true, Breaker::Open(soon)),
            (Breaker::Open(soon), false, closed(0)),
            (Breaker::HalfOpen(soon), true, opened),
            (Breaker::HalfOpen(soon), false, closed(0)),
        ] {
            assert_eq!(before.reported(timed_out, NOW), after, "{before:?} {timed_out}");
        }
    }
}
