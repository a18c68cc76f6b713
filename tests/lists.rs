//! An operator's lists on the embedded store: by state, owner and time, page by page.

use std::sync::Mutex;
use std::time::Duration;

use local::operate::resend::{ResendOptions, Resent, Selection, Which, resend};
use rusqlite::Connection;
use shared::model::attention::OVERDUE_AFTER;
use shared::model::authorization::Status;
use shared::model::clock::{Stopwatch, SystemClock, UnixMillis};
use shared::model::id::AuthorizationId;
use shared::model::owner::Owner;
use shared::store::listing::{ListAuthorizations as _, Listing, View};
use shared::store::sqlite::SqliteStore;
use tests::world::{BEGINNING, World};
use tokio::sync::Notify;

const SECOND: Duration = Duration::from_secs(1);

fn listing(view: View) -> Listing {
    let now = BEGINNING + SECOND * 3_600;
    Listing { view, owner: None, since: None, until: None, after: None, limit: 2, now }
}

fn in_states(states: &[Status]) -> Listing {
    listing(View::States(states.to_vec()))
}

async fn ids(store: &SqliteStore, listing: &Listing) -> Vec<AuthorizationId> {
    store.list(listing).await.expect("answers").records.into_iter().map(|record| record.id).collect()
}

#[tokio::test]
async fn pages_come_latest_first_and_leave_nothing_out() {
    let world = World::new();
    let mut made = Vec::new();
    for number in 0..5 {
        made.push(world.authorized(&format!("S{number}"), &format!("open-{number}")).await.id);
        // Two of the same moment as well.
        if number != 2 {
            world.clock.advance(SECOND);
        }
    }
    let mut seen = Vec::new();
    let mut listing = in_states(&[Status::Issued, Status::Authorized]);
    loop {
        let page = world.store.list(&listing).await.expect("answers");
        seen.extend(page.records.iter().map(|record| record.id.clone()));
        match page.next {
            Some(next) => listing.after = Some(next),
            None => break,
        }
    }
    assert_eq!((seen.len(), &seen[0], &seen[4]), (5, &made[4], &made[0]));
    seen.sort();
    made.sort();
    assert_eq!(seen, made);
}

#[tokio::test]
async fn state_owner_and_time_choose() {
    let world = World::new();
    let first = world.authorized("S1", "open-1").await.id;
    world.clock.advance(SECOND);
    let second = world.authorized("S2", "open-2").await.id;
    let all = in_states(&[Status::Authorized]);
    assert_eq!(ids(&world.store, &all).await, [second.clone(), first.clone()]);
    assert_eq!(ids(&world.store, &in_states(&[Status::Delivered])).await, []);
    for (owner, found) in [("B1", 2), ("B2", 0), ("scheme:234", 0)] {
        let of_owner = Listing { owner: Owner::parse(owner), ..all.clone() };
        assert_eq!(ids(&world.store, &of_owner).await.len(), found, "{owner}");
    }
    let since = Listing { since: Some(BEGINNING + SECOND), ..all.clone() };
    assert_eq!(ids(&world.store, &since).await, [second]);
    let until = Listing { until: Some(BEGINNING + SECOND), ..all };
    assert_eq!(ids(&world.store, &until).await, [first]);
}

#[tokio::test]
async fn what_has_no_address_is_listed_at_any_time() {
    let world = World::new();
    let id = world.authorized("S1", "open-1").await.id;
    let nowhere = "UPDATE authorizations SET callback = '\"nowhere\"', next_attempt_at = NULL, due_at = NULL";
    assert_eq!(Connection::open(&world.file).expect("opens").execute(nowhere, []), Ok(1));
    for now in [UnixMillis(0), UnixMillis(0) + OVERDUE_AFTER, BEGINNING] {
        let at_any_time = Listing { now, ..listing(View::Attention) };
        assert_eq!(ids(&world.store, &at_any_time).await, std::slice::from_ref(&id), "{now}");
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_hides_no_other() {
    let world = World::new();
    let (broken, sound) = (world.link("S1").await.id, world.link("S2").await.id);
    let connection = Connection::open(&world.file).expect("opens");
    let changed =
        connection.execute("UPDATE authorizations SET history = 'x' WHERE id = ?1", [broken.as_str()]);
    assert_eq!(changed, Ok(1));
    let page = world.store.list(&in_states(&[Status::Issued])).await.expect("answers");
    let found: Vec<_> = page.records.into_iter().map(|record| record.id).collect();
    assert_eq!((found, page.unreadable), (vec![sound], vec![broken.to_string()]));
}

#[tokio::test]
async fn records_that_cannot_be_read_take_up_no_place_of_a_page() {
    let world = World::new();
    for number in 0..5 {
        world.link(&format!("S{number}")).await;
        world.clock.advance(SECOND);
    }
    let connection = Connection::open(&world.file).expect("opens");
    let broken = "UPDATE authorizations SET history = 'x' WHERE created_at >= ?1";
    assert_eq!(connection.execute(broken, [(BEGINNING + SECOND * 2).0]), Ok(3));
    let listing = Listing { limit: 1, ..in_states(&[Status::Issued]) };
    let first = world.store.list(&listing).await.expect("answers");
    assert_eq!((first.records.len(), first.unreadable.len(), first.more), (1, 3, true));
    let rest = world.store.list(&Listing { after: first.next, ..listing }).await.expect("answers");
    assert_eq!((rest.records.len(), rest.unreadable.len(), rest.more), (1, 0, false));
}

#[tokio::test]
async fn a_page_ends_where_too_many_cannot_be_read_and_the_next_ones_have_the_rest() {
    let world = World::new();
    let id = world.authorized("S1", "open-1").await.id;
    fill(&world, id.as_str(), 100, "iif(n % 2, 'DELIVERED', 'UNDELIVERABLE')");
    let connection = Connection::open(&world.file).expect("opens");
    let broken =
        "UPDATE authorizations SET history = 'x' WHERE status = 'DELIVERED' AND id <> printf('%032x', 1)";
    assert_eq!(connection.execute(broken, []), Ok(49));
    let limit = 1;
    let mut listing = Listing { limit, ..in_states(&[Status::Delivered, Status::Undeliverable]) };
    let (mut found, mut unreadable, mut pages) = (Vec::new(), Vec::new(), 0);
    loop {
        let page = world.store.list(&listing).await.expect("answers");
        assert!(page.records.len() <= 1 && page.unreadable.len() <= 20, "{}", page.unreadable.len());
        assert_eq!(page.more, page.next.is_some());
        found.extend(page.records.into_iter().map(|record| (record.created_at, record.id)));
        unreadable.extend(page.unreadable);
        pages += 1;
        match page.next {
            Some(next) => listing.after = Some(next),
            None => break,
        }
    }
    unreadable.sort();
    unreadable.dedup();
    assert_eq!((found.len(), unreadable.len()), (51, 49), "in {pages} pages");
    assert!(found.is_sorted_by(|one, other| one > other));

    let delivered = Listing { limit, ..in_states(&[Status::Delivered]) };
    let first = world.store.list(&delivered).await.expect("answers");
    assert_eq!((first.records.len(), first.unreadable.len(), first.more), (0, 20, true));
    let broken = "UPDATE authorizations SET history = 'x' WHERE status = 'UNDELIVERABLE'";
    assert_eq!(connection.execute(broken, []), Ok(50));
    let attention = View::Attention;
    let needing = Listing { view: attention, after: None, ..listing };
    let needing = world.store.list(&needing).await.expect("answers");
    assert_eq!((needing.unreadable.len(), needing.more, needing.next), (20, true, None));
}

#[tokio::test]
async fn a_record_in_a_state_that_this_version_does_not_know_is_named() {
    let world = World::new();
    let (paused, zapped) = (world.link("S1").await.id, world.link("S2").await.id);
    let connection = Connection::open(&world.file).expect("opens");
    for (id, state) in [(&paused, "PAUSED"), (&zapped, "ZAPPED")] {
        let set = "UPDATE authorizations SET status = ?1 WHERE id = ?2";
        assert_eq!(connection.execute(set, [state, id.as_str()]), Ok(1));
    }
    let both = [paused.to_string(), zapped.to_string()];
    let of_states = in_states(&[Status::Issued]);
    for (listing, named) in [
        (of_states.clone(), &both[..]),
        (Listing { owner: Owner::parse("B1"), ..of_states.clone() }, &both),
        (Listing { owner: Owner::parse("B2"), ..of_states }, &[]),
        (listing(View::Attention), &both),
        (in_states(&[Status::Undeliverable]), &[]),
    ] {
        let page = world.store.list(&listing).await.expect("answers");
        assert_eq!((page.records, &page.unreadable[..]), (Vec::new(), named), "{listing:?}");
    }
}

#[tokio::test]
async fn a_page_reads_no_more_than_itself_however_many_there_are() {
    let records = 20_000;
    let world = World::new();
    let id = world.authorized("S1", "open-1").await.id;
    fill(&world, id.as_str(), records, "CASE WHEN n % 1000 = 0 THEN 'UNDELIVERABLE' ELSE 'DELIVERED' END");
    for (view, owner) in [
        (View::Attention, None),
        (View::Attention, Some("B1")),
        (View::States(vec![Status::Delivered]), None),
        (View::States(vec![Status::Delivered, Status::Issued, Status::Authorized]), Some("B7")),
        (View::States(vec![Status::Exchanging]), Some("B7")),
    ] {
        let owner = owner.and_then(Owner::parse);
        let listing = Listing { owner, limit: 50, ..listing(view) };
        let begun = Stopwatch::start(&SystemClock);
        let page = world.store.list(&listing).await.expect("answers");
        let took = begun.passed(&SystemClock);
        println!("{records} records, {} listed in {took:?}: {:?}", page.records.len(), listing.view);
        assert!(took < SECOND, "{took:?}");
    }
}

/// The longest of runs, at the rate that is the command's own.
#[tokio::test]
async fn ten_thousand_are_found_and_made_due_with_lines_that_tell_how_far_they_have_come() {
    let many = 10_000;
    let world = World::new();
    let id = world.authorized("S1", "open-1").await.id;
    fill(&world, id.as_str(), many, "'UNDELIVERABLE'");
    let (place, lines) = (world.place(), Mutex::new(Vec::new()));
    let opened = place.open().await.expect("opens");
    let told = Notify::new();
    let tell = |line: &str| {
        lines.lock().expect("lines").push(line.to_owned());
        told.notify_one();
    };
    let options =
        |dry_run, rate| ResendOptions { to: None, dry_run, rate, yes: true, anew: false, tell: &tell };
    let all = |since| {
        let (states, owner) = (vec![Status::Undeliverable], None);
        Which::Many(Selection { states, owner, since, until: None })
    };
    for since in [None, Some(BEGINNING)] {
        let would = resend(&place, &opened, all(since), &options(true, 20)).await;
        assert_eq!(would.ok(), Some(Resent::Would(many.into())), "{since:?}");
    }
    // From here on a wait is over as soon as nothing else is to be done.
    tokio::time::pause();
    let slowly = options(false, 20);
    tokio::select! {
        resent = resend(&place, &opened, all(Some(BEGINNING)), &slowly) => panic!("{:?}", resent.ok()),
        () = told.notified() => {}
    }
    let line = lines.lock().expect("lines").remove(0);
    assert!(line.contains(" of 10000 done, about ") && line.ends_with(" min to go"), "{line}");
    let done: u64 = line.split(' ').next().and_then(|done| done.parse().ok()).expect("a number");
    assert!((1..=201).contains(&done), "ten seconds, twenty a second: {line}");

    let rest = resend(&place, &opened, all(Some(BEGINNING)), &options(false, 1_000)).await;
    let Some(Resent::Due(rest)) = rest.ok() else { panic!("it goes on") };
    // The one that was under way may have been made, and was not noted.
    assert!((u64::from(many) - 1..=many.into()).contains(&(rest + done)), "{rest} {done}");
    let left = resend(&place, &opened, all(None), &options(true, 20)).await;
    assert_eq!(left.ok(), Some(Resent::Would(0)));
}

/// Copies of one record, of 10 owners, in the state that this expression of their number says.
pub(super) fn fill(world: &World, id: &str, records: u32, status: &str) {
    let connection = Connection::open(&world.file).expect("opens");
    let columns = "requested, callback, parameters_digest, state_digest, link_source, created_by, expires_at,
        retain_until, open_id, authorized_at, settled_by, settled_code, body, attempts, history";
    let filled = connection.execute(
        &format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {records})
             INSERT INTO authorizations (id, owner, status, created_at, {columns})
             SELECT printf('%032x', n), 'B' || (n % 10), {status}, created_at + n, {columns}
             FROM numbers, authorizations WHERE authorizations.id = ?1"
        ),
        [id],
    );
    assert_eq!(filled.expect("fills"), records as usize);
}
