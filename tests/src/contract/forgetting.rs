//! The contract of forgetting a person.

use shared::delivery::body::notice_body;
use shared::model::authorization::{Attempt, Authorization, Status};
use shared::model::claim::{ClaimRefusal, ExchangeEnding};
use shared::model::clock::UnixMillis;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::forgetting::Forgetting;
use shared::model::id::AuthorizationId;
use shared::model::notice::Notice;
use shared::model::purge::RECORDS_APART;
use shared::model::terms::Terms;
use shared::store::listing::{Listing, View};
use shared::store::{AfterAttempt, AttemptClaimed, ForgottenSome, Linked, Recorded, Resend, Settled};

use super::deliveries::WITH_OPEN_ID;
use super::platform_links::pending;
use super::{
    Backend, GIVEN_UP, MINUTE, attempt_claim, authorization, claim, ended, issued, nonce, of_scheme,
    operation, ours, record, refusal, settled, settlement,
};
use crate::world::BEGINNING;

/// Makes and concludes the first attempt of `serial_no`.
async fn attempted(store: &dyn Backend, serial_no: &str, outcome: DeliveryOutcome, next: AfterAttempt) {
    let id = settled(store, serial_no).await;
    store.claim_attempt(&attempt_claim(serial_no, 0, "a", BEGINNING)).await.expect("answers");
    // What a merchant's server says may name its customer.
    let answer = Some("no such customer: 用户".to_owned());
    let made = Attempt { millis: Some(300), answer, ..Attempt::new(1, BEGINNING, outcome) };
    assert_eq!(store.conclude_attempt(&id, &operation("a"), &[made], next).await, Ok(true));
}

/// Forgets the person of `id`, and gives what is left, which is what the model says.
async fn forget(store: &dyn Backend, id: &AuthorizationId, now: UnixMillis) -> Authorization {
    let before = record(store, id).await;
    assert_eq!(store.forget(id, now).await, Ok(Forgetting::Done));
    let left = record(store, id).await;
    assert_eq!(left, before.forgotten(now));
    left
}

pub(super) async fn what_is_left_of_a_forgotten_person_is_what_happened(store: &dyn Backend) {
    let later = BEGINNING + MINUTE * 5;
    let delivered = AfterAttempt::Delivered { forget_at: None };
    let retry = AfterAttempt::Retry { at: later, due_at: later };
    issued(store, "S1").await;
    settled(store, "S2").await;
    attempted(store, "S3", DeliveryOutcome::Success, delivered).await;
    attempted(store, "S4", DeliveryOutcome::Timeout, retry).await;
    attempted(store, "S5", DeliveryOutcome::Timeout, GIVEN_UP).await;
    for (serial_no, status) in [
        ("S1", Status::Issued),
        ("S2", Status::Authorized),
        ("S3", Status::Delivered),
        ("S4", Status::Authorized),
        ("S5", Status::Undeliverable),
    ] {
        let id = AuthorizationId::from_serial("B1", serial_no);
        let left = forget(store, &id, later).await;
        assert_eq!((left.status(), left.forgotten_at()), (status, Some(later)));
        assert_eq!(store.forget(&id, later + MINUTE).await, Ok(Forgetting::Before(later)), "once is enough");
        assert_eq!(record(store, &id).await, left);
    }
    let nobody = AuthorizationId::from_serial("B1", "nobody");
    assert_eq!(store.forget(&nobody, later).await, Ok(Forgetting::NotFound));
    assert_eq!(store.authorization(&nobody).await, Ok(None), "nothing is made of it");
}

pub(super) async fn nothing_is_left_of_a_phone_number_a_way_back_or_a_notice(store: &dyn Backend) {
    let back = "https://shop.example/back?of=user-1".to_owned();
    let terms = Terms { return_url: Some(back), notify_expired: true, ..Terms::default() };
    let request = of_scheme("234", Some("2027-12-31"));
    let new = Authorization { request, terms, ..authorization("S1") };
    assert_eq!(store.record_link(&new, &nonce("n1", "i", BEGINNING)).await, Ok(Recorded::New));
    let body = notice_body(&new, Notice::Refused, BEGINNING);
    let notice = new.notice_record(Notice::Refused, body, BEGINNING);
    assert_eq!(store.record_notice(&notice, &operation("n")).await, Ok(true));
    for id in [&new.id, &notice.id] {
        forget(store, id, BEGINNING).await;
    }
    assert_eq!(
        store.due(BEGINNING + MINUTE * 600, 10).await,
        Ok(Vec::new()),
        "neither its end nor the notice"
    );
}

pub(super) async fn whoever_comes_after_forgetting_changes_nothing(store: &dyn Backend) {
    let later = BEGINNING + MINUTE * 5;
    let unused = issued(store, "S1").await;
    let due = settled(store, "S2").await;
    let pending = pending("S3");
    assert_eq!(store.record_link(&pending, &nonce("n3", "i", BEGINNING)).await, Ok(Recorded::New));
    attempted(store, "S4", DeliveryOutcome::Timeout, GIVEN_UP).await;
    let given_up = AuthorizationId::from_serial("B1", "S4");
    let mut left = Vec::new();
    for id in [&unused, &due, &pending.id, &given_up] {
        left.push(forget(store, id, later).await);
    }

    let claimed = store.claim_exchange(&claim("S1", "codeA", "c", later)).await.expect("answers");
    assert_eq!(refusal(claimed), ClaimRefusal::Forgotten);
    assert_eq!(store.record_refusal(&unused, later).await, Ok(false));
    for serial_no in ["S1", "S2", "S3"] {
        let late = settlement(serial_no, "open-2", "late");
        assert_eq!(store.settle(&late).await, Ok(Settled::Forgotten));
        assert_eq!(store.settle(&settlement(serial_no, "open-1", "s")).await, Ok(Settled::Forgotten));
    }
    let link = "https://up.example/link".parse().expect("a URL");
    let linked = store.record_platform_link(&pending.id, &link, later).await;
    assert_eq!(linked, Ok(Linked::Before(Box::new(left[2].clone()))));
    let attempt = store.claim_attempt(&attempt_claim("S2", 0, "b", later)).await.expect("answers");
    assert!(matches!(attempt, AttemptClaimed::Refused(_)), "{attempt:?}");
    assert_eq!(store.give_up(&due, 0, &operation("g"), later).await, Ok(false));
    for id in [&due, &given_up] {
        let (from, operation) = (WITH_OPEN_ID.to_vec(), operation("r"));
        let resend = Resend { id: id.clone(), from, to: None, operation, now: later };
        assert_eq!(store.resend(&resend).await, Ok(false));
    }
    assert_eq!(store.due(later + MINUTE * 600, 10).await, Ok(Vec::new()));
    assert_eq!(store.undeliverable(None).await, Ok(Vec::new()));
    let (view, now) = (View::Attention, later + MINUTE * 600);
    let listing = Listing { view, owner: None, since: None, until: None, after: None, limit: 10, now };
    assert!(store.list(&listing).await.expect("answers").records.is_empty(), "nobody has to look at it");
    for before in left {
        assert_eq!(record(store, &before.id).await, before);
    }
    let again = store.record_link(&authorization("S1"), &nonce("n9", "again", later)).await;
    assert!(matches!(again, Ok(Recorded::SerialUsed(_))), "its serialNo stays used");
}

pub(super) async fn nobody_is_forgotten_while_somebody_is_at_work(store: &dyn Backend) {
    let exchanging = issued(store, "S1").await;
    let claimed = ours(store.claim_exchange(&claim("S1", "codeA", "c", BEGINNING)).await.expect("answers"));
    let until = claimed.exchange().expect("a lease").until;
    settled(store, "S2").await;
    let attempting = attempt_claim("S2", 0, "a", BEGINNING);
    let attempt = store.claim_attempt(&attempting).await.expect("answers");
    assert!(matches!(attempt, AttemptClaimed::Ours(_)));
    for (id, until) in [(&exchanging, until), (&attempting.id, attempting.lease_until)] {
        let before = record(store, id).await;
        let during = BEGINNING + MINUTE / 60;
        assert_eq!(store.forget(id, during).await, Ok(Forgetting::Busy(until)));
        assert_eq!(record(store, id).await, before);
        forget(store, id, until).await;
    }

    let left = record(store, &exchanging).await;
    assert_eq!((left.status(), left.link()), (Status::ExchangeUnknown, None));
    let late = ended(&claimed, "c", ExchangeEnding::CodeRefused);
    assert_eq!(store.end_exchange(&late).await, Ok(false));
    assert_eq!(record(store, &exchanging).await, left);
    assert_eq!(record(store, &attempting.id).await.attempts_begun(), 1, "it may have been made");
    let late = Attempt::new(1, BEGINNING + MINUTE * 2, DeliveryOutcome::Success);
    let concluded = store
        .conclude_attempt(
            &attempting.id,
            &operation("a"),
            &[late],
            AfterAttempt::Delivered { forget_at: None },
        )
        .await;
    assert_eq!(concluded, Ok(false));
    assert_eq!(store.release_attempt(&attempting.id, &operation("a"), BEGINNING).await, Ok(false));
    assert!(record(store, &attempting.id).await.history().is_empty());
}

/// Delivers `serial_no` at once, to be forgotten an hour later.
async fn delivered_for_an_hour(store: &dyn Backend, serial_no: &str) -> AuthorizationId {
    let forget_at = Some(BEGINNING + MINUTE * 60);
    attempted(store, serial_no, DeliveryOutcome::Success, AfterAttempt::Delivered { forget_at }).await;
    AuthorizationId::from_serial("B1", serial_no)
}

async fn is_forgotten(store: &dyn Backend, id: &AuthorizationId) -> bool {
    record(store, id).await.forgotten_at().is_some()
}

pub(super) async fn who_was_delivered_is_forgotten_in_time_and_after_two_readings_of_the_clock(
    store: &dyn Backend,
) {
    let mut due = Vec::new();
    for serial_no in ["S1", "S2", "S3"] {
        due.push(delivered_for_an_hour(store, serial_no).await);
    }
    attempted(store, "S4", DeliveryOutcome::Success, AfterAttempt::Delivered { forget_at: None }).await;
    let resent = delivered_for_an_hour(store, "S5").await;
    let (from, operation) = (WITH_OPEN_ID.to_vec(), operation("r"));
    let resend = Resend { id: resent.clone(), from, to: None, operation, now: BEGINNING + MINUTE };
    assert_eq!(store.resend(&resend).await, Ok(true));
    assert_eq!(store.due(BEGINNING, 10).await, Ok(Vec::new()), "what was delivered is not due");

    let first = BEGINNING + MINUTE * 60;
    for reading in [first - MINUTE * 10, first, first + RECORDS_APART - MINUTE * 11] {
        assert_eq!(
            store.forget_delivered(reading, 10).await,
            Ok(ForgottenSome::all(0)),
            "nothing is certain yet"
        );
    }
    let second = first + RECORDS_APART;
    assert_eq!(store.forget_delivered(second, 2).await, Ok(ForgottenSome::all(2)), "some at a time");
    assert_eq!(store.forget_delivered(second, 2).await, Ok(ForgottenSome::all(1)));
    assert_eq!(store.forget_delivered(second, 2).await, Ok(ForgottenSome::all(0)));
    for id in due {
        let left = record(store, &id).await;
        assert_eq!((left.status(), left.forgotten_at()), (Status::Delivered, Some(second)));
        assert_eq!(left.history().len(), 1);
    }
    assert!(!is_forgotten(store, &AuthorizationId::from_serial("B1", "S4")).await, "as long as its record");
    assert!(!is_forgotten(store, &resent).await, "it is to be delivered once more");
}

pub(super) async fn a_clock_that_is_far_ahead_for_a_while_forgets_nobody(store: &dyn Backend) {
    let id = delivered_for_an_hour(store, "S1").await;
    let far_ahead = BEGINNING + MINUTE * 60 * 24 * 500;
    for reading in [BEGINNING, far_ahead, far_ahead + MINUTE, BEGINNING + MINUTE * 2] {
        assert_eq!(store.forget_delivered(reading, 10).await, Ok(ForgottenSome::all(0)));
    }
    assert!(!is_forgotten(store, &id).await);
    // It was due by then, and by a reading of a day before.
    let late = BEGINNING + MINUTE * 70;
    assert_eq!(store.forget_delivered(late, 10).await, Ok(ForgottenSome::all(0)));
    assert_eq!(store.forget_delivered(late + RECORDS_APART, 10).await, Ok(ForgottenSome::all(1)));
}
