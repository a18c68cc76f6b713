//! The time that one request waits for its store, over all its calls and their repeats: who asks is told that the store
//! is away while somebody still listens.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use crate::model::clock::Clock;
use crate::store::StoreError;
use crate::store::repeat::repeat_once;

/// The longest that a request waits for its store, all in all.
pub const STORE_WITHIN: Duration = Duration::from_secs(2);

/// What is left of a request's time for its store. Only waiting uses it up.
pub struct StoreBudget<'c> {
    clock: &'c dyn Clock,
    left: Mutex<Duration>,
}

impl<'c> StoreBudget<'c> {
    /// That of a request which has not waited yet.
    #[must_use]
    pub const fn for_request(clock: &'c dyn Clock) -> Self {
        Self { clock, left: Mutex::new(STORE_WITHIN) }
    }

    /// The outcome of `call`, if it comes in time; once no time is left, nothing is begun any more.
    ///
    /// # Errors
    /// That of the call. [`StoreError::Unavailable`] if it did not end in time; then nothing is known about a write.
    pub async fn wait<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let budget = self.left();
        if budget.is_zero() {
            return Err(late());
        }
        let began = self.clock.monotonic();
        let left = || budget.saturating_sub(self.clock.monotonic().since(began));
        let mut call = pin!(call);
        let outcome = loop {
            // The runtime's timer may run ahead of the clock: the clock is believed.
            let in_time = left();
            match timeout(in_time, &mut call).await {
                Ok(outcome) => break outcome,
                Err(_) if in_time.is_zero() => break Err(late()),
                Err(_) => {}
            }
        };
        self.spend(self.clock.monotonic().since(began));
        outcome
    }

    /// Makes `call`, and once more at once if it may succeed then, both in the time that is left.
    ///
    /// # Errors
    /// As of [`Self::wait`], of the last call; an earlier one may have been done all the same.
    pub async fn repeat_once<T, F>(&self, call: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        repeat_once(|| self.wait(call())).await
    }

    /// Counts the time that `waiting` takes, which has a bound of its own.
    pub async fn count<T>(&self, waiting: impl Future<Output = T>) -> T {
        let began = self.clock.monotonic();
        let waited = waiting.await;
        self.spend(self.clock.monotonic().since(began));
        waited
    }

    fn left(&self) -> Duration {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spend(&self, passed: Duration) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.saturating_sub(passed);
    }
}

fn late() -> StoreError {
    StoreError::Unavailable("the request has waited long enough".to_owned())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;
    use crate::model::clock::{ManualClock, Monotonic, UnixMillis};

    fn away() -> StoreError {
        StoreError::Unavailable("away".to_owned())
    }

    /// The runtime's clock, which skips what everybody waits for.
    struct Skipping(Instant);

    impl Clock for Skipping {
        fn now(&self) -> UnixMillis {
            UnixMillis(0) + self.0.elapsed()
        }

        fn monotonic(&self) -> Monotonic {
            Monotonic(self.0.elapsed())
        }
    }

    #[tokio::test]
    async fn calls_share_what_a_request_waits() {
        for (calls_take, outcome, made) in [
            (&[0][..], Ok(()), 1),
            (&[1_999], Ok(()), 1),
            (&[900, 1_000], Ok(()), 2),
            (&[1_200, 700, 99], Ok(()), 3),
            (&[2_000, 0], Err(late()), 1),
            (&[1_200, 900, 0], Err(late()), 2),
        ] {
            let (clock, calls) = (ManualClock::at(UnixMillis(0)), Cell::new(0));
            let budget = StoreBudget::for_request(&clock);
            let mut told = Ok(());
            for millis in calls_take {
                told = budget
                    .wait(async {
                        calls.set(calls.get() + 1);
                        clock.advance(Duration::from_millis(*millis));
                        Ok(())
                    })
                    .await;
            }
            assert_eq!((told, calls.get()), (outcome, made), "{calls_take:?}");
        }
    }

    #[tokio::test]
    async fn a_repeat_is_made_in_the_time_that_is_left() {
        for (call_takes, failures, outcome, made) in [
            (0, 0, Ok(()), 1),
            (0, 1, Ok(()), 2),
            (0, 2, Err(away()), 2),
            (1_900, 1, Ok(()), 2),
            (2_000, 1, Err(late()), 1),
        ] {
            let (clock, calls) = (ManualClock::at(UnixMillis(0)), Cell::new(0));
            let call = async || {
                calls.set(calls.get() + 1);
                clock.advance(Duration::from_millis(call_takes));
                if calls.get() <= failures { Err(away()) } else { Ok(()) }
            };
            let told = StoreBudget::for_request(&clock).repeat_once(call).await;
            assert_eq!((told, calls.get()), (outcome, made), "{call_takes} {failures}");
        }
    }

    #[tokio::test]
    async fn what_is_counted_is_spent_and_not_cut_off() {
        let clock = ManualClock::at(UnixMillis(0));
        let budget = StoreBudget::for_request(&clock);
        assert_eq!(budget.count(async { clock.advance(Duration::from_secs(3)) }).await, ());
        assert_eq!(budget.wait(async { Ok(()) }).await, Err(late()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_answers_is_left_at_the_end_of_the_time() {
        let clock = Skipping(Instant::now());
        let budget = StoreBudget::for_request(&clock);
        let told: Result<(), _> = budget.repeat_once(pending).await;
        assert_eq!((told, clock.monotonic().0), (Err(late()), STORE_WITHIN));
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_runs_ahead_of_the_clock_is_not_believed() {
        let clock = ManualClock::at(UnixMillis(0));
        let budget = StoreBudget::for_request(&clock);
        let slow = async {
            tokio::time::sleep(Duration::from_hours(1)).await;
            Ok(())
        };
        assert_eq!(budget.wait(slow).await, Ok(()));
    }
}
