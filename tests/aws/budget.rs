//! The cost of a request, call by call, when the keys are known.

use std::time::Duration;

use http::Request;
use openid_delivery::Step;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::queue::DeliveryEvent;
use tests::parties::identified;
use tests::request::LinkCall;
use tests::rpc::{Protocol, RpcCall};
use tests::world::APP_ID;

use crate::stage::Stage;

const DAY: Duration = Duration::from_hours(24);

fn calls<const N: usize>(expected: [(&str, usize); N]) -> Vec<(String, usize)> {
    expected.map(|(operation, count)| (operation.to_owned(), count)).to_vec()
}

/// A stage whose functions have fetched every key.
async fn warm() -> Stage {
    let stage = Stage::with_secrets_manager().await;
    stage.world.authorized("S9", "open-0").await;
    assert_eq!(stage.drain().await, [Step::Delivered]);
    assert_eq!(stage.world.query(&LinkCall::query("S9", stage.world.now())).await.status, 0);
    let fetched =
        stage.account.proxy.calls().into_iter().find(|(operation, _)| operation == "GetSecretValue");
    // Three functions fetch the business, each for itself: on AWS they are processes of their own.
    assert_eq!(fetched, Some(("GetSecretValue".to_owned(), 5)), "business three times, app and callback key");
    stage
}

#[tokio::test]
async fn a_link_is_one_call_of_the_store() {
    let stage = warm().await;
    stage.world.link("S1").await;
    assert_eq!(stage.account.proxy.calls(), calls([("TransactWriteItems", 1)]));
}

#[tokio::test]
async fn a_return_is_two_calls_of_the_store_one_of_alipay_and_one_hint() {
    let stage = warm().await;
    let issued = stage.world.link("S1").await;
    stage.account.proxy.calls();
    let asked_before = stage.world.gateway.codes().len();
    stage.world.gateway.answer(identified("open-1"));
    assert_eq!(stage.world.complete_return(&issued.state, "codeA").await.outcome, "authorized");
    assert_eq!(stage.account.proxy.calls(), calls([("SendMessage", 1), ("UpdateItem", 2)]));
    assert_eq!(stage.world.gateway.codes().len() - asked_before, 1);
}

#[tokio::test]
async fn a_delivery_is_two_calls_of_the_store_one_post_and_at_most_one_hint() {
    let stage = warm().await;
    for (outcome, hints) in
        [(DeliveryOutcome::Success, &[][..]), (DeliveryOutcome::Status(500), &[("SendMessage", 1)][..])]
    {
        stage.world.authorized(&format!("S{}", hints.len()), "open-1").await;
        let hint = stage.queue.take_hints().await.pop().expect("a hint");
        stage.account.proxy.calls();
        let posted_before = stage.world.merchant.posts().len();
        stage.world.merchant.answer(outcome);
        stage.deliver(&hint).await.expect("the store answers");
        let mut expected = calls([("UpdateItem", 2)]);
        expected.splice(0..0, hints.iter().map(|(operation, count)| ((*operation).to_owned(), *count)));
        assert_eq!(stage.account.proxy.calls(), expected, "{outcome:?}");
        assert_eq!(stage.world.merchant.posts().len() - posted_before, 1);
    }
}

#[tokio::test]
async fn a_sweep_asks_each_partition_once_and_twice_where_personal_data_ends_before_its_record() {
    let mut stage = warm().await;
    stage.world.delivery.handle(DeliveryEvent::Sweep).await.expect("the store answers");
    assert_eq!(stage.account.proxy.calls(), calls([("Query", 16)]));
    stage.end_personal_data_after(DAY * 30);
    stage.world.delivery.handle(DeliveryEvent::Sweep).await.expect("the store answers");
    assert_eq!(stage.account.proxy.calls(), calls([("GetItem", 1), ("Query", 16), ("UpdateItem", 1)]));
    stage.world.clock.advance(Duration::from_mins(1));
    stage.world.delivery.handle(DeliveryEvent::Sweep).await.expect("the store answers");
    assert_eq!(stage.account.proxy.calls(), calls([("GetItem", 1), ("Query", 16)]), "no reading is noted");
    stage.world.clock.advance(DAY);
    stage.world.delivery.handle(DeliveryEvent::Sweep).await.expect("the store answers");
    assert_eq!(stage.account.proxy.calls(), calls([("GetItem", 1), ("Query", 32), ("UpdateItem", 1)]));
}

#[tokio::test]
async fn who_was_delivered_is_forgotten_by_one_read_and_one_write_each() {
    let mut stage = warm().await;
    stage.end_personal_data_after(DAY);
    for number in 0..3 {
        stage.world.authorized(&format!("S{number}"), "open-1").await;
    }
    assert_eq!(stage.drain().await, [Step::Delivered; 3]);
    for _ in 0..2 {
        stage.world.clock.advance(DAY);
        stage.account.proxy.calls();
        stage.world.delivery.handle(DeliveryEvent::Sweep).await.expect("the store answers");
    }
    let told = stage.account.proxy.calls();
    for operation in ["GetItem", "UpdateItem"] {
        assert!(told.contains(&(operation.to_owned(), 1 + 3)), "a reading and three: {told:?}");
    }
    assert!(stage.world.told("S0").await["forgottenAt"].is_i64());
    assert_eq!(stage.world.told("S9").await["openId"], "open-0", "delivered before the setting");
}

#[tokio::test]
async fn a_refusal_is_one_read_and_the_first_one_write_for_who_does_not_ask() {
    let stage = warm().await;
    let issued = stage.world.link("S1").await;
    stage.account.proxy.calls();
    let refused = format!("app_id={APP_ID}&source=alipay_wallet&state={}", issued.state);
    assert_eq!(stage.world.browse(&refused).await.outcome, "not-authorized");
    assert_eq!(stage.account.proxy.calls(), calls([("GetItem", 1), ("UpdateItem", 1)]));
    assert_eq!(stage.world.browse(&refused).await.outcome, "not-authorized");
    assert_eq!(stage.account.proxy.calls(), calls([("GetItem", 1)]), "refused before");
}

#[tokio::test]
async fn a_query_is_its_nonce_and_one_read_and_without_its_nonce_no_read() {
    let stage = warm().await;
    let query = LinkCall::query("S9", stage.world.now());
    assert_eq!(stage.world.query(&query).await.expect_data()["openId"], "open-0");
    assert_eq!(stage.account.proxy.calls(), calls([("GetItem", 1), ("PutItem", 1)]));
    assert_eq!(stage.world.query(&query).await.status, 6);
    assert_eq!(stage.account.proxy.calls(), calls([("PutItem", 1)]));
}

#[tokio::test]
async fn the_deny_list_costs_one_read_in_ten_seconds_and_no_request_a_call() {
    let stage = warm().await;
    for second in 1..=35 {
        stage.world.clock.advance(Duration::from_secs(1));
        stage.world.link(&format!("T{second}")).await;
    }
    assert_eq!(stage.account.proxy.calls(), calls([("GetItem", 3), ("TransactWriteItems", 35)]));
}

#[tokio::test]
async fn what_is_refused_before_the_record_costs_no_call() {
    let stage = warm().await;
    let request = Request::builder().uri("/v1/openapi/other").body(bytes::Bytes::new()).expect("a request");
    stage.world.auth_url.handle(&request).await;
    assert_eq!(stage.world.browse("app_id=1&state=x").await.outcome, "unknown-link");
    assert_eq!(stage.account.proxy.calls(), []);
}

/// A stage of an account that has sent 120 calls, 500 a second, half of what it may; by now its shares are of 20.
async fn warm_account() -> Stage {
    let stage = Stage::with_secrets_manager().await;
    assert_eq!(links(&stage, 120).await, 120);
    let calls = stage.account.proxy.calls();
    let fetched = calls.into_iter().find(|(operation, _)| operation == "GetSecretValue");
    let five = "access key, account, scheme, phone-key and link-token";
    assert_eq!(fetched, Some(("GetSecretValue".to_owned(), 5)), "{five}");
    stage
}

/// Makes so many calls of `GetAuthorizationUrl`, and counts the links.
async fn links(stage: &Stage, calls: usize) -> usize {
    let mut granted = 0;
    for _ in 0..calls {
        stage.world.clock.advance(Duration::from_millis(2));
        let answer = stage.world.call(&RpcCall::new(Protocol::V3, stage.world.now())).await;
        granted += usize::from(answer.code == "OK");
    }
    granted
}

#[tokio::test]
async fn a_link_of_get_authorization_url_is_one_call_of_the_store_and_a_twentieth_of_a_reservation() {
    let stage = warm_account().await;
    assert_eq!(links(&stage, 100).await, 100);
    let calls = stage.account.proxy.calls();
    let [(written, links), (updated, updates)] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((written.as_str(), *links, updated.as_str()), ("TransactWriteItems", 100, "UpdateItem"));
    assert!((4..=6).contains(updates), "{updates}");
}

#[tokio::test]
async fn a_page_behind_a_link_is_one_read_and_no_write_where_it_shows_a_code() {
    let stage = warm_account().await;
    let call = RpcCall::new(Protocol::V1, stage.world.now());
    let link = stage.world.call(&call).await.link.expect("a link");
    stage.account.proxy.calls();
    for times_opened in 1..=2 {
        assert_eq!(stage.open(&link).await.outcome, "scan");
        assert_eq!(stage.account.proxy.calls(), calls([("GetItem", 1)]), "opened {times_opened} times");
    }
}

#[tokio::test]
async fn a_call_that_is_refused_costs_its_nonce_and_one_that_nobody_signed_nothing() {
    let stage = warm_account().await;
    let call = || RpcCall::new(Protocol::V3, stage.world.now());
    for (refused, expected) in [
        (call().without("PhoneNo"), &[("PutItem", 1)][..]),
        (RpcCall { access_key_id: "../x".to_owned(), ..call() }, &[][..]),
        (RpcCall { path: "/other".to_owned(), ..call() }, &[][..]),
    ] {
        stage.account.proxy.calls();
        assert_ne!(stage.world.call(&refused).await.code, "OK");
        let calls = stage.account.proxy.calls();
        let calls: Vec<_> = calls.iter().map(|(operation, count)| (operation.as_str(), *count)).collect();
        assert_eq!(calls, expected);
    }
}
