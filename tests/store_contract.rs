//! The stores' contract on the embedded store, and what only it promises: to delete what is over.

use std::num::NonZeroU32;
use std::time::Duration;

use shared::model::purge::{NONCES_APART, RECORDS_APART};
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
async fn what_is_over_is_deleted_in_bites() {
    let (store, _kept) = open().await;
    issued(&store, "S1").await;
    for number in 0..1_500 {
        let used = nonce(&format!("n{number}"), &format!("by{number}"), BEGINNING);
        assert!(matches!(store.record_link(&authorization("S1"), &used).await, Ok(Recorded::SerialUsed(_))));
    }
    let after = BEGINNING + MINUTE * 11;
    assert_eq!(store.purge_expired(after).await, Ok(false), "by the first reading nothing is certain");
    let later = after + NONCES_APART;
    assert_eq!(store.purge_expired(later).await, Ok(true));
    assert_eq!(store.purge_expired(later).await, Ok(false));
    assert_eq!(
        store.record_link(&authorization("S2"), &nonce("n7", "again", after)).await,
        Ok(Recorded::New)
    );
}

#[tokio::test]
async fn a_record_is_deleted_a_day_after_its_retention() {
    let (store, _kept) = open().await;
    let id = issued(&store, "S1").await;
    let retained = BEGINNING + MINUTE * 660;
    for look in [retained - Duration::from_millis(1), retained + MINUTE * 10, retained + RECORDS_APART] {
        store.purge_expired(look).await.expect("answers");
        assert!(store.authorization(&id).await.expect("answers").is_some());
    }
    store.purge_expired(retained + RECORDS_APART + MINUTE * 10).await.expect("answers");
    assert_eq!(store.authorization(&id).await, Ok(None));
    issued(&store, "S1").await;
}

const THOUSAND: NonZeroU32 = NonZeroU32::new(1_000).expect("some");

#[tokio::test]
async fn a_rate_limit_unused_for_an_hour_is_deleted() {
    let (store, _kept) = open().await;
    let a_second = Reservation {
        account: "A1".to_owned(),
        requests: THOUSAND,
        per_second: THOUSAND,
        now: BEGINNING,
        busy: false,
    };
    let begins_after = async |wait| {
        let reserved = store.reserve(&a_second).await;
        assert_eq!(reserved, Ok(ReservationOutcome::From(BEGINNING - TOLERANCE + wait)));
    };
    begins_after(Duration::ZERO).await;
    let free = BEGINNING - TOLERANCE + Duration::from_secs(1);
    let purged = async |look| {
        for look in [look, look + NONCES_APART] {
            store.purge_expired(look).await.expect("answers");
        }
    };
    purged(free - Duration::from_millis(1)).await;
    begins_after(Duration::from_secs(1)).await;
    purged(free + Duration::from_secs(1) + NONCES_APART).await;
    begins_after(Duration::ZERO).await;
}

#[tokio::test]
async fn a_clock_that_is_far_ahead_for_a_while_deletes_nothing() {
    let (store, _kept) = open().await;
    let id = issued(&store, "S1").await;
    let far_ahead = BEGINNING + Duration::from_hours(500 * 24);
    let seconds = Duration::from_secs;
    for look in [BEGINNING, far_ahead, far_ahead + seconds(75), BEGINNING + seconds(90)] {
        store.purge_expired(look).await.expect("answers");
    }
    assert!(store.authorization(&id).await.expect("answers").is_some());
    let replayed = store.record_link(&authorization("S2"), &nonce("n-S1", "again", BEGINNING)).await;
    assert_eq!(replayed, Ok(Recorded::NonceUsed));
}
