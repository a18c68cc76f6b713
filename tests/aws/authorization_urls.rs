//! Calls of `GetAuthorizationUrl` while DynamoDB fails: the rate limit gives way, the record does not.

use std::sync::Arc;

use shared::rate_limit::RateLimiter;
use shared::store::dynamodb::DynamoStore;
use tests::logs::Logs;
use tests::rpc::{Protocol, RpcAnswer, RpcCall};

use crate::account::TABLE;
use crate::proxy::{DOWN, Fate, THROTTLED, TRIES};
use crate::stage::Stage;

const TRANSACTION: &str = "TransactWriteItems";
const RESERVATION: &str = "UpdateItem";

fn call(stage: &Stage) -> RpcCall {
    RpcCall::new(Protocol::V3, stage.world.now())
}

fn said(answer: &RpcAnswer) -> (u16, &str, &str) {
    (answer.http_status, &answer.code, &answer.message)
}

const SYSTEM_ERROR: (u16, &str, &str) =
    (500, "SystemError", "An error occurred while processing your request.");

#[tokio::test]
async fn when_rates_cannot_be_reserved_calls_pass_and_an_alarm_is_raised_once() {
    for (fate, error) in
        [(DOWN, "ServiceUnavailable"), (THROTTLED, "ThrottlingException"), (Fate::Stuck, "the store is slow")]
    {
        let logs = Logs::keep();
        let mut stage = Stage::new().await;
        if fate == Fate::Stuck {
            let store = DynamoStore::new(&stage.account.sdk, TABLE);
            let rate_limiter = RateLimiter::new(Arc::new(store), stage.world.clock.clone());
            stage.world.deps.authorization_url.rate_limiter = Arc::new(rate_limiter);
            stage.world.rebuild();
        }
        stage.account.proxy.always(RESERVATION, fate);
        for _ in 0..3 {
            assert_eq!(stage.world.call(&call(&stage)).await.code, "OK", "{fate:?}");
        }
        let lines = logs.text();
        let alarms: Vec<_> = lines.lines().filter(|line| line.contains(r#""alarm":"rate-limit""#)).collect();
        assert_eq!(alarms.len(), 1, "{fate:?}: {lines}");
        assert!(alarms[0].contains(error), "{}", alarms[0]);
    }
}

#[tokio::test]
async fn while_dynamodb_is_away_a_call_is_a_system_error_and_works_afterwards_with_the_same_nonce() {
    for fate in [THROTTLED, DOWN] {
        let stage = Stage::new().await;
        stage.account.proxy.always(RESERVATION, fate);
        stage.account.proxy.next(TRANSACTION, &[fate; TRIES]);
        let call = call(&stage);
        assert_eq!(said(&stage.world.call(&call).await), SYSTEM_ERROR, "{fate:?}");
        assert_eq!(stage.world.call(&call).await.code, "OK");
        assert_eq!(stage.world.call(&call).await.code, "SignatureNonceUsed");
    }
}

#[tokio::test]
async fn a_link_whose_answer_was_lost_is_answered_by_the_repetition() {
    let stage = Stage::new().await;
    stage.account.proxy.next(TRANSACTION, &[Fate::Untold]);
    let answer = stage.world.call(&call(&stage)).await;
    let shown = stage.open(&answer.link.expect("a link")).await;
    assert_eq!((shown.http_status, shown.outcome.as_str()), (200, "scan"));
}

#[tokio::test]
async fn a_refusal_whose_nonce_cannot_be_written_is_not_told_yet() {
    let stage = Stage::new().await;
    let refused = call(&stage).without("PhoneNo");
    stage.account.proxy.next("PutItem", &[DOWN; TRIES]);
    assert_eq!(said(&stage.world.call(&refused).await), SYSTEM_ERROR);
    assert_eq!(stage.world.call(&refused).await.code, "MissingParameter");
    assert_eq!(stage.world.call(&refused).await.code, "SignatureNonceUsed");

    stage.account.proxy.next("PutItem", &[Fate::Untold]);
    let refused = call(&stage).without("PhoneNo");
    assert_eq!(stage.world.call(&refused).await.code, "MissingParameter", "our own try used the nonce");
}

#[tokio::test]
async fn a_page_whose_record_cannot_be_read_may_be_asked_for_again() {
    let stage = Stage::new().await;
    let link = stage.world.call(&call(&stage)).await.link.expect("a link");
    stage.account.proxy.next("GetItem", &[DOWN; TRIES]);
    let shown = stage.open(&link).await;
    assert_eq!((shown.http_status, shown.outcome.as_str()), (503, "unavailable"));
    assert_eq!(stage.open(&link).await.outcome, "scan");
}
