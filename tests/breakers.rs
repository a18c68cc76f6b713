//! A party that hangs: after three time-outs it is left alone for 10 s, and then one request asks it.

use serde_json::json;
use shared::egress::breakers::Hanging;
use shared::egress::transport_error::TransportError;
use shared::model::authorization::Status;
use shared::model::breaker::PAUSE;
use shared::protocol::alipay::gateway::{Exchange, GatewayError};
use tests::alibaba_cloud::granted;
use tests::logs::Logs;
use tests::parties::identified;
use tests::request::LinkCall;
use tests::rpc::{Protocol, RpcCall};
use tests::world::{Issued, World, scheme};

const LINK: &str = "https://openauth.example/authorize?state=1";

/// The states that the log tells of, in order.
fn states(logs: &Logs) -> Vec<String> {
    let lines = logs.text();
    let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    lines.filter_map(|line| line["breaker"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_platform_that_hangs_is_asked_no_more_and_the_same_request_continues_later() {
    let (logs, world) = (Logs::keep(), World::new());
    world.links_come_from("rsa");
    let ask = async |serial_no: &str| world.ask(&LinkCall::new(serial_no, world.now())).await;
    for serial_no in ["S1", "S2", "S3"] {
        world.platforms.no_answer(TransportError::Timeout);
        assert_eq!(ask(serial_no).await.status, 98);
    }
    assert_eq!(world.platforms.asked().len(), 3);
    assert_eq!(ask("S4").await.status, 98);
    assert_eq!(world.platforms.asked().len(), 0, "nobody is asked");

    world.clock.advance(PAUSE);
    world.platforms.no_answer(TransportError::Timeout);
    assert_eq!(ask("S4").await.status, 98);
    assert_eq!(ask("S1").await.status, 98);
    assert_eq!(world.platforms.asked().len(), 1, "one probe a pause");

    world.clock.advance(PAUSE);
    for serial_no in ["S4", "S1"] {
        world.platforms.grant(LINK);
        assert_eq!(ask(serial_no).await.expect_link().as_str(), LINK);
    }
    assert_eq!(states(&logs), ["open", "half_open", "open", "half_open", "closed"]);
}

#[tokio::test]
async fn a_platform_that_refuses_at_once_is_asked_every_time() {
    let world = World::new();
    world.links_come_from("rsa");
    for number in 0..10 {
        world.platforms.no_answer(TransportError::Connect);
        assert_eq!(world.ask(&LinkCall::new(&format!("S{number}"), world.now())).await.status, 98);
    }
    assert_eq!(world.platforms.asked().len(), 10);
}

#[tokio::test]
async fn a_call_that_alibaba_cloud_is_not_asked_for_keeps_its_nonce() {
    let world = World::new();
    let mut document = scheme();
    document["source"] = json!("aliyun");
    world.secrets.set("scheme/234", &document);
    let key = json!({"accessKeyId": "LTAI5tTheirKey", "accessKeySecret": "the-account-s-secret-there"});
    world.secrets.set("aliyun/1001", &key);
    for _ in 0..3 {
        world.alibaba_cloud.fail(TransportError::Timeout);
        assert_eq!(world.call(&RpcCall::new(Protocol::V1, world.now())).await.code, "SystemError");
    }
    let call = RpcCall::new(Protocol::V1, world.now());
    assert_eq!(world.call(&call).await.code, "SystemError");
    assert_eq!(world.alibaba_cloud.requests().len(), 3, "nobody is asked");
    world.clock.advance(PAUSE);
    world.alibaba_cloud.answer(200, granted("https://render.example.com/p?token=x"));
    assert_eq!(world.call(&call).await.code, "OK");
}

#[tokio::test]
async fn a_return_is_not_claimed_while_the_gateway_hangs_and_works_afterwards() {
    let (logs, world) = (Logs::keep(), World::new());
    for number in 0..3 {
        let Issued { state, .. } = world.link(&format!("S{number}")).await;
        world.gateway.answer(Exchange::Unknown(GatewayError::Transport(TransportError::Timeout)));
        assert_eq!(world.complete_return(&state, &format!("code{number}")).await.outcome, "authorize-again");
    }
    let Issued { id, state, .. } = world.link("S3").await;
    let shown = world.complete_return(&state, "code3").await;
    assert_eq!((shown.http_status, shown.outcome.as_str()), (503, "unavailable"));
    let record = world.record(&id).await;
    assert_eq!((record.status(), record.codes.len()), (Status::Issued, 0), "the code is not claimed");
    assert_eq!(world.gateway.codes().len(), 3);
    let hangs =
        Hanging { party: "alipay-gateway".to_owned(), breaker: "open".to_owned(), since: world.now() };
    assert_eq!(world.callback.hanging(), [hangs]);

    world.clock.advance(PAUSE);
    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&state, "code3").await.outcome, "authorized");
    assert_eq!(states(&logs), ["open", "half_open", "closed"]);
}

#[tokio::test]
async fn a_gateway_that_cannot_be_connected_to_in_time_is_left_alone_like_one_that_does_not_answer() {
    for (error, asked) in [(TransportError::ConnectTimeout, 3), (TransportError::Connect, 5)] {
        let world = World::new();
        let Issued { state, .. } = world.link("S1").await;
        for _ in 0..5 {
            world.gateway.answer(Exchange::Unknown(GatewayError::Transport(error)));
            assert_eq!(world.complete_return(&state, "codeA").await.outcome, "unavailable");
        }
        assert_eq!(world.gateway.codes().len(), asked, "{error}");
    }
}

#[tokio::test]
async fn what_is_recorded_is_told_while_the_gateway_hangs() {
    let (logs, world) = (Logs::keep(), World::new());
    let done = world.link("S0").await;
    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&done.state, "code").await.outcome, "authorized");
    let Issued { state, .. } = world.link("S1").await;
    for number in 0..3 {
        world.gateway.answer(Exchange::Unknown(GatewayError::Transport(TransportError::Timeout)));
        assert_eq!(world.complete_return(&state, &format!("code{number}")).await.outcome, "authorize-again");
    }
    for (state, code, outcome) in [
        (&*done.state, "code", "authorized"),
        (&*done.state, "another", "already-used"),
        (&*state, "code2", "authorize-again"),
        (&*state, "code3", "unavailable"),
        (&*"5".repeat(64), "code", "unknown-link"),
    ] {
        assert_eq!(world.complete_return(state, code).await.outcome, outcome);
    }
    assert_eq!(world.gateway.codes().len(), 4, "nobody is asked");
    let not_asked = logs.text().matches("the gateway hangs and is not asked").count();
    assert_eq!(not_asked, 1, "in the line of the request that would have asked");
}
