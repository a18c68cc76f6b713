//! Keys from Secrets Manager, by the cache's rules: who fetches, how long a key is used, and what revokes it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::model::clock::ManualClock;
use shared::registry::Business;
use shared::secrets::{KeyCheck, SecretCache, SecretError, SecretName, SecretSource};
use tests::logs::Logs;
use tests::world::{BEGINNING, business};

use crate::account::Account;
use crate::proxy::{DOWN, Fate, THROTTLED};
use crate::vault::Vault;

const GET: &str = "GetSecretValue";
const MILLI: Duration = Duration::from_millis(1);

const fn mins(mins: u64) -> Duration {
    Duration::from_mins(mins)
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A cache of businesses over Secrets Manager, which has B1's document "one".
struct Rig {
    account: Account,
    vault: Vault,
    clock: Arc<ManualClock>,
    cache: Arc<SecretCache<Business>>,
}

impl Rig {
    async fn new() -> Self {
        let account = Account::new().await;
        let vault = Vault::new(&account);
        vault.create("business/B1", &document("one")).await;
        let clock = Arc::new(ManualClock::at(BEGINNING));
        let source: Arc<dyn SecretSource> = Arc::new(Vault::source(&account));
        let cache = Arc::new(SecretCache::new(&source, &(clock.clone() as _)).named_by_callers());
        Self { account, vault, clock, cache }
    }

    /// A rig that has fetched "one" at the beginning.
    async fn warm() -> Self {
        let rig = Self::new().await;
        assert_eq!((rig.get().await, rig.fetches()), (Ok("one".to_owned()), 1));
        rig
    }

    /// The one of B1's documents that is given.
    async fn get(&self) -> Result<String, SecretError> {
        let business = self.cache.get(&name("B1")).await?;
        Ok(business.merchant_ids.first().expect("a merchant").clone())
    }

    /// Requests since this was asked last.
    fn fetches(&self) -> usize {
        self.account.proxy.calls().iter().map(|(_, count)| count).sum()
    }
}

/// B1's document; it tells itself by its merchant.
fn document(which: &str) -> Value {
    let mut document = business();
    document["merchantIds"] = json!([which]);
    document
}

fn name(business_id: &str) -> SecretName {
    SecretName::business(business_id).expect("a name")
}

fn unavailable(reason: &str) -> SecretError {
    SecretError::Unavailable(reason.to_owned())
}

#[tokio::test]
async fn many_who_wait_share_one_fetch_and_one_refresh() {
    let rig = Rig::new().await;
    let all = join_all((0..50).map(|_| rig.get())).await;
    assert!(all.iter().all(|which| which.as_deref() == Ok("one")), "{all:?}");
    assert_eq!(rig.fetches(), 1);

    rig.vault.put("business/B1", &document("two")).await;
    rig.clock.advance(mins(5) - MILLI);
    assert_eq!((rig.get().await, rig.fetches()), (Ok("one".to_owned()), 0));
    rig.clock.advance(MILLI);
    let all = join_all((0..50).map(|_| rig.get())).await;
    let counted = |which: &str| all.iter().filter(|got| got.as_deref() == Ok(which)).count();
    assert_eq!((counted("two"), counted("one")), (1, 49), "one refreshes, the others do not wait");
    assert_eq!(rig.fetches(), 1);
    assert_eq!((rig.get().await, rig.fetches()), (Ok("two".to_owned()), 0));
}

#[tokio::test]
async fn a_key_serves_for_an_hour_through_throttling() {
    let rig = Rig::warm().await;
    rig.account.proxy.always(GET, THROTTLED);
    rig.clock.advance(mins(5));
    assert_eq!((rig.get().await, rig.fetches()), (Ok("one".to_owned()), 3));
    rig.clock.advance(secs(30) - MILLI);
    assert_eq!((rig.get().await, rig.fetches()), (Ok("one".to_owned()), 0), "not every caller tries");
    rig.clock.set(BEGINNING + mins(60));
    assert_eq!((rig.get().await, rig.fetches()), (Err(unavailable("ThrottlingException")), 3));
    rig.account.proxy.heal();
    assert_eq!((rig.get().await, rig.fetches()), (Ok("one".to_owned()), 1));
}

#[tokio::test]
async fn a_key_serves_for_an_hour_through_time_outs() {
    let rig = Rig::warm().await;
    rig.account.proxy.always(GET, Fate::Stuck);
    rig.clock.set(BEGINNING + mins(60) - MILLI);
    assert_eq!((rig.get().await, rig.fetches() > 1), (Ok("one".to_owned()), true));
    rig.account.proxy.heal();
    rig.vault.put("business/B1", &document("two")).await;
    rig.clock.advance(secs(30));
    assert_eq!(rig.get().await, Ok("two".to_owned()));
}

#[tokio::test]
async fn without_a_key_everyone_waits_for_an_answer() {
    let rig = Rig::new().await;
    rig.account.proxy.next(GET, &[DOWN; 3]);
    assert_eq!((rig.get().await, rig.fetches()), (Err(unavailable("ServiceUnavailable")), 3));
    assert_eq!((rig.get().await, rig.fetches()), (Ok("one".to_owned()), 1));
}

#[tokio::test]
async fn a_key_that_is_marked_for_deletion_is_revoked_until_it_is_restored() {
    let rig = Rig::warm().await;
    rig.vault.mark_for_deletion("business/B1").await;
    rig.clock.advance(mins(5));
    assert_eq!((rig.get().await, rig.fetches()), (Err(SecretError::Absent), 1));
    rig.vault.restore("business/B1").await;
    rig.clock.advance(secs(30) - MILLI);
    assert_eq!((rig.get().await, rig.fetches()), (Err(SecretError::Absent), 0));
    rig.clock.advance(MILLI);
    assert_eq!((rig.get().await, rig.fetches()), (Ok("one".to_owned()), 1));
}

#[tokio::test]
async fn a_key_that_is_deleted_is_revoked_even_while_the_source_fails_afterwards() {
    let rig = Rig::warm().await;
    rig.vault.delete("business/B1").await;
    let used = rig.cache.get(&name("B1")).await.expect("still fresh");
    rig.clock.advance(secs(10));
    rig.cache.check_keys(&name("B1"), &used, |_| KeyCheck::NoKeyFits(())).await;
    assert_eq!(
        (rig.get().await, rig.fetches()),
        (Ok("one".to_owned()), 1),
        "a bad signature revokes nothing"
    );
    rig.clock.advance(mins(5));
    assert_eq!(rig.get().await, Err(SecretError::Absent));
    rig.account.proxy.always(GET, DOWN);
    assert_eq!(rig.get().await, Err(SecretError::Absent));
}

#[tokio::test]
async fn a_key_that_we_may_not_read_any_more_serves_for_an_hour() {
    let rig = Rig::warm().await;
    rig.account.proxy.always(GET, Fate::Refused(400, "AccessDeniedException"));
    rig.clock.advance(mins(5));
    assert_eq!((rig.get().await, rig.fetches()), (Ok("one".to_owned()), 1));
    rig.clock.set(BEGINNING + mins(60));
    assert_eq!((rig.get().await, rig.fetches()), (Err(SecretError::Denied), 1));
}

#[tokio::test]
async fn a_broken_version_leaves_the_last_good_one_and_is_alarmed_once() {
    let logs = Logs::keep();
    let rig = Rig::warm().await;
    rig.vault.put_text("business/B1", r#"{"merchantIds": ["two"]"#).await;
    rig.clock.advance(mins(5));
    for pause in [secs(30), mins(60), secs(30)] {
        assert_eq!((rig.get().await, rig.fetches()), (Ok("one".to_owned()), 1));
        rig.clock.advance(pause);
    }
    assert_eq!(logs.text().matches("a secret's new version is unreadable").count(), 1);
    rig.vault.put("business/B1", &document("three")).await;
    assert_eq!((rig.get().await, rig.fetches()), (Ok("three".to_owned()), 1));
}

#[tokio::test]
async fn a_first_version_that_is_broken_is_no_key() {
    let rig = Rig::new().await;
    rig.vault.put_text("business/B1", "{}").await;
    let reason = "needs publicKeys or md5Keys".to_owned();
    assert_eq!(rig.get().await, Err(SecretError::Unparsable(reason)));
}

#[tokio::test]
async fn a_flood_of_unknown_names_costs_fifty_calls_and_a_list_and_no_known_key() {
    let rig = Rig::warm().await;
    rig.vault.create("business/B2", &document("two")).await;
    let stranger = |number: usize| name(&format!("stranger-{number}"));
    let answers =
        join_all((0..1_000).map(async |number| rig.cache.get(&stranger(number)).await.map(drop))).await;
    let counted = |error: SecretError| answers.iter().filter(|got| **got == Err(error.clone())).count();
    assert_eq!((counted(SecretError::Absent), counted(SecretError::TooManyLookUps)), (50, 950));
    assert_eq!(rig.fetches(), 51);
    assert!(rig.cache.get(&name("B2")).await.is_ok(), "it is listed");
    assert_eq!(rig.fetches(), 1);
    assert_eq!((rig.get().await, rig.fetches()), (Ok("one".to_owned()), 0));
    let again = rig.cache.get(&stranger(0)).await.map(drop);
    assert_eq!((again, rig.fetches()), (Err(SecretError::Absent), 0), "remembered");
    rig.clock.advance(mins(5));
    assert_eq!((rig.get().await, rig.fetches()), (Ok("one".to_owned()), 1), "a known name is not limited");
}
