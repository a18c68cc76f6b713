//! The contract of rate limits: reservations.

use std::num::NonZeroU32;
use std::time::Duration;

use futures_util::future::join_all;
use shared::model::clock::UnixMillis;
use shared::model::reservation::{HORIZON, Reservation, ReservationOutcome, TOLERANCE};

use super::Backend;
use crate::world::BEGINNING;

/// A reservation of `requests` by account A1, which is allowed `per_second`.
fn reservation(requests: u32, per_second: u32, now: UnixMillis) -> Reservation {
    let [requests, per_second] = [requests, per_second].map(|number| NonZeroU32::new(number).expect("some"));
    Reservation { account: "A1".to_owned(), requests, per_second, now, busy: false }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A share from so many milliseconds after the beginning of the world, less the tolerance.
fn from(millis: u64) -> Result<ReservationOutcome, shared::store::StoreError> {
    Ok(ReservationOutcome::From(BEGINNING - TOLERANCE + ms(millis)))
}

pub(super) async fn reservations_made_at_once_follow_each_other_without_overlap(store: &dyn Backend) {
    let reservations: Vec<_> = (0..40)
        .map(|number| Reservation { busy: number % 2 == 0, ..reservation(5, 1_000, BEGINNING) })
        .collect();
    let mut reserved: Vec<_> = join_all(reservations.iter().map(|reservation| store.reserve(reservation)))
        .await
        .into_iter()
        .map(|reserved| match reserved {
            Ok(ReservationOutcome::From(at)) => at,
            other => panic!("{other:?}"),
        })
        .collect();
    reserved.sort();
    let without_overlap: Vec<_> = (0..40).map(|number| BEGINNING - TOLERANCE + ms(5) * number).collect();
    assert_eq!(reserved, without_overlap);
}

pub(super) async fn idle_time_is_made_up_for_by_the_tolerance_at_most(store: &dyn Backend) {
    assert_eq!(store.reserve(&reservation(80, 1_000, BEGINNING)).await, from(0));
    let within = BEGINNING + ms(80);
    assert_eq!(store.reserve(&reservation(1, 1_000, within)).await, from(80));
    let beyond = BEGINNING + ms(100);
    assert_eq!(store.reserve(&reservation(1, 1_000, beyond)).await, from(100), "19 ms are lost");
    let next_day = BEGINNING + Duration::from_hours(24);
    assert_eq!(
        store.reserve(&reservation(1, 1_000, next_day)).await,
        Ok(ReservationOutcome::From(next_day - TOLERANCE))
    );
    let busy = Reservation { busy: true, ..reservation(1, 1_000, next_day + ms(500)) };
    assert_eq!(store.reserve(&busy).await, Ok(ReservationOutcome::From(busy.now - TOLERANCE)));
}

pub(super) async fn a_rate_limit_reserved_to_the_horizon_refuses_and_says_until_when(store: &dyn Backend) {
    for seconds in 0..3 {
        assert_eq!(store.reserve(&reservation(1_000, 1_000, BEGINNING)).await, from(seconds * 1_000));
    }
    let reserved_until = BEGINNING - TOLERANCE + ms(3_000);
    let again_at = reserved_until - HORIZON;
    for busy in [false, true] {
        for now in [BEGINNING, again_at - ms(1)] {
            let refused = Reservation { busy, ..reservation(1_000, 1_000, now) };
            assert_eq!(store.reserve(&refused).await, Ok(ReservationOutcome::Full { again_at }));
        }
    }
    assert_eq!(
        store.reserve(&reservation(1_000, 1_000, again_at)).await,
        Ok(ReservationOutcome::From(reserved_until))
    );
}

pub(super) async fn accounts_have_rate_limits_of_their_own(store: &dyn Backend) {
    assert_eq!(store.reserve(&reservation(20, 1_000, BEGINNING)).await, from(0));
    let other = Reservation { account: "A2".to_owned(), ..reservation(20, 1_000, BEGINNING) };
    assert_eq!(store.reserve(&other).await, from(0));
    assert_eq!(store.reserve(&reservation(20, 1_000, BEGINNING)).await, from(20));
}

pub(super) async fn a_clock_that_is_behind_does_not_undo_a_reservation(store: &dyn Backend) {
    let ahead = BEGINNING + ms(1_000);
    assert_eq!(
        store.reserve(&reservation(5, 1_000, ahead)).await,
        Ok(ReservationOutcome::From(ahead - TOLERANCE))
    );
    assert_eq!(store.reserve(&reservation(5, 1_000, BEGINNING)).await, from(1_005));
    let far_behind = BEGINNING - Duration::from_hours(1);
    let again_at = BEGINNING - TOLERANCE + ms(1_010) - HORIZON;
    assert_eq!(
        store.reserve(&reservation(5, 1_000, far_behind)).await,
        Ok(ReservationOutcome::Full { again_at })
    );
    assert_eq!(store.reserve(&reservation(5, 1_000, ahead)).await, from(1_010));
}

pub(super) async fn microseconds_are_not_lost(store: &dyn Backend) {
    // 1.5 ms each; a share is usable from the next whole millisecond on.
    for millis in [0, 2, 3, 5, 6] {
        assert_eq!(store.reserve(&reservation(150, 100_000, BEGINNING)).await, from(millis));
    }
}
