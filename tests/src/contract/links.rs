//! The contract of link requests.

use std::time::Duration;

use shared::model::authorization::{Authorization, Callback};
use shared::model::id::AuthorizationId;
use shared::store::{NonceUse, Recorded};

use super::{Backend, MINUTE, authorization, issued, nonce, of_merchant, of_scheme, record, settled};
use crate::world::BEGINNING;

pub(super) async fn a_record_is_read_as_it_was_written(store: &dyn Backend) {
    for (serial_no, callback) in [
        ("S1", Callback::Explicit("https://merchant.example.com/cb?a=1&b='\"".to_owned())),
        ("S2", Callback::OwnersDefault),
        ("S3", Callback::Nowhere),
    ] {
        let new = Authorization { callback, ..authorization(serial_no) };
        assert_eq!(store.record_link(&new, &nonce(serial_no, serial_no, BEGINNING)).await, Ok(Recorded::New));
        assert_eq!(store.authorization(&new.id).await, Ok(Some(new)));
    }
    for (serial_no, end_date) in [("S4", Some("2026-12-28")), ("S5", None)] {
        let new = Authorization { request: of_scheme("234", end_date), ..authorization(serial_no) };
        assert_eq!(store.record_link(&new, &nonce(serial_no, serial_no, BEGINNING)).await, Ok(Recorded::New));
        assert_eq!(store.authorization(&new.id).await, Ok(Some(new)));
    }
    // As an earlier version recorded it.
    let unnamed = Authorization { verified_by: None, ..authorization("S6") };
    assert_eq!(store.record_link(&unnamed, &nonce("S6", "S6", BEGINNING)).await, Ok(Recorded::New));
    assert_eq!(store.authorization(&unnamed.id).await, Ok(Some(unnamed)));
    let nobody = AuthorizationId::from_serial("B1", "nobody");
    assert_eq!(store.authorization(&nobody).await, Ok(None));
}

pub(super) async fn a_nonce_may_be_consumed_alone(store: &dyn Backend) {
    let first = nonce("n1", "first", BEGINNING);
    assert_eq!(store.use_nonce(&first).await, Ok(true));
    assert_eq!(store.use_nonce(&first).await, Ok(true), "a repeat of the same operation had succeeded");
    let second = nonce("n1", "second", BEGINNING);
    assert_eq!(store.use_nonce(&second).await, Ok(false));
    assert_eq!(store.record_link(&authorization("S1"), &second).await, Ok(Recorded::NonceUsed));
    assert_eq!(store.use_nonce(&nonce("n1", "third", first.until)).await, Ok(true));
}

pub(super) async fn a_nonce_is_judged_before_the_serial_and_nothing_is_written_when_it_was_used(
    store: &dyn Backend,
) {
    issued(store, "S1").await;
    let taken = nonce("n-S1", "other", BEGINNING);
    assert_eq!(store.record_link(&authorization("S1"), &taken).await, Ok(Recorded::NonceUsed));
    assert_eq!(store.record_link(&authorization("S2"), &taken).await, Ok(Recorded::NonceUsed));
    assert_eq!(store.authorization(&AuthorizationId::from_serial("B1", "S2")).await, Ok(None));
    let theirs = NonceUse { space: "B2".to_owned(), ..taken };
    assert_eq!(store.record_link(&authorization("S2"), &theirs).await, Ok(Recorded::New));
}

pub(super) async fn a_used_serial_consumes_the_nonce_and_gives_the_earlier_record(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let old = record(store, &id).await;
    let second = Authorization { request: of_merchant("B1", "another"), ..authorization("S1") };
    let with = nonce("n2", "second", BEGINNING);
    assert_eq!(store.record_link(&second, &with).await, Ok(Recorded::SerialUsed(Box::new(old.clone()))));
    assert_eq!(
        store.record_link(&authorization("S2"), &nonce("n2", "third", BEGINNING)).await,
        Ok(Recorded::NonceUsed)
    );
    assert_eq!(record(store, &id).await, old);
}

pub(super) async fn an_expired_nonce_may_be_used_again(store: &dyn Backend) {
    issued(store, "S1").await;
    let until = BEGINNING + MINUTE * 11;
    let just_before = nonce("n-S1", "x", until - Duration::from_millis(1));
    assert_eq!(store.record_link(&authorization("S2"), &just_before).await, Ok(Recorded::NonceUsed));
    assert_eq!(store.record_link(&authorization("S2"), &nonce("n-S1", "y", until)).await, Ok(Recorded::New));
}

pub(super) async fn a_serial_may_be_used_again_once_its_record_is_kept_no_longer(store: &dyn Backend) {
    let id = settled(store, "S1").await;
    let retained = BEGINNING + MINUTE * 660;
    let again = Authorization { request: of_merchant("B1", "another"), ..authorization("S1") };
    let just_before = nonce("n2", "second", retained - Duration::from_millis(1));
    assert!(matches!(store.record_link(&again, &just_before).await, Ok(Recorded::SerialUsed(_))));
    assert_eq!(store.record_link(&again, &nonce("n3", "third", retained)).await, Ok(Recorded::New));
    assert_eq!(record(store, &id).await, again);
}
