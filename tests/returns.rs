//! `openid-callback`: every way in which a browser comes back, and what becomes of the consent.

use std::sync::Arc;
use std::time::Duration;

use openid_callback::EXCHANGE_WITHIN;
use rusqlite::Connection;
use serde_json::json;
use shared::egress::transport_error::TransportError;
use shared::model::alipay_app_id::AlipayAppId;
use shared::model::authorization::{MAX_REFUSED_CODES, RETRY_GRACE_PERIOD, Status};
use shared::model::claim::{EXCHANGE_LEASE, ExchangeClaim};
use shared::model::id::{OperationId, State};
use shared::model::identity::{AlipayUserId, AuthCode, Identity, OpenId};
use shared::protocol::alipay::gateway::{Exchange, GatewayError, GatewayRefusal};
use shared::store::{ReadAuthorizations as _, RecordReturns as _};
use tests::flaky::{Failure, FlakyStore};
use tests::keys::{alipay, app, foreign, private_pem, public_pem};
use tests::logs::Logs;
use tests::parties::{code_invalid, identified};
use tests::request::{LinkCall, link_body};
use tests::world::{APP_ID, Issued, World};

fn refusal(code: &str, sub_code: &str) -> GatewayRefusal {
    GatewayRefusal { code: code.to_owned(), sub_code: sub_code.to_owned() }
}

fn open_id(identity: Option<&Identity>) -> Option<&str> {
    identity.and_then(Identity::open_id).map(OpenId::reveal)
}

#[tokio::test]
async fn a_consent_is_exchanged_recorded_and_due_for_delivery() {
    let world = World::new();
    let Issued { id, state, .. } = world.link("S1").await;
    world.gateway.answer(identified("open-1"));
    let shown = world.complete_return(&state, "codeA").await;
    assert_eq!((shown.http_status, shown.outcome.as_str()), (200, "authorized"));
    assert!(shown.html.contains(id.as_str()), "a reference to search for");
    assert!(!shown.html.contains("open-1"));

    let record = world.record(&id).await;
    assert_eq!(record.status(), Status::Authorized);
    assert_eq!(open_id(record.identity()), Some("open-1"));
    assert_eq!(
        (record.pending_delivery().map(|delivery| delivery.due_at), record.next_attempt_at()),
        (Some(world.now()), Some(world.now()))
    );
    assert_eq!(record.link(), None);
    let body = String::from_utf8(record.consent().expect("a consent").body.reveal().to_vec()).expect("text");
    assert_eq!(
        body,
        format!(
            r#"{{"serialNo":"S1","userId":"user-1","merchantId":"M1","businessId":"B1","openId":"open-1","authTime":{}}}"#,
            world.now()
        )
    );
}

#[tokio::test]
async fn reloading_the_page_asks_alipay_nothing_again() {
    let world = World::new();
    let Issued { state, .. } = world.link("S1").await;
    world.gateway.answer(identified("open-1"));
    for _ in 0..3 {
        assert_eq!(world.complete_return(&state, "codeA").await.outcome, "authorized");
    }
    assert_eq!(world.gateway.codes(), ["codeA"]);
}

#[tokio::test]
async fn coming_back_twice_at_once_exchanges_once_and_the_other_page_waits() {
    let world = World::new();
    let Issued { state, .. } = world.link("S1").await;
    let let_go = world.gateway.answer_later();
    let (first, second) = tokio::join!(world.complete_return(&state, "codeA"), async {
        world.gateway.asked(1).await;
        let second = world.complete_return(&state, "codeA").await;
        let_go.send(identified("open-1")).expect("someone waits");
        second
    });
    assert_eq!(first.outcome, "authorized");
    assert_eq!(second.outcome, "in-progress");
    assert!(second.html.contains(r#"http-equiv="refresh" content="2""#));
    assert_eq!(world.gateway.codes(), ["codeA"]);
    assert_eq!(world.complete_return(&state, "codeA").await.outcome, "authorized");
}

#[tokio::test]
async fn a_state_that_is_foreign_unknown_or_altered_leads_nowhere() {
    let world = World::new();
    let Issued { id, state, .. } = world.link("S1").await;
    let other = world.link("S2").await;
    let mixed = format!("{}{}", &state[..32], &other.state[32..]);
    let altered = format!("{}{}", &state[..63], if state.ends_with('0') { '1' } else { '0' });
    let unknown = format!("{}{}", "0".repeat(32), &state[32..]);
    for bad in [mixed, altered, unknown, state[..63].to_owned(), String::new()] {
        let shown = world.complete_return(&bad, "codeA").await;
        assert_eq!((shown.http_status, shown.outcome.as_str()), (404, "unknown-link"), "{bad}");
        assert!(!shown.html.contains(id.as_str()), "nothing is told of the authorization");
    }
    let shown = world.browse(&format!("app_id=2021999999999999&auth_code=codeA&state={state}")).await;
    assert_eq!(shown.outcome, "unknown-link");
    assert!(world.gateway.codes().is_empty());
    assert_eq!(world.record(&id).await.status(), Status::Issued);
}

#[tokio::test]
async fn an_expired_link_is_told_so_but_a_settlement_is_never_late() {
    let world = World::new();
    let late = world.link("S1").await;
    let slow = world.link("S2").await;
    let let_go = world.gateway.answer_later();
    let (settled, ()) = tokio::join!(world.complete_return(&slow.state, "codeB"), async {
        world.gateway.asked(1).await;
        world.clock.advance(Duration::from_hours(25));
        let_go.send(identified("open-2")).expect("someone waits");
    });
    assert_eq!(settled.outcome, "authorized");
    let shown = world.complete_return(&late.state, "codeA").await;
    assert_eq!((shown.http_status, shown.outcome.as_str()), (410, "expired"));
    assert_eq!(world.gateway.codes(), ["codeB"]);
    assert_eq!(
        world.complete_return(&slow.state, "codeB").await.outcome,
        "authorized",
        "what is settled stays so"
    );
}

#[tokio::test]
async fn coming_back_without_a_code_is_not_authorized_and_changes_nothing() {
    let world = World::new();
    let Issued { id, state, .. } = world.link("S1").await;
    let shown = world.browse(&format!("app_id={APP_ID}&source=alipay_wallet&state={state}")).await;
    assert_eq!((shown.http_status, shown.outcome.as_str()), (200, "not-authorized"));
    assert_eq!(world.record(&id).await.status(), Status::Issued);
    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&state, "codeA").await.outcome, "authorized");
}

#[tokio::test]
async fn a_refused_code_is_never_sent_again_and_a_new_one_works() {
    let world = World::new();
    let Issued { id, state, link } = world.link("S1").await;
    world.gateway.answer(code_invalid());
    let shown = world.complete_return(&state, "codeA").await;
    assert_eq!((shown.http_status, shown.outcome.as_str()), (200, "authorize-again"));
    assert!(shown.html.contains(&link.as_str().replace('&', "&amp;")), "the way back to Alipay");
    assert_eq!(world.record(&id).await.status(), Status::Issued);
    assert_eq!(world.complete_return(&state, "codeA").await.outcome, "authorize-again");

    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&state, "codeB").await.outcome, "authorized");
    assert_eq!(world.gateway.codes(), ["codeA", "codeB"]);
}

#[tokio::test]
async fn an_old_code_brought_again_after_a_newer_one_is_not_sent_again() {
    let world = World::new();
    let Issued { state, .. } = world.link("S1").await;
    world.gateway.answer(code_invalid());
    world.complete_return(&state, "codeA").await;
    world.gateway.answer(Exchange::Unknown(GatewayError::Status(502)));
    world.complete_return(&state, "codeB").await;
    assert_eq!(world.complete_return(&state, "codeA").await.outcome, "authorize-again");
    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&state, "codeC").await.outcome, "authorized");
    for (code, outcome) in [("codeA", "already-used"), ("codeB", "already-used"), ("codeC", "authorized")] {
        assert_eq!(world.complete_return(&state, code).await.outcome, outcome, "{code}");
    }
    assert_eq!(world.gateway.codes(), ["codeA", "codeB", "codeC"]);
}

#[tokio::test]
async fn every_kind_of_silence_is_unknown_and_asks_for_a_new_consent() {
    let world = World::new();
    for (number, silence) in [
        GatewayError::Transport(TransportError::Timeout),
        GatewayError::Transport(TransportError::Broken),
        GatewayError::Status(502),
        GatewayError::Malformed,
        GatewayError::Signature(None),
        GatewayError::Unsigned(None),
        GatewayError::Unavailable(refusal("20000", "isp.unknow-error")),
    ]
    .into_iter()
    .enumerate()
    {
        let Issued { id, state, .. } = world.link(&format!("S{number}")).await;
        let (a, b) = (format!("codeA{number}"), format!("codeB{number}"));
        world.gateway.answer(Exchange::Unknown(silence.clone()));
        assert_eq!(world.complete_return(&state, &a).await.outcome, "authorize-again", "{silence}");
        assert_eq!(world.record(&id).await.status(), Status::ExchangeUnknown);
        assert_eq!(world.complete_return(&state, &a).await.outcome, "authorize-again");
        world.gateway.answer(identified("open-1"));
        assert_eq!(world.complete_return(&state, &b).await.outcome, "authorized");
    }
    assert_eq!(world.gateway.codes().len(), 14);
}

/// Code A is at the gateway for longer than its claim lasts, so that code B is claimed; then A is answered.
async fn answered_after_a_second_claim(first: Exchange, second: Exchange) -> (World, Issued, [String; 2]) {
    let world = World::new();
    let issued = world.link("S1").await;
    let (let_first_go, let_second_go) = (world.gateway.answer_later(), world.gateway.answer_later());
    let (a, (b, ())) = tokio::join!(world.complete_return(&issued.state, "codeA"), async {
        world.gateway.asked(1).await;
        world.clock.advance(EXCHANGE_LEASE);
        tokio::join!(world.complete_return(&issued.state, "codeB"), async {
            world.gateway.asked(2).await;
            let_first_go.send(first).expect("someone waits");
            let_second_go.send(second).expect("someone waits");
        })
    });
    let outcomes = [a.outcome, b.outcome];
    (world, issued, outcomes)
}

#[tokio::test]
async fn an_answer_after_a_second_code_was_claimed_still_settles() {
    let (world, issued, outcomes) =
        answered_after_a_second_claim(identified("open-1"), identified("open-1")).await;
    assert_eq!(outcomes, ["authorized", "authorized"]);
    assert_eq!(open_id(world.record(&issued.id).await.identity()), Some("open-1"));
    assert_eq!(world.gateway.codes(), ["codeA", "codeB"]);
}

#[tokio::test]
async fn a_refusal_after_a_second_code_was_claimed_does_not_disturb_it() {
    let (world, issued, outcomes) = answered_after_a_second_claim(code_invalid(), identified("open-2")).await;
    assert_eq!(outcomes, ["authorize-again", "authorized"]);
    assert_eq!(open_id(world.record(&issued.id).await.identity()), Some("open-2"));
}

#[tokio::test]
async fn a_consent_whose_record_is_gone_is_alarmed() {
    let world = World::new();
    let Issued { id, state, .. } = world.link("S1").await;
    let answer = world.gateway.answer_later();
    let logs = Logs::keep();
    let lose = async {
        world.gateway.asked(1).await;
        let connection = Connection::open(&world.file).expect("opens");
        assert_eq!(connection.execute("DELETE FROM authorizations", []), Ok(1));
        answer.send(identified("open-1")).expect("the gateway waits");
    };
    let (shown, ()) = tokio::join!(world.complete_return(&state, "codeA"), lose);
    assert_eq!(shown.outcome, "unknown-link");
    let told = logs.lines().into_iter().find(|line| line["alarm"] == "settlement").expect("an alarm");
    assert_eq!(told["reference"], id.as_str());
}

#[tokio::test]
async fn a_different_user_on_the_second_code_is_refused_and_alarmed() {
    let logs = Logs::keep();
    let (world, issued, outcomes) =
        answered_after_a_second_claim(identified("open-1"), identified("open-2")).await;
    let kept = open_id(world.record(&issued.id).await.identity()).map(str::to_owned);
    assert!(
        outcomes.contains(&"authorized".to_owned()) && outcomes.contains(&"another-user".to_owned()),
        "{outcomes:?}"
    );
    let first = if outcomes[0] == "authorized" { "open-1" } else { "open-2" };
    assert_eq!(kept.as_deref(), Some(first), "the first one settled stays");
    for (code, outcome) in ["codeA", "codeB"].into_iter().zip(outcomes) {
        let again = world.complete_return(&issued.state, code).await.outcome;
        let expected = if outcome == "authorized" { "authorized" } else { "already-used" };
        assert_eq!(
            again, expected,
            "{code} was {outcome}: nobody is told of another's consent as of their own"
        );
    }
    assert!(logs.text().contains(r#""alarm":"settlement""#));
}

#[tokio::test]
async fn ten_codes_are_tried_on_one_link_and_no_more() {
    let world = World::new();
    let Issued { state, .. } = world.link("S1").await;
    let faults = || {
        let refusal =
            GatewayRefusal { code: "40002".to_owned(), sub_code: "isv.invalid-signature".to_owned() };
        [Exchange::Refused(refusal), Exchange::Unknown(GatewayError::Status(502))]
    };
    for number in 0..MAX_REFUSED_CODES {
        for (fault, exchange) in faults().into_iter().enumerate() {
            world.gateway.answer(exchange);
            world.complete_return(&state, &format!("fault{fault}of{number}")).await;
        }
        world.gateway.answer(code_invalid());
        let shown = world.complete_return(&state, &format!("code{number}")).await;
        assert_eq!(shown.outcome, "authorize-again", "faults of ours and of the gateway use up no try");
    }
    let shown = world.complete_return(&state, "codeX").await;
    assert_eq!((shown.http_status, shown.outcome.as_str()), (429, "too-many-tries"));
    assert_eq!(world.gateway.codes().len(), 30);
}

#[tokio::test]
async fn a_code_that_was_not_sent_works_again_and_is_sent_once() {
    let world = World::new();
    let Issued { id, state, .. } = world.link("S1").await;
    for _ in 0..MAX_REFUSED_CODES + 1 {
        world.gateway.answer(Exchange::Unknown(GatewayError::Transport(TransportError::Connect)));
        let shown = world.complete_return(&state, "codeA").await;
        assert_eq!((shown.http_status, shown.outcome.as_str()), (503, "unavailable"));
    }
    let record = world.record(&id).await;
    assert_eq!((record.status(), record.codes.len(), record.refused_codes), (Status::Issued, 0, 0));
    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&state, "codeA").await.outcome, "authorized");
}

/// The store was locked, or the process paused, between the claim and the exchange.
#[tokio::test]
async fn a_code_is_not_sent_when_its_exchange_might_outlast_the_function_or_the_lease() {
    let milli = Duration::from_millis(1);
    for (waited, is_sent) in [
        (EXCHANGE_WITHIN - milli, true),
        (EXCHANGE_WITHIN, false),
        (EXCHANGE_LEASE, false),
        (Duration::from_secs(43), false),
    ] {
        let mut world = World::new();
        let Issued { id, state, .. } = world.link("S1").await;
        let slow = FlakyStore::new(world.store.clone(), &[]).by(&world.clock, &[waited]);
        world.deps.callback.store = Arc::new(slow);
        world.rebuild();
        if is_sent {
            world.gateway.answer(identified("open-1"));
            assert_eq!(world.complete_return(&state, "codeA").await.outcome, "authorized");
            continue;
        }
        assert_eq!(world.complete_return(&state, "codeA").await.outcome, "unavailable", "{waited:?}");
        assert!(world.gateway.codes().is_empty());
        assert_eq!(world.record(&id).await.codes.len(), 0, "the same return works again");
        world.gateway.answer(identified("open-1"));
        assert_eq!(world.complete_return(&state, "codeA").await.outcome, "authorized");
    }
}

#[tokio::test]
async fn a_code_that_alipay_refuses_does_not_prolong_its_link_and_silence_does() {
    for (said, outcome, again) in [
        (code_invalid(), "expired", "expired"),
        (Exchange::Unknown(GatewayError::Malformed), "authorize-again", "authorized"),
    ] {
        let world = World::new();
        let Issued { state, .. } = world.link("S1").await;
        world.clock.advance(Duration::from_hours(24) - Duration::from_millis(1));
        let let_go = world.gateway.answer_later();
        let (shown, ()) = tokio::join!(world.complete_return(&state, "codeA"), async {
            world.gateway.asked(1).await;
            world.clock.advance(Duration::from_secs(1));
            assert!(let_go.send(said.clone()).is_ok());
        });
        assert_eq!(shown.outcome, outcome, "{said:?}");
        world.gateway.answer(identified("open-1"));
        assert_eq!(world.complete_return(&state, "codeB").await.outcome, again, "{said:?}");
    }
}

#[tokio::test]
async fn a_reference_is_logged_once_the_state_is_proved() {
    let mut world = World::new();
    let Issued { id, state, .. } = world.link("S1").await;
    let made_up = format!("{id}{}", "5".repeat(32));
    let logs = Logs::keep();
    for (query, outcome) in [
        (format!("app_id={APP_ID}&state={made_up}"), "unknown-link"),
        (format!("app_id={APP_ID}&auth_code=codeA&state={made_up}"), "unknown-link"),
    ] {
        assert_eq!(world.browse(&query).await.outcome, outcome);
    }
    world.secrets.set_unavailable(true);
    world.rebuild();
    assert_eq!(world.complete_return(&made_up, "codeA").await.outcome, "unknown-link");
    assert!(!logs.text().contains(id.as_str()), "{}", logs.text());
    world.secrets.set_unavailable(false);
    world.rebuild();
    world.gateway.answer(code_invalid());
    assert_eq!(world.complete_return(&state, "codeA").await.outcome, "authorize-again");
    assert!(logs.text().contains(id.as_str()));
}

#[tokio::test]
async fn a_short_link_waits_for_a_dead_claim_and_for_its_user() {
    let world = World::new();
    let mut short = tests::world::business();
    short["linkLifetimeSecs"] = json!(60);
    world.secrets.set("business/B1", &short);
    let Issued { id, state, .. } = world.link("S1").await;
    world.clock.advance(Duration::from_secs(59));
    let claim = ExchangeClaim::new(
        &AlipayAppId::parse(APP_ID).expect("digits"),
        &State::parse(&state).expect("a state"),
        &AuthCode::parse("codeA").expect("a code"),
        OperationId::recorded("a worker that dies".to_owned()),
        world.now(),
    );
    world.store.claim_exchange(&claim).await.expect("the store answers");
    world.clock.advance(EXCHANGE_LEASE);
    let record = world.record(&id).await;
    assert_eq!(
        (record.status(), record.status_at(world.now())),
        (Status::Exchanging, Status::ExchangeUnknown)
    );
    assert_eq!(world.told("S1").await["state"], "EXCHANGE_UNKNOWN");
    assert_eq!(world.told("S1").await["expiresAt"], json!(world.now() + RETRY_GRACE_PERIOD));
    assert_eq!(world.complete_return(&state, "codeA").await.outcome, "authorize-again");
    world.clock.advance(RETRY_GRACE_PERIOD - Duration::from_millis(1));
    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&state, "codeB").await.outcome, "authorized");
}

#[tokio::test]
async fn our_own_trouble_before_the_claim_leaves_the_code_unspent() {
    let world = World::new();
    let Issued { id, state, .. } = world.link("S1").await;
    world.secrets.set_unavailable(true);
    let shown = world.complete_return(&state, "codeA").await;
    assert_eq!((shown.http_status, shown.outcome.as_str()), (503, "unavailable"));
    assert!(world.gateway.codes().is_empty());
    assert!(world.record(&id).await.codes.is_empty());
    world.secrets.set_unavailable(false);
    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&state, "codeA").await.outcome, "authorized");
}

#[tokio::test]
async fn a_refusal_of_our_request_is_alarmed_by_its_codes_and_told_as_our_fault() {
    let world = World::new();
    let said = |code, sub_code| refusal(code, sub_code);
    for (number, (answer, told)) in [
        (
            Exchange::Refused(said("40002", "isv.invalid-signature")),
            r#""code":"40002","sub_code":"isv.invalid-signature","alarm":"gateway""#,
        ),
        (
            Exchange::Refused(said("40006", "isv.insufficient-isv-permissions")),
            r#""code":"40006","sub_code":"isv.insufficient-isv-permissions","alarm":"gateway""#,
        ),
        (
            Exchange::Unknown(GatewayError::Unsigned(Some(said("40002", "isv.invalid-app-id")))),
            r#""reason":"unsigned","unverified_code":"40002","unverified_sub_code":"isv.invalid-app-id","alarm":"gateway""#,
        ),
        (
            Exchange::Unknown(GatewayError::Signature(Some(said("40001", "isv.missing-app-cert-sn")))),
            r#""reason":"signature","unverified_code":"40001","unverified_sub_code":"isv.missing-app-cert-sn","alarm":"gateway""#,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let logs = Logs::keep();
        let issued = world.link(&format!("S{number}")).await;
        let believed = matches!(answer, Exchange::Refused(_));
        world.gateway.answer(answer);
        let shown = world.complete_return(&issued.state, &format!("code{number}")).await;
        assert_eq!((shown.http_status, shown.outcome.as_str()), (503, "our-fault"), "{told}");
        assert!(!shown.html.contains("openauth"), "nobody is sent to authorize in vain");
        let state = world.record(&issued.id).await.status();
        assert_eq!(state, if believed { Status::Issued } else { Status::ExchangeUnknown }, "{told}");
        assert!(logs.text().contains(told), "{told}: {}", logs.text());
    }
}

#[tokio::test]
async fn a_stale_code_pages_nobody_signed_or_not() {
    let world = World::new();
    for (number, answer) in [
        code_invalid(),
        Exchange::Refused(refusal("40002", "isv.unmatched-app-id")),
        Exchange::Unknown(GatewayError::Unsigned(Some(refusal("40002", "isv.code-invalid")))),
    ]
    .into_iter()
    .enumerate()
    {
        let logs = Logs::keep();
        let issued = world.link(&format!("S{number}")).await;
        world.gateway.answer(answer);
        let shown = world.complete_return(&issued.state, &format!("code{number}")).await;
        assert_eq!(shown.outcome, "authorize-again");
        assert!(
            logs.text().contains("refused the code") && !logs.text().contains(r#""alarm""#),
            "{}",
            logs.text()
        );
    }
}

#[tokio::test]
async fn what_passes_at_alipay_is_alarmed_by_its_codes_and_the_user_asked_again() {
    let world = World::new();
    for (number, (answer, told)) in [
        (
            Exchange::Unknown(GatewayError::Unavailable(refusal("20000", "aop.unknow-error"))),
            r#""reason":"unavailable","code":"20000","sub_code":"aop.unknow-error","alarm":"gateway""#,
        ),
        (
            Exchange::Refused(refusal("40005", "isv.app-call-limited")),
            r#""code":"40005","sub_code":"isv.app-call-limited","alarm":"gateway""#,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let logs = Logs::keep();
        let issued = world.link(&format!("S{number}")).await;
        world.gateway.answer(answer);
        let shown = world.complete_return(&issued.state, &format!("code{number}")).await;
        assert_eq!(shown.outcome, "authorize-again");
        assert!(logs.text().contains(told), "{told}: {}", logs.text());
    }
}

#[tokio::test]
async fn a_user_id_is_delivered_under_its_own_name() {
    let world = World::new();
    let old = world.link("S1").await;
    let migrating = world.link("S2").await;
    let user_id = AlipayUserId::parse("2088000000000001");
    world.gateway.answer(Exchange::Identified(Identity::new(None, user_id.clone()).expect("an id")));
    world.complete_return(&old.state, "codeA").await;
    let both = Identity::new(OpenId::parse("open-2"), user_id).expect("an id");
    world.gateway.answer(Exchange::Identified(both));
    world.complete_return(&migrating.state, "codeB").await;

    let body = |record: shared::model::authorization::Authorization| -> serde_json::Value {
        serde_json::from_slice(record.consent().expect("a consent").body.reveal()).expect("JSON")
    };
    let old = body(world.record(&old.id).await);
    assert_eq!((old.get("openId"), &old["alipayUserId"]), (None, &json!("2088000000000001")));
    let migrating = body(world.record(&migrating.id).await);
    assert_eq!(
        (&migrating["openId"], &migrating["alipayUserId"]),
        (&json!("open-2"), &json!("2088000000000001"))
    );
}

#[tokio::test]
async fn without_any_callback_address_the_user_is_recorded_and_nothing_is_due() {
    let world = World::new();
    let mut body = link_body("S1");
    body["callbackUrl"] = json!(null);
    let link = world.ask(&LinkCall::with_body(&body, world.now())).await.expect_link();
    world.gateway.answer(identified("open-1"));
    let shown = world.complete_return(&tests::request::state_of(&link), "codeA").await;
    assert_eq!(shown.outcome, "authorized");
    let id = shared::model::id::AuthorizationId::from_serial("B1", "S1");
    let record = world.record(&id).await;
    assert_eq!((record.status(), record.pending_delivery()), (Status::Authorized, None));
    assert!(world.sweep_and_drain().await.is_empty());
}

#[tokio::test]
async fn other_methods_and_paths_lead_nowhere() {
    let world = World::new();
    let Issued { state, .. } = world.link("S1").await;
    let query = format!("app_id={APP_ID}&auth_code=codeA&state={state}");
    for (method, path) in [("POST", openid_callback::PATH), ("GET", "/v1/openapi/auth/alipay/callback/x")] {
        let request = http::Request::builder().method(method).uri(format!("{path}?{query}"));
        let request = request.body(bytes::Bytes::new()).expect("a request");
        let shown = tests::world::Shown::read(&world.callback.handle(&request).await);
        assert_eq!(shown.outcome, "unknown-link");
    }
    assert!(world.gateway.codes().is_empty());
}

#[tokio::test]
async fn two_processes_on_one_database_send_a_code_once() {
    let world = Arc::new(World::new());
    let another = Arc::new(world.another_process());
    for round in 0..10 {
        let Issued { id, state, .. } = world.link(&format!("S{round}")).await;
        let code = format!("code{round}");
        world.gateway.answer(identified("open-1"));
        let (one, other) =
            tokio::join!(world.complete_return(&state, &code), another.complete_return(&state, &code));
        for shown in [one, other] {
            assert!(["authorized", "in-progress"].contains(&shown.outcome.as_str()), "{}", shown.outcome);
        }
        let record = another.store.authorization(&id).await.expect("the store answers").expect("a record");
        assert_eq!(record.status(), Status::Authorized);
    }
    assert_eq!(world.gateway.codes().len(), 10);
}

#[tokio::test]
async fn another_consent_on_a_link_that_was_used_is_told_so_and_not_exchanged() {
    let logs = Logs::keep();
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    let shown = world.complete_return(&issued.state, "anotherCode").await;
    assert_eq!((shown.http_status, shown.outcome.as_str()), (409, "already-used"));
    assert_eq!(world.gateway.codes(), ["codeS1"]);
    assert_eq!(open_id(world.record(&issued.id).await.identity()), Some("open-1"));
    assert!(logs.text().contains("a consent came for a link that was used before"));
}

#[tokio::test]
async fn an_answer_under_alipays_new_key_is_believed_as_soon_as_the_secret_has_it() {
    let world = World::new();
    let (before, after) = (world.link("S1").await, world.link("S2").await);
    world.gateway.answer(identified("open-1"));
    world.complete_return(&before.state, "codeA").await;
    let keys = [public_pem(alipay()), public_pem(foreign())];
    let document = json!({"privateKey": private_pem(app()), "alipayPublicKeys": keys});
    world.secrets.set(&format!("alipay-app/{APP_ID}"), &document);
    world.clock.advance(Duration::from_secs(60));
    // The stand-in for a wrong signature is one by the key that the secret now holds.
    world.gateway.answer(Exchange::Unknown(GatewayError::Signature(None)));
    assert_eq!(world.complete_return(&after.state, "codeB").await.outcome, "authorized");
    assert_eq!(world.secrets.fetches(&format!("alipay-app/{APP_ID}")), 2);
}

/// Time stands still but for the pauses between tries, which are skipped.
#[tokio::test(start_paused = true)]
async fn a_settlement_is_tried_again_while_the_store_is_away() {
    let away = Failure::NotDoneAfter(Duration::from_secs(3));
    for failures in [vec![away; 5], vec![Failure::AnswerLost], vec![Failure::NotDone, Failure::AnswerLost]] {
        let mut world = World::new();
        world.deny_list().await;
        let Issued { id, state, .. } = world.link("S1").await;
        let flaky = FlakyStore::new(world.store.clone(), &failures).by(&world.clock, &[]);
        world.deps.callback.store = Arc::new(flaky);
        world.rebuild();
        world.gateway.answer(identified("open-1"));
        assert_eq!(world.complete_return(&state, "codeA").await.outcome, "authorized", "{failures:?}");
        assert_eq!(world.record(&id).await.status(), Status::Authorized);
        assert_eq!(world.drain().await.len(), 1, "delivered at once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_settlement_whose_answer_was_lost_is_told_as_recorded_and_delivered_at_once() {
    let logs = Logs::keep();
    let mut world = World::new();
    world.deny_list().await;
    let Issued { id, state, .. } = world.link("S1").await;
    let away = Failure::NotDoneAfter(Duration::from_secs(4));
    let failures = [Failure::AnswerLost, away, away, away, away, away];
    let flaky = FlakyStore::new(world.store.clone(), &failures).by(&world.clock, &[]);
    world.deps.callback.store = Arc::new(flaky);
    world.rebuild();
    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&state, "codeA").await.outcome, "authorized");
    assert_eq!(world.record(&id).await.status(), Status::Authorized);
    assert!(!logs.text().contains(r#""alarm":"settlement""#));
    assert_eq!(world.drain().await.len(), 1, "delivered at once");
}

#[tokio::test(start_paused = true)]
async fn a_settlement_that_cannot_be_written_is_alarmed_and_the_user_asked_again() {
    let logs = Logs::keep();
    let mut world = World::new();
    world.deny_list().await;
    let Issued { id, state, .. } = world.link("S1").await;
    let away = [Failure::NotDoneAfter(Duration::from_secs(4)); 5];
    let flaky = FlakyStore::new(world.store.clone(), &away).by(&world.clock, &[]);
    world.deps.callback.store = Arc::new(flaky);
    world.rebuild();
    world.gateway.answer(identified("open-1"));
    let shown = world.complete_return(&state, "codeA").await;
    assert_eq!((shown.http_status, shown.outcome.as_str()), (503, "not-recorded"));
    assert_eq!(world.record(&id).await.status(), Status::ExchangeUnknown);
    assert!(logs.text().contains(r#""alarm":"settlement""#));
    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&state, "codeB").await.outcome, "authorized");
}

#[tokio::test]
async fn late_in_a_request_no_newer_key_is_waited_for() {
    let world = World::new();
    let issued = world.link("S1").await;
    let let_go = world.gateway.answer_later();
    let app = format!("alipay-app/{APP_ID}");
    let (shown, ()) = tokio::join!(world.complete_return(&issued.state, "codeA"), async {
        world.gateway.asked(1).await;
        world.clock.advance(openid_callback::REFRESH_WITHIN);
        let_go.send(Exchange::Unknown(GatewayError::Signature(None))).expect("someone waits");
    });
    assert_eq!(shown.outcome, "authorize-again");
    assert_eq!(world.secrets.fetches(&app), 1);
}
