//! The contract with what is known of a link besides its user: that it was opened, that it was refused, that it ended.

use shared::model::authorization::{Authorization, Status};
use shared::model::consent::DeliveryBody;
use shared::model::id::AuthorizationId;
use shared::model::notice::Notice;
use shared::model::terms::Terms;
use shared::store::{AttemptClaimed, Due, Recorded, Settled, Settlement};

use super::{
    Backend, MINUTE, attempt_claim, authorization, issued, nonce, operation, record, settled, settlement,
};
use crate::world::{BEGINNING, b1};

/// Records a link whose merchant wants to be told of its end.
async fn watched(store: &dyn Backend, serial_no: &str) -> Authorization {
    let terms =
        Terms { merchant_name: Some("示例商家".to_owned()), notify_expired: true, ..Terms::default() };
    let new = Authorization { terms, ..authorization(serial_no) };
    assert_eq!(store.record_link(&new, &nonce(serial_no, serial_no, BEGINNING)).await, Ok(Recorded::New));
    new
}

fn due(record: &Authorization) -> Due {
    Due { id: record.id.clone(), owner: b1(), next_attempt_at: None, due_at: record.expires_at }
}

pub(super) async fn the_first_opening_stays_and_changes_nothing_else(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let before = record(store, &id).await;
    for after in [1, 2] {
        assert_eq!(store.record_opening(&id, BEGINNING + MINUTE * after).await, Ok(()));
    }
    let opened = Authorization { opened_at: Some(BEGINNING + MINUTE), ..before };
    assert_eq!(record(store, &id).await, opened);
    let found = store.link(&id).await.expect("answers").expect("a link");
    assert_eq!(found.opened_at, opened.opened_at);
    let nobody = AuthorizationId::from_serial("B1", "nobody");
    assert_eq!(store.record_opening(&nobody, BEGINNING).await, Ok(()));
    assert_eq!(store.authorization(&nobody).await, Ok(None), "an opening makes no record");
}

pub(super) async fn the_first_refusal_stays_and_no_consent_is_refused(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    assert_eq!(store.record_refusal(&id, BEGINNING + MINUTE).await, Ok(true));
    assert_eq!(store.record_refusal(&id, BEGINNING + MINUTE * 2).await, Ok(false));
    let refused = record(store, &id).await;
    assert_eq!((refused.refused_at, refused.status()), (Some(BEGINNING + MINUTE), Status::Issued));
    assert_eq!(store.settle(&settlement("S1", "open-1", "s")).await, Ok(Settled::Recorded));

    let known = settled(store, "S2").await;
    assert_eq!(store.record_refusal(&known, BEGINNING).await, Ok(false));
    assert_eq!(record(store, &known).await.refused_at, None);
}

pub(super) async fn a_notice_is_recorded_once_and_delivered_beside_its_link(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let link = record(store, &id).await;
    let body = |text: &str| DeliveryBody::new(text.to_owned()).expect("bytes");
    let notice = link.notice_record(Notice::Refused, body("first"), BEGINNING);
    assert_eq!(store.record_notice(&notice, &operation("n1")).await, Ok(true));
    let again = link.notice_record(Notice::Refused, body("second"), BEGINNING + MINUTE);
    assert_eq!(store.record_notice(&again, &operation("n2")).await, Ok(false));
    assert_eq!(record(store, &notice.id).await, notice);
    assert_eq!(record(store, &id).await, link, "the link is as it was");

    let found = store.due(BEGINNING, 10).await.expect("answers");
    assert_eq!(found.iter().map(|due| &due.id).collect::<Vec<_>>(), [&notice.id]);
    let mut claim = attempt_claim("S1", 0, "a", BEGINNING);
    claim.id = notice.id.clone();
    let claimed = store.claim_attempt(&claim).await;
    assert!(matches!(claimed, Ok(AttemptClaimed::Ours(_))), "{claimed:?}");
    assert_eq!(store.settle(&settlement("S1", "open-1", "s")).await, Ok(Settled::Recorded));
    assert_eq!(record(store, &id).await.attempts_begun(), 0, "the openId has attempts of its own");
}

pub(super) async fn a_link_whose_end_is_to_be_told_is_due_at_its_end(store: &dyn Backend) {
    let link = watched(store, "S1").await;
    assert_eq!(record(store, &link.id).await, link);
    assert_eq!(store.due(BEGINNING + MINUTE * 59, 10).await, Ok(Vec::new()));
    let over = BEGINNING + MINUTE * 60;
    assert_eq!(store.due(over, 10).await, Ok(vec![due(&link)]));
    assert!(matches!(store.postpone(&due(&link), over + MINUTE).await, Ok(Some(_))));
    assert_eq!(store.end_watch(&due(&link)).await, Ok(false), "it stands otherwise by now");
    let postponed = Due { due_at: over + MINUTE, ..due(&link) };
    assert_eq!(store.end_watch(&postponed).await, Ok(true));
    assert_eq!(store.due(over + MINUTE * 60, 10).await, Ok(Vec::new()));
    assert_eq!(store.settle(&settlement("S1", "open-1", "s")).await, Ok(Settled::Recorded));
}

pub(super) async fn a_consent_ends_the_watch_of_its_link(store: &dyn Backend) {
    let over = BEGINNING + MINUTE * 60;
    let delivered = watched(store, "S1").await;
    assert_eq!(store.settle(&settlement("S1", "open-1", "s")).await, Ok(Settled::Recorded));
    assert_eq!(store.end_watch(&due(&delivered)).await, Ok(false));
    let found = store.due(over, 10).await.expect("answers");
    assert!(matches!(&found[..], [due] if due.next_attempt_at == Some(BEGINNING)), "{found:?}");

    let kept = watched(store, "S2").await;
    let nowhere = Settlement { deliver: false, ..settlement("S2", "open-2", "s") };
    assert_eq!(store.settle(&nowhere).await, Ok(Settled::Recorded));
    assert!(!store.due(over, 10).await.expect("answers").iter().any(|due| due.id == kept.id));
}
