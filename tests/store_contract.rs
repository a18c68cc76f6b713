//! What every store promises, whatever it is made of. A backend joins by a line of `suite!` at the end.

use std::time::Duration;

use shared::clock::UnixMillis;
use shared::delivery::answer::DeliveryOutcome;
use shared::model::authorization::{Attempt, Authorization, Callback, Issue, MAX_CODES, Status};
use shared::model::claim::{
    AttemptClaim, AttemptRefusal, CODE_LIFETIME, ClaimRefusal, EXCHANGE_LEASE, ExchangeClaim,
};
use shared::model::id::{AuthorizationId, OperationId, State, digest_of};
use shared::model::identity::{Identity, OpenId};
use shared::store::{
    AttemptClaimed, Claimed, Due, FindDue, Forget, Next, NonceUse, Operate, RecordDeliveries, RecordLinks,
    RecordReturns, Recorded, Settled, Settlement,
};
use tests::world::BEGINNING;

trait Backend: RecordLinks + RecordReturns + RecordDeliveries + FindDue + Operate {}
impl<S: RecordLinks + RecordReturns + RecordDeliveries + FindDue + Operate> Backend for S {}

/// A backend that does not forget by itself.
trait Keeping: Backend + Forget {}
impl<S: Backend + Forget> Keeping for S {}

const MINUTE: Duration = Duration::from_mins(1);

fn operation(name: &str) -> OperationId {
    OperationId::recorded(name.to_owned())
}

/// The state of `serial_no`'s link. Its random half is the same for all.
fn state(serial_no: &str) -> State {
    let id = AuthorizationId::of_serial("B1", serial_no);
    State::parse(&format!("{id}{}", "5".repeat(32))).expect("a state")
}

fn authorization(serial_no: &str) -> Authorization {
    Authorization::issued(Issue {
        business_id: "B1".to_owned(),
        merchant_id: "M1".to_owned(),
        serial_no: serial_no.to_owned(),
        user_id: "用户".to_owned(),
        callback: Callback::Explicit("https://merchant.example.com/cb".to_owned()),
        state: state(serial_no),
        link: "https://openauth.example/authorize".to_owned(),
        now: BEGINNING,
        lifetime: MINUTE * 60,
        retention: MINUTE * 600,
    })
}

fn nonce(name: &str, by: &str, at: UnixMillis) -> NonceUse {
    NonceUse {
        business_id: "B1".to_owned(),
        nonce: name.to_owned(),
        used_at: at,
        until: at + MINUTE * 11,
        operation: operation(by),
    }
}

fn claim(serial_no: &str, code: &str, by: &str, now: UnixMillis) -> ExchangeClaim {
    ExchangeClaim {
        id: AuthorizationId::of_serial("B1", serial_no),
        state_digest: state(serial_no).digest(),
        code_digest: digest_of(code),
        operation: operation(by),
        now,
    }
}

fn settlement(serial_no: &str, open_id: &str, by: &str) -> Settlement {
    Settlement {
        id: AuthorizationId::of_serial("B1", serial_no),
        identity: Identity::new(OpenId::parse(open_id).ok(), None).expect("an id"),
        body: format!("body of {open_id}").into_bytes(),
        deliver: true,
        operation: operation(by),
        now: BEGINNING,
    }
}

fn attempt_claim(serial_no: &str, attempts_before: u32, by: &str, now: UnixMillis) -> AttemptClaim {
    AttemptClaim {
        id: AuthorizationId::of_serial("B1", serial_no),
        attempts_before,
        attempts_allowed: 3,
        operation: operation(by),
        now,
        lease_until: now + MINUTE,
    }
}

async fn issued(store: &dyn Backend, serial_no: &str) -> AuthorizationId {
    let new = authorization(serial_no);
    let recorded = store.record_link(&new, &nonce(&format!("n-{serial_no}"), serial_no, BEGINNING)).await;
    assert_eq!(recorded, Ok(Recorded::New));
    new.id
}

async fn settled(store: &dyn Backend, serial_no: &str) -> AuthorizationId {
    let id = issued(store, serial_no).await;
    assert_eq!(store.settle(&settlement(serial_no, "open-1", "s")).await, Ok(Settled::Ours));
    id
}

async fn record(store: &dyn Backend, id: &AuthorizationId) -> Authorization {
    store.authorization(id).await.expect("answers").expect("a record")
}

fn ours(claimed: Claimed) -> Authorization {
    match claimed {
        Claimed::Ours(record) => *record,
        Claimed::Refused(refusal, _) => panic!("refused: {refusal:?}"),
    }
}

fn refusal(claimed: Claimed) -> ClaimRefusal {
    match claimed {
        Claimed::Refused(refusal, _) => refusal,
        Claimed::Ours(_) => panic!("claimed"),
    }
}

async fn a_record_is_read_as_it_was_written(store: &dyn Backend) {
    for (serial_no, callback) in [
        ("S1", Callback::Explicit("https://merchant.example.com/cb?a=1&b='\"".to_owned())),
        ("S2", Callback::BusinessDefault),
        ("S3", Callback::Nowhere),
    ] {
        let new = Authorization { callback, ..authorization(serial_no) };
        assert_eq!(store.record_link(&new, &nonce(serial_no, serial_no, BEGINNING)).await, Ok(Recorded::New));
        assert_eq!(store.authorization(&new.id).await, Ok(Some(new)));
    }
    let nobody = AuthorizationId::of_serial("B1", "nobody");
    assert_eq!(store.authorization(&nobody).await, Ok(None));
}

async fn a_nonce_is_judged_before_the_serial_and_nothing_is_written_when_it_was_used(store: &dyn Backend) {
    issued(store, "S1").await;
    let taken = nonce("n-S1", "other", BEGINNING);
    assert_eq!(store.record_link(&authorization("S1"), &taken).await, Ok(Recorded::NonceUsed));
    assert_eq!(store.record_link(&authorization("S2"), &taken).await, Ok(Recorded::NonceUsed));
    assert_eq!(store.authorization(&AuthorizationId::of_serial("B1", "S2")).await, Ok(None));
    let theirs = NonceUse { business_id: "B2".to_owned(), ..taken };
    assert_eq!(store.record_link(&authorization("S2"), &theirs).await, Ok(Recorded::New));
}

async fn a_used_serial_consumes_the_nonce_and_gives_the_earlier_record(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let old = record(store, &id).await;
    let second = Authorization { user_id: "another".to_owned(), ..authorization("S1") };
    let with = nonce("n2", "second", BEGINNING);
    assert_eq!(store.record_link(&second, &with).await, Ok(Recorded::SerialUsed(Box::new(old.clone()))));
    assert_eq!(
        store.record_link(&authorization("S2"), &nonce("n2", "third", BEGINNING)).await,
        Ok(Recorded::NonceUsed)
    );
    assert_eq!(record(store, &id).await, old);
}

async fn a_repeat_of_the_same_operation_had_succeeded(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let again = store.record_link(&authorization("S1"), &nonce("n-S1", "S1", BEGINNING)).await;
    assert_eq!(again, Ok(Recorded::New));

    let first = claim("S1", "codeA", "c", BEGINNING);
    let claimed = ours(store.claim_exchange(&first).await.expect("answers"));
    assert_eq!(ours(store.claim_exchange(&first).await.expect("answers")), claimed);
    assert_eq!(record(store, &id).await.codes.len(), 1);
    assert_eq!(store.exchange_refused(&id, &first.operation).await, Ok(true));
    assert_eq!(store.exchange_refused(&id, &first.operation).await, Ok(true));

    assert_eq!(store.settle(&settlement("S1", "open-1", "s")).await, Ok(Settled::Ours));
    assert_eq!(store.settle(&settlement("S1", "open-1", "s")).await, Ok(Settled::Ours));

    let attempt = attempt_claim("S1", 0, "a", BEGINNING);
    for _ in 0..2 {
        let claimed = store.claim_attempt(&attempt).await.expect("answers");
        assert!(matches!(claimed, AttemptClaimed::Ours(record) if record.attempts == 1));
    }
    let made = Attempt { number: 1, at: BEGINNING, outcome: DeliveryOutcome::Success };
    for _ in 0..2 {
        assert_eq!(store.conclude_attempt(&id, &attempt.operation, &made, Next::Delivered).await, Ok(true));
    }
    assert_eq!(record(store, &id).await.history, [made]);
}

async fn an_expired_nonce_may_be_used_again(store: &dyn Backend) {
    issued(store, "S1").await;
    let until = BEGINNING + MINUTE * 11;
    let just_before = nonce("n-S1", "x", until - Duration::from_millis(1));
    assert_eq!(store.record_link(&authorization("S2"), &just_before).await, Ok(Recorded::NonceUsed));
    assert_eq!(store.record_link(&authorization("S2"), &nonce("n-S1", "y", until)).await, Ok(Recorded::New));
}

async fn an_exchange_is_claimed_by_one(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let claimed = ours(store.claim_exchange(&claim("S1", "codeA", "c1", BEGINNING)).await.expect("answers"));
    assert_eq!(claimed.status, Status::Exchanging);
    assert_eq!(claimed.codes, [digest_of("codeA")]);
    assert_eq!(claimed.exchange.map(|lease| lease.until), Some(BEGINNING + EXCHANGE_LEASE));
    for code in ["codeA", "codeB"] {
        let other = store.claim_exchange(&claim("S1", code, "c2", BEGINNING)).await.expect("answers");
        assert_eq!(refusal(other), ClaimRefusal::InProgress);
    }
    assert_eq!(record(store, &id).await.codes.len(), 1);
}

async fn a_claim_is_refused_by_cause(store: &dyn Backend) {
    let now = BEGINNING;
    issued(store, "S1").await;
    let refused = async |claim: ExchangeClaim| refusal(store.claim_exchange(&claim).await.expect("answers"));
    let foreign = ExchangeClaim { state_digest: digest_of("other"), ..claim("S1", "codeA", "c", now) };
    assert_eq!(refused(foreign.clone()).await, ClaimRefusal::UnknownState);
    assert_eq!(refused(claim("nobody", "codeA", "c", now)).await, ClaimRefusal::UnknownState);
    let expired = BEGINNING + MINUTE * 60;
    assert_eq!(refused(claim("S1", "codeA", "c", expired)).await, ClaimRefusal::Expired);
    let just_in_time = expired - Duration::from_millis(1);
    ours(store.claim_exchange(&claim("S1", "codeA", "c1", just_in_time)).await.expect("answers"));

    let id = settled(store, "S2").await;
    assert_eq!(refused(claim("S2", "codeA", "c", now)).await, ClaimRefusal::AlreadyAuthorized);
    assert_eq!(refused(ExchangeClaim { id, ..foreign }).await, ClaimRefusal::UnknownState);
}

async fn a_code_is_claimed_once_whatever_became_of_it(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let mut now = BEGINNING;
    let spent = async |now| {
        refusal(store.claim_exchange(&claim("S1", "codeA", "again", now)).await.expect("answers"))
    };

    ours(store.claim_exchange(&claim("S1", "codeA", "c1", now)).await.expect("answers"));
    assert_eq!(store.exchange_refused(&id, &operation("c1")).await, Ok(true));
    assert_eq!(record(store, &id).await.status, Status::Issued);
    assert_eq!(spent(now).await, ClaimRefusal::CodeSpent);

    ours(store.claim_exchange(&claim("S1", "codeB", "c2", now)).await.expect("answers"));
    assert_eq!(store.exchange_unknown(&id, &operation("c2")).await, Ok(true));
    assert_eq!(record(store, &id).await.status, Status::ExchangeUnknown);
    assert_eq!(spent(now).await, ClaimRefusal::CodeSpent);

    ours(store.claim_exchange(&claim("S1", "codeC", "c3", now)).await.expect("answers"));
    now = now + EXCHANGE_LEASE;
    assert_eq!(spent(now).await, ClaimRefusal::CodeSpent);
    ours(store.claim_exchange(&claim("S1", "codeD", "c4", now)).await.expect("answers"));
    assert_eq!(record(store, &id).await.codes, ["codeA", "codeB", "codeC", "codeD"].map(digest_of));
}

async fn as_many_codes_as_allowed_are_claimed(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    for number in 0..MAX_CODES {
        let by = format!("c{number}");
        ours(
            store
                .claim_exchange(&claim("S1", &format!("code{number}"), &by, BEGINNING))
                .await
                .expect("answers"),
        );
        assert_eq!(store.exchange_refused(&id, &operation(&by)).await, Ok(true));
    }
    let one_more = store.claim_exchange(&claim("S1", "codeX", "cX", BEGINNING)).await.expect("answers");
    assert_eq!(refusal(one_more), ClaimRefusal::TooManyCodes);
}

async fn only_the_holder_ends_an_exchange(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    ours(store.claim_exchange(&claim("S1", "codeA", "c1", BEGINNING)).await.expect("answers"));
    ours(
        store.claim_exchange(&claim("S1", "codeB", "c2", BEGINNING + EXCHANGE_LEASE)).await.expect("answers"),
    );
    assert_eq!(store.exchange_refused(&id, &operation("c1")).await, Ok(false));
    assert_eq!(store.exchange_unknown(&id, &operation("c1")).await, Ok(false));
    let now = record(store, &id).await;
    assert_eq!(
        (now.status, now.exchange.map(|lease| lease.operation)),
        (Status::Exchanging, Some(operation("c2")))
    );
    assert_eq!(store.settle(&settlement("S1", "open-1", "s")).await, Ok(Settled::Ours));
    assert_eq!(store.exchange_unknown(&id, &operation("c2")).await, Ok(false), "nothing undoes a settlement");
    assert_eq!(record(store, &id).await.status, Status::Authorized);
}

async fn a_settlement_needs_nothing_but_that_nobody_is_recorded(store: &dyn Backend) {
    for (serial_no, prepare) in [("issued", 0), ("exchanging", 1), ("unknown", 2)] {
        let id = issued(store, serial_no).await;
        if prepare > 0 {
            ours(store.claim_exchange(&claim(serial_no, serial_no, "c", BEGINNING)).await.expect("answers"));
        }
        if prepare > 1 {
            assert_eq!(store.exchange_unknown(&id, &operation("c")).await, Ok(true));
        }
        let late = Settlement { now: BEGINNING + MINUTE * 6_000, ..settlement(serial_no, "open-1", "s") };
        assert_eq!(store.settle(&late).await, Ok(Settled::Ours), "{serial_no}");
        let now = record(store, &id).await;
        assert_eq!(now.status, Status::Authorized);
        assert_eq!(now.identity, Some(late.identity.clone()));
        assert_eq!(
            (now.authorized_at, now.due_at, now.next_attempt_at),
            (Some(late.now), Some(late.now), Some(late.now))
        );
        assert_eq!((now.body.as_deref(), now.link, now.exchange), (Some(&b"body of open-1"[..]), None, None));
    }
    let missing = store.settle(&settlement("nobody", "open-1", "s")).await;
    assert_eq!(missing, Ok(Settled::Missing));
}

async fn the_first_user_recorded_stays(store: &dyn Backend) {
    let id = settled(store, "S1").await;
    let before = record(store, &id).await;
    assert_eq!(store.settle(&settlement("S1", "open-1", "s2")).await, Ok(Settled::Same));
    assert_eq!(store.settle(&settlement("S1", "open-2", "s3")).await, Ok(Settled::Different));
    assert_eq!(record(store, &id).await, before);
}

async fn without_an_address_nothing_is_due(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let nowhere = Settlement { deliver: false, ..settlement("S1", "open-1", "s") };
    assert_eq!(store.settle(&nowhere).await, Ok(Settled::Ours));
    assert_eq!(record(store, &id).await.due_at, None);
    assert_eq!(store.due(BEGINNING + MINUTE * 6_000, 10).await, Ok(Vec::new()));
    let refused = store.claim_attempt(&attempt_claim("S1", 0, "a", BEGINNING)).await;
    assert_eq!(refused, Ok(AttemptClaimed::Refused(AttemptRefusal::Stale)));
}

async fn an_attempt_is_claimed_by_one_in_its_turn_and_never_early(store: &dyn Backend) {
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
        (now.attempts, now.due_at),
        (1, Some(BEGINNING + MINUTE)),
        "the sweep finds a dead worker's record"
    );
    assert_eq!(refused(attempt_claim("S1", 0, "b", BEGINNING)).await, AttemptRefusal::Stale);
    assert_eq!(refused(attempt_claim("S1", 1, "b", BEGINNING)).await, AttemptRefusal::Taken);

    let failed = Attempt { number: 1, at: BEGINNING, outcome: DeliveryOutcome::Status(500) };
    let next = Next::Retry { at: BEGINNING + MINUTE, due_at: BEGINNING + MINUTE * 3 };
    assert_eq!(store.conclude_attempt(&id, &operation("b"), &failed, next).await, Ok(false));
    assert_eq!(store.conclude_attempt(&id, &operation("a"), &failed, next).await, Ok(true));
    let now = record(store, &id).await;
    assert_eq!((now.next_attempt_at, now.due_at), (Some(BEGINNING + MINUTE), Some(BEGINNING + MINUTE * 3)));
    assert_eq!((now.delivery, now.history), (None, vec![failed]));
    assert_eq!(
        refused(attempt_claim("S1", 1, "b", BEGINNING)).await,
        AttemptRefusal::Early(BEGINNING + MINUTE)
    );
}

async fn a_lease_that_ended_is_taken_over_and_its_holder_concludes_nothing(store: &dyn Backend) {
    let id = settled(store, "S1").await;
    store.claim_attempt(&attempt_claim("S1", 0, "a", BEGINNING)).await.expect("answers");
    let later = BEGINNING + MINUTE;
    let claimed = store.claim_attempt(&attempt_claim("S1", 1, "b", later)).await.expect("answers");
    assert!(matches!(claimed, AttemptClaimed::Ours(record) if record.attempts == 2));
    let made = Attempt { number: 1, at: later, outcome: DeliveryOutcome::Success };
    assert_eq!(store.conclude_attempt(&id, &operation("a"), &made, Next::Delivered).await, Ok(false));
    assert_eq!(record(store, &id).await.status, Status::Authorized);
}

async fn after_the_last_attempt_a_dead_workers_record_is_given_up(store: &dyn Backend) {
    let id = settled(store, "S1").await;
    let mut now = BEGINNING;
    for number in 0..3 {
        store.claim_attempt(&attempt_claim("S1", number, &format!("a{number}"), now)).await.expect("answers");
        assert_eq!(store.give_up(&id, number + 1, now).await, Ok(false), "the lease still runs");
        now = now + MINUTE;
    }
    let refused = store.claim_attempt(&attempt_claim("S1", 3, "x", now)).await;
    assert_eq!(refused, Ok(AttemptClaimed::Refused(AttemptRefusal::Exhausted)));
    assert_eq!(store.give_up(&id, 2, now).await, Ok(false));
    assert_eq!(store.give_up(&id, 3, now).await, Ok(true));
    let given_up = record(store, &id).await;
    assert_eq!((given_up.status, given_up.due_at), (Status::Undeliverable, None));
}

async fn who_has_no_attempt_left_is_given_up_even_if_nobody_died(store: &dyn Backend) {
    let id = settled(store, "S1").await;
    store.claim_attempt(&attempt_claim("S1", 0, "a", BEGINNING)).await.expect("answers");
    let failed = Attempt { number: 1, at: BEGINNING, outcome: DeliveryOutcome::Tls };
    let next = Next::Retry { at: BEGINNING, due_at: BEGINNING };
    assert_eq!(store.conclude_attempt(&id, &operation("a"), &failed, next).await, Ok(true));
    let fewer = AttemptClaim { attempts_allowed: 1, ..attempt_claim("S1", 1, "b", BEGINNING) };
    let refused = store.claim_attempt(&fewer).await;
    assert_eq!(refused, Ok(AttemptClaimed::Refused(AttemptRefusal::Exhausted)));
    assert_eq!(store.give_up(&id, 1, BEGINNING).await, Ok(true));
    assert_eq!(record(store, &id).await.status, Status::Undeliverable);
}

async fn nothing_is_concluded_on_a_record_that_was_given_up(store: &dyn Backend) {
    let id = settled(store, "S1").await;
    let last = AttemptClaim { attempts_allowed: 1, ..attempt_claim("S1", 0, "a", BEGINNING) };
    store.claim_attempt(&last).await.expect("answers");
    assert_eq!(store.give_up(&id, 1, BEGINNING + MINUTE).await, Ok(true));
    let late = Attempt { number: 1, at: BEGINNING + MINUTE, outcome: DeliveryOutcome::Success };
    assert_eq!(store.conclude_attempt(&id, &operation("a"), &late, Next::Delivered).await, Ok(false));
    assert_eq!(record(store, &id).await.status, Status::Undeliverable);
}

async fn a_code_of_one_authorization_is_spent_for_every_other(store: &dyn Backend) {
    issued(store, "S1").await;
    issued(store, "S2").await;
    ours(store.claim_exchange(&claim("S1", "codeA", "c1", BEGINNING)).await.expect("answers"));
    let other = store.claim_exchange(&claim("S2", "codeA", "c2", BEGINNING)).await.expect("answers");
    assert_eq!(refusal(other), ClaimRefusal::CodeSpent);
    ours(store.claim_exchange(&claim("S2", "codeB", "c3", BEGINNING)).await.expect("answers"));
}

async fn an_undeliverable_record_is_redriven_with_the_same_body(store: &dyn Backend) {
    let id = settled(store, "S1").await;
    assert_eq!(store.redrive(&id, BEGINNING).await, Ok(false));
    store.claim_attempt(&attempt_claim("S1", 0, "a", BEGINNING)).await.expect("answers");
    let failed = Attempt { number: 1, at: BEGINNING, outcome: DeliveryOutcome::Tls };
    assert_eq!(store.conclude_attempt(&id, &operation("a"), &failed, Next::Undeliverable).await, Ok(true));
    assert_eq!(store.due(BEGINNING + MINUTE * 600, 10).await, Ok(Vec::new()));
    let later = BEGINNING + MINUTE;
    assert_eq!(store.redrive(&id, later).await, Ok(true));
    let now = record(store, &id).await;
    assert_eq!((now.status, now.attempts, now.due_at), (Status::Authorized, 0, Some(later)));
    assert_eq!(now.body.as_deref(), Some(&b"body of open-1"[..]));
    assert_eq!(now.history, [failed]);
}

async fn what_is_due_is_found_longest_overdue_first_and_postponed_once(store: &dyn Backend) {
    for (serial_no, after) in [("S2", 2), ("S1", 1), ("S3", 3)] {
        issued(store, serial_no).await;
        let settlement =
            Settlement { now: BEGINNING + MINUTE * after, ..settlement(serial_no, "open-1", "s") };
        assert_eq!(store.settle(&settlement).await, Ok(Settled::Ours));
    }
    let due = |serial_no: &str, after| Due {
        id: AuthorizationId::of_serial("B1", serial_no),
        attempts: 0,
        due_at: BEGINNING + MINUTE * after,
    };
    assert_eq!(store.due(BEGINNING, 10).await, Ok(Vec::new()));
    let now = BEGINNING + MINUTE * 2;
    assert_eq!(store.due(now, 10).await, Ok(vec![due("S1", 1), due("S2", 2)]));
    assert_eq!(store.due(now, 1).await, Ok(vec![due("S1", 1)]));
    assert_eq!(store.postpone(&due("S1", 1), now + MINUTE).await, Ok(true));
    assert_eq!(store.postpone(&due("S1", 1), now + MINUTE).await, Ok(false));
    assert_eq!(store.due(now, 10).await, Ok(vec![due("S2", 2)]));
    let attempt = store.claim_attempt(&attempt_claim("S1", 0, "a", now)).await.expect("answers");
    assert!(matches!(attempt, AttemptClaimed::Ours(_)), "postponing keeps no attempt away");
}

async fn a_code_is_spent_for_good_for_its_own_authorization_and_for_two_days_for_others(store: &dyn Keeping) {
    let lasting = |serial_no| Authorization {
        expires_at: BEGINNING + MINUTE * 6_000,
        retain_until: BEGINNING + MINUTE * 6_000,
        ..authorization(serial_no)
    };
    for serial_no in ["S1", "S2"] {
        let recorded = store.record_link(&lasting(serial_no), &nonce(serial_no, serial_no, BEGINNING)).await;
        assert_eq!(recorded, Ok(Recorded::New));
    }
    let claims = async |serial_no, by, now| {
        store.claim_exchange(&claim(serial_no, "codeA", by, now)).await.expect("answers")
    };
    let id = ours(claims("S1", "c1", BEGINNING).await).id;
    assert_eq!(store.exchange_refused(&id, &operation("c1")).await, Ok(true));
    let almost = BEGINNING + CODE_LIFETIME - Duration::from_millis(1);
    store.forget(almost).await.expect("answers");
    assert_eq!(refusal(claims("S2", "c2", almost).await), ClaimRefusal::CodeSpent);
    let later = BEGINNING + CODE_LIFETIME;
    store.forget(later).await.expect("answers");
    assert_eq!(refusal(claims("S1", "c3", later).await), ClaimRefusal::CodeSpent);
    ours(claims("S2", "c4", later).await);
}

async fn forgetting_takes_bites_and_says_when_there_may_be_more(store: &dyn Keeping) {
    issued(store, "S1").await;
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

async fn what_may_be_forgotten_is_forgotten(store: &dyn Keeping) {
    let id = issued(store, "S1").await;
    let retained = BEGINNING + MINUTE * 660;
    store.forget(retained - Duration::from_millis(1)).await.expect("answers");
    assert!(store.authorization(&id).await.expect("answers").is_some());
    assert_eq!(store.forget(retained).await, Ok(false), "all at once");
    assert_eq!(store.authorization(&id).await, Ok(None));
    issued(store, "S1").await;
}

macro_rules! suite {
    ($backend:ident: $open:expr => $($promise:ident),+ $(,)?) => {
        mod $backend {
            $(
                #[tokio::test]
                async fn $promise() {
                    let (store, _kept) = $open;
                    super::$promise(&store).await;
                }
            )+
        }
    };
}

suite! {
    sqlite: {
        let folder = tempfile::tempdir().expect("a folder");
        (shared::store::sqlite::SqliteStore::open(&folder.path().join("authlink.db")).expect("opens"), folder)
    } =>
    a_record_is_read_as_it_was_written,
    a_nonce_is_judged_before_the_serial_and_nothing_is_written_when_it_was_used,
    a_used_serial_consumes_the_nonce_and_gives_the_earlier_record,
    a_repeat_of_the_same_operation_had_succeeded,
    an_expired_nonce_may_be_used_again,
    an_exchange_is_claimed_by_one,
    a_claim_is_refused_by_cause,
    a_code_is_claimed_once_whatever_became_of_it,
    as_many_codes_as_allowed_are_claimed,
    only_the_holder_ends_an_exchange,
    a_settlement_needs_nothing_but_that_nobody_is_recorded,
    the_first_user_recorded_stays,
    without_an_address_nothing_is_due,
    an_attempt_is_claimed_by_one_in_its_turn_and_never_early,
    a_lease_that_ended_is_taken_over_and_its_holder_concludes_nothing,
    after_the_last_attempt_a_dead_workers_record_is_given_up,
    who_has_no_attempt_left_is_given_up_even_if_nobody_died,
    nothing_is_concluded_on_a_record_that_was_given_up,
    a_code_of_one_authorization_is_spent_for_every_other,
    an_undeliverable_record_is_redriven_with_the_same_body,
    what_is_due_is_found_longest_overdue_first_and_postponed_once,
    what_may_be_forgotten_is_forgotten,
    a_code_is_spent_for_good_for_its_own_authorization_and_for_two_days_for_others,
    forgetting_takes_bites_and_says_when_there_may_be_more,
}
