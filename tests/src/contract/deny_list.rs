//! The contract of the deny list.

use futures_util::future::join_all;
use shared::model::deny_list::{DenyList, KeyFingerprint, PartyKind};

use super::Backend;
use crate::disabling::denial;

pub(super) async fn the_deny_list_holds_what_was_put_on_it_until_it_is_taken_off(store: &dyn Backend) {
    assert_eq!(store.deny_list().await, Ok(DenyList::default()));
    let key = KeyFingerprint::new(b"a key");
    let b1 = denial(PartyKind::Business, "B1", None);
    let of_b1 = denial(PartyKind::Business, "B1", Some(key));
    for again in [false, true] {
        assert_eq!((store.deny(&b1).await, store.deny(&of_b1).await), (Ok(true), Ok(true)), "{again}");
    }
    let list = store.deny_list().await.expect("answers");
    assert_eq!(list.entries(), [b1.to_string(), of_b1.to_string()]);
    assert!(list.denies(PartyKind::Business, "B1") && list.denies_key(PartyKind::Business, "B1", &key));

    assert_eq!((store.allow(&b1).await, store.allow(&b1).await), (Ok(true), Ok(false)));
    assert_eq!(store.deny_list().await.expect("answers").entries(), [of_b1.to_string()]);
    assert_eq!(store.allow(&of_b1).await, Ok(true));
    assert_eq!(store.deny_list().await, Ok(DenyList::default()));
    assert_eq!(store.allow(&of_b1).await, Ok(false));
}

pub(super) async fn a_deny_list_that_is_full_takes_nothing_more(store: &dyn Backend) {
    let party = |number: u32| denial(PartyKind::AccessKey, &format!("K{number}"), None);
    let all: Vec<_> = (0..DenyList::MOST).map(party).collect();
    for some in all.chunks(8) {
        let put = join_all(some.iter().map(|denial| store.deny(denial))).await;
        assert!(put.iter().all(|put| *put == Ok(true)), "{put:?}");
    }
    assert_eq!(store.deny(&party(DenyList::MOST)).await, Ok(false));
    assert_eq!(store.deny(&all[7]).await, Ok(true), "it is there");
    assert_eq!(store.deny_list().await.expect("answers").entries().len(), DenyList::MOST as usize);
    assert_eq!(store.allow(&all[7]).await, Ok(true));
    assert_eq!(store.deny(&party(DenyList::MOST)).await, Ok(true));
}
