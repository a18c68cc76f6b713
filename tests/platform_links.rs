//! Links that another platform makes: what it is asked, what its answers become, and how a request goes on that was cut
//! short.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use alipay_auth_url::QUESTIONS_WITHIN;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local::merchant::signing::{sign_md5, string_to_sign};
use rsa::RsaPublicKey;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::sha2::{Digest as _, Sha256};
use serde_json::{Value, json};
use shared::egress::transport_error::TransportError;
use shared::model::authorization::Status;
use shared::model::clock::{Clock as _, ManualClock};
use shared::model::id::AuthorizationId;
use shared::model::link_source::LinkSource;
use shared::protocol::open_api::client::transport::PlatformError;
use shared::secrets::{FetchError, SecretName, SecretSource, SecretValue};
use tests::crashing::{CrashPoint, CrashingStore, Write};
use tests::flaky::{Failure, FlakyStore};
use tests::keys;
use tests::logs::Logs;
use tests::parties::InMemorySecrets;
use tests::platform::{OURS_THERE, ReceivedRequest, SHARED_KEY, callback, state_asked_with};
use tests::request::{LinkAnswer, LinkCall, link_body};
use tests::world::World;

const LINK: &str = "https://platform.example/consent?x=1";
const CONTINUE: &str =
    "the platform that makes this link gave no answer to go by; send the same request again, or look it up";

fn id() -> AuthorizationId {
    AuthorizationId::from_serial("B1", "S1")
}

async fn ask(world: &World, serial_no: &str) -> LinkAnswer {
    world.ask(&LinkCall::new(serial_no, world.now())).await
}

async fn world_by(platform: &str) -> World {
    let world = World::new();
    world.links_come_from(platform);
    world
}

async fn status(world: &World) -> Status {
    world.record(&id()).await.status()
}

/// The string to sign, joined by the demo merchant's code.
fn string_of(asked: &ReceivedRequest) -> Vec<u8> {
    let header = |name: &str| asked.headers.get(name).map(String::as_str).unwrap_or_default();
    let headers = [
        ("businessId", header("businessid")),
        ("nonce", header("nonce")),
        ("timestamp", header("timestamp")),
        ("signType", header("signtype")),
    ];
    string_to_sign(&headers, &asked.bytes)
}

#[tokio::test]
async fn the_platform_is_asked_as_documented_and_its_link_goes_back() {
    let world = world_by("rsa").await;
    world.platforms.grant(LINK);
    assert_eq!(ask(&world, "S1").await.expect_link().as_str(), LINK);

    let asked = world.platforms.asked().pop().expect("a request");
    assert_eq!(asked.url, "https://platform.example/open/v1/openapi/auth/alipay/url");
    let state = state_asked_with(&asked);
    assert_eq!(
        asked.body,
        json!({
            "merchantId": "our-shop-there",
            "businessId": OURS_THERE,
            "serialNo": id(),
            "userId": "user-1",
            "callbackUrl": format!("https://links.example.com/v1/openapi/auth/alipay/callback/{state}"),
        })
    );
    assert_eq!(asked.headers["businessid"], OURS_THERE);
    assert_eq!(asked.headers["timestamp"], world.now().to_string());
    assert!(!asked.headers["nonce"].starts_with("authlink-"), "an authlink there would refuse it");
    let sign = STANDARD.decode(&asked.headers["sign"]).expect("Base64");
    RsaPublicKey::from(keys::app())
        .verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(string_of(&asked)), &sign)
        .expect("signed with our key there");

    let record = world.record(&id()).await;
    assert_eq!(record.source, LinkSource::Platform("rsa".to_owned()));
    assert_eq!((record.status(), record.link().map(url::Url::as_str)), (Status::Issued, Some(LINK)));
    assert_eq!(record.linked_at, Some(world.now()));
}

#[tokio::test]
async fn a_platform_that_wants_md5_gets_it() {
    let world = world_by("md5").await;
    world.platforms.grant(LINK);
    ask(&world, "S1").await.expect_link();
    let asked = world.platforms.asked().pop().expect("a request");
    assert_eq!(asked.body["merchantId"], "M1", "the caller's, as the document names none");
    assert_eq!(asked.headers["signtype"], "MD5");
    assert_eq!(asked.headers["sign"], sign_md5(&string_of(&asked), SHARED_KEY));
}

#[tokio::test]
async fn the_record_is_there_before_the_platform_is_asked() {
    let world = world_by("rsa").await;
    let store = Arc::new(CrashingStore::new(world.store.clone(), CrashPoint::After(Write::Link)));
    let crashing_process = world.another_process().with_store(store.clone());
    store.until_crash(ask(&crashing_process, "S1")).await;
    assert_eq!(world.platforms.asked().len(), 0);
    assert_eq!(status(&world).await, Status::LinkPending);
}

#[tokio::test]
async fn a_request_whose_process_died_is_continued_by_the_next() {
    for (point, ours, asked) in [
        (CrashPoint::Before(Write::Link), 0, 1),
        (CrashPoint::After(Write::Link), 0, 1),
        (CrashPoint::Before(Write::PlatformLink), 0, 2),
        (CrashPoint::After(Write::PlatformLink), 8, 1),
    ] {
        let world = world_by("rsa").await;
        let store = Arc::new(CrashingStore::new(world.store.clone(), point));
        let crashing_process = world.another_process().with_store(store.clone());
        world.platforms.grant(LINK);
        store.until_crash(ask(&crashing_process, "S1")).await;
        world.platforms.grant(LINK);
        let answer = ask(&world, "S1").await;
        assert_eq!((answer.status, answer.link.as_deref()), (ours, Some(LINK)), "{point:?}");
        let questions = world.platforms.asked();
        assert_eq!(questions.len(), asked, "{point:?}");
        assert!(questions.iter().all(|question| question.bytes == questions[0].bytes));
    }
}

#[tokio::test]
async fn every_answer_that_is_no_link_becomes_a_status_of_ours_and_loses_nothing() {
    let refused = |status: i64| json!({"status": status, "message": "no", "data": {}}).to_string();
    let granted = |link: Value| json!({"status": 0, "message": "ok", "data": {"alipayAuthUrl": link}});
    let mut rows: Vec<(Result<String, PlatformError>, i64)> = vec![
        (Err(TransportError::Timeout.into()), 98),
        (Err(TransportError::Connect.into()), 98),
        (Err(PlatformError::Status(502)), 98),
        (Err(TransportError::CutOff.into()), 98),
        (Ok(String::new()), 98),
        (Ok("<html>SUCCESS</html>".to_owned()), 98),
        (Ok(r#"{"status":"0","data":{"alipayAuthUrl":"https://a.example/"}}"#.to_owned()), 98),
        (Ok(granted(Value::Null).to_string()), 99),
        (Ok(granted(json!(7)).to_string()), 99),
        (Ok(granted(json!("alipays://platformapi/startapp")).to_string()), 99),
        (Ok(granted(json!("https://")).to_string()), 99),
        (Ok(granted(json!("http://127.0.0.1/")).to_string()), 99),
    ];
    rows.extend(
        [(1, 98), (5, 98), (6, 98), (98, 98), (99, 99), (12, 99), (420, 99)]
            .map(|(s, o)| (Ok(refused(s)), o)),
    );
    rows.extend([2, 3, 4, 7, 9, 10, 11].map(|status| (Ok(refused(status)), 1)));
    for (said, ours) in rows {
        let world = world_by("rsa").await;
        match &said {
            Ok(body) => world.platforms.answer(body.clone()),
            Err(reason) => world.platforms.no_answer(*reason),
        }
        let answer = ask(&world, "S1").await;
        assert_eq!(
            (answer.http_status, answer.status, answer.link.as_deref()),
            (200, ours, None),
            "{said:?}"
        );
        assert!(answer.message.ends_with(&format!("; reference {}", id())), "{}", answer.message);
        let pending = world.record(&id()).await;
        assert_eq!(pending.status(), Status::LinkPending, "{said:?}");
        let first = world.platforms.asked().pop().expect("a request");

        // The same request again continues it.
        world.clock.advance(Duration::from_mins(1));
        world.platforms.grant(LINK);
        assert_eq!(ask(&world, "S1").await.expect_link().as_str(), LINK, "{said:?}");
        let second = world.platforms.asked().pop().expect("a request");
        assert_eq!(second.bytes, first.bytes, "the same question");
        assert_ne!(second.headers["nonce"], first.headers["nonce"]);
        assert_eq!(status(&world).await, Status::Issued);
    }
}

#[tokio::test]
async fn a_time_out_is_told_with_what_to_do() {
    let world = world_by("rsa").await;
    world.platforms.no_answer(TransportError::Timeout);
    assert_eq!(ask(&world, "S1").await.message, format!("{CONTINUE}; reference {}", id()));
}

#[tokio::test]
async fn once_the_link_is_there_a_repetition_is_an_8_with_it_and_asks_nobody() {
    let world = world_by("rsa").await;
    world.platforms.grant(LINK);
    ask(&world, "S1").await.expect_link();
    world.platforms.asked();
    let again = ask(&world, "S1").await;
    assert_eq!((again.status, again.link.as_deref()), (8, Some(LINK)));
    assert_eq!(world.platforms.asked().len(), 0);
}

#[tokio::test]
async fn another_request_with_the_serial_of_a_pending_one_is_an_8_and_asks_nobody() {
    let world = world_by("rsa").await;
    world.platforms.no_answer(TransportError::Timeout);
    ask(&world, "S1").await;
    world.platforms.asked();
    let mut other = link_body("S1");
    other["userId"] = "user-2".into();
    let answer = world.ask(&LinkCall::with_body(&other, world.now())).await;
    assert_eq!((answer.status, answer.link), (8, None));
    world.clock.advance(Duration::from_hours(24));
    assert_eq!(ask(&world, "S1").await.status, 8, "its time is over");
    assert_eq!(world.platforms.asked().len(), 0);
}

#[tokio::test]
async fn a_replayed_request_continues_nothing() {
    let world = world_by("rsa").await;
    world.platforms.no_answer(TransportError::Timeout);
    let call = LinkCall::new("S1", world.now());
    assert_eq!(world.ask(&call).await.status, 98);
    world.platforms.asked();
    assert_eq!(world.ask(&call).await.status, 6);
    assert_eq!(world.platforms.asked().len(), 0);
}

#[tokio::test]
async fn a_platform_that_has_used_the_serial_is_asked_once_more_under_another() {
    let world = world_by("rsa").await;
    world.platforms.refuse(8, "used");
    world.platforms.grant(LINK);
    assert_eq!(ask(&world, "S1").await.expect_link().as_str(), LINK);
    let asked = world.platforms.asked();
    let serials: Vec<_> = asked.iter().map(|asked| asked.body["serialNo"].clone()).collect();
    assert_eq!(serials, [id().to_string(), format!("{}-2", id())]);
    assert_eq!(state_asked_with(&asked[0]), state_asked_with(&asked[1]));
}

#[tokio::test]
async fn a_used_serial_whose_link_comes_with_it_is_not_asked_for_again() {
    let world = world_by("rsa").await;
    let data = json!({"alipayAuthUrl": LINK});
    world.platforms.answer(json!({"status": 8, "message": "used", "data": data}).to_string());
    assert_eq!(ask(&world, "S1").await.expect_link().as_str(), LINK);
    assert_eq!(world.platforms.asked().len(), 1);
}

#[tokio::test]
async fn twice_used_is_abnormal_and_loses_nothing() {
    let world = world_by("rsa").await;
    world.platforms.refuse(8, "used");
    world.platforms.refuse(8, "used");
    assert_eq!(ask(&world, "S1").await.status, 99);
    assert_eq!((world.platforms.asked().len(), status(&world).await), (2, Status::LinkPending));
}

#[tokio::test]
async fn a_connection_that_broke_is_no_answer_and_the_question_is_put_again_signed_anew() {
    let world = world_by("rsa").await;
    world.platforms.no_answer(TransportError::Broken);
    world.platforms.grant(LINK);
    ask(&world, "S1").await.expect_link();
    let asked = world.platforms.asked();
    assert_eq!(asked[0].bytes, asked[1].bytes);
    assert_ne!(asked[0].headers["nonce"], asked[1].headers["nonce"]);

    world.platforms.no_answer(TransportError::Broken);
    world.platforms.no_answer(TransportError::Broken);
    assert_eq!(ask(&world, "S2").await.status, 98, "once only");
}

#[tokio::test]
async fn no_question_is_begun_that_the_functions_time_does_not_hold() {
    for (late, questions) in [(Duration::from_millis(1), 2), (Duration::ZERO, 1)] {
        let broken: fn(&World) = |world| world.platforms.no_answer(TransportError::Broken);
        let used: fn(&World) = |world| world.platforms.refuse(8, "used");
        for first in [broken, used] {
            let world = world_by("rsa").await;
            world.platforms.takes(&world.clock, QUESTIONS_WITHIN - late);
            first(&world);
            world.platforms.grant(LINK);
            let answer = ask(&world, "S1").await;
            assert_eq!(answer.status, if questions == 2 { 0 } else { 98 });
            assert_eq!(world.platforms.asked().len(), questions);
        }
    }
}

#[tokio::test]
async fn a_question_that_comes_too_late_is_left_to_the_next_request() {
    for set_back in [Duration::ZERO, Duration::from_hours(1)] {
        let world = world_by("rsa").await;
        let slow = Slow { secrets: world.secrets.clone(), clock: world.clock.clone(), set_back };
        let mut other = world.another_process();
        other.deps.auth_url.secrets = Arc::new(slow);
        other.rebuild();
        let logs = Logs::keep();
        assert_eq!(ask(&other, "S1").await.status, 98);
        assert!(logs.text().contains(r#""alarm":"unavailable""#), "{}", logs.text());
        assert_eq!((world.platforms.asked().len(), status(&world).await), (0, Status::LinkPending));
        world.platforms.grant(LINK);
        ask(&other, "S1").await.expect_link();
    }
}

/// A source of keys that takes, for a platform, nearly all the time there is, while the clock is set back.
struct Slow {
    secrets: InMemorySecrets,
    clock: Arc<ManualClock>,
    set_back: Duration,
}

#[async_trait]
impl SecretSource for Slow {
    async fn fetch(&self, name: &SecretName) -> Result<SecretValue, FetchError> {
        if *name == SecretName::platform("rsa").expect("a name") {
            self.clock.advance(QUESTIONS_WITHIN);
            self.clock.step_to(self.clock.now() - self.set_back);
        }
        self.secrets.fetch(name).await
    }

    async fn names(&self, kind: &str) -> Result<HashSet<SecretName>, FetchError> {
        self.secrets.names(kind).await
    }
}

#[tokio::test]
async fn what_the_platform_says_is_logged_without_what_it_must_not_repeat() {
    let logs = Logs::keep();
    let world = world_by("rsa").await;
    world.platforms.refuse(7, "user-1 of our-shop-there is unknown {\"userId\":\"user-1\"}");
    let answer = ask(&world, "S1").await;
    assert_eq!(
        answer.message,
        format!(
            "the platform that makes this link refused the request; the operator can say why; reference {}",
            id()
        )
    );
    let state = state_asked_with(&world.platforms.asked()[0]);
    let text = logs.text();
    assert!(text.contains("… of our-shop-there is unknown"), "{text}");
    assert!(text.contains(r#""alarm":"upstream""#) && text.contains(r#""source":"platform:rsa""#), "{text}");
    assert!(text.contains(id().as_str()));
    assert!(!text.contains("user-1") && !text.contains(&state[32..]), "{text}");
}

#[tokio::test]
async fn without_the_platforms_document_nothing_is_written() {
    for broken in [false, true] {
        let world = world_by("rsa").await;
        if broken {
            world.secrets.set("upstream/rsa", &json!({"baseUrl": "https://platform.example"}));
        } else {
            world.secrets.delete("upstream/rsa");
        }
        let logs = Logs::keep();
        let answer = ask(&world, "S1").await;
        assert_eq!((answer.http_status, answer.status), (500, 1));
        let errors: Vec<_> =
            logs.text().lines().filter(|line| line.contains("ERROR")).map(str::to_owned).collect();
        assert!(errors.iter().all(|line| line.contains(r#""alarm":"keys""#)), "{errors:?}");
        assert!(errors.iter().any(|line| line.contains("upstream/rsa")), "{errors:?}");
        assert_eq!(world.operated.authorization(&id()).await, Ok(None));
        assert_eq!(world.platforms.asked().len(), 0);
    }
}

#[tokio::test]
async fn a_pending_request_stays_with_its_platform_when_the_business_changes_its_own() {
    let world = world_by("rsa").await;
    world.platforms.no_answer(TransportError::Timeout);
    ask(&world, "S1").await;
    world.links_come_from("md5");
    world.clock.advance(Duration::from_mins(6));
    world.platforms.grant(LINK);
    ask(&world, "S1").await.expect_link();
    let urls: Vec<_> = world.platforms.asked().into_iter().map(|asked| asked.url).collect();
    assert_eq!(urls, ["https://platform.example/open/v1/openapi/auth/alipay/url"; 2]);
    world.platforms.grant(LINK);
    ask(&world, "S2").await.expect_link();
    assert_eq!(world.platforms.asked()[0].url, "https://other.example/v1/openapi/auth/alipay/url");
}

#[tokio::test]
async fn a_link_whose_record_cannot_be_written_goes_back_all_the_same() {
    let world = world_by("rsa").await;
    for (serial_no, failures) in [("S1", 1), ("S2", 2)] {
        let failures = vec![Failure::NotDone; failures];
        let mut other = world.another_process();
        other.deps.auth_url.store = Arc::new(FlakyStore::new(world.store.clone(), &failures));
        other.rebuild();
        world.platforms.grant(LINK);
        assert_eq!(ask(&other, serial_no).await.expect_link().as_str(), LINK);
    }
    assert_eq!(status(&world).await, Status::Issued, "the write was repeated");
    let second = AuthorizationId::from_serial("B1", "S2");
    assert_eq!(world.record(&second).await.status(), Status::LinkPending);
    // And its user settles it.
    let asked = world.platforms.asked();
    let call = callback(&state_asked_with(&asked[1]), &second, "open-2", world.now());
    assert_eq!(world.receive_callback(&call).await.text, "SUCCESS");
}

#[tokio::test]
async fn the_same_request_twice_at_once_gets_one_link() {
    let world = world_by("rsa").await;
    world.platforms.grant("https://platform.example/one");
    world.platforms.grant("https://platform.example/two");
    let (one, two) = tokio::join!(ask(&world, "S1"), ask(&world, "S1"));
    let recorded = world.record(&id()).await.link().map(url::Url::to_string);
    for answer in [one, two] {
        assert!(matches!(answer.status, 0 | 8), "{answer:?}");
        assert_eq!(answer.link, recorded);
    }
}
