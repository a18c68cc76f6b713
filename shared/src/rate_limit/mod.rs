//! A rate limiter: so many requests a second for each account, over all instances together.
//!
//! An instance reserves small shares of the rate in the store and counts them off by itself, so that most requests
//! cost no call. A share begins at a moment, in the future when more is wanted than there is: until then the instance
//! refuses by itself. So instances take their turns instead of racing each other, and too many requests cost no more
//! writes than just enough of them.
//!
//! It protects what is behind it and is not worth a refused request that would have been fine: when the store fails
//! or is slow, requests pass.

mod admission;
mod demand;
mod share;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::clock::{Clock, Monotonic};
use crate::model::passed_time::PassedTime;
use crate::model::reservation::Reservation;
use crate::rate_limit::share::{Share, Turn};
use crate::store::{ReserveRate, StoreError};
use crate::telemetry::Alarm;

pub use crate::rate_limit::admission::Admission;

/// The time that a request waits for the store. A reservation is one write, which takes a few milliseconds, or some
/// hundred when a new process has to make its connection first.
pub const RESERVE_WITHIN: Duration = Duration::from_millis(500);

/// The time for which an account's requests pass unasked after the store has failed: so often does a request wait in
/// vain.
const PASSING: Duration = Duration::from_secs(1);

/// Accounts that are kept in mind. One that is evicted loses what is left of its share.
const ACCOUNTS: usize = 4_096;

/// The rates of all accounts, as one instance sees them.
pub struct RateLimiter {
    store: Arc<dyn ReserveRate>,
    clock: Arc<dyn Clock>,
    time: PassedTime,
    timeout: Duration,
    accounts: Mutex<HashMap<String, Account>>,
}

struct Account {
    asked_at: Monotonic,
    share: Arc<tokio::sync::Mutex<Share>>,
}

impl RateLimiter {
    /// Reserves in `store`, and waits [`RESERVE_WITHIN`] for it.
    #[must_use]
    pub fn new(store: Arc<dyn ReserveRate>, clock: Arc<dyn Clock>) -> Self {
        let time = PassedTime::new(Arc::clone(&clock));
        Self { store, clock, time, timeout: RESERVE_WITHIN, accounts: Mutex::default() }
    }

    /// Waits this long for the store instead.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Counts a request of `account`, which is allowed `per_second`, and says whether it may pass. A request that comes
    /// while another one of the account is reserving waits for what comes of it. It may be dropped at any time; then a
    /// share may be lost, and nothing else.
    pub async fn admit(&self, account: &str, per_second: NonZeroU32) -> Admission {
        let share = self.share_of(account);
        let mut share = share.lock().await;
        let requests = match share.request(self.time.now(), per_second) {
            Turn::Known(admission) => return admission,
            Turn::Reserve(requests) => requests,
        };
        let (now, busy) = (self.clock.now(), share.busy());
        let reservation = Reservation { account: account.to_owned(), requests, per_second, now, busy };
        let reserved = tokio::time::timeout(self.timeout, self.store.reserve(&reservation)).await;
        let now = self.time.now();
        let error = match reserved {
            Ok(Ok(reserved)) => match share.reserved(&reservation, reserved, now, self.clock.now()) {
                Some(admission) => return admission,
                None => NoLimitError::Clocks,
            },
            Ok(Err(error)) => NoLimitError::Store(error),
            Err(_) => NoLimitError::Slow,
        };
        tracing::error!(account, %error, alarm = Alarm::RateLimit.as_str(), "requests pass without a rate limit");
        share.open(now, PASSING);
        Admission::Admitted
    }

    /// Counts a request of `account` off again that was admitted and then turned out to be a repetition: whoever has
    /// caught a request and repeats it must not use up what its sender may ask for.
    pub async fn give_back(&self, account: &str) {
        let share = self.share_of(account);
        share.lock().await.give_back(self.time.now());
    }

    fn share_of(&self, account: &str) -> Arc<tokio::sync::Mutex<Share>> {
        let now = self.time.now();
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = accounts.get_mut(account) {
            known.asked_at = now;
            return known.share.clone();
        }
        if accounts.len() >= ACCOUNTS {
            evict_longest_idle(&mut accounts);
        }
        let share = Arc::default();
        accounts.insert(account.to_owned(), Account { asked_at: now, share: Arc::clone(&share) });
        share
    }
}

fn evict_longest_idle(accounts: &mut HashMap<String, Account>) {
    let idle = accounts.iter().min_by_key(|(_, account)| account.asked_at).map(|(name, _)| name.clone());
    if let Some(idle) = idle {
        accounts.remove(&idle);
    }
}

/// The cause for which requests pass without a limit.
#[derive(Debug, thiserror::Error)]
enum NoLimitError {
    #[error(transparent)]
    Store(StoreError),
    #[error("the store is slow")]
    Slow,
    #[error("reserved too far ahead: clocks disagree")]
    Clocks,
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::model::clock::{ManualClock, UnixMillis};
    use crate::model::reservation::ReservationOutcome;

    struct Generous;

    #[async_trait]
    impl ReserveRate for Generous {
        async fn reserve(&self, reservation: &Reservation) -> Result<ReservationOutcome, StoreError> {
            Ok(ReservationOutcome::From(reservation.now))
        }
    }

    #[tokio::test]
    async fn the_account_that_was_idle_longest_is_evicted_for_a_new_one() {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_305_600_000)));
        let limiter = RateLimiter::new(Arc::new(Generous), clock.clone());
        let ask = async |name: usize| {
            clock.advance(Duration::from_millis(1));
            limiter.admit(&format!("A{name}"), NonZeroU32::MIN).await
        };
        for name in 0..ACCOUNTS {
            ask(name).await;
        }
        ask(0).await;
        ask(ACCOUNTS).await;
        let accounts = limiter.accounts.lock().unwrap();
        assert_eq!(accounts.len(), ACCOUNTS);
        let known = ["A0", "A1", "A2"].map(|name| accounts.contains_key(name));
        assert_eq!(known, [true, false, true]);
    }
}
