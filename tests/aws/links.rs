//! Link requests while DynamoDB fails: there is one record or none, and a repeated request finds out which.

use shared::store::ReadAuthorizations as _;
use shared::store::dynamodb::DynamoStore;
use tests::request::{LinkAnswer, LinkCall, state_of};

use crate::proxy::{DOWN, Fate, THROTTLED, TRIES};
use crate::stage::Stage;

const TRANSACTION: &str = "TransactWriteItems";

fn try_again() -> LinkAnswer {
    let message = "temporarily unavailable, try again".to_owned();
    LinkAnswer { http_status: 503, status: 1, message, link: None }
}

/// The link that the one record of `serial_no` holds.
async fn recorded_link(stage: &Stage, serial_no: &str) -> Option<String> {
    let id = shared::model::id::AuthorizationId::from_serial("B1", serial_no);
    let store = DynamoStore::new(&stage.account.past_the_proxy, crate::account::TABLE);
    store
        .authorization(&id)
        .await
        .expect("the store answers")
        .map(|record| record.link().expect("a link").to_string())
}

#[tokio::test]
async fn throttling_that_ends_costs_tries_and_nothing_else() {
    let stage = Stage::new().await;
    stage.account.proxy.next(TRANSACTION, &[THROTTLED, THROTTLED]);
    let issued = stage.world.link("S1").await;
    // The first request of a process reads the deny list, too.
    let asked = [("GetItem".to_owned(), 1), (TRANSACTION.to_owned(), 3)];
    assert_eq!(stage.account.proxy.calls(), asked);
    assert_eq!(recorded_link(&stage, "S1").await, Some(issued.link.to_string()));
}

#[tokio::test]
async fn while_dynamodb_is_away_nothing_is_consumed_and_the_same_request_works_afterwards() {
    for fate in [THROTTLED, DOWN] {
        let stage = Stage::new().await;
        stage.account.proxy.next(TRANSACTION, &[fate; TRIES]);
        let call = LinkCall::new("S1", stage.world.now());
        assert_eq!(stage.world.ask(&call).await, try_again(), "{fate:?}");
        assert_eq!(recorded_link(&stage, "S1").await, None);
        let link = stage.world.ask(&call).await.expect_link();
        assert_eq!(recorded_link(&stage, "S1").await, Some(link.to_string()));
    }
}

#[tokio::test]
async fn a_link_whose_answer_was_lost_is_answered_by_the_repetition() {
    let stage = Stage::new().await;
    stage.account.proxy.next(TRANSACTION, &[Fate::Untold]);
    let call = LinkCall::new("S1", stage.world.now());
    let link = stage.world.ask(&call).await.expect_link();
    assert_eq!(recorded_link(&stage, "S1").await, Some(link.to_string()));
    assert_eq!(stage.world.ask(&call).await.status, 6, "its nonce is used");
}

#[tokio::test]
async fn a_link_that_nobody_was_told_of_is_given_to_who_asks_again() {
    let stage = Stage::new().await;
    stage.account.proxy.always(TRANSACTION, Fate::Untold);
    let call = LinkCall::new("S1", stage.world.now());
    assert_eq!(stage.world.ask(&call).await, try_again());
    stage.account.proxy.heal();
    assert_eq!(stage.world.ask(&call).await.status, 6);
    let again = stage.world.ask(&LinkCall::new("S1", stage.world.now())).await;
    assert_eq!((again.status, again.link.is_some()), (8, true));
    assert_eq!(recorded_link(&stage, "S1").await, again.link);
    let state = state_of(&again.link.expect("a link").parse().expect("a URL"));
    stage.world.gateway.answer(tests::parties::identified("open-1"));
    assert_eq!(stage.world.complete_return(&state, "codeA").await.outcome, "authorized");
}

#[tokio::test]
async fn a_used_serial_whose_nonce_cannot_be_written_is_not_yet_an_8() {
    let stage = Stage::new().await;
    let issued = stage.world.link("S1").await;
    stage.account.proxy.next("PutItem", &[DOWN; TRIES]);
    let call = LinkCall::new("S1", stage.world.now());
    assert_eq!(stage.world.ask(&call).await, try_again());
    let again = stage.world.ask(&call).await;
    assert_eq!((again.status, again.link), (8, Some(issued.link.to_string())));
    assert_eq!(stage.world.ask(&call).await.status, 6);

    stage.account.proxy.next("PutItem", &[Fate::Untold]);
    assert_eq!(
        stage.world.ask(&LinkCall::new("S1", stage.world.now())).await.status,
        8,
        "our own try is no 6"
    );
}
