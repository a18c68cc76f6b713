//! What an operator disables stops within fifteen seconds: on the embedded store, and while the list cannot be read.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use shared::model::deny_list::{DenyList, PartyKind};
use shared::store::{ReadDenyList, StoreError};
use tests::disabling::*;
use tests::logs::Logs;
use tests::request::LinkCall;
use tests::rpc::{Protocol, RpcCall};
use tests::world::{World, business};

#[tokio::test]
async fn a_business_stops() {
    let world = World::new();
    a_disabled_business_stops_within_fifteen_seconds(&world, &world.another_process()).await;
}

#[tokio::test]
async fn a_newer_document_that_switches_its_business_off_says_so_though_it_alone_has_the_key() {
    let without_md5 = json!({"publicKeys": business()["publicKeys"], "merchantIds": ["M1"]});
    for (field, value, status) in [
        ("enabled", json!(false), 7),
        ("allowedIps", json!(["198.51.100.0/24"]), 10),
        ("scope", json!(null), 0),
    ] {
        let world = World::new();
        world.secrets.set("business/B1", &without_md5);
        world.link("S1").await;
        let mut newer = business();
        newer[field] = value;
        world.secrets.set("business/B1", &newer);
        world.clock.advance(Duration::from_secs(10));
        let answer = world.ask(&LinkCall::new("S2", world.now()).by_md5()).await;
        assert_eq!(answer.status, status, "{field}: {}", answer.message);
    }
}

#[tokio::test]
async fn a_key_stops() {
    a_disabled_key_verifies_nothing_and_the_others_do(&World::new()).await;
}

#[tokio::test]
async fn an_access_key_stops() {
    a_disabled_access_key_stops_by_either_signature(&World::new()).await;
}

#[tokio::test]
async fn an_account_and_a_scheme_stop() {
    a_disabled_account_and_a_disabled_scheme_get_no_link(&World::new()).await;
}

#[tokio::test]
async fn a_platform_stops() {
    a_disabled_platform_is_neither_asked_nor_believed(&World::new()).await;
}

struct Away;

#[async_trait]
impl ReadDenyList for Away {
    async fn deny_list(&self) -> Result<DenyList, StoreError> {
        Err(StoreError::Unavailable("told to".to_owned()))
    }
}

#[tokio::test]
async fn while_no_list_was_ever_read_nobody_is_let_in_and_an_alarm_says_so() {
    let logs = Logs::keep();
    let mut world = World::new();
    world.take_deny_list_from(Arc::new(Away));
    let link = world.ask(&LinkCall::new("S1", world.now())).await;
    let query = world.query(&LinkCall::query("S1", world.now())).await;
    assert_eq!([(link.http_status, link.status), (query.http_status, query.status)], [(503, 1); 2]);
    let called = world.call(&RpcCall::new(Protocol::V3, world.now())).await;
    assert_eq!((called.http_status, called.code.as_str()), (500, "SystemError"));
    assert!(logs.text().contains(r#""alarm":"unavailable""#), "{}", logs.text());
    assert!(logs.text().contains("the deny list: the store is unavailable: told to"), "{}", logs.text());
}

#[tokio::test]
async fn whose_document_is_gone_is_unknown_whatever_the_list_says() {
    let world = World::new();
    let stranger = LinkCall { business_id: "B9".to_owned(), ..LinkCall::new("S1", world.now()) };
    world.operated.deny(&denial(PartyKind::Business, "B9", None)).await.expect("answers");
    let (denied, unknown) = (world.ask(&stranger).await, "this businessId is unknown or switched off");
    assert_eq!((denied.status, denied.message.as_str()), (7, unknown));
    world.operated.deny(&denial(PartyKind::Business, "B1", None)).await.expect("answers");
    world.clock.advance(Duration::from_secs(15));
    let disabled = world.ask(&LinkCall::new("S1", world.now())).await;
    assert_eq!((disabled.status, disabled.message.as_str()), (7, unknown), "as a disabled one is told");
}
