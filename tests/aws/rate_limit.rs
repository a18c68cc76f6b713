//! An account's rate limit over processes that share DynamoDB alone.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use shared::model::clock::ManualClock;
use shared::rate_limit::{Admission, RateLimiter};
use tests::world::BEGINNING;

use crate::account::Account;

/// Enough that it is reserved ahead, so that the processes take turns.
const ALLOWED: NonZeroU32 = NonZeroU32::new(250).expect("some");

#[tokio::test]
async fn two_processes_admit_together_what_the_account_may_send() {
    let account = Account::new().await;
    let store = account.table().await;
    let clock = Arc::new(ManualClock::at(BEGINNING));
    let processes = [(); 2].map(|()| {
        let limiter = RateLimiter::new(Arc::new(store.clone()), clock.clone());
        limiter.with_timeout(Duration::from_mins(1))
    });
    // Twice what it may, to one process after the other.
    let mut admitted = [[0; 2]; 4];
    for millis in (0..4_000).step_by(2) {
        clock.set(BEGINNING + Duration::from_millis(millis));
        let process = usize::from(millis % 4 != 0);
        let admission = processes[process].admit("A1", ALLOWED).await;
        let second = usize::try_from(millis / 1_000).expect("few");
        admitted[second][process] += u32::from(admission == Admission::Admitted);
    }
    // The first second also has what was left unused before it.
    for of_second in &admitted[1..] {
        let sum: u32 = of_second.iter().sum();
        assert!((225..=275).contains(&sum), "{admitted:?}");
        assert!(of_second.iter().all(|of_process| *of_process >= 50), "{admitted:?}");
    }
    let calls = account.proxy.calls();
    let reservations = calls.iter().find(|(operation, _)| operation == "UpdateItem").map(|(_, count)| *count);
    assert!(reservations.is_some_and(|reservations| reservations < 600), "{calls:?}");
}
