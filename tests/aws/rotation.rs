//! Keys of Secrets Manager in the functions: two at once while one replaces the other, and what is left to do while
//! there are none.

use std::time::Duration;

use openid_delivery::Step;
use serde_json::{Value, json};
use shared::model::authorization::Status;
use tests::keys::{foreign, merchant, public_pem};
use tests::parties::identified;
use tests::request::{Key, LinkCall};
use tests::world::{World, business};

use crate::proxy::DOWN;
use crate::stage::Stage;
use crate::vault::Vault;

const GET: &str = "GetSecretValue";

fn with_keys(keys: &[String]) -> Value {
    let mut document = business();
    document["publicKeys"] = json!(keys);
    document
}

/// The state of a request that is signed by the old key, and of one by the new.
async fn accepted(world: &World) -> (i64, i64) {
    let old = LinkCall::new(&format!("old-{}", world.now()), world.now());
    let mut new = LinkCall::new(&format!("new-{}", world.now()), world.now());
    new.key = Key::Rsa(foreign());
    (world.ask(&old).await.status, world.ask(&new).await.status)
}

fn fetches(stage: &Stage) -> usize {
    let calls = stage.account.proxy.calls();
    calls.iter().find(|(operation, _)| operation == GET).map_or(0, |(_, count)| *count)
}

#[tokio::test]
async fn an_old_and_a_new_key_are_accepted_together_while_one_replaces_the_other() {
    let stage = Stage::with_secrets_manager().await;
    let (old, new) = (public_pem(merchant()), public_pem(foreign()));
    let vault = Vault::new(&stage.account);
    assert_eq!((accepted(&stage.world).await, fetches(&stage)), ((0, 2), 1));

    vault.put("business/B1", &with_keys(&[old, new.clone()])).await;
    stage.world.clock.advance(Duration::from_secs(9));
    assert_eq!(
        (accepted(&stage.world).await, fetches(&stage)),
        ((0, 2), 0),
        "refreshed early, not all the time"
    );
    stage.world.clock.advance(Duration::from_secs(1));
    assert_eq!((accepted(&stage.world).await, fetches(&stage)), ((0, 0), 1));

    vault.put("business/B1", &with_keys(&[new])).await;
    stage.world.clock.advance(Duration::from_mins(5));
    assert_eq!((accepted(&stage.world).await, fetches(&stage)), ((2, 0), 1));
}

#[tokio::test]
async fn a_deleted_business_is_unknown_at_once_when_its_key_is_looked_up() {
    let stage = Stage::with_secrets_manager().await;
    stage.world.link("S1").await;
    Vault::new(&stage.account).mark_for_deletion("business/B1").await;
    stage.world.clock.advance(Duration::from_mins(5));
    assert_eq!(accepted(&stage.world).await, (7, 7));
}

#[tokio::test]
async fn while_secrets_manager_is_away_known_keys_serve_for_an_hour() {
    let stage = Stage::with_secrets_manager().await;
    stage.world.authorized("S1", "open-1").await;
    assert_eq!(stage.drain().await, [Step::Delivered]);
    stage.account.proxy.always(GET, DOWN);
    stage.world.clock.advance(Duration::from_hours(1) - Duration::from_millis(1));
    stage.world.authorized("S2", "open-2").await;
    assert_eq!(stage.drain().await, [Step::Delivered]);

    stage.world.clock.advance(Duration::from_millis(1));
    let answer = stage.world.ask(&LinkCall::new("S3", stage.world.now())).await;
    assert_eq!((answer.http_status, answer.status), (503, 1));
    stage.account.proxy.heal();
    stage.world.link("S3").await;
}

#[tokio::test]
async fn without_any_key_a_link_is_refused_for_now() {
    let stage = Stage::with_secrets_manager().await;
    stage.account.proxy.always(GET, DOWN);
    let call = LinkCall::new("S1", stage.world.now());
    let answer = stage.world.ask(&call).await;
    assert_eq!((answer.http_status, answer.status), (503, 1));
    assert_eq!(answer.message, "temporarily unavailable, try again");
    let read = [("GetItem".to_owned(), 1), (GET.to_owned(), 3)];
    assert_eq!(stage.account.proxy.calls(), read, "the deny list was; nothing was recorded");
    stage.account.proxy.heal();
    stage.world.ask(&call).await.expect_link();
}

#[tokio::test]
async fn without_any_key_a_return_keeps_its_code_for_the_next_try() {
    let stage = Stage::with_secrets_manager().await;
    let issued = stage.world.link("S1").await;
    stage.account.proxy.always(GET, DOWN);
    let shown = stage.world.complete_return(&issued.state, "codeA").await;
    assert_eq!((shown.http_status, shown.outcome.as_str()), (503, "unavailable"));
    let record = stage.world.record(&issued.id).await;
    assert_eq!((record.status(), record.codes.len()), (Status::Issued, 0));
    assert!(stage.world.gateway.codes().is_empty());
    stage.account.proxy.heal();
    stage.world.gateway.answer(identified("open-1"));
    assert_eq!(stage.world.complete_return(&issued.state, "codeA").await.outcome, "authorized");
}

#[tokio::test]
async fn without_any_key_a_delivery_waits_and_keeps_its_attempts() {
    let mut stage = Stage::with_secrets_manager().await;
    let issued = stage.world.authorized("S1", "open-1").await;
    stage.world = stage.another_process();
    stage.account.proxy.always(GET, DOWN);
    assert_eq!(stage.drain().await, [Step::Postponed]);
    assert!(stage.world.merchant.posts().is_empty());
    assert_eq!(stage.world.record(&issued.id).await.attempts_begun(), 0);
    stage.account.proxy.heal();
    stage.world.clock.advance(shared::queue::HINT_GRACE_PERIOD);
    assert_eq!(stage.sweep_and_drain().await, (1, vec![Step::Delivered]));
    assert_eq!(stage.world.merchant.posts().len(), 1);
}
