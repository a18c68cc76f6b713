//! The contract with the page behind a link.

use shared::model::authorization::{Authorization, Status};
use shared::model::end_date::EndDate;
use shared::model::id::AuthorizationId;
use shared::model::terms::Terms;
use shared::store::{FoundLink, Recorded, Settled};

use super::{Backend, MINUTE, authorization, claim, issued, nonce, of_scheme, ours, record, settlement};
use crate::world::{BEGINNING, b1};

pub(super) async fn a_link_is_found_until_its_user_is_known(store: &dyn Backend) {
    let nobody = AuthorizationId::from_serial("B1", "nobody");
    assert_eq!(store.link(&nobody).await, Ok(None));

    let id = issued(store, "S1").await;
    issued(store, "S2").await;
    let issued = FoundLink {
        link: "https://openauth.example/authorize".parse().ok(),
        status: Status::Issued,
        ends_at: BEGINNING + MINUTE * 60,
        owner: b1(),
        end_date: None,
        opened_at: None,
        terms: Terms::default(),
    };
    assert!(issued.link.is_some());
    assert_eq!(store.link(&id).await, Ok(Some(issued.clone())));

    ours(store.claim_exchange(&claim("S1", "codeA", "c1", BEGINNING)).await.expect("answers"));
    let exchanging = FoundLink { status: Status::Exchanging, ..issued.clone() };
    assert_eq!(store.link(&id).await, Ok(Some(exchanging)));

    assert_eq!(store.settle(&settlement("S1", "open-1", "s")).await, Ok(Settled::Recorded));
    let used = FoundLink { link: None, status: Status::Authorized, ..issued.clone() };
    assert!(used.is_used() && !issued.is_used());
    assert_eq!(store.link(&id).await, Ok(Some(used)));
    let other = store.link(&AuthorizationId::from_serial("B1", "S2")).await;
    assert_eq!(other, Ok(Some(issued)));
}

pub(super) async fn a_link_of_a_scheme_is_found_with_its_end_date_and_its_terms(store: &dyn Backend) {
    let name = |name: &str| Terms { merchant_name: Some(name.to_owned()), ..Terms::default() };
    for (serial_no, end_date, terms) in
        [("S1", Some("2026-12-28"), name("示例商户")), ("S2", None, Terms::default())]
    {
        let mut new = Authorization { request: of_scheme("234", end_date), ..authorization(serial_no) };
        new.take_terms(terms.clone(), None);
        assert_eq!(store.record_link(&new, &nonce(serial_no, serial_no, BEGINNING)).await, Ok(Recorded::New));
        let found = store.link(&new.id).await.expect("answers").expect("a link");
        assert_eq!(
            (found.owner.to_string().as_str(), found.end_date, found.terms),
            ("scheme:234", end_date.and_then(EndDate::parse), terms)
        );
    }
}

pub(super) async fn finding_a_link_changes_nothing(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let before: Authorization = record(store, &id).await;
    for _ in 0..3 {
        assert!(matches!(store.link(&id).await, Ok(Some(_))));
    }
    assert_eq!(record(store, &id).await, before);
}
