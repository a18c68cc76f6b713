//! The sweep while something around it fails: it takes up what it can, and says what it could not.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use openid_delivery::{ATTEMPT_LEASE, Step, TAKE_UP_WITHIN, deliver, sweep};
use rusqlite::Connection;
use shared::delivery::schedule::Schedule;
use shared::model::authorization::Status;
use shared::model::clock::{Clock as _, ManualClock, UnixMillis};
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::id::AuthorizationId;
use shared::model::owner::Owner;
use shared::queue::{DeliveryEvent, HINT_GRACE_PERIOD, Hint, HintError, HintQueue};
use shared::secrets::{FetchError, SecretName, SecretSource, SecretValue};
use shared::store::sqlite::SqliteStore;
use shared::store::{Due, FindDue, StoreError, TakenUp};
use tests::crashing::CrashPoint::After;
use tests::crashing::{CrashingStore, Write};
use tests::flaky::{Failure, FlakyStore};
use tests::logs::Logs;
use tests::parties::InMemorySecrets;
use tests::world::{World, b1};

/// A queue that takes nothing, and counts what it was asked to take.
#[derive(Default)]
struct NoRoom(AtomicUsize);

#[async_trait]
impl HintQueue for NoRoom {
    async fn send(&self, _: Hint, _: Duration) -> Result<(), HintError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Err(HintError("no room".to_owned()))
    }
}

#[tokio::test]
async fn a_queue_that_takes_no_hint_is_not_asked_for_every_record_and_the_sweep_delivers() {
    let mut world = World::new();
    for number in 0..100 {
        world.authorized(&format!("S{number}"), &format!("open-{number}")).await;
    }
    let queue = Arc::new(NoRoom::default());
    world.deps.delivery.hints = queue.clone();
    world.rebuild();
    world.clock.advance(HINT_GRACE_PERIOD);
    world.delivery.handle(DeliveryEvent::Sweep).await.expect("the store answers");
    assert_eq!(world.merchant.posts().len(), 100);
    let asked = queue.0.load(Ordering::SeqCst);
    assert!(asked <= 32, "{asked} hints");
}

#[tokio::test]
async fn a_due_record_that_cannot_be_read_keeps_no_other_from_its_attempt() {
    for (column, value) in [("owner", "scheme:x"), ("id", "not an id")] {
        let world = World::new();
        let (broken, sound) =
            (world.authorized("S1", "open-1").await.id, world.authorized("S2", "open-2").await.id);
        world.queue.lose_all();
        let damage = format!("UPDATE authorizations SET {column} = ?1, due_at = due_at - 1 WHERE id = ?2");
        let connection = Connection::open(&world.file).expect("opens");
        assert_eq!(connection.execute(&damage, [value, broken.as_str()]), Ok(1));
        let first = world.store.due(world.clock.now(), 1).await.expect("a list");
        assert!(first.iter().map(|due| &due.id).eq([&sound]), "{column}: {first:?}");
        let logs = Logs::keep();
        assert_eq!(sweep(&world.delivery).await, Ok(1), "{column}");
        assert_eq!(world.drain().await, [Step::Delivered]);
        assert_eq!(world.record(&sound).await.status(), Status::Delivered);
        let reference = if column == "id" { value } else { broken.as_str() };
        let told = logs.lines().into_iter().any(|line| {
            (line["alarm"].as_str(), line["reference"].as_str()) == (Some("record"), Some(reference))
        });
        assert!(told, "{}", logs.text());
    }
}

/// A store that cannot postpone one of the records; each postponement takes a second, and meanwhile the clock is set
/// back by `set_back`.
struct Stubborn {
    inner: SqliteStore,
    one: AuthorizationId,
    clock: Arc<ManualClock>,
    set_back: Duration,
}

#[async_trait]
impl FindDue for Stubborn {
    async fn due(&self, now: UnixMillis, limit: u32) -> Result<Vec<Due>, StoreError> {
        self.inner.due(now, limit).await
    }

    async fn postpone(&self, due: &Due, until: UnixMillis) -> Result<Option<TakenUp>, StoreError> {
        if due.id == self.one {
            return Err(StoreError::Unavailable("told to".to_owned()));
        }
        self.clock.advance(Duration::from_secs(1));
        self.clock.step_to(self.clock.now() - self.set_back);
        self.inner.postpone(due, until).await
    }

    async fn end_watch(&self, due: &Due) -> Result<bool, StoreError> {
        self.inner.end_watch(due).await
    }
}

#[tokio::test]
async fn one_record_that_cannot_be_taken_up_leaves_the_others_their_attempts() {
    let mut world = World::new();
    let first = world.authorized("S1", "open-1").await;
    let second = world.authorized("S2", "open-2").await;
    let (inner, clock) = (world.store.clone(), world.clock.clone());
    world.deps.delivery.due =
        Arc::new(Stubborn { inner, one: first.id.clone(), clock, set_back: Duration::ZERO });
    world.rebuild();
    world.clock.advance(HINT_GRACE_PERIOD);
    let swept = world.delivery.handle(DeliveryEvent::Sweep).await;
    assert_eq!(swept, Err(StoreError::Unavailable("told to".to_owned()).into()));
    assert_eq!(world.record(&second.id).await.status(), Status::Delivered);
    assert_eq!(world.record(&first.id).await.attempts_begun(), 0);
}

#[tokio::test]
async fn a_sweep_leaves_to_the_next_what_it_has_no_time_for_also_while_the_clock_is_set_back() {
    for set_back in [Duration::ZERO, Duration::from_secs(2)] {
        let mut world = World::new();
        for number in 0..40 {
            world.authorized(&format!("S{number}"), "open").await;
        }
        world.queue.lose_all();
        let (inner, clock) = (world.store.clone(), world.clock.clone());
        let one = AuthorizationId::from_serial("B1", "nobody");
        world.deps.delivery.due = Arc::new(Stubborn { inner, one, clock, set_back });
        world.rebuild();
        let began = world.clock.monotonic();
        let queued = sweep(&world.delivery).await.expect("the store answers");
        assert!((3..40).contains(&queued), "{queued}");
        assert!(world.clock.monotonic().since(began) < TAKE_UP_WITHIN + Duration::from_secs(32));
        let due = world.store.due(world.now() + HINT_GRACE_PERIOD - Duration::from_secs(40), 100);
        let rest = due.await.expect("answers").len();
        assert_eq!(
            rest,
            40 - usize::try_from(queued).expect("few"),
            "nothing is postponed that is not queued"
        );
    }
}

#[tokio::test]
async fn a_last_failure_whose_record_nobody_confirms_is_alarmed() {
    let mut world = World::new();
    world.deps.delivery.schedule = Schedule::from_secs(&[]);
    world.rebuild();
    let issued = world.authorized("S1", "open-1").await;
    let untold = [Failure::None, Failure::AnswerLost, Failure::AnswerLost];
    world.deps.delivery.store = Arc::new(FlakyStore::new(world.store.clone(), &untold));
    world.rebuild();
    world.merchant.answer(DeliveryOutcome::Status(500));
    let logs = Logs::keep();
    let delivered = deliver(&world.delivery, &Hint::new(issued.id.clone(), b1(), 0)).await;
    assert_eq!(delivered, Err(StoreError::Unavailable("injected".to_owned()).into()));
    assert_eq!(world.record(&issued.id).await.status(), Status::Undeliverable);
    assert!(logs.text().contains(r#""alarm":"undeliverable""#), "{}", logs.text());
}

/// Keys that take five seconds to come.
struct Slow(InMemorySecrets, Arc<ManualClock>);

#[async_trait]
impl SecretSource for Slow {
    async fn fetch(&self, name: &SecretName) -> Result<SecretValue, FetchError> {
        self.1.advance(Duration::from_secs(5));
        self.0.fetch(name).await
    }

    async fn names(&self, kind: &str) -> Result<HashSet<SecretName>, FetchError> {
        self.0.names(kind).await
    }
}

#[tokio::test]
async fn an_attempts_lease_begins_when_its_keys_are_there() {
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    let began = world.now();
    let store = Arc::new(CrashingStore::new(world.store.clone(), After(Write::ClaimAttempt)));
    let mut process = world.another_process().with_store(store.clone());
    let keys: Arc<dyn SecretSource> = Arc::new(Slow(world.secrets.clone(), world.clock.clone()));
    process.deps.delivery.secrets = keys;
    process.rebuild();
    let hint = Hint::new(issued.id.clone(), b1(), 0);
    store.until_crash(deliver(&process.delivery, &hint)).await;
    let lease =
        world.record(&issued.id).await.pending_delivery().and_then(|due| due.lease.clone()).expect("a lease");
    assert!(world.clock.now() > began);
    assert_eq!(lease.until, world.now() + ATTEMPT_LEASE);
}

#[tokio::test]
async fn a_sweep_leaves_an_attempt_under_way_alone_and_its_hint_comes_when_the_lease_is_over() {
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    let store = Arc::new(CrashingStore::new(world.store.clone(), After(Write::ClaimAttempt)));
    let process = world.another_process().with_store(store.clone());
    let hint = world.queue.take().expect("a hint");
    store.until_crash(deliver(&process.delivery, &hint)).await;
    assert_eq!(world.sweep_and_drain().await, []);
    world.clock.advance(ATTEMPT_LEASE);
    assert_eq!(world.drain().await, [Step::Delivered]);
    assert_eq!(world.record(&issued.id).await.history()[0].number, 2, "the worker that died had the first");
}

#[tokio::test]
async fn a_sweep_begins_no_attempt_that_its_time_does_not_hold() {
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    let mut process = world.another_process();
    let keys: Arc<dyn SecretSource> = Arc::new(Slow(world.secrets.clone(), world.clock.clone()));
    process.deps.delivery.secrets = keys;
    process.rebuild();
    world.clock.advance(HINT_GRACE_PERIOD);
    process.delivery.handle(DeliveryEvent::Sweep).await.expect("the store answers");
    assert_eq!(world.record(&issued.id).await.attempts_begun(), 0, "its keys came too late");
    world.clock.advance(HINT_GRACE_PERIOD);
    process.delivery.handle(DeliveryEvent::Sweep).await.expect("the store answers");
    assert_eq!(world.record(&issued.id).await.status(), Status::Delivered);
}

#[tokio::test]
async fn a_key_that_does_not_come_is_asked_for_once_and_costs_no_attempt() {
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    let process = world.another_process();
    let before = world.secrets.fetches("business/B1");
    world.secrets.set_unavailable(true);
    let logs = Logs::keep();
    let step = deliver(&process.delivery, &Hint::new(issued.id.clone(), b1(), 0)).await;
    assert_eq!((step, world.record(&issued.id).await.attempts_begun()), (Ok(Step::Postponed), 0));
    assert_eq!(world.secrets.fetches("business/B1") - before, 1);
    assert!(logs.text().contains(r#""alarm":"unavailable""#), "{}", logs.text());
}

#[tokio::test]
async fn a_hint_that_names_another_business_does_not_borrow_its_keys() {
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    let of_md5 = serde_json::json!({"md5Keys": ["0123456789abcdef"], "merchantIds": ["M1"]});
    world.secrets.set("business/B2", &of_md5);
    let step = deliver(&world.delivery, &Hint::new(issued.id, Owner::Business("B2".to_owned()), 0)).await;
    assert_eq!(step, Ok(Step::Delivered));
    let [posted] = &world.merchant.posts()[..] else { panic!("one POST") };
    assert_eq!(posted.headers["businessid"], "B1");
    assert!(!posted.headers.contains_key("signtype"), "signed by our RSA key");
}
