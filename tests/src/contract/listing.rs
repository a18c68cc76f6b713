//! The contract of an operator's lists.

use std::time::Duration;

use shared::model::attention::{Attention, attention};
use shared::model::authorization::{Attempt, Authorization, Callback, Status};
use shared::model::claim::ExchangeEnding;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::forgetting::Forgetting;
use shared::model::owner::Owner;
use shared::store::listing::{Listing, View};
use shared::store::{Recorded, Resend, Settled, Settlement};

use super::{
    Backend, GIVEN_UP, MINUTE, attempt_claim, authorization, claim, ended, nonce, operation, ours, settlement,
};
use crate::world::BEGINNING;

pub(super) async fn what_needs_attention_is_listed_with_its_reason(store: &dyn Backend) {
    for (serial_no, callback) in [
        ("S1", Callback::OwnersDefault),
        ("S2", Callback::OwnersDefault),
        ("S3", Callback::OwnersDefault),
        ("S4", Callback::Nowhere),
        ("S5", Callback::OwnersDefault),
    ] {
        // What is overdue is older than the rest, as it mostly is.
        let created_at = if serial_no == "S2" { BEGINNING - MINUTE } else { BEGINNING };
        let new = Authorization { callback, created_at, ..authorization(serial_no) };
        let recorded = store.record_link(&new, &nonce(serial_no, serial_no, BEGINNING)).await;
        assert_eq!(recorded, Ok(Recorded::New));
    }
    // S1 is given up, S2 is due and nobody makes it, S3 is a link that nobody has used, S4 has nowhere to be delivered
    // to, and Alipay gave no answer for S5.
    for serial_no in ["S1", "S2"] {
        assert_eq!(store.settle(&settlement(serial_no, "open-1", "s")).await, Ok(Settled::Recorded));
    }
    let nowhere = Settlement { deliver: false, ..settlement("S4", "open-1", "s") };
    assert_eq!(store.settle(&nowhere).await, Ok(Settled::Recorded));
    without_an_answer(store, "S5", "codeA").await;
    store.claim_attempt(&attempt_claim("S1", 0, "a", BEGINNING)).await.expect("answers");
    let failed = Attempt::new(1, BEGINNING, DeliveryOutcome::Timeout);
    let id = authorization("S1").id;
    let concluded = store.conclude_attempt(&id, &operation("a"), &[failed], GIVEN_UP).await;
    assert_eq!(concluded, Ok(true));

    let page = async |owner: Option<&str>, after: Duration, limit: u32| {
        let now = BEGINNING + after;
        let owner = owner.and_then(Owner::parse);
        let (since, until) = (None, None);
        let listing = Listing { view: View::Attention, owner, since, until, after: None, limit, now };
        let page = store.list(&listing).await.expect("answers");
        let mut reasons: Vec<_> =
            page.records.iter().map(|record| attention(record, now).map(Attention::as_str)).collect();
        reasons.sort_unstable();
        (reasons, page.more)
    };
    let listed = async |owner: Option<&str>, after: Duration| {
        let (reasons, more) = page(owner, after, 10).await;
        assert!(!more);
        reasons
    };
    let noted = [Some("exchange_unknown"), Some("no_address"), Some("undeliverable")];
    let with_overdue = [&noted[..2], &[Some("overdue")], &noted[2..]].concat();
    assert_eq!(listed(None, MINUTE).await, noted);
    assert_eq!(listed(None, MINUTE * 10).await, with_overdue);
    assert_eq!(listed(Some("B1"), MINUTE * 10).await, with_overdue);
    assert_eq!(listed(Some("B2"), MINUTE * 10).await, []);
    assert_eq!(page(None, MINUTE * 10, 1).await, (vec![Some("overdue")], true), "it is kept first");

    // Each is mended: by another try of the user, by a resend, by a resend to an address.
    ours(store.claim_exchange(&claim("S5", "codeB", "c2", BEGINNING)).await.expect("answers"));
    for (serial_no, state, to) in [
        ("S1", Status::Undeliverable, None),
        ("S4", Status::Authorized, Some(Callback::Explicit("https://shop.example/new".to_owned()))),
    ] {
        let (id, operation) = (authorization(serial_no).id, operation("r"));
        let resend = Resend { id, from: vec![state], to, operation, now: BEGINNING };
        assert_eq!(store.resend(&resend).await, Ok(true));
    }
    assert_eq!(listed(None, Duration::ZERO).await, []);
}

/// An exchange that ended without an answer of Alipay's.
async fn without_an_answer(store: &dyn Backend, serial_no: &str, code: &str) {
    let claimed = ours(store.claim_exchange(&claim(serial_no, code, "c", BEGINNING)).await.expect("answers"));
    let ended = ended(&claimed, "c", ExchangeEnding::Unknown);
    assert_eq!(store.end_exchange(&ended).await, Ok(true));
}

pub(super) async fn a_list_by_state_is_whole_though_pages_are_of_other_states(store: &dyn Backend) {
    const PAGE: u32 = 2;
    let mut wanted = Vec::new();
    for number in 0..8 {
        let serial_no = format!("S{number}");
        let created_at = BEGINNING + Duration::from_secs(number);
        let new = Authorization { created_at, ..authorization(&serial_no) };
        assert_eq!(
            store.record_link(&new, &nonce(&serial_no, &serial_no, BEGINNING)).await,
            Ok(Recorded::New)
        );
        // Two pages of others are later, and another is between.
        if [0, 3].contains(&number) {
            assert_eq!(store.settle(&settlement(&serial_no, "open-1", "s")).await, Ok(Settled::Recorded));
            wanted.insert(0, new.id);
        }
    }
    let owner = Owner::parse("B1");
    let (since, until, now) = (None, None, BEGINNING + MINUTE);
    let view = View::States(vec![Status::Authorized]);
    let mut listing = Listing { view, owner, since, until, after: None, limit: PAGE, now };
    let filled = store.list(&listing).await.expect("answers");
    let ids = |records: &[Authorization]| records.iter().map(|record| record.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&filled.records), wanted);

    let mut found = Vec::new();
    for _ in 0..=wanted.len() + 8 {
        let page = store.list(&listing).await.expect("answers");
        assert_eq!(page.more, page.next.is_some());
        assert!(page.records.len() <= PAGE as usize);
        found.extend(ids(&page.records));
        match page.next {
            Some(next) => listing.after = Some(next),
            None => break,
        }
    }
    assert_eq!(found, wanted);
    listing.after = None;
    let first = store.list(&Listing { limit: 1, ..listing.clone() }).await.expect("answers");
    assert_eq!((ids(&first.records), first.more), (wanted[..1].to_vec(), true));
    let rest = store.list(&Listing { after: first.next, ..listing }).await.expect("answers");
    assert_eq!((ids(&rest.records), rest.next), (wanted[1..].to_vec(), None));
}

pub(super) async fn what_ended_badly_is_listed_by_state_and_time_of_everybody_or_of_one(store: &dyn Backend) {
    let second = Duration::from_secs(1);
    for number in 0..6 {
        let serial_no = format!("S{number}");
        let new = Authorization { created_at: BEGINNING + second * number, ..authorization(&serial_no) };
        let recorded = store.record_link(&new, &nonce(&serial_no, &serial_no, BEGINNING)).await;
        assert_eq!(recorded, Ok(Recorded::New));
    }
    for serial_no in ["S0", "S1", "S2", "S3"] {
        assert_eq!(store.settle(&settlement(serial_no, "open-1", "s")).await, Ok(Settled::Recorded));
        store.claim_attempt(&attempt_claim(serial_no, 0, "a", BEGINNING)).await.expect("answers");
        let (id, failed) =
            (authorization(serial_no).id, Attempt::new(1, BEGINNING, DeliveryOutcome::Timeout));
        let history = [failed];
        let concluded = store.conclude_attempt(&id, &operation("a"), &history, GIVEN_UP).await;
        assert_eq!(concluded, Ok(true));
    }
    // Nobody can mend it any more.
    assert_eq!(store.forget(&authorization("S0").id, BEGINNING + MINUTE).await, Ok(Forgetting::Done));
    without_an_answer(store, "S4", "codeA").await;
    let nowhere = Settlement { deliver: false, ..settlement("S5", "open-1", "s") };
    assert_eq!(store.settle(&nowhere).await, Ok(Settled::Recorded));

    let (undeliverable, unknown) = (Status::Undeliverable, Status::ExchangeUnknown);
    let at = |number: u32| Some(BEGINNING + second * number);
    for (states, owner, since, until, wanted) in [
        (&[undeliverable][..], None, None, None, &["S1", "S2", "S3"][..]),
        (&[undeliverable, unknown], None, None, None, &["S1", "S2", "S3", "S4"]),
        (&[unknown], Some("B1"), None, None, &["S4"]),
        (&[undeliverable, unknown], Some("B2"), None, None, &[]),
        (&[undeliverable, Status::Authorized], Some("B1"), None, None, &["S0", "S1", "S2", "S3", "S5"]),
        (&[undeliverable], None, at(2), None, &["S2", "S3"]),
        (&[undeliverable], Some("B1"), None, at(2), &["S1"]),
        (&[undeliverable, unknown], Some("B1"), at(2), at(4), &["S2", "S3"]),
        (&[unknown], None, None, at(4), &[]),
    ] {
        for limit in [1, 10] {
            let (view, owner, now) = (View::States(states.to_vec()), owner.and_then(Owner::parse), BEGINNING);
            let mut listing = Listing { view, owner, since, until, after: None, limit, now };
            let mut found = Vec::new();
            for _ in 0..20 {
                let page = store.list(&listing).await.expect("answers");
                assert!(page.records.len() <= limit as usize && page.more == page.next.is_some());
                found.extend(page.records.into_iter().map(|record| record.id));
                listing.after = page.next;
                if listing.after.is_none() {
                    break;
                }
            }
            let mut wanted: Vec<_> = wanted.iter().map(|serial_no| authorization(serial_no).id).collect();
            found.sort();
            wanted.sort();
            assert_eq!(found, wanted, "{listing:?}");
        }
    }
}
