//! The breakers of one process, one for each party that it asks.
//!
//! A process learns for itself: there is nothing to write and nothing to wait for, and a party that hangs holds each
//! process for the time-outs that open its breaker, and one request every pause after that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::breaker::Breaker;
use crate::model::clock::{Clock, UnixMillis};

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

    /// The permit to ask `party` once; nothing while it is left alone.
    #[must_use]
    pub fn ask<'b>(&'b self, party: &'b str) -> Option<Permit<'b>> {
        let mut parties = self.parties();
        let before = parties.get(party).copied().unwrap_or_default();
        let (after, may) = before.asked(self.clock.now());
        set(&mut parties, party, before, after);
        may.then(|| Permit { breakers: self, party, is_trial: matches!(after, Breaker::HalfOpen(_)) })
    }

    fn change(&self, party: &str, change: impl FnOnce(Breaker, UnixMillis) -> Breaker) {
        let mut parties = self.parties();
        let before = parties.get(party).copied().unwrap_or_default();
        set(&mut parties, party, before, change(before, self.clock.now()));
    }

    fn parties(&self) -> MutexGuard<'_, HashMap<String, Breaker>> {
        self.parties.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request to a party. Dropped without a [report](Self::report), it was not sent, and the next may be: whoever
/// asks for nothing, such as a stranger with a link of his own making, must not use up the one trial of a party.
pub struct Permit<'b> {
    breakers: &'b Breakers,
    party: &'b str,
    /// True for the one request that is let through after a pause, as long as nothing is known of it.
    is_trial: bool,
}

impl Permit<'_> {
    /// The exchange is over.
    pub fn report(mut self, timed_out: bool) {
        self.is_trial = false;
        self.breakers.change(self.party, |before, now| before.reported(timed_out, now));
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_trial {
            self.breakers.change(self.party, Breaker::not_sent);
        }
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
    use crate::model::clock::ManualClock;

    #[test]
    fn a_party_that_hangs_is_left_alone_and_no_other() {
        let clock = Arc::new(ManualClock::at(UnixMillis(0)));
        let breakers = Breakers::new(clock.clone());
        for _ in 0..TIMEOUTS_IN_A_ROW {
            breakers.ask("a").unwrap().report(true);
        }
        assert_eq!((breakers.ask("a").is_some(), breakers.ask("b").is_some()), (false, true));
        clock.advance(PAUSE);
        let unsent = breakers.ask("a").unwrap();
        assert!(breakers.ask("a").is_none(), "one request alone");
        drop(unsent);
        let trial = breakers.ask("a").unwrap();
        trial.report(false);
        assert!(breakers.ask("a").is_some() && breakers.ask("a").is_some());
        assert!(breakers.parties().is_empty());
    }
}
