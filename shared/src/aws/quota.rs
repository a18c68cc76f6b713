//! How many repetitions a client may still make: few are free, a storm of them is not. While a service fails all of its
//! callers, they soon ask it once for each call, until it answers again.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::aws::failure::Obstacle;

/// What there is at most, and what a call that needed no repetition gives back: the figures of the AWS SDKs' standard
/// mode ("Retry 2.0"), as those of [`cost`].
const MOST: u32 = 500;
const OF_A_FIRST_TRY: u32 = 1;

const fn cost(obstacle: Obstacle) -> u32 {
    match obstacle {
        Obstacle::Throttling => 5,
        Obstacle::Outage => 10,
    }
}

/// What a client may spend on repetitions.
#[derive(Debug)]
pub(super) struct RetryQuota(AtomicU32);

impl RetryQuota {
    pub(super) const fn full() -> Self {
        Self(AtomicU32::new(MOST))
    }

    /// Takes what a repetition costs, if it is there.
    pub(super) fn take(&self, obstacle: Obstacle) -> bool {
        let taken = |left: u32| left.checked_sub(cost(obstacle));
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    /// After a call that succeeded, with the last repetition if it took any.
    pub(super) fn give_back(&self, repeated: Option<Obstacle>) {
        // Hardly ever is anything missing, and then there is nothing to write.
        if self.0.load(Ordering::Relaxed) < MOST {
            let back = repeated.map_or(OF_A_FIRST_TRY, cost);
            let given = |left: u32| Some((left + back).min(MOST));
            let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, given);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(Obstacle, usize); 2] = [(Obstacle::Throttling, 100), (Obstacle::Outage, 50)];

    #[test]
    fn some_repetitions_are_free_and_then_calls_that_succeed_earn_them() {
        for (obstacle, free) in ALL {
            let quota = RetryQuota::full();
            assert_eq!((0..200).filter(|_| quota.take(obstacle)).count(), free);
            (1..cost(obstacle)).for_each(|_| quota.give_back(None));
            assert!(!quota.take(obstacle));
            quota.give_back(None);
            assert!(quota.take(obstacle) && !quota.take(obstacle));
            quota.give_back(Some(obstacle));
            assert!(quota.take(obstacle) && !quota.take(obstacle));
        }
    }

    #[test]
    fn more_than_all_is_not_saved() {
        for (obstacle, free) in ALL {
            let quota = RetryQuota::full();
            (0..50).for_each(|_| quota.give_back(Some(obstacle)));
            assert_eq!((0..200).filter(|_| quota.take(obstacle)).count(), free);
        }
    }
}
