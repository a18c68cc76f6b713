//! `authlink status`: what needs attention is not healthy, and what the public address tells of its certificate and of
//! the time.

use std::fs;
use std::time::Duration;

use local::app::{Local, Options};
use local::folder::APP_ID;
use local::operate::Place;
use local::status::finding::Finding;
use local::status::findings;
use local::status::public_address::{PublicAddress, check};
use rusqlite::Connection;
use serde_json::{Value, json};
use shared::egress::transport_error::TransportError;
use shared::model::attention::OVERDUE_AFTER;
use shared::model::clock::{Clock as _, SystemClock, UnixMillis};
use shared::protocol::alipay::gateway::{Exchange, GatewayError};
use tests::authority::Authority;
use tests::host::options;
use tests::parties::identified;
use tests::raw_server::{RawServer, Reply, http};
use tests::request::{LinkCall, link_body, state_of};
use tests::world::World;
use url::Url;

const DAY: Duration = Duration::from_hours(24);

/// A server with a certificate until then whose clock is so many seconds behind; and its address.
async fn server(authority: &Authority, until: UnixMillis, behind_secs: u64) -> (RawServer, Url) {
    let then =
        std::time::UNIX_EPOCH + (SystemClock.now() - Duration::from_secs(behind_secs)).since(UnixMillis(0));
    let date = format!("date: {}\r\n", httpdate::fmt_http_date(then));
    let replies = vec![Reply::Send(http(404, &date, ""))];
    let server = RawServer::start(replies, Some(authority.server_until("localhost", until))).await;
    let url = format!("https://localhost:{}", server.address().port()).parse().expect("an address");
    (server, url)
}

#[tokio::test]
async fn a_certificate_is_good_for_whole_days_and_the_clocks_are_compared() {
    let authority = Authority::default();
    for (days, behind_secs) in [(10, 0), (500, 3_600)] {
        let until = SystemClock.now() + DAY * days;
        let (_server, url) = server(&authority, until, behind_secs).await;
        let found = check(&url, authority.roots(), &SystemClock).await.expect("is looked at");
        let PublicAddress { days_left: Some(days_left), clock_ahead_secs } = found else {
            panic!("it has a certificate");
        };
        let most = u64::from(days).min(400);
        assert!((most - 1..=most).contains(&days_left), "{days_left}");
        let ahead = i64::try_from(behind_secs).expect("few");
        assert!((ahead..ahead + 30).contains(&clock_ahead_secs), "{clock_ahead_secs}");
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_believed_is_no_good() {
    let authority = Authority::default();
    let (_server, url) = server(&authority, SystemClock.now() - DAY, 0).await;
    let expired = check(&url, authority.roots(), &SystemClock).await.expect_err("expired");
    assert!(expired.to_string().contains("expired"), "{expired}");
    let (_server, url) = server(&authority, SystemClock.now() + DAY * 10, 0).await;
    assert!(check(&url, Authority::default().roots(), &SystemClock).await.is_err(), "of another authority");
}

#[tokio::test]
async fn an_address_without_a_certificate_has_a_clock_or_does_not_answer() {
    let date = format!("date: {}\r\n", httpdate::fmt_http_date(std::time::UNIX_EPOCH));
    let replies = vec![Reply::Send(http(404, &date, "")), Reply::Send(http(404, "", ""))];
    let server = RawServer::start(replies, None).await;
    let url: Url = format!("http://{}", server.address()).parse().expect("an address");
    let roots = Authority::default().roots();
    let found = check(&url, roots.clone(), &SystemClock).await.expect("is looked at");
    assert!(found.days_left.is_none() && found.clock_ahead_secs > 1_000_000_000, "{found:?}");
    let silent = check(&url, roots.clone(), &SystemClock).await.expect_err("no date");
    assert_eq!(silent.to_string(), format!("{url}: it does not say what time it is"));
    drop(server);
    assert!(check(&url, roots, &SystemClock).await.is_err(), "nobody listens");
}

/// The part of this name.
fn part<'a>(findings: &'a [Finding], name: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.name == name).unwrap_or_else(|| panic!("no {name}"))
}

/// The health of the records now, what needs attention, and what is for information alone.
async fn records(world: &World) -> (bool, Value, Value) {
    let findings = findings(&world.place(), &*world.clock).await.expect("looked at");
    let seen = part(&findings, "records").seen.as_ref().expect("looked at");
    let told = |reasons: &Value, beginning: &str| {
        let reasons = reasons.as_object().expect("reasons");
        reasons.iter().all(|(reason, count)| seen.lines.contains(&format!("{beginning}{reason}: {count}")))
    };
    let (attention, information) = (&seen.value["attention"], &seen.value["forInformation"]);
    assert!(told(attention, "") && told(information, "for your information: "), "{:?}", seen.lines);
    (seen.is_healthy, attention.clone(), information.clone())
}

#[tokio::test]
async fn whatever_can_be_mended_is_not_healthy() {
    let world = World::new();
    world.authorized("S1", "open-1").await;
    assert_eq!(records(&world).await, (true, json!({}), json!({})));
    world.clock.advance(OVERDUE_AFTER);
    assert_eq!(records(&world).await, (false, json!({"overdue": 1}), json!({})));
    world.sweep_and_drain().await;
    assert_eq!(records(&world).await, (true, json!({}), json!({})));

    let mut body = link_body("S3");
    body["callbackUrl"] = json!("");
    let link = world.ask(&LinkCall::with_body(&body, world.now())).await.expect_link();
    world.gateway.answer(identified("open-3"));
    world.complete_return(&state_of(&link), "codeC").await;
    assert_eq!(records(&world).await, (true, json!({}), json!({"no_address": 1})));

    let unknown = world.link("S2").await;
    world.gateway.answer(Exchange::Unknown(GatewayError::Transport(TransportError::Timeout)));
    world.complete_return(&unknown.state, "codeB").await;
    let attention = json!({"exchange_unknown": 1});
    assert_eq!(records(&world).await, (false, attention, json!({"no_address": 1})));
    world.clock.set(world.record(&unknown.id).await.link_ends_at());
    let information = json!({"exchange_unknown": 1, "no_address": 1});
    assert_eq!(records(&world).await, (true, json!({}), information), "nobody can authorize any more");
}

#[tokio::test]
async fn records_that_cannot_be_read_are_counted_and_not_healthy() {
    let world = World::new();
    let unknown = world.link("S1").await;
    world.gateway.answer(Exchange::Unknown(GatewayError::Transport(TransportError::Timeout)));
    world.complete_return(&unknown.state, "codeA").await;
    let connection = Connection::open(&world.file).expect("opens");
    assert_eq!(connection.execute("UPDATE authorizations SET history = 'x'", []), Ok(1));
    let findings = findings(&world.place(), &*world.clock).await.expect("looked at");
    let seen = part(&findings, "records").seen.as_ref().expect("looked at");
    assert_eq!((seen.is_healthy, &seen.value["unreadable"]), (false, &json!(1)));
    assert_eq!(seen.value["attention"], json!({}));
    let [line] = &seen.lines[..] else { panic!("{:?}", seen.lines) };
    assert!(line.contains("1 that this version cannot read") && line.contains(unknown.id.as_str()), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_healthy_while_its_host_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::Folder(folder.path().to_owned());
    assert!(findings(&place, &SystemClock).await.is_err(), "it is no folder of authlink's");
    let local = Local::start(&Options { ..options(folder.path()) }).await.expect("starts");
    let healthy = findings(&place, &SystemClock).await.expect("looked at");
    let names: Vec<_> = healthy.iter().map(|finding| (finding.name, finding.is_healthy())).collect();
    assert_eq!(names, ["records", "documents", "breakers", "publicAddress"].map(|name| (name, true)));
    let app = folder.path().join(format!("secrets/alipay-app/{APP_ID}.json"));
    let document = fs::read(&app).expect("a document");
    fs::remove_file(&app).expect("removed");
    let without_app = findings(&place, &SystemClock).await.expect("looked at");
    let seen = part(&without_app, "documents").seen.as_ref().expect("looked at");
    let told = format!("alipay-app/{APP_ID} is missing, which authlink itself needs");
    assert_eq!((seen.is_healthy, &seen.value), (false, &json!([told])), "no document names it");
    fs::write(&app, document).expect("written");
    let gateway = json!([{"party": "alipay-gateway", "breaker": "open", "since": SystemClock.now()}]);
    fs::write(folder.path().join("breakers.json"), gateway.to_string()).expect("written");
    let hanging = findings(&place, &SystemClock).await.expect("looked at");
    assert!(!part(&hanging, "breakers").is_healthy());
    local.stop().await.expect("stops");
    let stopped = findings(&place, &SystemClock).await.expect("looked at");
    assert!(part(&stopped, "publicAddress").seen.is_err() && part(&stopped, "records").is_healthy());
    assert!(part(&stopped, "breakers").is_healthy(), "who has stopped leaves nobody alone");
}
