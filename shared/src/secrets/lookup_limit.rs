//! A limit on look-ups of names that were never seen. Such names cost a call each and anyone can invent them; the calls
//! are paid, and limited for the whole account. Diagnoses of refused signatures, which anyone can bring about as well,
//! have a limit of the same size.

use std::time::Duration;

use crate::model::clock::Monotonic;

/// 20 look-ups a second in the long run.
const ONE_EACH: Duration = Duration::from_millis(50);
/// 50 look-ups at once after a rest.
const BURST: Duration = Duration::from_millis(50 * 50);

/// A token bucket. It keeps one number: the moment at which it will be full again.
#[derive(Debug)]
pub(super) struct LookupLimit {
    full_at: Monotonic,
}

impl LookupLimit {
    pub(super) const fn full() -> Self {
        Self { full_at: Monotonic(Duration::ZERO) }
    }

    /// Takes one look-up or diagnosis; false when there is none left at this moment.
    pub(super) fn take(&mut self, now: Monotonic) -> bool {
        self.full_at = self.full_at.max(now);
        let granted = (self.full_at + ONE_EACH).since(now) <= BURST;
        if granted {
            self.full_at = self.full_at + ONE_EACH;
        }
        granted
    }

    /// Gives back a look-up whose answer was not that the name is unknown.
    pub(super) fn give_back(&mut self) {
        self.full_at = Monotonic(self.full_at.0.saturating_sub(ONE_EACH));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Monotonic = Monotonic(Duration::from_hours(1));

    fn drain(lookup_limit: &mut LookupLimit, now: Monotonic) -> usize {
        (0..1_000).take_while(|_| lookup_limit.take(now)).count()
    }

    #[test]
    fn fifty_at_once_then_twenty_a_second() {
        let mut lookup_limit = LookupLimit::full();
        assert_eq!(drain(&mut lookup_limit, START), 50);
        assert_eq!(drain(&mut lookup_limit, START + Duration::from_millis(49)), 0);
        assert_eq!(drain(&mut lookup_limit, START + Duration::from_millis(50)), 1);
        assert_eq!(drain(&mut lookup_limit, START + Duration::from_millis(1_050)), 20);
        assert_eq!(drain(&mut lookup_limit, START + Duration::from_secs(60)), 50);
    }

    #[test]
    fn what_is_given_back_may_be_taken_again_and_no_more() {
        let mut lookup_limit = LookupLimit::full();
        assert_eq!(drain(&mut lookup_limit, START), 50);
        lookup_limit.give_back();
        lookup_limit.give_back();
        assert_eq!(drain(&mut lookup_limit, START), 2);
        for _ in 0..100 {
            lookup_limit.give_back();
        }
        assert_eq!(drain(&mut lookup_limit, START), 50);
    }
}
