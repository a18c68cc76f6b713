//! How many repetitions a client may still make: few are free, a storm of them is not. While a service fails all of its
//! callers, they soon ask it once for each call, until it answers again.

use std::sync::atomic::{AtomicU32, Ordering};

/// What there is at most, what a repetition takes, and what a call that needed none gives back: the figures of the AWS
/// SDKs' standard mode.
const MOST: u32 = 500;
const OF_A_REPETITION: u32 = 5;
const OF_A_FIRST_TRY: u32 = 1;

/// What a client may spend on repetitions.
#[derive(Debug)]
pub(super) struct Quota(AtomicU32);

impl Quota {
    pub(super) const fn full() -> Self {
        Self(AtomicU32::new(MOST))
    }

    /// Takes what a repetition costs, if it is there.
    pub(super) fn take(&self) -> bool {
        let taken = |left: u32| left.checked_sub(OF_A_REPETITION);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    /// After a call that succeeded.
    pub(super) fn succeeded(&self, repeated: bool) {
        let back = if repeated { OF_A_REPETITION } else { OF_A_FIRST_TRY };
        // Hardly ever is anything missing, and then there is nothing to write.
        if self.0.load(Ordering::Relaxed) < MOST {
            let given = |left: u32| Some((left + back).min(MOST));
            let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, given);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_repetitions_are_free_and_then_calls_that_succeed_earn_them() {
        let quota = Quota::full();
        assert_eq!((0..200).filter(|_| quota.take()).count(), 100);
        (0..4).for_each(|_| quota.succeeded(false));
        assert!(!quota.take());
        quota.succeeded(false);
        assert!(quota.take() && !quota.take());
        quota.succeeded(true);
        assert!(quota.take() && !quota.take());
    }

    #[test]
    fn more_than_all_is_not_saved() {
        let quota = Quota::full();
        (0..50).for_each(|_| quota.succeeded(true));
        assert_eq!((0..200).filter(|_| quota.take()).count(), 100);
    }
}
