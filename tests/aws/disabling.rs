//! What an operator disables stops within fifteen seconds: on DynamoDB, for one read in ten seconds.

use std::time::Duration;

use shared::model::deny_list::PartyKind;
use tests::disabling::*;
use tests::request::LinkCall;

use crate::proxy::DOWN;
use crate::stage::Stage;

const READ: &str = "GetItem";

#[tokio::test]
async fn a_business_stops() {
    let stage = Stage::new().await;
    a_disabled_business_stops_within_fifteen_seconds(&stage.world, &stage.another_process()).await;
}

#[tokio::test]
async fn a_key_stops() {
    a_disabled_key_verifies_nothing_and_the_others_do(&Stage::new().await.world).await;
}

#[tokio::test]
async fn an_access_key_stops() {
    a_disabled_access_key_stops_by_either_signature(&Stage::new().await.world).await;
}

#[tokio::test]
async fn an_account_and_a_scheme_stop() {
    a_disabled_account_and_a_disabled_scheme_get_no_link(&Stage::new().await.world).await;
}

#[tokio::test]
async fn a_platform_stops() {
    a_disabled_platform_is_neither_asked_nor_believed(&Stage::new().await.world).await;
}

#[tokio::test]
async fn while_the_list_cannot_be_read_the_last_one_holds() {
    let stage = Stage::new().await;
    let world = &stage.world;
    world.operated.deny(&denial(PartyKind::Business, "B2", None)).await.expect("answers");
    world.link("S1").await;
    stage.account.proxy.always(READ, DOWN);
    world.clock.advance(Duration::from_mins(4));
    world.link("S2").await;
    stage.account.proxy.heal();
    world.operated.deny(&denial(PartyKind::Business, "B1", None)).await.expect("answers");
    world.clock.advance(Duration::from_secs(15));
    assert_eq!(world.ask(&LinkCall::new("S3", world.now())).await.status, 7);
}
