//! The breakers of one process, one for each party that it asks.
//!
//! A process learns for itself: there is nothing to write and nothing to wait for, and a party that hangs holds each
//! process for the time-outs that open its breaker, and one request every pause after that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::model::breaker::Breaker;
use crate::model::clock::{Clock, Monotonic, UnixMillis};
use crate::model::passed_time::PassedTime;

/// Breakers by the name of the party.
pub struct Breakers {
    parties: Mutex<HashMap<String, Party>>,
    clock: Arc<dyn Clock>,
    time: PassedTime,
}

/// A party that has hung since its last answer.
#[derive(Clone, Copy)]
struct Party {
    breaker: Breaker,
    /// The time of the last change of state.
    since: UnixMillis,
}

/// A party that is left alone, or tried by one request alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hanging {
    /// Its name, as in the log.
    pub party: String,
    /// The state of its breaker, as in the log.
    pub breaker: String,
    /// The time from which on it is in that state.
    pub since: UnixMillis,
}

impl Breakers {
    /// No party has hung yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { parties: Mutex::default(), time: PassedTime::new(Arc::clone(&clock)), clock }
    }

    /// The parties that hang, by their names.
    #[must_use]
    pub fn hanging(&self) -> Vec<Hanging> {
        let parties = self.parties();
        let told = parties.iter().filter(|(_, party)| !matches!(party.breaker, Breaker::Closed { .. }));
        let mut told: Vec<_> = told
            .map(|(name, &Party { breaker, since })| Hanging {
                party: name.clone(),
                breaker: breaker.as_str().to_owned(),
                since,
            })
            .collect();
        told.sort_by(|one, other| one.party.cmp(&other.party));
        told
    }

    /// The permit to ask `party` once; nothing while it is left alone.
    #[must_use]
    pub fn ask<'b>(&'b self, party: &'b str) -> Option<Permit<'b>> {
        let mut may = false;
        let after = self.change(party, |before, now| {
            let (after, asks) = before.asked(now);
            may = asks;
            after
        });
        may.then(|| Permit { breakers: self, party, is_trial: matches!(after, Breaker::HalfOpen(_)) })
    }

    /// The state of `party` after `change`. Only parties that have hung are remembered; a change of state stands in the
    /// log.
    fn change(&self, party: &str, change: impl FnOnce(Breaker, Monotonic) -> Breaker) -> Breaker {
        let mut parties = self.parties();
        let known = parties.get(party).copied();
        let before = known.map_or_else(Breaker::default, |known| known.breaker);
        let after = change(before, self.time.now());
        let is_news = before.as_str() != after.as_str();
        if is_news {
            tracing::warn!(party, breaker = after.as_str(), "a breaker changed");
        }
        if after == Breaker::default() {
            parties.remove(party);
        } else {
            let since = known.filter(|_| !is_news).map_or_else(|| self.clock.now(), |known| known.since);
            parties.insert(party.to_owned(), Party { breaker: after, since });
        }
        after
    }

    fn parties(&self) -> MutexGuard<'_, HashMap<String, Party>> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

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

    #[test]
    fn who_hangs_is_told_with_the_time_since_when() {
        let clock = Arc::new(ManualClock::at(UnixMillis(0)));
        let breakers = Breakers::new(clock.clone());
        let told = |breakers: &Breakers| {
            let told = breakers.hanging().into_iter();
            told.map(|it| (it.party, it.breaker, it.since.0)).collect::<Vec<_>>()
        };
        let hung = |party: &str, breaker: &str, since| (party.to_owned(), breaker.to_owned(), since);
        for party in ["b", "a", "c"] {
            breakers.ask(party).unwrap().report(true);
        }
        assert_eq!(told(&breakers), [], "none has hung often enough");
        for party in ["b", "b", "a", "a"] {
            clock.advance(Duration::from_secs(1));
            breakers.ask(party).unwrap().report(true);
        }
        assert_eq!(told(&breakers), [hung("a", "open", 4_000), hung("b", "open", 2_000)]);
        clock.advance(PAUSE);
        let _trial = breakers.ask("b").unwrap();
        assert_eq!(told(&breakers), [hung("a", "open", 4_000), hung("b", "half_open", 14_000)]);
    }

    #[test]
    fn a_clock_that_is_set_back_prolongs_no_pause() {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_305_600_000)));
        let breakers = Breakers::new(clock.clone());
        for _ in 0..TIMEOUTS_IN_A_ROW {
            breakers.ask("a").unwrap().report(true);
        }
        clock.step_to(clock.now() - Duration::from_secs(5));
        clock.advance(PAUSE - Duration::from_millis(1));
        assert!(breakers.ask("a").is_none());
        clock.advance(Duration::from_millis(1));
        assert!(breakers.ask("a").is_some());
    }
}
