use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::*;
use crate::model::clock::{ManualClock, UnixMillis};
use crate::model::deny_list::PartyKind;

const SECOND: Duration = Duration::from_secs(1);

/// The runtime's time is rounded up to whole milliseconds.
const ROUNDING: Duration = Duration::from_millis(10);

/// A store whose list is set by the test; while it is held, a read does not end.
struct Script {
    answer: Mutex<Result<DenyList, StoreError>>,
    reads: AtomicUsize,
    gate: Semaphore,
}

#[async_trait]
impl ReadDenyList for Script {
    async fn deny_list(&self) -> Result<DenyList, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let read = self.answer.lock().unwrap().clone();
        drop(self.gate.acquire().await.unwrap());
        read
    }
}

struct Rig {
    store: Arc<Script>,
    clock: Arc<ManualClock>,
    cache: DenyListCache,
}

fn away() -> StoreError {
    StoreError::Unavailable("away".to_owned())
}

impl Rig {
    fn new() -> Self {
        let answer = Mutex::new(Ok(DenyList::default()));
        let store = Arc::new(Script { answer, reads: AtomicUsize::new(0), gate: Semaphore::new(1) });
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_305_600_000)));
        let cache = DenyListCache::new(store.clone(), clock.clone());
        Self { store, clock, cache }
    }

    fn deny(&self, business: &str) {
        *self.store.answer.lock().unwrap() = Ok(DenyList::from_entries([format!("business/{business}")]));
    }

    fn fail(&self) {
        *self.store.answer.lock().unwrap() = Err(away());
    }

    fn hold(&self) {
        assert_eq!(self.store.gate.forget_permits(1), 1);
    }

    fn reads(&self) -> usize {
        self.store.reads.load(Ordering::SeqCst)
    }

    async fn denies(&self, business: &str) -> bool {
        self.cache.current().await.unwrap().denies(PartyKind::Business, business)
    }

    /// Lets what runs beside come to its end.
    async fn settle(&self) {
        drop(self.cache.0.flight.lock().await);
    }
}

#[tokio::test]
async fn a_list_is_read_every_ten_seconds_beside_the_request() {
    let rig = Rig::new();
    for _ in 0..100 {
        assert!(!rig.denies("B1").await);
    }
    rig.deny("B1");
    rig.clock.advance(9 * SECOND);
    assert!(!rig.denies("B1").await);
    assert_eq!(rig.reads(), 1);
    rig.clock.advance(SECOND);
    rig.hold();
    for _ in 0..100 {
        assert!(!rig.denies("B1").await, "the read is not waited for");
    }
    rig.store.gate.add_permits(1);
    rig.settle().await;
    assert!(rig.denies("B1").await);
    assert_eq!(rig.reads(), 2);
}

#[tokio::test]
async fn after_a_rest_a_list_is_waited_for() {
    let rig = Rig::new();
    assert!(!rig.denies("B1").await);
    rig.deny("B1");
    rig.clock.advance(OLDEST);
    assert!(rig.denies("B1").await);
    assert_eq!(rig.reads(), 2);
}

#[tokio::test]
async fn what_was_asked_for_before_a_rest_is_asked_for_again() {
    let rig = Rig::new();
    assert!(!rig.denies("B1").await);
    rig.clock.advance(READ_EVERY);
    rig.hold();
    assert!(!rig.denies("B1").await);
    tokio::task::yield_now().await;
    assert_eq!(rig.reads(), 2, "a read is under way");
    rig.deny("B1");
    rig.clock.advance(OLDEST);
    rig.store.gate.add_permits(1);
    assert!(rig.denies("B1").await);
    assert_eq!(rig.reads(), 3);
}

#[tokio::test]
async fn while_the_list_cannot_be_read_the_last_one_holds() {
    let rig = Rig::new();
    rig.deny("B1");
    assert!(rig.denies("B1").await);
    rig.fail();
    rig.clock.advance(3_600 * SECOND);
    for _ in 0..100 {
        assert!(rig.denies("B1").await);
    }
    assert_eq!(rig.reads(), 2, "not every request asks");
    rig.deny("B2");
    rig.clock.advance(PAUSE);
    assert!(rig.denies("B2").await);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_does_not_come_is_waited_for_half_a_second_and_the_first_for_two() {
    let rig = Rig::new();
    rig.hold();
    let began = tokio::time::Instant::now();
    assert_eq!(rig.cache.current().await, Err(StoreError::Unavailable("time-out".to_owned())));
    assert!(began.elapsed() - FIRST_READ_WITHIN < ROUNDING);
    rig.store.gate.add_permits(1);
    rig.settle().await;
    rig.clock.advance(OLDEST);
    rig.hold();
    assert!(!rig.denies("B1").await);
    assert!(began.elapsed() - FIRST_READ_WITHIN - READ_WITHIN < ROUNDING);
}

#[tokio::test]
async fn without_a_first_list_nobody_is_known_to_be_allowed() {
    let rig = Rig::new();
    rig.fail();
    for _ in 0..100 {
        assert_eq!(rig.cache.current().await, Err(away()));
    }
    assert_eq!(rig.reads(), 1);
    *rig.store.answer.lock().unwrap() = Ok(DenyList::default());
    rig.clock.advance(PAUSE);
    assert!(!rig.denies("B1").await);
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_no_list_younger() {
    let rig = Rig::new();
    assert!(!rig.denies("B1").await);
    rig.deny("B1");
    rig.clock.step_to(rig.clock.now() - 3_600 * SECOND);
    rig.clock.advance(OLDEST);
    assert!(rig.denies("B1").await);
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_take_the_read_along() {
    let rig = Rig::new();
    rig.hold();
    {
        let leaving = rig.cache.current();
        tokio::select! {
            biased;
            _ = leaving => panic!("it was held"),
            () = tokio::task::yield_now() => {}
        }
    }
    rig.store.gate.add_permits(1);
    assert!(!rig.denies("B1").await);
    assert_eq!(rig.reads(), 1);
}
