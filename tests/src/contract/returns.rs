//! The contract of returns: the exchange's claim and end, and the settlement.

use std::time::Duration;

use shared::model::alipay_app_id::AlipayAppId;
use shared::model::authorization::{
    LONGEST_EXTENSION, MAX_CODES, MAX_REFUSED_CODES, RETRY_GRACE_PERIOD, Status,
};
use shared::model::claim::ExchangeEnding::{self, CodeRefused, NotSent, RequestRefused, Unknown};
use shared::model::claim::{AttemptRefusal, ClaimRefusal, EXCHANGE_LEASE, EndedExchange, ExchangeClaim};
use shared::model::id::digest_of;
use shared::model::terms::Terms;
use shared::store::{AttemptClaimed, Claimed, Recorded, Settled, Settlement};

use super::{
    Backend, MINUTE, attempt_claim, authorization, body, claim, due_at, ended, issued, nonce, operation,
    ours, record, refusal, settled, settlement,
};
use crate::world::BEGINNING;

pub(super) async fn an_exchange_is_claimed_by_one(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let claimed = ours(store.claim_exchange(&claim("S1", "codeA", "c1", BEGINNING)).await.expect("answers"));
    assert_eq!(claimed.status(), Status::Exchanging);
    assert_eq!(claimed.codes, [digest_of("codeA")]);
    assert_eq!(claimed.exchange().map(|lease| lease.until), Some(BEGINNING + EXCHANGE_LEASE));
    for code in ["codeA", "codeB"] {
        let other = store.claim_exchange(&claim("S1", code, "c2", BEGINNING)).await.expect("answers");
        assert_eq!(refusal(other), ClaimRefusal::InProgress);
    }
    assert_eq!(record(store, &id).await.codes.len(), 1);
}

pub(super) async fn a_claim_is_refused_by_cause(store: &dyn Backend) {
    let now = BEGINNING;
    issued(store, "S1").await;
    let refused = async |claim: ExchangeClaim| refusal(store.claim_exchange(&claim).await.expect("answers"));
    let foreign = ExchangeClaim { state_digest: digest_of("other"), ..claim("S1", "codeA", "c", now) };
    assert_eq!(refused(foreign.clone()).await, ClaimRefusal::UnknownState);
    let another = AlipayAppId::parse("2021000000000002").expect("digits");
    let of_another_app = ExchangeClaim { app: another, ..claim("S1", "codeA", "c", now) };
    assert_eq!(refused(of_another_app).await, ClaimRefusal::UnknownState);
    assert_eq!(refused(claim("nobody", "codeA", "c", now)).await, ClaimRefusal::UnknownState);
    let expired = BEGINNING + MINUTE * 60;
    assert_eq!(refused(claim("S1", "codeA", "c", expired)).await, ClaimRefusal::Expired);
    let just_in_time = expired - Duration::from_millis(1);
    ours(store.claim_exchange(&claim("S1", "codeA", "c1", just_in_time)).await.expect("answers"));

    let id = settled(store, "S2").await;
    assert_eq!(refused(claim("S2", "codeA", "c", now)).await, ClaimRefusal::AlreadyAuthorized);
    assert_eq!(refused(ExchangeClaim { id, ..foreign }).await, ClaimRefusal::UnknownState);
}

pub(super) async fn a_code_is_claimed_once_whatever_became_of_it(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let mut now = BEGINNING;
    let spent = async |now| {
        refusal(store.claim_exchange(&claim("S1", "codeA", "again", now)).await.expect("answers"))
    };

    let claimed = ours(store.claim_exchange(&claim("S1", "codeA", "c1", now)).await.expect("answers"));
    assert_eq!(store.end_exchange(&ended(&claimed, "c1", CodeRefused)).await, Ok(true));
    assert_eq!(record(store, &id).await.status(), Status::Issued);
    assert_eq!(spent(now).await, ClaimRefusal::CodeSpent);

    let claimed = ours(store.claim_exchange(&claim("S1", "codeB", "c2", now)).await.expect("answers"));
    assert_eq!(store.end_exchange(&ended(&claimed, "c2", Unknown)).await, Ok(true));
    assert_eq!(record(store, &id).await.status(), Status::ExchangeUnknown);
    assert_eq!(spent(now).await, ClaimRefusal::CodeSpent);

    ours(store.claim_exchange(&claim("S1", "codeC", "c3", now)).await.expect("answers"));
    now = now + EXCHANGE_LEASE;
    assert_eq!(spent(now).await, ClaimRefusal::CodeSpent);
    ours(store.claim_exchange(&claim("S1", "codeD", "c4", now)).await.expect("answers"));
    assert_eq!(record(store, &id).await.codes, ["codeA", "codeB", "codeC", "codeD"].map(digest_of));
}

pub(super) async fn as_many_codes_as_allowed_are_claimed(store: &dyn Backend) {
    issued(store, "S1").await;
    for number in 0..MAX_CODES {
        try_code(store, &format!("code{number}"), Unknown).await;
    }
    let one_more = store.claim_exchange(&claim("S1", "codeX", "cX", BEGINNING)).await.expect("answers");
    assert_eq!(refusal(one_more), ClaimRefusal::TooManyCodes);
}

/// Claims `code` for S1, and ends its exchange so.
async fn try_code(store: &dyn Backend, code: &str, ending: ExchangeEnding) {
    let claimed = ours(store.claim_exchange(&claim("S1", code, code, BEGINNING)).await.expect("answers"));
    assert_eq!(store.end_exchange(&ended(&claimed, code, ending)).await, Ok(true));
}

pub(super) async fn only_codes_that_alipay_refused_use_up_the_tries(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    for ending in [Unknown, RequestRefused, NotSent, CodeRefused] {
        for number in 0..MAX_REFUSED_CODES {
            try_code(store, &format!("{ending:?}{number}"), ending).await;
        }
    }
    let now = record(store, &id).await;
    assert_eq!(
        (now.refused_codes, now.codes.len()),
        (MAX_REFUSED_CODES, 30),
        "what was not sent is forgotten"
    );
    let one_more = store.claim_exchange(&claim("S1", "codeX", "cX", BEGINNING)).await.expect("answers");
    assert_eq!(refusal(one_more), ClaimRefusal::TooManyCodes);
}

pub(super) async fn a_code_that_was_not_sent_may_be_claimed_again(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    try_code(store, "codeA", CodeRefused).await;
    for _ in 0..2 {
        try_code(store, "codeB", NotSent).await;
    }
    let now = record(store, &id).await;
    assert_eq!((now.status(), now.exchange()), (Status::Issued, None));
    assert_eq!(now.codes, [digest_of("codeA")]);
    ours(store.claim_exchange(&claim("S1", "codeB", "c", BEGINNING)).await.expect("answers"));
    assert_eq!(record(store, &id).await.codes, ["codeA", "codeB"].map(digest_of));
}

pub(super) async fn a_link_does_not_end_before_its_user_could_try_again(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let milli = Duration::from_millis(1);
    let end = BEGINNING + MINUTE * 60;
    ours(store.claim_exchange(&claim("S1", "codeA", "c1", end - milli)).await.expect("answers"));
    // Its worker dies. Nobody else comes before the lease is over, and the user has time after it.
    let over = end - milli + EXCHANGE_LEASE;
    assert_eq!(record(store, &id).await.link_ends_at(), over + RETRY_GRACE_PERIOD);
    let too_late = claim("S1", "codeB", "c2", over + RETRY_GRACE_PERIOD);
    assert_eq!(refusal(store.claim_exchange(&too_late).await.expect("answers")), ClaimRefusal::Expired);
    let last = over + RETRY_GRACE_PERIOD - milli;
    let claimed = ours(store.claim_exchange(&claim("S1", "codeB", "c2", last)).await.expect("answers"));
    let unknown = EndedExchange::new(&claimed, &operation("c2"), Unknown, last);
    assert_eq!(store.end_exchange(&unknown).await, Ok(true));
    let retried = last + RETRY_GRACE_PERIOD;
    let now = record(store, &id).await;
    assert_eq!((now.expires_at, now.link_ends_at()), (end, retried));
    assert_eq!(store.link(&id).await.expect("answers").map(|found| found.ends_at), Some(retried));
    let too_late = claim("S1", "codeC", "c3", retried);
    assert_eq!(refusal(store.claim_exchange(&too_late).await.expect("answers")), ClaimRefusal::Expired);
    ours(store.claim_exchange(&claim("S1", "codeC", "c3", retried - milli)).await.expect("answers"));
    assert!(store.link(&id).await.expect("answers").is_some_and(|found| found.ends_at > retried));
}

pub(super) async fn a_link_ends_though_somebody_comes_back_again_and_again(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let (milli, end) = (Duration::from_millis(1), BEGINNING + MINUTE * 60);
    let mut now = end - milli;
    loop {
        let claimed = match store.claim_exchange(&claim("S1", "codeA", "c", now)).await.expect("answers") {
            Claimed::Ours(claimed) => claimed,
            refused => break assert_eq!(refusal(refused), ClaimRefusal::Expired),
        };
        assert!(now < end + LONGEST_EXTENSION);
        let not_sent = EndedExchange::new(&claimed, &operation("c"), NotSent, now);
        assert_eq!(store.end_exchange(&not_sent).await, Ok(true));
        now = now + RETRY_GRACE_PERIOD - milli;
    }
    let last = record(store, &id).await;
    assert_eq!(last.link_ends_at(), end + LONGEST_EXTENSION);
    ours(
        store.claim_exchange(&claim("S1", "codeB", "d", last.link_ends_at() - milli)).await.expect("answers"),
    );
    // Its worker dies. The end stays where it is.
    assert_eq!(record(store, &id).await.link_ends_at(), end + LONGEST_EXTENSION);
    let late = claim("S1", "codeC", "e", last.link_ends_at() + EXCHANGE_LEASE);
    assert_eq!(refusal(store.claim_exchange(&late).await.expect("answers")), ClaimRefusal::Expired);
}

pub(super) async fn a_code_that_alipay_refuses_prolongs_no_link(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let last = BEGINNING + MINUTE * 60 - Duration::from_millis(1);
    let claimed = ours(store.claim_exchange(&claim("S1", "codeA", "c", last)).await.expect("answers"));
    let refused = EndedExchange::new(&claimed, &operation("c"), CodeRefused, last);
    assert_eq!(store.end_exchange(&refused).await, Ok(true));
    assert_eq!(record(store, &id).await.link_ends_at(), BEGINNING + MINUTE * 60);
}

pub(super) async fn only_the_holder_ends_an_exchange(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let first = ours(store.claim_exchange(&claim("S1", "codeA", "c1", BEGINNING)).await.expect("answers"));
    let second = ours(
        store.claim_exchange(&claim("S1", "codeB", "c2", BEGINNING + EXCHANGE_LEASE)).await.expect("answers"),
    );
    for ending in [CodeRefused, RequestRefused, Unknown, NotSent] {
        assert_eq!(store.end_exchange(&ended(&first, "c1", ending)).await, Ok(false));
    }
    let now = record(store, &id).await;
    assert_eq!(
        (now.status(), now.exchange().map(|lease| lease.operation.clone())),
        (Status::Exchanging, Some(operation("c2")))
    );
    assert_eq!(store.settle(&settlement("S1", "open-1", "s")).await, Ok(Settled::Recorded));
    let undone = store.end_exchange(&ended(&second, "c2", Unknown)).await;
    assert_eq!(undone, Ok(false), "nothing undoes a settlement");
    assert_eq!(record(store, &id).await.status(), Status::Authorized);
}

pub(super) async fn a_settlement_needs_nothing_but_that_nobody_is_recorded(store: &dyn Backend) {
    for (serial_no, prepare, code) in
        [("issued", 0, None), ("exchanging", 1, Some("exchanging")), ("unknown", 2, Some("unknown"))]
    {
        let id = issued(store, serial_no).await;
        if prepare > 0 {
            let claim = claim(serial_no, serial_no, "c", BEGINNING);
            let claimed = ours(store.claim_exchange(&claim).await.expect("answers"));
            if prepare > 1 {
                assert_eq!(store.end_exchange(&ended(&claimed, "c", Unknown)).await, Ok(true));
            }
        }
        let late = Settlement {
            now: BEGINNING + MINUTE * 6_000,
            code_digest: code.map(digest_of),
            ..settlement(serial_no, "open-1", "s")
        };
        assert_eq!(store.settle(&late).await, Ok(Settled::Recorded), "{serial_no}");
        let now = record(store, &id).await;
        assert_eq!(now.status(), Status::Authorized);
        assert_eq!(now.identity(), Some(&late.identity));
        assert_eq!(now.consent().and_then(|consent| consent.code_digest.clone()), code.map(digest_of));
        assert_eq!(
            (now.consent().map(|consent| consent.authorized_at), due_at(&now), now.next_attempt_at()),
            (Some(late.now), Some(late.now), Some(late.now))
        );
        assert_eq!((body(&now), now.link(), now.exchange()), (Some(&b"body of open-1"[..]), None, None));
    }
    let missing = store.settle(&settlement("nobody", "open-1", "s")).await;
    assert_eq!(missing, Ok(Settled::NotFound));
}

pub(super) async fn a_settlement_forgets_what_a_repetition_would_be_compared_with(store: &dyn Backend) {
    for (serial_no, asked) in [("S1", None), ("S2", Some("https://shop.example.com/order/2"))] {
        let mut new = authorization(serial_no);
        new.take_terms(Terms { return_url: asked.map(str::to_owned), ..Terms::default() }, asked);
        assert_eq!(store.record_link(&new, &nonce(serial_no, serial_no, BEGINNING)).await, Ok(Recorded::New));
        assert_eq!(record(store, &new.id).await.parameters_digest, new.parameters_digest);
        assert_eq!(store.settle(&settlement(serial_no, "open-1", "s")).await, Ok(Settled::Recorded));
        let now = record(store, &new.id).await;
        assert_eq!((&now.parameters_digest, &now.terms), (&None, &new.terms));
    }
}

pub(super) async fn the_first_user_recorded_stays(store: &dyn Backend) {
    let id = settled(store, "S1").await;
    let before = record(store, &id).await;
    assert_eq!(store.settle(&settlement("S1", "open-1", "s2")).await, Ok(Settled::AlreadyRecorded));
    assert_eq!(store.settle(&settlement("S1", "open-2", "s3")).await, Ok(Settled::Conflict));
    assert_eq!(record(store, &id).await, before);
}

pub(super) async fn without_an_address_nothing_is_due(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let nowhere = Settlement { deliver: false, ..settlement("S1", "open-1", "s") };
    assert_eq!(store.settle(&nowhere).await, Ok(Settled::Recorded));
    assert_eq!(due_at(&record(store, &id).await), None);
    assert_eq!(store.due(BEGINNING + MINUTE * 6_000, 10).await, Ok(Vec::new()));
    let refused = store.claim_attempt(&attempt_claim("S1", 0, "a", BEGINNING)).await;
    assert_eq!(refused, Ok(AttemptClaimed::Refused(AttemptRefusal::Stale)));
}

pub(super) async fn a_settlement_keeps_its_record_as_long_as_it_says(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let later = BEGINNING + MINUTE * 1_000;
    let settlement = Settlement { retain_until: later, ..settlement("S1", "open-1", "s") };
    assert_eq!(store.settle(&settlement).await, Ok(Settled::Recorded));
    assert_eq!(record(store, &id).await.retain_until, later);
    let again = nonce("n2", "second", later - Duration::from_millis(1));
    assert!(matches!(store.record_link(&authorization("S1"), &again).await, Ok(Recorded::SerialUsed(_))));
}
