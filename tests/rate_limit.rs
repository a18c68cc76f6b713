//! An account's rate limit over many instances: how evenly it is kept under load, and that a slow store refuses
//! nothing.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::Value;
use shared::model::clock::{Clock as _, ManualClock};
use shared::model::reservation::{Reservation, ReservationOutcome};
use shared::rate_limit::{Admission, RESERVE_WITHIN, RateLimiter};
use shared::store::sqlite::SqliteStore;
use shared::store::{ReserveRate, StoreError};
use tempfile::TempDir;
use tests::logs::Logs;
use tests::world::BEGINNING;

const THOUSAND: NonZeroU32 = NonZeroU32::new(1_000).expect("some");
const SECOND: Duration = Duration::from_secs(1);

/// The embedded store, its reservations counted.
struct Counted {
    store: SqliteStore,
    reservations: AtomicU32,
    _folder: TempDir,
}

impl Counted {
    fn open() -> Arc<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&folder.path().join("authlink.db")).expect("opens");
        Arc::new(Self { store, reservations: AtomicU32::new(0), _folder: folder })
    }
}

#[async_trait]
impl ReserveRate for Counted {
    async fn reserve(&self, reservation: &Reservation) -> Result<ReservationOutcome, StoreError> {
        self.reservations.fetch_add(1, Ordering::SeqCst);
        self.store.reserve(reservation).await
    }
}

/// The times of requests, and the instance that each goes to.
#[derive(Clone, Copy, Debug)]
enum Load {
    /// At even distances, to one instance after the other.
    Steady,
    /// By chance, as independent callers send them; the seed.
    Random(u64),
}

/// So many instances of one account, asked so often a second.
struct Fleet {
    instances: Vec<RateLimiter>,
    store: Arc<Counted>,
    clock: Arc<ManualClock>,
    allowed: NonZeroU32,
}

/// The result of a run, by tenths of a second.
struct Run {
    asked: u32,
    admitted: Vec<u32>,
    reservations: u32,
}

impl Fleet {
    fn new(instances: usize) -> Self {
        Self::allowed(THOUSAND, instances)
    }

    fn allowed(allowed: NonZeroU32, instances: usize) -> Self {
        let (store, clock) = (Counted::open(), Arc::new(ManualClock::at(BEGINNING)));
        let instance = || {
            let limiter = RateLimiter::new(store.clone(), clock.clone());
            // A slow disk of the machine that tests must not admit anything.
            limiter.with_timeout(Duration::from_mins(5))
        };
        Self { instances: (0..instances).map(|_| instance()).collect(), store, clock, allowed }
    }

    async fn run(&self, load: Load, per_second: u32, seconds: u32) -> Run {
        let start = self.clock.now();
        let before = self.store.reservations.load(Ordering::SeqCst);
        let mut run = Run { asked: 0, admitted: vec![0; seconds as usize * 10], reservations: 0 };
        let mut chance = Chance(if let Load::Random(seed) = load { seed } else { 1 });
        let gap_micros = 1e6 / f64::from(per_second);
        let mut at_micros = 0.0;
        while at_micros < f64::from(seconds) * 1e6 {
            let elapsed = Duration::from_micros(at_micros as u64);
            self.clock.set(start + elapsed);
            let instance = match load {
                Load::Steady => run.asked as usize,
                Load::Random(_) => chance.next() as usize,
            };
            let admission = self.instances[instance % self.instances.len()].admit("A1", self.allowed).await;
            run.asked += 1;
            run.admitted[elapsed.as_millis() as usize / 100] += u32::from(admission == Admission::Admitted);
            at_micros += match load {
                Load::Steady => gap_micros,
                Load::Random(_) => -gap_micros * (1.0 - chance.fraction()).ln(),
            };
        }
        run.reservations = self.store.reservations.load(Ordering::SeqCst) - before;
        run
    }
}

impl Run {
    /// The least and the most that was admitted in any `seconds` on end, for each second.
    fn least_and_most(&self, seconds: u32) -> (f64, f64) {
        let windows = self.admitted.windows(seconds as usize * 10);
        let sums: Vec<u32> = windows.map(|window| window.iter().sum()).collect();
        let a_second = |sum: Option<&u32>| f64::from(*sum.expect("a window")) / f64::from(seconds);
        (a_second(sums.iter().min()), a_second(sums.iter().max()))
    }

    fn part_admitted(&self) -> f64 {
        f64::from(self.admitted.iter().sum::<u32>()) / f64::from(self.asked)
    }
}

/// A small generator of chance (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[tokio::test]
async fn fifty_instances_asked_for_twice_the_rate_admit_it_evenly() {
    for load in [Load::Steady, Load::Random(1), Load::Random(2)] {
        let run = Fleet::new(50).run(load, 2_000, 30).await;
        let (least, most) = run.least_and_most(10);
        assert!(least >= 980.0 && most <= 1_020.0, "{load:?}: {least} to {most} over ten seconds");
        let (least, most) = run.least_and_most(1);
        assert!(least >= 900.0 && most <= 1_100.0, "{load:?}: {least} to {most} in one second");
        let each = f64::from(run.asked) / f64::from(run.reservations);
        assert!(each >= 15.0, "{load:?}: a write every {each} requests");
    }
}

#[tokio::test]
async fn one_instance_asked_for_twice_the_rate_admits_it_evenly() {
    let run = Fleet::new(1).run(Load::Random(1), 2_000, 20).await;
    let (least, most) = run.least_and_most(10);
    assert!(least >= 980.0 && most <= 1_020.0, "{least} to {most} over ten seconds");
    let (least, most) = run.least_and_most(1);
    assert!(least >= 900.0 && most <= 1_100.0, "{least} to {most} in one second");
    assert!(run.reservations <= 51 * 20, "{} writes", run.reservations);
}

#[tokio::test]
async fn a_low_rate_is_not_lost_between_many_instances() {
    for (allowed, instances, per_second) in [(2, 20, 4), (10, 20, 8), (50, 50, 40), (300, 50, 600)] {
        let allowed = NonZeroU32::new(allowed).expect("some");
        let run = Fleet::allowed(allowed, instances).run(Load::Random(1), per_second, 20).await;
        let (_, most) = run.least_and_most(10);
        let due = f64::from(run.asked.min(allowed.get() * 20));
        let admitted = f64::from(run.admitted.iter().sum::<u32>());
        assert!(admitted >= due * 0.9, "{allowed} over {instances}: {admitted} of {due}");
        assert!(most <= f64::from(allowed.get()) * 1.1, "{allowed} over {instances}: {most}");
    }
}

#[tokio::test]
async fn what_keeps_to_the_rate_passes_however_many_instances_it_meets() {
    for (instances, per_second) in [(50, 950), (200, 800)] {
        let run = Fleet::new(instances).run(Load::Random(1), per_second, 10).await;
        assert!(run.part_admitted() >= 0.99, "{instances}: {}", run.part_admitted());
    }
}

#[tokio::test]
async fn an_hour_of_silence_is_not_saved_up() {
    for instances in [1, 50] {
        let fleet = Fleet::new(instances);
        fleet.run(Load::Random(1), 2_000, 2).await;
        fleet.clock.advance(SECOND * 3_600);
        let (_, first) = fleet.run(Load::Random(2), 20_000, 1).await.least_and_most(1);
        assert!((900.0..=1_100.0).contains(&first), "{instances}: {first}");
    }
}

/// A store that answers as scripted, and counts concurrent calls.
#[derive(Default)]
struct Told {
    away: AtomicBool,
    silent: AtomicBool,
    full_for_an_hour: AtomicBool,
    asked: AtomicU32,
    at_once: AtomicU32,
}

#[async_trait]
impl ReserveRate for Told {
    async fn reserve(&self, reservation: &Reservation) -> Result<ReservationOutcome, StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        assert_eq!(self.at_once.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
        tokio::task::yield_now().await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        if self.silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.away.load(Ordering::SeqCst) && reservation.account == "A1" {
            return Err(StoreError::Unavailable("told to".to_owned()));
        }
        if self.full_for_an_hour.load(Ordering::SeqCst) {
            return Ok(ReservationOutcome::Full { again_at: reservation.now + SECOND * 3_600 });
        }
        Ok(ReservationOutcome::From(reservation.now))
    }
}

fn told() -> (Arc<Told>, Arc<ManualClock>, RateLimiter) {
    let (store, clock) = (Arc::new(Told::default()), Arc::new(ManualClock::at(BEGINNING)));
    let limiter = RateLimiter::new(store.clone(), clock.clone());
    (store, clock, limiter)
}

impl Told {
    fn times_asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

/// The lines that become the metric, each its error.
fn alarms(logs: &Logs) -> Vec<String> {
    let lines: Vec<Value> =
        logs.text().lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let of_rate_limit = lines.iter().filter(|line| line["alarm"] == "rate-limit");
    of_rate_limit
        .map(|line| {
            assert_eq!((&line["account"], &line["level"]), (&Value::from("A1"), &Value::from("ERROR")));
            line["error"].as_str().expect("an error").to_owned()
        })
        .collect()
}

#[tokio::test]
async fn while_the_store_fails_requests_pass_and_it_is_asked_and_logged_once_a_second() {
    let logs = Logs::keep();
    let (store, clock, limiter) = told();
    store.away.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        for _ in 0..5_000 {
            assert_eq!(limiter.admit("A1", THOUSAND).await, Admission::Admitted);
        }
        clock.advance(SECOND);
    }
    assert_eq!(store.times_asked(), 2);
    assert_eq!(alarms(&logs), ["the store is unavailable: told to"; 2]);
    limiter.admit("A2", THOUSAND).await;
    assert_eq!(store.times_asked(), 3, "other accounts are not let through unasked");
    store.away.store(false, Ordering::SeqCst);
    limiter.admit("A1", THOUSAND).await;
    assert_eq!((store.times_asked(), alarms(&logs).len()), (4, 2));
}

#[tokio::test]
async fn a_clock_that_is_set_back_lets_nothing_pass_for_longer() {
    let (store, clock, limiter) = told();
    store.away.store(true, Ordering::SeqCst);
    limiter.admit("A1", THOUSAND).await;
    clock.step_to(clock.now() - 2 * SECOND);
    limiter.admit("A1", THOUSAND).await;
    assert_eq!(store.times_asked(), 1);
    clock.advance(SECOND);
    limiter.admit("A1", THOUSAND).await;
    assert_eq!(store.times_asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_slow_requests_pass_and_one_a_second_waits_for_it() {
    let logs = Logs::keep();
    let (store, clock, limiter) = told();
    store.silent.store(true, Ordering::SeqCst);
    let start = tokio::time::Instant::now();
    for waited in 1..=2 {
        let together = join_all((0..100).map(|_| limiter.admit("A1", THOUSAND))).await;
        assert_eq!(together, [Admission::Admitted; 100]);
        assert_eq!(start.elapsed(), RESERVE_WITHIN * waited + Duration::from_millis(1) * (waited - 1));
        // The runtime's time is rounded up to whole milliseconds.
        tokio::time::advance(Duration::from_millis(1)).await;
        clock.advance(SECOND);
    }
    assert_eq!(store.times_asked(), 2);
    assert_eq!(alarms(&logs), ["the store is slow"; 2]);
}

#[tokio::test]
async fn an_account_that_a_wrong_clock_reserved_for_an_hour_is_not_refused_for_an_hour() {
    let logs = Logs::keep();
    let (store, _clock, limiter) = told();
    store.full_for_an_hour.store(true, Ordering::SeqCst);
    for _ in 0..100 {
        assert_eq!(limiter.admit("A1", THOUSAND).await, Admission::Admitted);
    }
    assert_eq!(alarms(&logs), ["reserved too far ahead: clocks disagree"]);
}

#[tokio::test]
async fn requests_that_come_at_once_share_what_one_of_them_reserved() {
    let (store, _clock, limiter) = told();
    let together = join_all((0..110).map(|_| limiter.admit("A1", THOUSAND))).await;
    assert_eq!(together, [Admission::Admitted; 110]);
    // Shares of 1, 2, 4, 6, ... 20.
    assert_eq!(store.times_asked(), 11);
}

#[tokio::test]
async fn a_request_that_is_dropped_while_it_reserves_keeps_no_other_waiting() {
    let (store, _clock, limiter) = told();
    store.silent.store(true, Ordering::SeqCst);
    {
        let dropped = limiter.admit("A1", THOUSAND);
        tokio::select! {
            biased;
            _ = dropped => panic!("answered"),
            () = async { while store.times_asked() == 0 { tokio::task::yield_now().await } } => {}
        }
    }
    store.at_once.store(0, Ordering::SeqCst);
    store.silent.store(false, Ordering::SeqCst);
    assert_eq!(limiter.admit("A1", THOUSAND).await, Admission::Admitted);
}
