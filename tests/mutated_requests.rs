//! Signed requests that somebody changed on their way: nothing is granted that the changed bytes do not deserve,
//! nothing panics, nothing is answered with 5xx, and every answer is one that the documents name.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs;

use bytes::Bytes;
use http::{Request, Response};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::Value;
use shared::model::authorization::Status;
use shared::model::id::AuthorizationId;
use tests::deserved::{self, Parts};
use tests::mutation::{RequestMutation, mutate, request_mutations};
use tests::platform;
use tests::request::{LinkAnswer, LinkCall};
use tests::rpc::{Protocol, RpcCall};
use tests::world::World;
use tokio::runtime::{Builder, Runtime};

/// Of each of the five kinds of request.
const CASES: u32 = 1_250;
/// The time between two requests, so that unknown names are never looked up too often.
const EVERY: std::time::Duration = std::time::Duration::from_millis(100);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Hands every draw of `strategy` to `check`; the same draws in every run.
fn draw<S: Strategy>(strategy: S, check: impl Fn(S::Value)) {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20_261_122),
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&strategy, |value| {
        check(value);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// The answers so far: granted and refused.
#[derive(Default)]
struct Tally {
    granted: Cell<u32>,
    refused: Cell<u32>,
}

impl Tally {
    /// Takes an answer to a request that was one of `originals` before it was changed.
    fn count(&self, granted: bool, parts: &Parts, originals: &[Parts]) {
        if granted {
            assert!(originals.contains(parts), "granted without a signature over it");
            self.granted.set(self.granted.get() + 1);
        } else {
            self.refused.set(self.refused.get() + 1);
        }
    }

    fn check(&self) {
        let (granted, refused) = (self.granted.get(), self.refused.get());
        assert!(granted + refused >= 1_000, "only {} requests were sent", granted + refused);
        assert!(granted >= 10, "only {granted} were granted: the originals are no good");
        assert!(refused >= 500, "only {refused} were refused: the changes change nothing");
    }
}

/// The cells of the rows of tables whose first cell is code.
fn rows(page: &str) -> Vec<Vec<String>> {
    let path = format!("{}/../docs/{page}.md", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(path).expect("a page");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.split('|').skip(1).map(|cell| cell.trim().replace('`', "")).collect()).collect()
}

/// The statuses of the open API.
fn statuses() -> BTreeSet<i64> {
    let statuses: BTreeSet<_> = rows("open-api").iter().filter_map(|row| row[0].parse().ok()).collect();
    assert!(statuses.len() >= 12);
    statuses
}

/// The codes of `GetAuthorizationUrl`, each with its HTTP status.
fn codes() -> BTreeSet<(String, u16)> {
    let codes = rows("get-authorization-url").into_iter();
    let mut codes: BTreeSet<_> =
        codes.filter_map(|row| row[1].parse().ok().map(|http| (row[0].clone(), http))).collect();
    assert!(codes.len() >= 20);
    codes.insert(("OK".to_owned(), 200));
    codes
}

/// Changed requests of one route of the open API.
fn open_api_route(
    route: impl Fn(&World, &str) -> LinkCall,
    answer: impl AsyncFn(&World, &Request<Bytes>) -> Response<Bytes>,
) {
    let (world, runtime, tally, statuses) = (World::new(), runtime(), Tally::default(), statuses());
    let number = Cell::new(0);
    let strategy = (0..4_u8, request_mutations());
    draw(strategy, |(kind, mutations): (u8, Vec<RequestMutation>)| {
        world.clock.advance(EVERY);
        number.set(number.get() + 1);
        let original = route(&world, &format!("S{}", number.get()));
        let other = route(&world, &format!("T{}", number.get())).by_md5().build();
        // RSA by the tests' signer is slow.
        let original = if kind == 0 { original.build() } else { original.by_md5().build() };
        let Some(request) = mutate(&original, &other, &mutations) else { return };
        let answer = LinkAnswer::read(&runtime.block_on(answer(&world, &request)));
        assert!(answer.http_status < 500, "{answer:?}");
        assert!(statuses.contains(&answer.status), "{answer:?}");
        let originals = [original, other].map(|original| deserved::of_open_api(&original));
        tally.count(answer.status == 0, &deserved::of_open_api(&request), &originals);
    });
    tally.check();
}

#[test]
fn changed_link_requests_get_what_they_deserve() {
    open_api_route(
        |world, serial_no| LinkCall::new(serial_no, world.now()),
        async |world, request| world.auth_url.handle(request).await,
    );
}

#[test]
fn changed_queries_get_what_they_deserve() {
    let first = Cell::new(true);
    open_api_route(
        |world, _| LinkCall::query("S-known", world.now()),
        async |world, request| {
            if first.take() {
                world.link("S-known").await;
            }
            world.query.handle(request).await
        },
    );
}

/// The code of an answer in either syntax.
fn code(answer: &Response<Bytes>) -> String {
    let text = str::from_utf8(answer.body()).expect("text");
    if text.starts_with('<') {
        let code = text.split("<Code>").nth(1).and_then(|rest| rest.split("</Code>").next());
        return code.unwrap_or_else(|| panic!("{text}")).to_owned();
    }
    let body: Value = serde_json::from_str(text).expect("JSON");
    body["Code"].as_str().expect("a code").to_owned()
}

/// Changed calls by these protocols.
fn authorization_urls(protocols: [Protocol; 2], parts: impl Fn(&Request<Bytes>) -> Parts) {
    let (world, runtime, tally, codes) = (World::new(), runtime(), Tally::default(), codes());
    draw((0..2_usize, request_mutations()), |(which, mutations)| {
        world.clock.advance(EVERY);
        let call = |protocol| RpcCall::new(protocol, world.now());
        let original = call(protocols[which]).build();
        let other = call(protocols[which]).with("PhoneNo", "13900005678").build();
        let Some(request) = mutate(&original, &other, &mutations) else { return };
        let answer = runtime.block_on(world.authorization_url.handle(&request));
        let (code, http_status) = (code(&answer), answer.status().as_u16());
        assert!(http_status < 500, "{code}");
        let is_documented = codes.contains(&(code.clone(), http_status));
        assert!(is_documented, "{code} with {http_status}");
        let originals = [original, other].map(|original| parts(&original));
        tally.count(code == "OK", &parts(&request), &originals);
    });
    tally.check();
}

#[test]
fn changed_calls_of_v1_get_what_they_deserve() {
    authorization_urls([Protocol::V1, Protocol::V1Form], deserved::of_v1);
}

#[test]
fn changed_calls_of_v3_get_what_they_deserve() {
    authorization_urls([Protocol::V3, Protocol::V3], deserved::of_v3);
}

/// An authorization whose link a platform made, and the callback that settles it.
struct AtPlatform {
    id: AuthorizationId,
    callback: Request<Bytes>,
}

async fn at_platform(world: &World, serial_no: &str) -> AtPlatform {
    world.platforms.grant("https://openauth.alipay.example/authorize?x=1");
    let link = world.ask(&LinkCall::new(serial_no, world.now()).by_md5()).await.expect_link();
    assert_eq!(link.host_str(), Some("openauth.alipay.example"));
    let id = AuthorizationId::from_serial("B1", serial_no);
    let state = platform::state_asked_with(&world.platforms.asked()[0]);
    let callback = platform::callback(&state, &id, &format!("open-{serial_no}"), world.now()).build();
    AtPlatform { id, callback }
}

#[test]
fn changed_callbacks_of_a_platform_get_what_they_deserve() {
    let (world, runtime, tally) = (World::new(), runtime(), Tally::default());
    world.links_come_from("rsa");
    let (number, other) = (Cell::new(1), runtime.block_on(at_platform(&world, "S0")));
    let current = RefCell::new(runtime.block_on(at_platform(&world, "S1")));
    draw(request_mutations(), |mutations| {
        let original = current.borrow();
        let Some(request) = mutate(&original.callback, &other.callback, &mutations) else { return };
        let answer = runtime.block_on(world.callback.handle(&request));
        assert!(answer.status().as_u16() < 500);
        let granted = match answer.headers()["content-type"].to_str() {
            Ok("text/plain; charset=utf-8") => answer.body().as_ref() == b"SUCCESS",
            // Another method: a browser's page.
            Ok("text/html; charset=utf-8") => false,
            other => panic!("{other:?}"),
        };
        assert!(
            granted || answer.body().as_ref() == b"FAIL" || answer.body().starts_with(b"<!DOCTYPE html>")
        );
        let originals = [&original.callback, &other.callback].map(deserved::of_platform_callback);
        tally.count(granted, &deserved::of_platform_callback(&request), &originals);
        let is_settled = runtime.block_on(world.record(&original.id)).status() == Status::Authorized;
        assert_eq!(is_settled, granted, "settled by what was refused");
        drop(original);
        if is_settled {
            number.set(number.get() + 1);
            *current.borrow_mut() = runtime.block_on(at_platform(&world, &format!("S{}", number.get())));
        }
    });
    tally.check();
}
