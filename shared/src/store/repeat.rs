//! Repeats of calls that are safe to make twice: reads, and conditional writes. A write carries an operation id where a
//! repeat of it must be told from somebody else's write: if the condition fails and the record holds our id, an earlier
//! try of ours had succeeded.
//!
//! A store's client has made its own attempts when it gives a call up. These repeats are for the writes that a user or
//! a merchant would notice the loss of, and for answers that were lost. Decision 86 (`docs/decisions/`) says which call
//! has which.

use std::time::Duration;

use crate::model::clock::{Clock, Monotonic};
use crate::store::StoreError;

/// Makes `call`, and once more at once if it may succeed then.
///
/// # Errors
/// That of the last call; an earlier one may have been done all the same.
pub async fn repeat_once<T, F>(call: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    match call().await {
        Err(error) if error.retryable() => call().await,
        outcome => outcome,
    }
}

/// Makes `call`, and again after each of `pauses`, of which the last goes on, while it may succeed later and the pause
/// ends before `deadline` by `clock`. Pauses by `sleep`.
///
/// # Errors
/// As [`repeat_once`].
pub async fn repeat_until<T, F, S>(
    deadline: Monotonic,
    pauses: &[Duration],
    clock: &dyn Clock,
    sleep: impl Fn(Duration) -> S,
    call: impl Fn() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
    S: Future<Output = ()>,
{
    let mut outcome = call().await;
    for &pause in pauses.iter().chain(pauses.last().into_iter().cycle()) {
        match &outcome {
            Err(error) if error.retryable() && clock.monotonic() + pause < deadline => {
                sleep(pause).await;
                outcome = call().await;
            }
            Ok(_) | Err(_) => break,
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;
    use crate::model::clock::{ManualClock, UnixMillis};

    const PAUSES: [Duration; 3] =
        [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];
    const NOW: UnixMillis = UnixMillis(1_795_305_600_000);

    fn away() -> StoreError {
        StoreError::Unavailable("away".to_owned())
    }

    fn corrupt() -> StoreError {
        StoreError::Corrupt("no record".to_owned())
    }

    /// Fails with each of `failures` first; the outcome of call number n is n.
    fn failing(failures: &[StoreError], calls: &Cell<usize>) -> Result<usize, StoreError> {
        calls.set(calls.get() + 1);
        failures.get(calls.get() - 1).map_or_else(|| Ok(calls.get()), |error| Err(error.clone()))
    }

    #[tokio::test]
    async fn a_call_is_repeated_once_after_an_error_that_may_pass() {
        for (failures, outcome, made) in [
            (vec![], Ok(1), 1),
            (vec![away()], Ok(2), 2),
            (vec![away(), away()], Err(away()), 2),
            (vec![away(), corrupt()], Err(corrupt()), 2),
            (vec![corrupt()], Err(corrupt()), 1),
        ] {
            let calls = Cell::new(0);
            let repeated = repeat_once(async || failing(&failures, &calls)).await;
            assert_eq!((repeated, calls.get()), (outcome, made), "{failures:?}");
        }
    }

    #[tokio::test]
    async fn a_call_is_repeated_after_pauses_until_the_deadline() {
        let [first, second, third] = PAUSES;
        let millis = Duration::from_millis;
        for (failures, call_takes, within, outcome, slept) in [
            (vec![], 0, 6_000, Ok(1), vec![]),
            (vec![away()], 0, 6_000, Ok(2), vec![first]),
            (vec![away(), away()], 0, 6_000, Ok(3), vec![first, second]),
            (vec![away(), corrupt()], 0, 6_000, Err(corrupt()), vec![first]),
            (vec![corrupt()], 0, 6_000, Err(corrupt()), vec![]),
            (vec![away(); 3], 0, 6_000, Ok(4), vec![first, second, third]),
            (vec![away(); 4], 0, 6_000, Err(away()), vec![first, second, third]),
            (vec![away(); 5], 0, 11_000, Ok(6), vec![first, second, third, third, third]),
            (vec![away(); 9], 0, 11_000, Err(away()), vec![first, second, third, third, third]),
            // No pause that would end at the deadline, or later, is begun.
            (vec![away()], 0, 200, Err(away()), vec![]),
            (vec![away()], 0, 201, Ok(2), vec![first]),
            (vec![away()], 2_000, 2_200, Err(away()), vec![]),
            (vec![away(); 4], 2_000, 6_000, Err(away()), vec![first, second]),
            (vec![away(); 4], 700, 6_301, Err(away()), vec![first, second, third]),
            (vec![away(); 4], 700, 6_300, Err(away()), vec![first, second]),
        ] {
            let (calls, pauses) = (Cell::new(0), RefCell::default());
            let clock = ManualClock::at(NOW);
            let call = async || {
                clock.advance(millis(call_takes));
                failing(&failures, &calls)
            };
            let sleep = async |pause| {
                RefCell::<Vec<_>>::borrow_mut(&pauses).push(pause);
                clock.advance(pause);
            };
            let deadline = clock.monotonic() + millis(within);
            let repeated = repeat_until(deadline, &PAUSES, &clock, sleep, call).await;
            let case = format!("{failures:?} {call_takes} {within}");
            assert_eq!((repeated, pauses.take()), (outcome, slept), "{case}");
        }
    }
}
