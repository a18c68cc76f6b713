//! The breakers of one process, one for each party that it asks.
//!
//! A process learns for itself: there is nothing to write and nothing to wait for, and a party that hangs holds each
//! process for the time-outs that open its breaker, and one request every pause after that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::breaker::Breaker;
use crate::model::clock::Clock;

/// Breakers by the name of the party.
pub struct Breakers {
    parties: Mutex<HashMap<String, Breaker>>,
    clock: Arc<dyn Clock>,
}

impl Breakers {
    /// No party has hung yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { parties: Mutex::default(), clock }
    }

    /// True if `party` may be asked now. Whoever then asks, [reports](Self::report).
    #[must_use]
    pub fn may_ask(&self, party: &str) -> bool {
        let mut parties = self.parties();
        let before = parties.get(party).copied().unwrap_or_default();
        let (after, may) = before.asked(self.clock.now());
        set(&mut parties, party, before, after);
        may
    }

    /// An exchange with `party` is over.
    pub fn report(&self, party: &str, timed_out: bool) {
        let mut parties = self.parties();
        let before = parties.get(party).copied().unwrap_or_default();
        let after = before.reported(timed_out, self.clock.now());
        set(&mut parties, party, before, after);
    }

    fn parties(&self) -> MutexGuard<'_, HashMap<String, Breaker>> {
        self.parties.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Only parties that have hung are remembered; a change of state stands in the log.
fn set(parties: &mut HashMap<String, Breaker>, party: &str, before: Breaker, after: Breaker) {
    if after == Breaker::default() {
        parties.remove(party);
    } else {
        parties.insert(party.to_owned(), after);
    }
    if before.as_str() != after.as_str() {
        tracing::warn!(party, breaker = after.as_str(), "a breaker changed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::breaker::{PAUSE, TIMEOUTS_IN_A_ROW};
    use crate::model::clock::{ManualClock, UnixMillis};

    #[test]
    fn a_party_that_hangs_is_left_alone_and_no_other() {
        let clock = Arc::new(ManualClock::at(UnixMillis(0)));
        let breakers = Breakers::new(clock.clone());
        for _ in 0..TIMEOUTS_IN_A_ROW {
            assert!(breakers.may_ask("a"));
            breakers.report("a", true);
        }
        assert_eq!((breakers.may_ask("a"), breakers.may_ask("b")), (false, true));
        clock.advance(PAUSE);
        assert_eq!([(); 2].map(|()| breakers.may_ask("a")), [true, false], "one request alone");
        breakers.report("a", false);
        assert_eq!([(); 2].map(|()| breakers.may_ask("a")), [true, true]);
        assert!(breakers.parties().is_empty());
    }
}
