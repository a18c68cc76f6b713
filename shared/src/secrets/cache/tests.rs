use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::*;
use crate::model::clock::{ManualClock, UnixMillis};
use crate::secrets::LOOKUP_TIMEOUT;
use crate::secrets::error::AbsentError;
use crate::secrets::source::{DocumentError, SecretValue};

#[derive(Debug, PartialEq)]
struct Word(String);

impl Document for Word {
    fn parse_by(json: &str, _: &CallbackRules) -> Result<Self, DocumentError> {
        if json == "bad" { Err(DocumentError::whole("a bad word")) } else { Ok(Self(json.to_owned())) }
    }
}

/// A source whose secrets are set by the test; while it is held, a fetch does not end.
struct Script {
    secrets: Mutex<HashMap<SecretName, Result<SecretValue, FetchError>>>,
    asked: Mutex<Vec<SecretName>>,
    list: Mutex<Result<HashSet<SecretName>, FetchError>>,
    listed: Mutex<usize>,
    gate: Semaphore,
}

#[async_trait]
impl SecretSource for Script {
    async fn fetch(&self, name: &SecretName) -> Result<SecretValue, FetchError> {
        self.asked.lock().unwrap().push(name.clone());
        drop(self.gate.acquire().await.unwrap());
        let absent = Err(FetchError::Absent(AbsentError::NotFound));
        self.secrets.lock().unwrap().get(name).cloned().unwrap_or(absent)
    }

    async fn names(&self, kind: &str) -> Result<HashSet<SecretName>, FetchError> {
        assert_eq!(kind, "business");
        *self.listed.lock().unwrap() += 1;
        drop(self.gate.acquire().await.unwrap());
        self.list.lock().unwrap().clone()
    }
}

struct Rig {
    source: Arc<Script>,
    clock: Arc<ManualClock>,
    cache: Arc<SecretCache<Word>>,
}

impl Rig {
    fn new() -> Self {
        let (secrets, asked) = (Mutex::new(HashMap::new()), Mutex::new(Vec::new()));
        let (list, listed) = (Mutex::new(Ok(HashSet::new())), Mutex::new(0));
        let source = Arc::new(Script { secrets, asked, list, listed, gate: Semaphore::new(1) });
        let clock = Arc::new(ManualClock::at(UnixMillis(1_700_000_000_000)));
        let cache =
            SecretCache::new(&(Arc::clone(&source) as _), &(Arc::clone(&clock) as _)).named_by_callers();
        Self { source, clock, cache: Arc::new(cache) }
    }

    fn put(&self, key: &str, version: &str, text: &str) {
        let document = Zeroizing::new(text.to_owned());
        self.set(key, Ok(SecretValue { version: version.to_owned(), document }));
    }

    fn fail(&self, key: &str, reason: AbsentError) {
        self.set(key, Err(FetchError::Absent(reason)));
    }

    fn throttle(&self, key: &str) {
        self.set(key, Err(FetchError::Unavailable("throttled".to_owned())));
    }

    fn deny(&self, key: &str) {
        self.set(key, Err(FetchError::Denied));
    }

    /// Has the source list these names.
    fn list(&self, keys: &[String]) {
        *self.source.list.lock().unwrap() = Ok(keys.iter().map(|key| name(key)).collect());
    }

    fn lists(&self) -> usize {
        *self.source.listed.lock().unwrap()
    }

    fn set(&self, key: &str, answer: Result<SecretValue, FetchError>) {
        self.source.secrets.lock().unwrap().insert(name(key), answer);
    }

    fn hold(&self) {
        assert_eq!(self.source.gate.forget_permits(1), 1);
    }

    fn release(&self) {
        self.source.gate.add_permits(1);
    }

    fn pass(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    fn fetches(&self) -> usize {
        self.source.asked.lock().unwrap().len()
    }

    async fn get(&self, key: &str) -> Result<Arc<Word>, SecretError> {
        self.cache.get(&name(key)).await
    }

    async fn word(&self, key: &str) -> String {
        self.get(key).await.unwrap().0.clone()
    }
}

fn name(key: &str) -> SecretName {
    SecretName::business(key).unwrap()
}

fn throttled() -> SecretError {
    SecretError::Unavailable("throttled".to_owned())
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn a_document_is_fresh_for_five_minutes() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    assert_eq!(rig.word("B1").await, "one");
    rig.put("B1", "v2", "two");
    rig.pass(299);
    assert_eq!(rig.word("B1").await, "one");
    assert_eq!(rig.fetches(), 1);
    rig.pass(1);
    assert_eq!(rig.word("B1").await, "two");
    assert_eq!(rig.fetches(), 2);
}

#[tokio::test]
async fn the_same_version_is_the_same_document() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    let before = rig.get("B1").await.unwrap();
    rig.pass(300);
    let after = rig.get("B1").await.unwrap();
    assert_eq!(rig.fetches(), 2);
    assert!(Arc::ptr_eq(&before, &after));
}

#[tokio::test]
async fn many_callers_of_a_first_miss_share_one_fetch() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    rig.hold();
    let (mut first, mut second, mut third) = (pin!(rig.get("B1")), pin!(rig.get("B1")), pin!(rig.get("B1")));
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    assert!(poll(third.as_mut()).is_pending());
    rig.release();
    let (first, second, third) = tokio::join!(first, second, third);
    assert_eq!(first, Ok(Arc::new(Word("one".to_owned()))));
    assert_eq!((&second, &third), (&first, &first));
    assert_eq!(rig.fetches(), 1);
}

#[tokio::test]
async fn many_callers_of_a_first_miss_share_its_failure() {
    let rig = Rig::new();
    rig.throttle("B1");
    rig.hold();
    let (mut first, mut second) = (pin!(rig.get("B1")), pin!(rig.get("B1")));
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    rig.release();
    assert_eq!(tokio::join!(first, second), (Err(throttled()), Err(throttled())));
    assert_eq!(rig.fetches(), 1);
    rig.put("B1", "v1", "one");
    assert_eq!(rig.word("B1").await, "one");
}

#[tokio::test]
async fn one_caller_refreshes_while_the_others_use_the_old_document() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    rig.word("B1").await;
    rig.put("B1", "v2", "two");
    rig.pass(300);
    rig.hold();
    let mut first = pin!(rig.get("B1"));
    assert!(poll(first.as_mut()).is_pending());
    for _ in 0..5 {
        let other = pin!(rig.get("B1"));
        assert_eq!(poll(other), Poll::Ready(Ok(Arc::new(Word("one".to_owned())))));
    }
    rig.release();
    assert_eq!(first.await, Ok(Arc::new(Word("two".to_owned()))));
    assert_eq!(rig.fetches(), 2);
}

#[tokio::test]
async fn a_waiting_caller_takes_over_from_one_that_was_dropped() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    rig.hold();
    let mut first = Box::pin(rig.get("B1"));
    let mut second = pin!(rig.get("B1"));
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    drop(first);
    rig.release();
    assert_eq!(second.await, Ok(Arc::new(Word("one".to_owned()))));
    assert_eq!(rig.fetches(), 2);
}

#[tokio::test]
async fn the_next_caller_takes_over_a_dropped_refresh() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    rig.word("B1").await;
    rig.put("B1", "v2", "two");
    rig.pass(300);
    rig.hold();
    let mut first = Box::pin(rig.get("B1"));
    assert!(poll(first.as_mut()).is_pending());
    drop(first);
    rig.release();
    assert_eq!(rig.word("B1").await, "two");
    assert_eq!(rig.fetches(), 3);
}

#[tokio::test]
async fn a_document_is_kept_for_an_hour_while_the_source_does_not_answer() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    rig.word("B1").await;
    rig.throttle("B1");
    rig.pass(3_599);
    assert_eq!(rig.word("B1").await, "one");
    rig.pass(1);
    assert_eq!(rig.get("B1").await, Err(throttled()));
}

#[tokio::test]
async fn after_the_hour_the_source_may_bring_the_document_back() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    rig.word("B1").await;
    rig.throttle("B1");
    rig.pass(7_200);
    assert_eq!(rig.get("B1").await, Err(throttled()));
    rig.put("B1", "v1", "one");
    assert_eq!(rig.word("B1").await, "one");
}

#[tokio::test]
async fn a_failed_refresh_is_repeated_after_30_s_and_not_by_every_caller() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    rig.word("B1").await;
    rig.throttle("B1");
    rig.pass(300);
    for _ in 0..5 {
        assert_eq!(rig.word("B1").await, "one");
    }
    rig.pass(29);
    assert_eq!(rig.word("B1").await, "one");
    assert_eq!(rig.fetches(), 2);
    rig.pass(1);
    assert_eq!(rig.word("B1").await, "one");
    assert_eq!(rig.fetches(), 3);
}

#[tokio::test]
async fn an_absent_secret_is_revoked_at_once() {
    for reason in [AbsentError::NotFound, AbsentError::Deleted] {
        let rig = Rig::new();
        rig.put("B1", "v1", "one");
        rig.word("B1").await;
        rig.fail("B1", reason);
        rig.pass(300);
        assert_eq!(rig.get("B1").await, Err(SecretError::Absent), "{reason}");
        rig.throttle("B1");
        rig.pass(30);
        assert_eq!(rig.get("B1").await, Err(throttled()), "{reason}");
    }
}

#[tokio::test]
async fn a_revoked_secret_comes_back_after_30_s() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    rig.word("B1").await;
    rig.fail("B1", AbsentError::Deleted);
    rig.pass(300);
    assert_eq!(rig.get("B1").await, Err(SecretError::Absent));
    rig.put("B1", "v1", "one");
    rig.pass(29);
    assert_eq!(rig.get("B1").await, Err(SecretError::Absent));
    rig.pass(1);
    assert_eq!(rig.word("B1").await, "one");
}

#[tokio::test]
async fn a_version_that_does_not_parse_leaves_the_last_good_one_in_force() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    rig.word("B1").await;
    rig.put("B1", "v2", "bad");
    for _ in 0..30 {
        rig.pass(300);
        assert_eq!(rig.word("B1").await, "one");
    }
    assert_eq!(rig.fetches(), 31);
    rig.put("B1", "v3", "three");
    rig.pass(30);
    assert_eq!(rig.word("B1").await, "three");
}

#[tokio::test]
async fn with_no_good_version_one_that_does_not_parse_is_the_answer() {
    let rig = Rig::new();
    rig.put("B1", "v1", "bad");
    let unparsable = SecretError::Unparsable("a bad word".to_owned());
    assert_eq!(rig.get("B1").await, Err(unparsable.clone()));
    rig.pass(29);
    assert_eq!(rig.get("B1").await, Err(unparsable));
    assert_eq!(rig.fetches(), 1);
    rig.put("B1", "v2", "two");
    rig.pass(1);
    assert_eq!(rig.word("B1").await, "two");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_version_that_does_not_parse_is_alarmed_once_with_name_and_reason() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .with_max_level(tracing::Level::ERROR)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    rig.word("B1").await;
    rig.put("B1", "v2", "bad");
    for _ in 0..5 {
        rig.pass(300);
        rig.word("B1").await;
        rig.word("B1").await;
    }
    drop(guard);
    let written = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let line = "a secret's new version is unreadable secret=business/B1 reason=\"a bad word\" alarm=\"keys\"";
    assert_eq!(written.trim(), format!("ERROR {line}"));
}

#[tokio::test]
async fn a_refresh_after_a_failed_signature_comes_at_most_every_ten_seconds() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    let used = rig.get("B1").await.unwrap();
    rig.put("B1", "v2", "two");
    rig.pass(9);
    assert_eq!(rig.cache.refresh_early(&name("B1"), &used, Deadline::for_lookup()).await, None);
    assert_eq!(rig.fetches(), 1);
    rig.pass(1);
    let newer = rig.cache.refresh_early(&name("B1"), &used, Deadline::for_lookup()).await;
    let newer = newer.unwrap();
    assert_eq!(newer.0, "two");
    assert_eq!(rig.cache.refresh_early(&name("B1"), &newer, Deadline::for_lookup()).await, None);
    assert_eq!(rig.cache.refresh_early(&name("B1"), &used, Deadline::for_lookup()).await, Some(newer));
    assert_eq!(rig.fetches(), 2);
    assert_eq!(rig.word("B1").await, "two");
}

#[tokio::test]
async fn an_early_refresh_gives_nothing_when_nothing_is_newer() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    let used = rig.get("B1").await.unwrap();
    rig.pass(10);
    assert_eq!(rig.cache.refresh_early(&name("B1"), &used, Deadline::for_lookup()).await, None);
    rig.throttle("B1");
    rig.pass(10);
    assert_eq!(rig.cache.refresh_early(&name("B1"), &used, Deadline::for_lookup()).await, None);
    rig.put("B1", "v2", "bad");
    rig.pass(10);
    assert_eq!(rig.cache.refresh_early(&name("B1"), &used, Deadline::for_lookup()).await, None);
    assert_eq!(rig.fetches(), 4);
    assert_eq!(rig.word("B1").await, "one");
}

#[tokio::test]
async fn a_failed_signature_revokes_nothing_whatever_the_source_says_of_the_secret() {
    for failed in [
        FetchError::Absent(AbsentError::NotFound),
        FetchError::Absent(AbsentError::Deleted),
        FetchError::Denied,
    ] {
        let rig = Rig::new();
        rig.put("B1", "v1", "one");
        let used = rig.get("B1").await.unwrap();
        rig.set("B1", Err(failed));
        rig.pass(10);
        rig.cache.check_keys(&name("B1"), &used, |_| KeyCheck::NoKeyFits(())).await;
        assert_eq!((rig.fetches(), rig.word("B1").await.as_str()), (2, "one"));
    }
}

#[tokio::test]
async fn a_denied_secret_is_neither_absent_nor_revoked() {
    let rig = Rig::new();
    rig.deny("B1");
    assert_eq!(rig.get("B1").await, Err(SecretError::Denied));
    rig.put("B1", "v1", "one");
    assert_eq!(rig.word("B1").await, "one");
    rig.deny("B1");
    rig.pass(3_599);
    assert_eq!(rig.word("B1").await, "one");
    rig.pass(1);
    assert_eq!(rig.get("B1").await, Err(SecretError::Denied));
}

#[tokio::test]
async fn early_refreshes_at_once_share_one_fetch_and_its_newer_document() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    let used = rig.get("B1").await.unwrap();
    rig.put("B1", "v2", "two");
    rig.pass(10);
    rig.hold();
    let b1 = name("B1");
    let (mut first, mut second) = (
        pin!(rig.cache.refresh_early(&b1, &used, Deadline::for_lookup())),
        pin!(rig.cache.refresh_early(&b1, &used, Deadline::for_lookup())),
    );
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    rig.release();
    let newer = || Some(Arc::new(Word("two".to_owned())));
    assert_eq!(tokio::join!(first, second), (newer(), newer()));
    assert_eq!(rig.fetches(), 2);
}

#[tokio::test]
async fn an_unknown_name_is_remembered_for_30_s() {
    let rig = Rig::new();
    assert_eq!(rig.get("B1").await, Err(SecretError::Absent));
    rig.put("B1", "v1", "one");
    rig.pass(29);
    assert_eq!(rig.get("B1").await, Err(SecretError::Absent));
    assert_eq!(rig.fetches(), 1);
    rig.pass(1);
    assert_eq!(rig.word("B1").await, "one");
}

#[tokio::test]
async fn a_flood_of_invented_names_is_limited_and_known_names_are_served() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    rig.word("B1").await;
    rig.pass(300);
    for n in 0..50 {
        assert_eq!(rig.get(&format!("X{n}")).await, Err(SecretError::Absent));
    }
    for n in 50..5_000 {
        assert_eq!(rig.get(&format!("X{n}")).await, Err(SecretError::TooManyLookUps));
    }
    assert_eq!(rig.fetches(), 51);
    assert_eq!(rig.word("B1").await, "one");
    assert_eq!(rig.fetches(), 52);
    assert_eq!(rig.get("X0").await, Err(SecretError::Absent));
    assert_eq!(rig.get("X4999").await, Err(SecretError::TooManyLookUps));
    rig.pass(1);
    for n in 0..20 {
        assert_eq!(rig.get(&format!("Y{n}")).await, Err(SecretError::Absent));
    }
    assert_eq!(rig.get("Y20").await, Err(SecretError::TooManyLookUps));
}

#[tokio::test]
async fn what_is_found_costs_nothing_of_the_limit() {
    let rig = Rig::new();
    let keys: Vec<_> = (0..1_000).map(|n| format!("B{n}")).collect();
    for key in &keys {
        rig.put(key, "v1", key);
    }
    rig.list(&keys);
    for key in &keys {
        assert_eq!(rig.word(key).await, *key);
    }
    assert_eq!((rig.fetches(), rig.lists()), (1_000, 0));
}

#[tokio::test]
async fn known_names_that_come_together_wait_for_one_list_and_not_for_each_other() {
    let rig = Rig::new();
    let keys: Vec<_> = (0..1_000).map(|n| format!("B{n}")).collect();
    for key in &keys {
        rig.put(key, "v1", key);
    }
    rig.list(&keys);
    rig.hold();
    let mut all = Box::pin(join_all(keys.iter().map(|key| rig.get(key))));
    assert!(poll(all.as_mut()).is_pending());
    assert_eq!((rig.fetches(), rig.lists()), (50, 1));
    rig.release();
    assert!(all.await.iter().all(Result::is_ok));
    assert_eq!((rig.fetches(), rig.lists()), (1_000, 1));
}

#[tokio::test]
async fn a_cold_start_beside_a_flood_of_invented_names_serves_every_known_name() {
    let rig = Rig::new();
    let keys: Vec<_> = (0..1_000).map(|n| format!("B{n}")).collect();
    for key in &keys {
        rig.put(key, "v1", key);
    }
    rig.list(&keys);
    let (mut looked_up, mut refused) = (0, 0);
    for (n, key) in keys.iter().enumerate() {
        // 250 known names and 1,000 invented ones a second.
        rig.clock.advance(Duration::from_millis(4));
        for flood in 0..4 {
            match rig.get(&format!("X{n}-{flood}")).await {
                Err(SecretError::Absent) => looked_up += 1,
                Err(SecretError::TooManyLookUps) => refused += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(rig.word(key).await, *key);
    }
    assert_eq!((looked_up, refused), (129, 4_000 - 129), "a flood costs 50 look-ups and 20 a second");
    assert_eq!(rig.lists(), 1);
}

#[tokio::test]
async fn a_list_is_used_for_30_s_and_an_old_one_serves_while_a_newer_one_comes() {
    let rig = Rig::new();
    let flood = async || {
        for n in 0..50 {
            rig.get(&format!("X{}-{n}", rig.clock.now())).await.unwrap_err();
        }
    };
    flood().await;
    assert_eq!(rig.get("B1").await, Err(SecretError::TooManyLookUps));
    rig.put("B1", "v1", "one");
    rig.list(&["B1".to_owned()]);
    rig.pass(29);
    flood().await;
    assert_eq!((rig.get("B1").await, rig.lists()), (Err(SecretError::TooManyLookUps), 1));
    rig.pass(1);
    flood().await;
    rig.hold();
    let mut listing = pin!(rig.get("B1"));
    assert!(poll(listing.as_mut()).is_pending());
    let other = pin!(rig.get("B2"));
    assert_eq!(poll(other), Poll::Ready(Err(SecretError::TooManyLookUps)));
    rig.release();
    assert_eq!(listing.await.unwrap().0, "one");
    assert_eq!(rig.lists(), 2);
}

impl Rig {
    /// Uses the look-ups of unknown names up.
    async fn flood(&self) {
        for n in 0..50 {
            let invented = format!("X{}-{n}", self.clock.now());
            assert_eq!(self.get(&invented).await, Err(SecretError::Absent));
        }
    }

    fn list_not(&self, failure: FetchError) {
        *self.source.list.lock().unwrap() = Err(failure);
    }
}

#[tokio::test]
async fn while_the_names_are_not_listed_nobody_is_told_to_come_less_often() {
    let not_listed = SecretError::Unavailable("names are not listed: throttled".to_owned());
    for (failure, answer) in [
        (FetchError::Unavailable("throttled".to_owned()), not_listed),
        (FetchError::Denied, SecretError::Denied),
    ] {
        let rig = Rig::new();
        rig.put("B1", "v1", "one");
        rig.list_not(failure);
        rig.flood().await;
        for name in ["B1", "X50", "B1"] {
            assert_eq!(rig.get(name).await, Err(answer.clone()), "{name}");
        }
        assert_eq!((rig.fetches(), rig.lists()), (50, 1), "not every caller asks for the list");
        rig.list(&["B1".to_owned()]);
        rig.pass(5);
        rig.flood().await;
        assert_eq!(rig.word("B1").await, "one");
        assert_eq!(rig.get("X50").await, Err(SecretError::TooManyLookUps));
        assert_eq!(rig.lists(), 2);
    }
}

#[tokio::test]
async fn the_last_list_stays_in_use_while_no_newer_one_is_given() {
    let rig = Rig::new();
    for key in ["B1", "B2"] {
        rig.put(key, "v1", key);
    }
    rig.list(&["B1".to_owned()]);
    rig.flood().await;
    assert_eq!(rig.get("B2").await, Err(SecretError::TooManyLookUps));
    rig.list_not(FetchError::Denied);
    rig.pass(30);
    rig.flood().await;
    assert_eq!(rig.get("B2").await, Err(SecretError::Denied), "it may be a new one");
    assert_eq!(rig.word("B1").await, "B1");
    assert_eq!(rig.lists(), 2);
}

#[tokio::test]
async fn a_name_that_a_record_has_is_no_strangers_and_costs_strangers_nothing() {
    let rig = Rig::new();
    for key in ["B1", "B2"] {
        rig.put(key, "v1", key);
    }
    rig.flood().await;
    assert_eq!(rig.get("B1").await, Err(SecretError::TooManyLookUps), "it is newer than the list");
    assert_eq!(rig.cache.get_recorded(&name("B1")).await.unwrap().0, "B1");
    let is_b2 = |word: &Arc<Word>| KeyCheck::Decided(word.0 == "B2");
    assert_eq!(rig.cache.get_checked(&name("B2"), NameOrigin::Record, is_b2).await, Ok(true));
    assert_eq!(rig.word("B1").await, "B1");

    rig.pass(60);
    for n in 0..50 {
        let gone = rig.cache.get_recorded(&name(&format!("gone{n}"))).await;
        assert_eq!(gone, Err(SecretError::Absent));
    }
    rig.flood().await;
}

#[tokio::test]
async fn a_permit_of_a_caller_who_leaves_or_is_too_late_is_given_back() {
    let rig = Rig::new();
    let keys: Vec<_> = (0..50).map(|n| format!("B{n}")).collect();
    for key in &keys {
        rig.put(key, "v1", key);
    }
    rig.hold();
    let mut left: Vec<_> = keys.iter().map(|key| Box::pin(rig.get(key))).collect();
    assert!(left.iter_mut().all(|get| poll(get.as_mut()).is_pending()));
    drop(left);
    rig.release();
    rig.flood().await;
    assert_eq!(rig.get("X50").await, Err(SecretError::TooManyLookUps));
}

#[tokio::test]
async fn a_caller_whom_another_one_overtakes_uses_no_permit() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    let deadline = Deadline::for_lookup();
    let permit = rig.cache.permit(&name("B1"), NameOrigin::Caller, deadline).await.ok();
    rig.word("B1").await;
    drop(permit);
    rig.flood().await;
    assert_eq!(rig.get("X50").await, Err(SecretError::TooManyLookUps));
}

/// The runtime's time is rounded up to whole milliseconds.
const ROUNDING: Duration = Duration::from_millis(10);

#[tokio::test(start_paused = true)]
async fn a_look_up_is_over_in_its_time_whatever_it_waits_for() {
    let rig = Rig::new();
    rig.list(&["B1".to_owned()]);
    rig.flood().await;
    rig.hold();
    let late = Err(SecretError::Unavailable("time-out".to_owned()));
    let (began, b1) = (tokio::time::Instant::now(), name("B1"));
    let refreshed = async || {
        rig.cache.refresh_early(&b1, &Arc::new(Word("one".to_owned())), Deadline::for_lookup()).await
    };
    let (listing, waiting, early) = tokio::join!(rig.get("B1"), rig.get("B1"), refreshed());
    assert_eq!((listing, waiting, early), (late.clone(), late.clone(), None), "for the list");
    assert!(began.elapsed() - LOOKUP_TIMEOUT < ROUNDING);
    rig.pass(60);
    let (fetching, waiting) = tokio::join!(rig.get("B1"), rig.get("B1"));
    assert_eq!((fetching, waiting), (late.clone(), late), "for the fetch");
    assert!(began.elapsed() - 2 * LOOKUP_TIMEOUT < ROUNDING);
}

#[tokio::test(start_paused = true)]
async fn a_document_and_a_newer_one_are_had_in_the_time_of_one_look_up() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    rig.word("B1").await;
    rig.put("B1", "v2", "two");
    rig.pass(10);
    let is_two =
        |word: &Arc<Word>| KeyCheck::from(if word.0 == "two" { Ok(()) } else { Err(word.0.clone()) });
    assert_eq!(rig.cache.get_checked(&name("B1"), NameOrigin::Caller, is_two).await, Ok(Ok(())));
    rig.put("B1", "v3", "three");
    rig.pass(300);
    rig.hold();
    let began = tokio::time::Instant::now();
    let is_three =
        |word: &Arc<Word>| KeyCheck::from(if word.0 == "three" { Ok(()) } else { Err(word.0.clone()) });
    assert_eq!(
        rig.cache.get_checked(&name("B1"), NameOrigin::Caller, is_three).await,
        Ok(Err("two".to_owned()))
    );
    assert!(began.elapsed() - LOOKUP_TIMEOUT < ROUNDING);
}

#[tokio::test]
async fn a_clock_that_is_set_makes_no_document_younger_and_no_wait_longer() {
    let rig = Rig::new();
    let hour = Duration::from_hours(1);
    rig.put("B1", "v1", "one");
    rig.word("B1").await;
    assert_eq!(rig.get("B2").await, Err(SecretError::Absent));
    rig.clock.step_to(rig.clock.now() - hour);
    rig.put("B1", "v2", "two");
    rig.put("B2", "v1", "new");
    rig.pass(30);
    assert_eq!(rig.word("B2").await, "new");
    rig.pass(270);
    assert_eq!(rig.word("B1").await, "two");
    rig.flood().await;
    rig.clock.step_to(rig.clock.now() - hour);
    rig.pass(1);
    assert_eq!(rig.get("Y1").await, Err(SecretError::Absent), "the limit fills again");
}

#[tokio::test]
async fn names_of_our_own_are_not_limited() {
    let rig = Rig::new();
    let cache = SecretCache::<Word>::new(&(Arc::clone(&rig.source) as _), &(Arc::clone(&rig.clock) as _));
    for n in 0..200 {
        assert_eq!(cache.get(&name(&format!("X{n}"))).await, Err(SecretError::Absent));
    }
    assert_eq!((rig.fetches(), rig.lists()), (200, 0));
}

#[tokio::test]
async fn a_name_is_known_while_it_has_a_document() {
    let rig = Rig::new();
    assert!(!rig.cache.knows(&name("B1")));
    assert_eq!(rig.get("B1").await, Err(SecretError::Absent));
    assert!(!rig.cache.knows(&name("B1")));
    rig.put("B1", "v1", "one");
    rig.pass(30);
    rig.word("B1").await;
    rig.throttle("B1");
    rig.pass(7_200);
    assert_eq!(rig.get("B1").await, Err(throttled()));
    assert!(rig.cache.knows(&name("B1")));
}

#[tokio::test]
async fn looking_an_absent_name_up_again_is_limited_too() {
    let rig = Rig::new();
    assert_eq!(rig.get("X").await, Err(SecretError::Absent));
    rig.pass(30);
    for n in 0..50 {
        assert_eq!(rig.get(&format!("X{n}")).await, Err(SecretError::Absent));
    }
    assert_eq!(rig.get("X").await, Err(SecretError::TooManyLookUps));
    assert_eq!(rig.fetches(), 51);
}

#[tokio::test]
async fn a_thousand_unknown_names_are_remembered_and_then_the_oldest_is_forgotten() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    rig.word("B1").await;
    for n in 0..=1_000 {
        rig.clock.advance(Duration::from_millis(50));
        assert_eq!(rig.get(&format!("X{n}")).await, Err(SecretError::Absent));
    }
    let (places, unknown) = rig.cache.slots.counted();
    assert_eq!((places, unknown.len()), (1_001, 1_000));
    let has_place = |key: &str| rig.cache.slots.slot(&name(key)).is_some();
    assert_eq!(["X0", "X1", "X1000", "B1"].map(has_place), [false, true, true, true]);
    assert!(!unknown.contains(&name("B1")));
}

#[tokio::test]
async fn a_revoked_name_counts_as_unknown_until_it_is_back() {
    let rig = Rig::new();
    rig.put("B1", "v1", "one");
    rig.word("B1").await;
    assert_eq!(rig.cache.slots.counted().1, []);
    rig.fail("B1", AbsentError::NotFound);
    rig.pass(300);
    assert_eq!(rig.get("B1").await, Err(SecretError::Absent));
    assert_eq!(rig.cache.slots.counted().1, [name("B1")]);
    rig.put("B1", "v1", "one");
    rig.pass(30);
    rig.word("B1").await;
    assert_eq!(rig.cache.slots.counted().1, []);
}

#[tokio::test]
async fn a_check_that_no_key_fits_is_repeated_once_with_a_newer_document() {
    let rig = Rig::new();
    let fits = |text: &'static str| {
        move |word: &Arc<Word>| {
            let result = (word.0.clone(), text);
            if word.0 == text { KeyCheck::Decided(result) } else { KeyCheck::NoKeyFits(result) }
        }
    };
    rig.put("B1", "v1", "one");
    let used = rig.get("B1").await.unwrap();
    rig.put("B1", "v2", "two");
    rig.pass(10);
    let check = async |text| rig.cache.check_keys(&name("B1"), &used, fits(text)).await.0;
    assert_eq!((check("one").await.as_str(), rig.fetches()), ("one", 1));
    // The first result stands when the newer document does not fit either.
    assert_eq!((check("three").await.as_str(), rig.fetches()), ("one", 2));
    assert_eq!((check("two").await.as_str(), rig.fetches()), ("two", 2));
    rig.fail("B1", AbsentError::Deleted);
    rig.pass(10);
    let newest = rig.get("B1").await.unwrap();
    let result = rig.cache.check_keys(&name("B1"), &newest, fits("three")).await;
    assert_eq!((result, rig.fetches()), (("two".to_owned(), "three"), 3));
}
