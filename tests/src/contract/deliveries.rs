//! The contract of deliveries: attempts, giving up, resends, and finding what is due.

use std::slice;
use std::time::Duration;

use shared::model::authorization::{Attempt, Authorization, Callback, Status};
use shared::model::claim::{AttemptClaim, AttemptRefusal};
use shared::model::clock::UnixMillis;
use shared::model::delivery_outcome::{DeliveryOutcome, TlsFailure};
use shared::model::id::AuthorizationId;
use shared::model::owner::Owner;
use shared::store::{
    AfterAttempt, AttemptClaimed, Due, Recorded, Resend, Settled, Settlement, StoreError, TakenUp,
};

use super::{
    Backend, GIVEN_UP, MINUTE, attempt_claim, authorization, body, due_at, issued, nonce, of_merchant,
    of_scheme, operation, record, settled, settlement,
};
use crate::world::BEGINNING;

pub(super) async fn an_attempt_is_claimed_by_one_in_its_turn_and_never_early(store: &dyn Backend) {
    let id = settled(store, "S1").await;
    let refused = async |claim: AttemptClaim| match store.claim_attempt(&claim).await.expect("answers") {
        AttemptClaimed::Refused(refusal) => refusal,
        AttemptClaimed::Ours(_) => panic!("claimed"),
    };
    assert_eq!(refused(attempt_claim("S1", 1, "x", BEGINNING)).await, AttemptRefusal::Stale);
    assert_eq!(refused(attempt_claim("nobody", 0, "x", BEGINNING)).await, AttemptRefusal::Stale);
    let early = BEGINNING - Duration::from_millis(1);
    assert_eq!(refused(attempt_claim("S1", 0, "x", early)).await, AttemptRefusal::Early(BEGINNING));

    let claimed = store.claim_attempt(&attempt_claim("S1", 0, "a", BEGINNING)).await.expect("answers");
    let AttemptClaimed::Ours(now) = claimed else { panic!("refused") };
    assert_eq!(
        (now.attempts_begun(), due_at(&now)),
        (1, Some(BEGINNING)),
        "the sweep finds a dead worker's record where it was"
    );
    assert_eq!(refused(attempt_claim("S1", 0, "b", BEGINNING)).await, AttemptRefusal::Stale);
    assert_eq!(refused(attempt_claim("S1", 1, "b", BEGINNING)).await, AttemptRefusal::Taken);

    let failed = Attempt {
        millis: Some(300),
        answer: Some("{\"msg\":\"签名错误\"}".to_owned()),
        ..Attempt::new(1, BEGINNING, DeliveryOutcome::Status(500))
    };
    let next = AfterAttempt::Retry { at: BEGINNING + MINUTE, due_at: BEGINNING + MINUTE * 3 };
    assert_eq!(store.conclude_attempt(&id, &operation("b"), slice::from_ref(&failed), next).await, Ok(false));
    assert_eq!(store.conclude_attempt(&id, &operation("a"), slice::from_ref(&failed), next).await, Ok(true));
    let now = record(store, &id).await;
    assert_eq!(
        (now.next_attempt_at(), due_at(&now)),
        (Some(BEGINNING + MINUTE), Some(BEGINNING + MINUTE * 3))
    );
    assert_eq!(now.pending_delivery().and_then(|delivery| delivery.lease.as_ref()), None);
    assert_eq!(now.history(), [failed]);
    assert_eq!(
        refused(attempt_claim("S1", 1, "b", BEGINNING)).await,
        AttemptRefusal::Early(BEGINNING + MINUTE)
    );
}

pub(super) async fn an_attempt_that_was_not_made_does_not_count(store: &dyn Backend) {
    let id = settled(store, "S1").await;
    let claim = attempt_claim("S1", 0, "a", BEGINNING);
    store.claim_attempt(&claim).await.expect("answers");
    let due = BEGINNING + MINUTE * 2;
    assert_eq!(store.release_attempt(&id, &operation("b"), due).await, Ok(false));
    for _ in 0..2 {
        assert_eq!(
            store.release_attempt(&id, &operation("a"), due).await,
            Ok(true),
            "a repeat had succeeded"
        );
    }
    let now = record(store, &id).await;
    assert_eq!((now.attempts_begun(), due_at(&now), now.next_attempt_at()), (0, Some(due), Some(BEGINNING)));
    assert_eq!(now.pending_delivery().and_then(|delivery| delivery.lease.as_ref()), None);
    let again = attempt_claim("S1", 0, "c", BEGINNING);
    let claimed = store.claim_attempt(&again).await.expect("answers");
    assert!(matches!(claimed, AttemptClaimed::Ours(record) if record.attempts_begun() == 1));
    assert_eq!(store.release_attempt(&id, &operation("a"), due).await, Ok(false), "another worker has it");
    assert_eq!(record(store, &id).await.attempts_begun(), 1);
}

pub(super) async fn a_lease_that_ended_is_taken_over_and_its_holder_concludes_nothing(store: &dyn Backend) {
    let id = settled(store, "S1").await;
    store.claim_attempt(&attempt_claim("S1", 0, "a", BEGINNING)).await.expect("answers");
    let later = BEGINNING + MINUTE;
    let claimed = store.claim_attempt(&attempt_claim("S1", 1, "b", later)).await.expect("answers");
    assert!(matches!(claimed, AttemptClaimed::Ours(record) if record.attempts_begun() == 2));
    let made = [Attempt::new(1, later, DeliveryOutcome::Success)];
    assert_eq!(
        store
            .conclude_attempt(&id, &operation("a"), &made, AfterAttempt::Delivered { forget_at: None })
            .await,
        Ok(false)
    );
    assert_eq!(record(store, &id).await.status(), Status::Authorized);
}

pub(super) async fn after_the_last_attempt_a_dead_workers_record_is_given_up(store: &dyn Backend) {
    let id = settled(store, "S1").await;
    let mut now = BEGINNING;
    for number in 0..3 {
        store.claim_attempt(&attempt_claim("S1", number, &format!("a{number}"), now)).await.expect("answers");
        assert_eq!(
            store.give_up(&id, number + 1, &operation("g"), now).await,
            Ok(false),
            "the lease still runs"
        );
        now = now + MINUTE;
    }
    let refused = store.claim_attempt(&attempt_claim("S1", 3, "x", now)).await;
    assert_eq!(refused, Ok(AttemptClaimed::Refused(AttemptRefusal::Exhausted)));
    assert_eq!(store.give_up(&id, 2, &operation("g"), now).await, Ok(false));
    for _ in 0..2 {
        assert_eq!(store.give_up(&id, 3, &operation("g"), now).await, Ok(true), "a repeat had succeeded");
    }
    assert_eq!(store.give_up(&id, 3, &operation("h"), now).await, Ok(false));
    let given_up = record(store, &id).await;
    assert_eq!((given_up.status(), due_at(&given_up)), (Status::Undeliverable, None));
}

pub(super) async fn who_has_no_attempt_left_is_given_up_even_if_nobody_died(store: &dyn Backend) {
    let id = settled(store, "S1").await;
    store.claim_attempt(&attempt_claim("S1", 0, "a", BEGINNING)).await.expect("answers");
    let failed = Attempt::new(1, BEGINNING, DeliveryOutcome::Tls(TlsFailure::Expired));
    let next = AfterAttempt::Retry { at: BEGINNING, due_at: BEGINNING };
    assert_eq!(store.conclude_attempt(&id, &operation("a"), slice::from_ref(&failed), next).await, Ok(true));
    let fewer = AttemptClaim { attempts_allowed: 1, ..attempt_claim("S1", 1, "b", BEGINNING) };
    let refused = store.claim_attempt(&fewer).await;
    assert_eq!(refused, Ok(AttemptClaimed::Refused(AttemptRefusal::Exhausted)));
    assert_eq!(store.give_up(&id, 1, &operation("g"), BEGINNING).await, Ok(true));
    assert_eq!(record(store, &id).await.status(), Status::Undeliverable);
}

pub(super) async fn nothing_is_concluded_on_a_record_that_was_given_up(store: &dyn Backend) {
    let id = settled(store, "S1").await;
    let last = AttemptClaim { attempts_allowed: 1, ..attempt_claim("S1", 0, "a", BEGINNING) };
    store.claim_attempt(&last).await.expect("answers");
    assert_eq!(store.give_up(&id, 1, &operation("g"), BEGINNING + MINUTE).await, Ok(true));
    let late = [Attempt::new(1, BEGINNING + MINUTE, DeliveryOutcome::Success)];
    assert_eq!(
        store
            .conclude_attempt(&id, &operation("a"), &late, AfterAttempt::Delivered { forget_at: None })
            .await,
        Ok(false)
    );
    assert_eq!(record(store, &id).await.status(), Status::Undeliverable);
}

/// Whether it is due again: it was in one of these states.
async fn resend(
    store: &dyn Backend,
    id: &AuthorizationId,
    from: &[Status],
    by: &str,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    let resend = Resend { id: id.clone(), from: from.to_vec(), to: None, operation: operation(by), now };
    store.resend(&resend).await
}

pub(super) const WITH_OPEN_ID: [Status; 3] = [Status::Authorized, Status::Delivered, Status::Undeliverable];

pub(super) async fn whatever_has_an_open_id_and_no_attempt_under_way_is_resent(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let later = BEGINNING + MINUTE;
    assert_eq!(resend(store, &id, &WITH_OPEN_ID, "r", later).await, Ok(false), "it has no openId");
    assert_eq!(store.settle(&settlement("S1", "open-1", "s")).await, Ok(Settled::Recorded));
    store.claim_attempt(&attempt_claim("S1", 0, "a", BEGINNING)).await.expect("answers");
    let during = BEGINNING + Duration::from_secs(1);
    assert_eq!(resend(store, &id, &WITH_OPEN_ID, "r", during).await, Ok(false), "an attempt is under way");
    let failed = Attempt::new(1, BEGINNING, DeliveryOutcome::Timeout);
    let retry = AfterAttempt::Retry { at: BEGINNING + MINUTE * 60, due_at: BEGINNING + MINUTE * 60 };
    assert_eq!(store.conclude_attempt(&id, &operation("a"), slice::from_ref(&failed), retry).await, Ok(true));
    for _ in 0..2 {
        assert_eq!(resend(store, &id, &WITH_OPEN_ID, "r", later).await, Ok(true), "a repeat had succeeded");
    }
    let now = record(store, &id).await;
    assert_eq!((now.attempts_begun(), due_at(&now)), (1, Some(later)), "its attempts go on");

    store.claim_attempt(&attempt_claim("S1", 1, "b", later)).await.expect("answers");
    let taken = Attempt::new(2, later, DeliveryOutcome::Success);
    let delivered = AfterAttempt::Delivered { forget_at: None };
    assert_eq!(
        store.conclude_attempt(&id, &operation("b"), &[failed.clone(), taken.clone()], delivered).await,
        Ok(true)
    );
    assert_eq!(resend(store, &id, &[Status::Undeliverable], "x", later).await, Ok(false), "in another state");
    let elsewhere = Callback::Explicit("https://shop.example/new".to_owned());
    let corrected = Resend {
        id: id.clone(),
        from: vec![Status::Delivered],
        to: Some(elsewhere.clone()),
        operation: operation("t"),
        now: later + MINUTE,
    };
    for _ in 0..2 {
        assert_eq!(store.resend(&corrected).await, Ok(true), "a repeat had succeeded");
    }
    let now = record(store, &id).await;
    assert_eq!(
        (now.status(), now.attempts_begun(), due_at(&now)),
        (Status::Authorized, 0, Some(later + MINUTE))
    );
    assert_eq!((now.callback.clone(), body(&now)), (elsewhere, Some(&b"body of open-1"[..])));
    assert_eq!(now.history(), [failed, taken]);
}

pub(super) async fn an_undeliverable_record_is_resent_with_the_same_body(store: &dyn Backend) {
    let id = settled(store, "S1").await;
    assert_eq!(resend(store, &id, &[Status::Undeliverable], "r", BEGINNING).await, Ok(false));
    store.claim_attempt(&attempt_claim("S1", 0, "a", BEGINNING)).await.expect("answers");
    let failed = Attempt::new(1, BEGINNING, DeliveryOutcome::Tls(TlsFailure::Expired));
    assert_eq!(
        store.conclude_attempt(&id, &operation("a"), slice::from_ref(&failed), GIVEN_UP).await,
        Ok(true)
    );
    assert_eq!(store.due(BEGINNING + MINUTE * 600, 10).await, Ok(Vec::new()));
    let later = BEGINNING + MINUTE;
    for _ in 0..2 {
        assert_eq!(
            resend(store, &id, &[Status::Undeliverable], "r", later).await,
            Ok(true),
            "a repeat had succeeded"
        );
    }
    assert_eq!(resend(store, &id, &[Status::Undeliverable], "x", later).await, Ok(false));
    let now = record(store, &id).await;
    assert_eq!((now.status(), now.attempts_begun(), due_at(&now)), (Status::Authorized, 0, Some(later)));
    assert_eq!(body(&now), Some(&b"body of open-1"[..]));
    assert_eq!(now.history(), [failed]);
}

pub(super) async fn what_is_undeliverable_is_listed_by_owner(store: &dyn Backend) {
    let mut given_up = Vec::new();
    let owned =
        [(of_merchant("B1", "S1"), "S1"), (of_merchant("B1", "S2"), "S2"), (of_scheme("234", None), "S3")];
    for (requested, serial_no) in owned {
        let new = Authorization { request: requested, ..authorization(serial_no) };
        assert_eq!(store.record_link(&new, &nonce(serial_no, serial_no, BEGINNING)).await, Ok(Recorded::New));
        assert_eq!(store.settle(&settlement(serial_no, "open-1", "s")).await, Ok(Settled::Recorded));
        store.claim_attempt(&attempt_claim(serial_no, 0, "a", BEGINNING)).await.expect("answers");
        let failed = Attempt::new(1, BEGINNING, DeliveryOutcome::Tls(TlsFailure::Expired));
        let concluded =
            store.conclude_attempt(&new.id, &operation("a"), slice::from_ref(&failed), GIVEN_UP).await;
        assert_eq!(concluded, Ok(true));
        given_up.push(new.id);
    }
    settled(store, "S4").await;
    let listed = async |owner: Option<&str>| {
        let owner = owner.map(|owner| Owner::parse(owner).expect("an owner"));
        let mut listed = store.undeliverable(owner.as_ref()).await.expect("answers");
        listed.sort();
        listed
    };
    let sorted = |ids: &[AuthorizationId]| {
        let mut ids = ids.to_vec();
        ids.sort();
        ids
    };
    assert_eq!(listed(None).await, sorted(&given_up));
    assert_eq!(listed(Some("B1")).await, sorted(&given_up[..2]));
    assert_eq!(resend(store, &given_up[0], &[Status::Undeliverable], "r", BEGINNING).await, Ok(true));
    assert_eq!(listed(Some("B1")).await, given_up[1..2]);
    assert_eq!(listed(Some("scheme:234")).await, given_up[2..]);
    assert_eq!(listed(Some("B3")).await, []);
}

pub(super) async fn what_is_due_is_found_longest_overdue_first_and_postponed_once(store: &dyn Backend) {
    for (serial_no, after) in [("S2", 2), ("S1", 1), ("S3", 3)] {
        issued(store, serial_no).await;
        let settlement =
            Settlement { now: BEGINNING + MINUTE * after, ..settlement(serial_no, "open-1", "s") };
        assert_eq!(store.settle(&settlement).await, Ok(Settled::Recorded));
    }
    let due = |serial_no: &str, after| Due {
        id: AuthorizationId::from_serial("B1", serial_no),
        owner: Owner::Business("B1".to_owned()),
        next_attempt_at: Some(BEGINNING + MINUTE * after),
        due_at: BEGINNING + MINUTE * after,
    };
    assert_eq!(store.due(BEGINNING, 10).await, Ok(Vec::new()));
    let now = BEGINNING + MINUTE * 2;
    assert_eq!(store.due(now, 10).await, Ok(vec![due("S1", 1), due("S2", 2)]));
    assert_eq!(store.due(now, 1).await, Ok(vec![due("S1", 1)]));
    let idle = TakenUp { attempts: 0, lease_until: None };
    assert_eq!(store.postpone(&due("S1", 1), now + MINUTE).await, Ok(Some(idle)));
    assert_eq!(store.postpone(&due("S1", 1), now + MINUTE * 2).await, Ok(None));
    assert_eq!(store.due(now, 10).await, Ok(vec![due("S2", 2)]));
    let postponed = Due { due_at: now + MINUTE, ..due("S1", 1) };
    assert!(store.due(now + MINUTE, 10).await.expect("answers").contains(&postponed), "it keeps its age");
    let attempt = store.claim_attempt(&attempt_claim("S1", 0, "a", now)).await.expect("answers");
    assert!(matches!(attempt, AttemptClaimed::Ours(_)), "postponing keeps no attempt away");
    let busy = TakenUp { attempts: 1, lease_until: Some(now + MINUTE) };
    assert_eq!(store.postpone(&postponed, now + MINUTE * 3).await, Ok(Some(busy)), "an attempt is under way");
}
