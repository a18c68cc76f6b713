//! How much of what anyone can bring about is done: look-ups of names that were never seen, which are calls that are
//! paid and limited for the whole account, and diagnoses of refused signatures. Each has a bucket of its own.

use std::time::Duration;

use crate::model::clock::Monotonic;

/// 20 a second in the long run.
const ONE_EACH: Duration = Duration::from_millis(50);
/// 50 at once after a rest.
const BURST: Duration = Duration::from_millis(50 * 50);

/// A token bucket. It keeps one number: the moment at which it will be full again.
#[derive(Debug)]
pub(super) struct TokenBucket {
    full_at: Monotonic,
}

impl TokenBucket {
    pub(super) const fn full() -> Self {
        Self { full_at: Monotonic(Duration::ZERO) }
    }

    /// Takes one token; false when there is none left at this moment.
    pub(super) fn take(&mut self, now: Monotonic) -> bool {
        self.full_at = self.full_at.max(now);
        let granted = (self.full_at + ONE_EACH).since(now) <= BURST;
        if granted {
            self.full_at = self.full_at + ONE_EACH;
        }
        granted
    }

    /// Gives one token back.
    pub(super) fn give_back(&mut self) {
        self.full_at = Monotonic(self.full_at.0.saturating_sub(ONE_EACH));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Monotonic = Monotonic(Duration::from_hours(1));

    fn drain(bucket: &mut TokenBucket, now: Monotonic) -> usize {
        (0..1_000).take_while(|_| bucket.take(now)).count()
    }

    #[test]
    fn fifty_at_once_then_twenty_a_second() {
        let mut bucket = TokenBucket::full();
        assert_eq!(drain(&mut bucket, START), 50);
        assert_eq!(drain(&mut bucket, START + Duration::from_millis(49)), 0);
        assert_eq!(drain(&mut bucket, START + Duration::from_millis(50)), 1);
        assert_eq!(drain(&mut bucket, START + Duration::from_millis(1_050)), 20);
        assert_eq!(drain(&mut bucket, START + Duration::from_secs(60)), 50);
    }

    #[test]
    fn what_is_given_back_may_be_taken_again_and_no_more() {
        let mut bucket = TokenBucket::full();
        assert_eq!(drain(&mut bucket, START), 50);
        bucket.give_back();
        bucket.give_back();
        assert_eq!(drain(&mut bucket, START), 2);
        for _ in 0..100 {
            bucket.give_back();
        }
        assert_eq!(drain(&mut bucket, START), 50);
    }
}
