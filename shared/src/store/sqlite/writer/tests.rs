use super::*;
use crate::model::clock::{ManualClock, UnixMillis};
use crate::store::sqlite::database;

const COUNT: &str = "SELECT count(*) FROM looks";
const ADD: &str = "INSERT INTO looks (at) SELECT count(*) FROM looks";

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_database_says_so_to_all_who_wait_and_does_nothing_of_theirs_later() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authlink.db");
    let writer = Writer::new(database::open(&file, true).unwrap()).unwrap();
    let locked = Connection::open(&file).unwrap();
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();

    let asking = || {
        let writer = writer.clone();
        tokio::spawn(async move { writer.run(|connection| connection.execute(ADD, [])).await })
    };
    let asked: Vec<_> = (0..30).map(|_| asking()).collect();
    for asked in asked {
        assert!(matches!(asked.await.unwrap(), Err(StoreError::Unavailable(_))));
    }

    locked.execute_batch("ROLLBACK").unwrap();
    let count = || writer.run(|connection| connection.query_row(COUNT, [], |row| row.get::<_, i64>(0)));
    assert_eq!(count().await, Ok(0));
    assert_eq!(asking().await.unwrap(), Ok(1));
    assert_eq!(count().await, Ok(1));
}

#[test]
fn what_has_waited_too_long_for_its_turn_is_not_done() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = database::open(&folder.path().join("authlink.db"), true).unwrap();
    let (sender, mut waiting) = mpsc::channel(2);
    let clock = ManualClock::at(UnixMillis(0));
    let long_ago = clock.monotonic();
    clock.advance(CALL_WITHIN + Duration::from_millis(1));
    for asked in [long_ago, clock.monotonic()] {
        let work: Work = Box::new(|connection| {
            let added = connection.execute(ADD, []);
            Box::new(move |committed| assert_eq!((added, committed), (Ok(1), Ok(()))))
        });
        sender.try_send(Job { asked, work }).ok().unwrap();
    }
    let first = waiting.try_recv().unwrap();
    commit_together(&mut connection, first, &mut waiting, &clock);
    assert_eq!(connection.query_row(COUNT, [], |row| row.get::<_, i64>(0)), Ok(1));
}

#[tokio::test]
async fn a_call_that_hangs_keeps_nobody_and_what_was_begun_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::new(database::open(&folder.path().join("authlink.db"), true).unwrap()).unwrap();
    let (release, hangs) = std::sync::mpsc::channel::<()>();
    let hanging = writer.run(move |connection| {
        let added = connection.execute(ADD, []);
        hangs.recv().ok();
        added
    });
    let behind = writer.run(|connection| connection.execute(ADD, []));
    // Without a bound on waiting this would not end: it is let go only below.
    let (hanging, behind) = tokio::join!(hanging, behind);
    for answer in [hanging, behind] {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }

    release.send(()).unwrap();
    let count = || writer.run(|connection| connection.query_row(COUNT, [], |row| row.get::<_, i64>(0)));
    assert_eq!(count().await, Ok(1), "what had waited too long for its turn is not done");
}

#[tokio::test]
async fn a_value_that_no_record_of_ours_has_is_corrupt_and_not_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::new(database::open(&folder.path().join("authlink.db"), true).unwrap()).unwrap();
    for value in ["'text'", "-1", "5000000000"] {
        let query = format!("SELECT {value}");
        let read = writer.run(move |connection| connection.query_row(&query, [], |row| row.get::<_, u32>(0)));
        assert!(matches!(read.await, Err(StoreError::Corrupt(_))), "{value}");
    }
    let query = "SELECT CAST(x'ff' AS TEXT)";
    let read = writer.run(move |connection| connection.query_row(query, [], |row| row.get::<_, String>(0)));
    assert!(matches!(read.await, Err(StoreError::Corrupt(_))));
}
