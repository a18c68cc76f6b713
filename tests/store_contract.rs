//! The stores' contract on the embedded store, and what only it promises: to forget.

use std::num::NonZeroU32;
use std::time::Duration;

use shared::model::reservation::{Reservation, ReservationOutcome, TOLERANCE};
use shared::store::sqlite::SqliteStore;
use shared::store::{
    PurgeExpired as _, ReadAuthorizations as _, RecordLinks as _, Recorded, ReserveRate as _,
};
use tempfile::TempDir;
use tests::contract::{MINUTE, authorization, issued, nonce};
use tests::world::BEGINNING;

async fn open() -> (SqliteStore, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    (SqliteStore::open(&folder.path().join("authlink.db")).expect("opens"), folder)
}

tests::store_contract!(test open);

#[tokio::test]
async fn forgetting_takes_bites_and_says_when_there_may_be_more() {
    let (store, _kept) = open().await;
    issued(&store, "S1").await;
    for number in 0..1_500 {
        let used = nonce(&format!("n{number}"), &format!("by{number}"), BEGINNING);
        assert!(matches!(store.record_link(&authorization("S1"), &used).await, Ok(Recorded::SerialUsed(_))));
    }
    let after = BEGINNING + MINUTE * 11;
    assert_eq!(store.forget(after).await, Ok(true));
    assert_eq!(store.forget(after).await, Ok(false));
    assert_eq!(
        store.record_link(&authorization("S2"), &nonce("n7", "again", after)).await,
        Ok(Recorded::New)
    );
}

#[tokio::test]
async fn what_may_be_forgotten_is_forgotten() {
    let (store, _kept) = open().await;
    let id = issued(&store, "S1").await;
    let retained = BEGINNING + MINUTE * 660;
    store.forget(retained - Duration::from_millis(1)).await.expect("answers");
    assert!(store.authorization(&id).await.expect("answers").is_some());
    assert_eq!(store.forget(retained).await, Ok(false), "all at once");
    assert_eq!(store.authorization(&id).await, Ok(None));
    issued(&store, "S1").await;
}

const THOUSAND: NonZeroU32 = NonZeroU32::new(1_000).expect("some");

#[tokio::test]
async fn a_rate_limit_unused_for_ten_minutes_is_forgotten() {
    let (store, _kept) = open().await;
    let a_second = Reservation {
        account: "A1".to_owned(),
        requests: THOUSAND,
        per_second: THOUSAND,
        now: BEGINNING,
        busy: false,
    };
    let begins_after = async |wait| {
        let leased = store.lease(&a_second).await;
        assert_eq!(leased, Ok(ReservationOutcome::From(BEGINNING - TOLERANCE + wait)));
    };
    begins_after(Duration::ZERO).await;
    let free = BEGINNING - TOLERANCE + Duration::from_secs(1);
    store.forget(free + MINUTE * 10 - Duration::from_millis(1)).await.expect("answers");
    begins_after(Duration::from_secs(1)).await;
    store.forget(free + Duration::from_secs(1) + MINUTE * 10).await.expect("answers");
    begins_after(Duration::ZERO).await;
}
