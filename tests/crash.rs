//! A process that is killed between any two writes: the next start goes on, and nothing that was answered is lost.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use local::app::Local;
use local::merchant::SignType;
use openid_delivery::{Step, sweep};
use serde_json::Value;
use shared::model::authorization::Status;
use shared::model::claim::EXCHANGE_LEASE;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::queue::HINT_GRACE_PERIOD;
use shared::store::ReadAuthorizations as _;
use shared::store::sqlite::SqliteStore;
use tests::crashing::CrashPoint::{self, After, Before};
use tests::crashing::{CrashingStore, Write};
use tests::host::options;
use tests::parties::{code_invalid, identified};
use tests::request::LinkCall;
use tests::world::World;

/// Does `doing` in a process beside `world` that crashes at `point`.
async fn crashes(world: &World, point: CrashPoint, doing: impl AsyncFnOnce(&World)) {
    let process = world.another_process();
    let store = Arc::new(CrashingStore::new(process.store.clone(), point));
    let process = process.with_store(store.clone());
    store.until_crash(doing(&process)).await;
}

#[tokio::test]
async fn killed_before_a_link_is_recorded_the_same_request_gets_one() {
    let world = World::new();
    let call = LinkCall::new("S1", world.now());
    crashes(&world, Before(Write::Link), async |process| drop(process.ask(&call).await)).await;
    world.ask(&call).await.expect_link();
}

#[tokio::test]
async fn killed_after_a_link_is_recorded_the_request_repeated_gets_the_recorded_link() {
    let world = World::new();
    let call = LinkCall::new("S1", world.now());
    crashes(&world, After(Write::Link), async |process| drop(process.ask(&call).await)).await;
    let again = world.ask(&LinkCall::new("S1", world.now())).await;
    assert_eq!(again.status, 8);
    let link = again.link.expect("the link").parse().expect("a URL");
    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&tests::request::state_of(&link), "codeA").await.outcome, "authorized");
}

#[tokio::test]
async fn killed_before_the_claim_the_same_return_goes_on() {
    let world = World::new();
    let issued = world.link("S1").await;
    crashes(&world, Before(Write::ClaimExchange), async |process| {
        drop(process.complete_return(&issued.state, "codeA").await)
    })
    .await;
    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&issued.state, "codeA").await.outcome, "authorized");
    assert_eq!(world.gateway.codes(), ["codeA"]);
}

#[tokio::test]
async fn killed_between_claim_and_settlement_the_user_is_asked_once_more_and_no_code_is_sent_twice() {
    for (point, answer, sent) in [
        (After(Write::ClaimExchange), None, 0),
        (Before(Write::Settle), Some(identified("open-1")), 1),
        (Before(Write::EndExchange), Some(code_invalid()), 1),
    ] {
        let world = World::new();
        let issued = world.link("S1").await;
        answer.into_iter().for_each(|answer| world.gateway.answer(answer));
        crashes(&world, point, async |process| drop(process.complete_return(&issued.state, "codeA").await))
            .await;
        assert_eq!(world.complete_return(&issued.state, "codeA").await.outcome, "in-progress", "{point:?}");
        world.clock.advance(EXCHANGE_LEASE);
        assert_eq!(
            world.complete_return(&issued.state, "codeA").await.outcome,
            "authorize-again",
            "{point:?}"
        );
        world.gateway.answer(identified("open-1"));
        assert_eq!(world.complete_return(&issued.state, "codeB").await.outcome, "authorized", "{point:?}");
        let sent_a = world.gateway.codes().iter().filter(|code| *code == "codeA").count();
        assert_eq!(sent_a, sent, "{point:?}");
    }
}

#[tokio::test]
async fn killed_after_a_refusal_is_recorded_a_new_code_works_at_once() {
    let world = World::new();
    let issued = world.link("S1").await;
    world.gateway.answer(code_invalid());
    crashes(&world, After(Write::EndExchange), async |process| {
        drop(process.complete_return(&issued.state, "codeA").await)
    })
    .await;
    world.gateway.answer(identified("open-1"));
    assert_eq!(world.complete_return(&issued.state, "codeB").await.outcome, "authorized");
}

#[tokio::test]
async fn killed_after_the_settlement_before_its_hint_the_sweep_delivers() {
    let world = World::new();
    let issued = world.link("S1").await;
    world.gateway.answer(identified("open-1"));
    crashes(&world, After(Write::Settle), async |process| {
        drop(process.complete_return(&issued.state, "codeA").await)
    })
    .await;
    assert_eq!(world.sweep_and_drain().await, [Step::Delivered]);
    assert_eq!(world.complete_return(&issued.state, "codeA").await.outcome, "authorized");
}

/// An authorization that is due, whose hint is lost.
async fn due(world: &World) -> tests::world::Issued {
    let issued = world.authorized("S1", "open-1").await;
    world.queue.lose_all();
    issued
}

async fn sweep_and_drain(process: &World) {
    process.sweep_and_drain().await;
}

#[tokio::test]
async fn killed_before_an_attempt_is_claimed_the_next_sweep_but_one_makes_it() {
    for point in [Before(Write::ClaimAttempt), After(Write::Postpone)] {
        let world = World::new();
        let issued = due(&world).await;
        crashes(&world, point, sweep_and_drain).await;
        assert!(world.sweep_and_drain().await.is_empty());
        world.clock.advance(HINT_GRACE_PERIOD);
        assert_eq!(world.sweep_and_drain().await, [Step::Delivered], "{point:?}");
        assert_eq!(world.record(&issued.id).await.attempts_begun(), 1);
    }
}

#[tokio::test]
async fn killed_before_the_sweep_pushes_forward_the_next_sweep_goes_on() {
    let world = World::new();
    due(&world).await;
    crashes(&world, Before(Write::Postpone), sweep_and_drain).await;
    assert_eq!(world.sweep_and_drain().await, [Step::Delivered]);
}

#[tokio::test]
async fn killed_during_an_attempt_the_next_one_is_made_when_the_sweep_comes_to_it_again() {
    for (point, posts) in [(After(Write::ClaimAttempt), 1), (Before(Write::ConcludeAttempt), 2)] {
        let world = World::new();
        let issued = due(&world).await;
        crashes(&world, point, sweep_and_drain).await;
        world.clock.advance(HINT_GRACE_PERIOD);
        assert_eq!(world.sweep_and_drain().await, [Step::Delivered], "{point:?}");
        // At least once: if the merchant had answered before we died, it is told again and knows the serialNo.
        assert_eq!(world.merchant.posts().len(), posts, "{point:?}");
        assert_eq!(world.record(&issued.id).await.status(), Status::Delivered);
    }
}

#[tokio::test]
async fn killed_after_a_failure_is_recorded_before_its_hint_the_sweep_makes_the_next_attempt() {
    let world = World::new();
    due(&world).await;
    world.merchant.answer(DeliveryOutcome::Status(500));
    crashes(&world, After(Write::ConcludeAttempt), sweep_and_drain).await;
    world.clock.advance(Duration::from_secs(15) + HINT_GRACE_PERIOD);
    assert_eq!(world.sweep_and_drain().await, [Step::Delivered]);
}

#[tokio::test]
async fn killed_after_a_success_is_recorded_nothing_is_sent_again() {
    let world = World::new();
    due(&world).await;
    crashes(&world, After(Write::ConcludeAttempt), sweep_and_drain).await;
    world.clock.advance(Duration::from_hours(24));
    assert!(world.sweep_and_drain().await.is_empty());
    assert_eq!(world.merchant.posts().len(), 1);
}

#[tokio::test]
async fn killed_around_giving_up_the_record_ends_undeliverable_all_the_same() {
    for (point, steps) in [(Before(Write::GiveUp), vec![Step::GivenUp]), (After(Write::GiveUp), vec![])] {
        let mut world = World::new();
        world.deps.delivery.schedule = shared::delivery::schedule::Schedule::from_secs(&[]);
        world.rebuild();
        let issued = due(&world).await;
        crashes_with_one_attempt(&world, After(Write::ClaimAttempt)).await;
        world.clock.advance(HINT_GRACE_PERIOD);
        crashes_with_one_attempt(&world, point).await;
        world.clock.advance(HINT_GRACE_PERIOD);
        assert_eq!(world.sweep_and_drain().await, steps, "{point:?}");
        assert_eq!(world.record(&issued.id).await.status(), Status::Undeliverable);
    }
}

/// As [`crashes`], in a process whose schedule has one attempt.
async fn crashes_with_one_attempt(world: &World, point: CrashPoint) {
    let mut process = world.another_process();
    process.deps.delivery.schedule = shared::delivery::schedule::Schedule::from_secs(&[]);
    process.rebuild();
    let store = Arc::new(CrashingStore::new(process.store.clone(), point));
    let process = process.with_store(store.clone());
    store.until_crash(sweep_and_drain(&process)).await;
}

#[tokio::test]
async fn a_resend_survives_whatever_comes_after_it() {
    let world = World::new();
    let issued = due(&world).await;
    crashes_with_one_attempt(&world, After(Write::ClaimAttempt)).await;
    world.clock.advance(HINT_GRACE_PERIOD);
    crashes_with_one_attempt(&world, After(Write::GiveUp)).await;
    assert_eq!(world.resend(&issued.id).await, Ok(true));
    crashes(&world, After(Write::Postpone), async |process| drop(sweep(&process.delivery).await)).await;
    world.clock.advance(HINT_GRACE_PERIOD);
    assert_eq!(world.sweep_and_drain().await, [Step::Delivered]);
}

#[test]
fn processes_that_open_a_new_database_at_once_all_get_it() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("authlink.db");
        std::thread::scope(|scope| {
            let opening = [(); 4].map(|()| scope.spawn(|| SqliteStore::open(&file).map(drop)));
            for opened in opening {
                assert_eq!(opened.join().expect("no panic"), Ok(()));
            }
        });
    }
}

const CHILD: &str = "AUTHLINK_TEST_CRASH_FOLDER";

/// Not a test by itself: the process that [`what_was_answered_survives_a_kill`] kills. It asks the local host for links
/// and prints each answer, until it is killed.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the parent process names the folder")]
async fn the_process_that_is_killed() {
    let Ok(folder) = std::env::var(CHILD) else { return };
    let local = Local::start(&options(Path::new(&folder))).await.expect("starts");
    loop {
        let mut asked = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let merchant = local.merchant.clone();
            asked.spawn(async move { merchant.request_link(SignType::Md5, "user-1").await });
        }
        while let Some(Ok(call)) = asked.join_next().await {
            println!("\nanswered {} {}", call.request.serial_no, call.answer.expect("an answer").body);
        }
    }
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "crash::the_process_that_is_killed", "--nocapture"])
        .env(CHILD, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let answered: Vec<_> = lines
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("answered ").and_then(|rest| rest.split_once(' ').map(own)))
        .take(100)
        .collect();
    child.kill().expect("is killed");
    child.wait().expect("is gone");

    let store = SqliteStore::open(&folder.path().join("authlink.db")).expect("opens");
    assert_eq!(answered.len(), 100);
    for (serial_no, body) in answered {
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(answer["status"], 0, "{body}");
        let id = shared::model::id::AuthorizationId::from_serial(local::folder::BUSINESS_ID, &serial_no);
        let record = store.authorization(&id).await.expect("answers").expect("recorded");
        assert_eq!(record.link().map(url::Url::as_str), answer["data"]["alipayAuthUrl"].as_str());
    }
}

fn own((serial_no, body): (&str, &str)) -> (String, String) {
    (serial_no.to_owned(), body.to_owned())
}
