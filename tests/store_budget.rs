//! A store that hangs: whoever asks is told so within two seconds, whichever store it is and however many calls of it
//! the answer takes.

use std::future::pending;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use shared::aws::sdk_config;
use shared::aws::settings::AwsSettings;
use shared::model::authorization::Authorization;
use shared::model::clock::{Clock, Monotonic, UnixMillis};
use shared::model::id::AuthorizationId;
use shared::rate_limit::RateLimiter;
use shared::signing::link_token::{LinkTokenKey, issue};
use shared::store::dynamodb::DynamoStore;
use shared::store::scheme_links::SchemeLinks;
use shared::store::{NonceUse, ReadAuthorizations, StoreError, UseNonces};
use tests::request::{LinkCall, link_body};
use tests::rpc::{Protocol, RpcCall};
use tests::world::{APP_ID, BEGINNING, Shown, World};
use tokio::time::Instant;

/// The runtime's clock, whose time a paused runtime skips; the wall clock stands still.
struct RuntimeClock(Instant);

impl Clock for RuntimeClock {
    fn now(&self) -> UnixMillis {
        BEGINNING
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(self.0.elapsed())
    }
}

/// The world, whose functions measure time by the runtime's clock and know the deny list.
async fn by_the_runtimes_clock() -> World {
    let mut world = World::new();
    world.deny_list().await;
    let clock: Arc<dyn Clock> = Arc::new(RuntimeClock(Instant::now()));
    world.deps.auth_url.clock = clock.clone();
    world.deps.authorization_url.clock = clock.clone();
    world.deps.query.clock = clock.clone();
    world.deps.callback.clock = clock;
    world.rebuild();
    world
}

/// The bound on what a request waits for its store.
const WITHIN: Duration = Duration::from_secs(2);
/// The runtime's time is rounded up to whole milliseconds.
const ROUNDING: Duration = Duration::from_millis(10);

/// A request of each kind that reads or writes the store.
const KINDS: [&str; 7] =
    ["link", "query", "return", "refusal", "platform's callback", "GetAuthorizationUrl", "page"];

/// What a request of this kind is answered, and after what time.
async fn asked(world: &World, kind: &'static str) -> (&'static str, u16, Duration) {
    let (state, now) = ("5".repeat(64), world.now());
    let began = Instant::now();
    let http_status = match kind {
        "link" => world.ask(&LinkCall::new("S1", now)).await.http_status,
        "query" => world.query(&LinkCall::query("S1", now)).await.http_status,
        "return" => world.complete_return(&state, "code").await.http_status,
        "refusal" => world.browse(&format!("app_id={APP_ID}&state={state}")).await.http_status,
        "platform's callback" => {
            let path = format!("{}/{state}", openid_callback::PATH);
            let call = LinkCall { path, ..LinkCall::with_body(&link_body("S1"), now) };
            world.receive_callback(&call).await.http_status
        }
        "GetAuthorizationUrl" => world.call(&RpcCall::new(Protocol::V3, now)).await.http_status,
        _ => {
            let key = LinkTokenKey::new("0123456789abcdef0123456789abcdef").expect("a key");
            let id = AuthorizationId::from_serial("B1", "S1");
            let token = issue(&key, &id, now + Duration::from_hours(1));
            let page = format!("{}?token={token}", get_authorization_url::LINK_PATH);
            let request = Request::get(page).body(Bytes::new()).expect("a request");
            Shown::read(&world.authorization_url.handle(&request).await).http_status
        }
    };
    (kind, http_status, began.elapsed())
}

fn assert_told_in_time(answers: &[(&str, u16, Duration)], limit: Duration) {
    for (kind, http_status, took) in answers {
        // An SDK of Alibaba Cloud's knows SystemError as 500.
        let expected = if *kind == "GetAuthorizationUrl" { 500 } else { 503 };
        assert!(*http_status == expected && *took <= limit, "{kind}: {http_status} after {took:?}");
    }
}

#[tokio::test]
async fn dynamodb_that_accepts_and_never_answers_is_waited_for_two_seconds() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let config = sdk_config(&AwsSettings {
        region: "silent".to_owned(),
        endpoint_url: Some(format!("http://{}", silent.local_addr().expect("an address"))),
        access_key_id: "AKID".to_owned(),
        secret_access_key: "hush".into(),
        ..AwsSettings::default()
    });
    let store = Arc::new(DynamoStore::new(&config, "authlink"));
    let mut world = by_the_runtimes_clock().await.with_store(store.clone());
    let clock = world.deps.query.clock.clone();
    world.deps.query.nonces = store.clone();
    world.deps.authorization_url.rate_limiter = Arc::new(RateLimiter::new(store.clone(), clock));
    world.deps.authorization_url.store = SchemeLinks::new(store);
    world.rebuild();
    tokio::time::pause();
    let mut answers = Vec::new();
    for kind in KINDS {
        answers.push(asked(&world, kind).await);
    }
    assert_told_in_time(&answers, WITHIN + ROUNDING);
    assert!(answers.iter().all(|(_, _, took)| *took >= Duration::from_millis(800)), "it was waited for");
}

/// For the machine to do all the rest, which is busy with other tests; without a bound it takes 41 s.
const SLACK: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_database_that_somebody_else_has_locked_is_waited_for_two_seconds() {
    let world = by_the_runtimes_clock().await;
    let other = rusqlite::Connection::open(&world.file).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locks");
    let answers = join_all(KINDS.map(|kind| asked(&world, kind))).await;
    assert_told_in_time(&answers, WITHIN + SLACK);
}

/// A store that takes its time for nonces, and never answers a question for a record.
struct Slow(Duration);

#[async_trait]
impl UseNonces for Slow {
    async fn use_nonce(&self, _: &NonceUse) -> Result<bool, StoreError> {
        tokio::time::sleep(self.0).await;
        Ok(true)
    }
}

#[async_trait]
impl ReadAuthorizations for Slow {
    async fn authorization(&self, _: &AuthorizationId) -> Result<Option<Authorization>, StoreError> {
        pending().await
    }
}

#[tokio::test]
async fn a_second_call_has_what_the_first_one_left() {
    let mut world = by_the_runtimes_clock().await;
    let store = Arc::new(Slow(Duration::from_millis(1_900)));
    world.deps.query.nonces = store.clone();
    world.deps.query.records = store;
    world.rebuild();
    tokio::time::pause();
    let (_, http_status, took) = asked(&world, "query").await;
    assert!(http_status == 503 && took <= WITHIN + ROUNDING, "{http_status} after {took:?}");
}
