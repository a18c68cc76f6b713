//! The contract of links that a platform makes.

use shared::model::authorization::{Authorization, AuthorizationState, Issue, NewLink, Status};
use shared::model::claim::ClaimRefusal;
use shared::model::link_source::LinkSource;
use shared::store::{Linked, Recorded, Settled};
use url::Url;

use super::{
    Backend, MINUTE, authorization, claim, issued, nonce, of_merchant, record, refusal, settlement, state,
};
use crate::world::BEGINNING;

fn link(path: &str) -> Url {
    format!("https://platform.example/{path}").parse().expect("a URL")
}

/// A new authorization of `serial_no` whose link the platform `up` is to make.
pub(super) fn pending(serial_no: &str) -> Authorization {
    Authorization::issued(Issue {
        request: of_merchant("B1", serial_no),
        callback: authorization(serial_no).callback,
        state: state(serial_no),
        link: NewLink::AskedOf("up".to_owned()),
        now: BEGINNING,
        lifetime: MINUTE * 60,
        retention: MINUTE * 600,
    })
}

async fn recorded(store: &dyn Backend, serial_no: &str) -> Authorization {
    let new = pending(serial_no);
    let written = store.record_link(&new, &nonce(serial_no, serial_no, BEGINNING)).await;
    assert_eq!(written, Ok(Recorded::New));
    new
}

pub(super) async fn a_pending_record_keeps_its_state_until_its_link_comes(store: &dyn Backend) {
    let new = recorded(store, "S1").await;
    assert_eq!(new.status(), Status::LinkPending);
    assert_eq!(record(store, &new.id).await, new);
    let came = BEGINNING + MINUTE;
    assert_eq!(store.record_platform_link(&new.id, &link("a"), came).await, Ok(Linked::Ours));
    let linked =
        Authorization { state: AuthorizationState::Issued { link: link("a") }, linked_at: Some(came), ..new };
    assert_eq!(linked.source, LinkSource::Platform("up".to_owned()));
    assert_eq!(record(store, &linked.id).await, linked);
}

pub(super) async fn the_first_link_that_comes_stays(store: &dyn Backend) {
    let id = recorded(store, "S1").await.id;
    assert_eq!(store.record_platform_link(&id, &link("a"), BEGINNING).await, Ok(Linked::Ours));
    let first = record(store, &id).await;
    let later = BEGINNING + MINUTE;
    assert_eq!(
        store.record_platform_link(&id, &link("a"), later).await,
        Ok(Linked::Ours),
        "a repeat had succeeded"
    );
    let second = store.record_platform_link(&id, &link("b"), later).await;
    assert_eq!(second, Ok(Linked::Before(Box::new(first.clone()))));
    assert_eq!(record(store, &id).await, first);
}

pub(super) async fn a_link_that_comes_after_its_user_changes_nothing(store: &dyn Backend) {
    let id = recorded(store, "S1").await.id;
    assert_eq!(store.settle(&settlement("S1", "open-1", "s")).await, Ok(Settled::Recorded));
    let settled = record(store, &id).await;
    assert_eq!((settled.status(), settled.link()), (Status::Authorized, None));
    let late = store.record_platform_link(&id, &link("a"), BEGINNING).await;
    assert_eq!(late, Ok(Linked::Before(Box::new(settled.clone()))));
    assert_eq!(record(store, &id).await, settled);
}

pub(super) async fn a_link_of_our_own_is_not_replaced_by_a_platforms(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let ours = record(store, &id).await;
    let came = store.record_platform_link(&id, &link("a"), BEGINNING).await;
    assert_eq!(came, Ok(Linked::Before(Box::new(ours.clone()))));
    assert_eq!(record(store, &id).await, ours);
}

pub(super) async fn no_return_of_a_browser_claims_a_platforms_record(store: &dyn Backend) {
    let id = recorded(store, "S1").await.id;
    for linked in [false, true] {
        if linked {
            assert_eq!(store.record_platform_link(&id, &link("a"), BEGINNING).await, Ok(Linked::Ours));
        }
        let before = record(store, &id).await;
        let claimed = store.claim_exchange(&claim("S1", "codeA", "c", BEGINNING)).await.expect("answers");
        assert_eq!(refusal(claimed), ClaimRefusal::UnknownState);
        assert_eq!(record(store, &id).await, before);
    }
}
