//! `authorizations tail`: what a poll tells, at a clock of the test, and what it reads for that.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use local::operate::tail::{Reads, Tail, to_json, told};
use rusqlite::Connection;
use shared::egress::transport_error::TransportError;
use shared::model::attention::OVERDUE_AFTER;
use shared::model::authorization::{Authorization, Status};
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::id::AuthorizationId;
use shared::protocol::alipay::gateway::{Exchange, GatewayError};
use shared::store::listing::{ListAuthorizations, ListError, Listing, Page, View};
use shared::store::sqlite::SqliteStore;
use shared::store::{ReadAuthorizations, StoreError};
use tests::world::{World, b1};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const READS: Reads = Reads { newest: 2, again: 3 };

/// A store that counts what is read of it one by one, and may list nothing but what needs attention.
struct Watched<'a> {
    store: &'a SqliteStore,
    lists: Result<(), ListError>,
    read: AtomicUsize,
}

impl<'a> Watched<'a> {
    const fn new(store: &'a SqliteStore, lists: Result<(), ListError>) -> Self {
        Self { store, lists, read: AtomicUsize::new(0) }
    }
}

#[async_trait]
impl ReadAuthorizations for Watched<'_> {
    async fn authorization(&self, id: &AuthorizationId) -> Result<Option<Authorization>, StoreError> {
        self.read.fetch_add(1, Ordering::Relaxed);
        self.store.authorization(id).await
    }
}

#[async_trait]
impl ListAuthorizations for Watched<'_> {
    async fn list(&self, listing: &Listing) -> Result<Page, ListError> {
        if listing.view != View::Attention {
            self.lists.clone()?;
        }
        self.store.list(listing).await
    }
}

/// The serialNos and states that a poll tells.
async fn poll<S: ReadAuthorizations + ListAuthorizations>(
    tail: &mut Tail,
    store: &S,
    world: &World,
) -> Vec<(AuthorizationId, Status)> {
    let changed = tail.poll(store, world.now()).await.expect("answers");
    changed.into_iter().map(|record| (record.id.clone(), record.status())).collect()
}

#[tokio::test]
async fn each_change_is_told_once_from_the_first_poll_on() {
    let world = World::new();
    let old = world.link("S1").await;
    let mut tail = Tail::new(Some(b1()), None, READS);
    assert_eq!(poll(&mut tail, &world.store, &world).await, []);
    assert_eq!(tail.known(), 1);

    world.clock.advance(SECOND);
    let new = world.link("S2").await;
    assert_eq!(poll(&mut tail, &world.store, &world).await, [(new.id.clone(), Status::Issued)]);
    assert_eq!(poll(&mut tail, &world.store, &world).await, []);

    world.gateway.answer(tests::parties::identified("open-1"));
    world.complete_return(&old.state, "code1").await;
    assert_eq!(poll(&mut tail, &world.store, &world).await, [(old.id.clone(), Status::Authorized)]);
    world.drain().await;
    assert_eq!(poll(&mut tail, &world.store, &world).await, [(old.id.clone(), Status::Delivered)]);
    assert_eq!(poll(&mut tail, &world.store, &world).await, []);
}

#[tokio::test]
async fn since_a_time_the_first_poll_tells_what_there_is() {
    let world = World::new();
    world.link("S1").await;
    world.clock.advance(HOUR);
    let (since, second) = (world.now(), world.link("S2").await);
    let mut tail = Tail::new(None, Some(since), READS);
    assert_eq!(poll(&mut tail, &world.store, &world).await, [(second.id, Status::Issued)]);
    assert_eq!(poll(&mut tail, &world.store, &world).await, []);
}

#[tokio::test]
async fn one_that_was_watched_is_told_however_many_are_newer() {
    let world = World::new();
    let old = world.link("S0").await;
    let mut tail = Tail::new(None, None, READS);
    poll(&mut tail, &world.store, &world).await;
    for number in 1..10 {
        world.clock.advance(Duration::from_mins(2));
        world.link(&format!("S{number}")).await;
        assert_eq!(poll(&mut tail, &world.store, &world).await.len(), 1);
    }
    world.gateway.answer(tests::parties::identified("open-1"));
    world.complete_return(&old.state, "code").await;
    let mut told = Vec::new();
    for _ in 0..10 {
        told.extend(poll(&mut tail, &world.store, &world).await);
    }
    assert_eq!(told, [(old.id, Status::Authorized)]);
}

#[tokio::test]
async fn an_old_one_is_told_when_it_needs_attention_and_when_it_was_mended() {
    let mut world = World::new();
    world.deps.delivery.schedule = shared::delivery::schedule::Schedule::from_secs(&[7_200]);
    world.rebuild();
    let old = world.authorized("S1", "open-1").await;
    world.merchant.answer(DeliveryOutcome::Status(500));
    world.drain().await;
    world.clock.advance(HOUR);
    for number in 2..5 {
        world.link(&format!("S{number}")).await;
        world.clock.advance(SECOND);
    }
    for lists in [Ok(()), Err(ListError::OwnerNeeded), Err(ListError::NoIndex)] {
        let store = Watched::new(&world.store, lists);
        let mut tail = Tail::new(None, None, READS);
        assert_eq!(poll(&mut tail, &store, &world).await, []);
        assert_eq!(tail.lists_requests(), store.lists.is_ok());
    }
    let store = Watched::new(&world.store, Err(ListError::NoIndex));
    let mut tail = Tail::new(None, None, READS);
    assert_eq!(poll(&mut tail, &store, &world).await, []);
    world.clock.advance(2 * HOUR);
    world.merchant.answer(DeliveryOutcome::Status(500));
    world.sweep_and_drain().await;
    assert_eq!(poll(&mut tail, &store, &world).await, [(old.id.clone(), Status::Undeliverable)]);
    assert_eq!(poll(&mut tail, &store, &world).await, []);
    assert_eq!(world.resend(&old.id).await, Ok(true));
    assert_eq!(poll(&mut tail, &store, &world).await, [(old.id.clone(), Status::Authorized)]);
    world.sweep_and_drain().await;
    assert_eq!(poll(&mut tail, &store, &world).await, [(old.id, Status::Delivered)]);
}

#[tokio::test]
async fn what_comes_into_a_list_by_another_ones_leaving_is_no_change() {
    let mut world = World::new();
    world.deps.delivery.schedule = shared::delivery::schedule::Schedule::from_secs(&[]);
    world.rebuild();
    let mut given_up = Vec::new();
    for number in 0..3 {
        given_up.push(world.authorized(&format!("S{number}"), "open-1").await);
        world.merchant.answer(DeliveryOutcome::Status(500));
        world.drain().await;
        world.clock.advance(HOUR);
    }
    let mut tail = Tail::new(None, None, READS);
    assert_eq!(poll(&mut tail, &world.store, &world).await, []);
    assert_eq!(tail.known(), 2);
    assert_eq!(world.resend(&given_up[2].id).await, Ok(true));
    assert_eq!(poll(&mut tail, &world.store, &world).await, [(given_up[2].id.clone(), Status::Authorized)]);
    assert_eq!(tail.known(), 3);
}

#[tokio::test]
async fn an_exchange_without_an_answer_and_an_overdue_delivery_are_told_however_old_they_are() {
    let world = World::new();
    let since = world.now();
    let (unknown, overdue) = (world.link("S1").await, world.link("S2").await);
    world.clock.advance(Duration::from_mins(2));
    for number in 3..6 {
        world.link(&format!("S{number}")).await;
    }
    world.clock.advance(Duration::from_mins(2));
    let (mut at_first, mut later) =
        (Tail::new(None, Some(since), Reads { newest: 2, again: 5 }), Tail::new(None, None, READS));
    assert_eq!(poll(&mut at_first, &world.store, &world).await.len(), 5);
    assert_eq!(poll(&mut later, &world.store, &world).await, []);
    world.clock.advance(HOUR / 2);

    world.gateway.answer(Exchange::Unknown(GatewayError::Transport(TransportError::Timeout)));
    assert_eq!(world.complete_return(&unknown.state, "code1").await.outcome, "authorize-again");
    let told = [(unknown.id, Status::ExchangeUnknown)];
    assert_eq!(poll(&mut at_first, &world.store, &world).await, told);
    assert_eq!(poll(&mut later, &world.store, &world).await, told);

    world.gateway.answer(tests::parties::identified("open-2"));
    world.complete_return(&overdue.state, "code2").await;
    let told = [(overdue.id, Status::Authorized)];
    assert_eq!(poll(&mut at_first, &world.store, &world).await, told);
    world.clock.advance(OVERDUE_AFTER);
    for tail in [&mut at_first, &mut later] {
        assert_eq!(poll(tail, &world.store, &world).await, told);
        assert_eq!(poll(tail, &world.store, &world).await, []);
    }
    let record = world.record(&told[0].0).await;
    assert!(local::operate::tail::told(&record, world.now()).ends_with("AUTHORIZED  overdue"));
}

#[tokio::test]
async fn however_many_need_attention_the_others_have_their_turns() {
    let mut world = World::new();
    world.deps.delivery.schedule = shared::delivery::schedule::Schedule::from_secs(&[]);
    world.rebuild();
    let (since, old) = (world.now(), world.link("S0").await);
    for number in 1..7 {
        world.clock.advance(SECOND);
        world.authorized(&format!("S{number}"), "open-1").await;
        world.merchant.answer(DeliveryOutcome::Status(500));
        world.drain().await;
    }
    let mut tail = Tail::new(None, Some(since), READS);
    assert_eq!(poll(&mut tail, &world.store, &world).await.len(), 7);
    world.clock.advance(HOUR / 2);
    poll(&mut tail, &world.store, &world).await;
    world.gateway.answer(tests::parties::identified("open-0"));
    world.complete_return(&old.state, "code0").await;
    assert_eq!(poll(&mut tail, &world.store, &world).await, [(old.id, Status::Authorized)]);
}

#[tokio::test]
async fn one_that_is_gone_is_watched_no_more() {
    let world = World::new();
    world.link("S1").await;
    let mut tail = Tail::new(None, None, READS);
    poll(&mut tail, &world.store, &world).await;
    assert_eq!(tail.known(), 1);
    let connection = Connection::open(&world.file).expect("opens");
    assert_eq!(connection.execute("DELETE FROM authorizations", []), Ok(1));
    assert_eq!(poll(&mut tail, &world.store, &world).await, []);
    assert_eq!(tail.known(), 0);
}

#[tokio::test]
async fn a_poll_reads_no_more_however_many_are_known() {
    let world = World::new();
    for number in 0..9 {
        world.link(&format!("S{number}")).await;
    }
    world.clock.advance(HOUR);
    let store = Watched::new(&world.store, Ok(()));
    let mut tail = Tail::new(None, Some(world.now() - HOUR), READS);
    assert_eq!(poll(&mut tail, &store, &world).await.len(), 9);
    for polls in 1..4 {
        poll(&mut tail, &store, &world).await;
        assert_eq!(store.read.load(Ordering::Relaxed), polls * READS.again);
    }
}

#[tokio::test]
async fn a_change_is_told_without_who_it_is_about() {
    let world = World::new();
    let issued = world.authorized("S1", "open-1").await;
    world.drain().await;
    let record = world.record(&issued.id).await;
    let line = told(&record, world.now());
    for said in ["B1", "S1", issued.id.as_str(), "DELIVERED", "success"] {
        assert!(line.contains(said), "{line}");
    }
    let json = to_json(&record, world.now());
    assert_eq!((&json["state"], &json["time"]), (&"DELIVERED".into(), &serde_json::json!(world.now())));
    for own in ["open-1", "user-1"] {
        assert!(!line.contains(own) && !json.to_string().contains(own), "{line} {json}");
    }
}
