//! The share of one account's rate that an instance holds.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::model::clock::{Monotonic, UnixMillis};
use crate::model::reservation::{HORIZON, Reservation, ReservationOutcome};
use crate::rate_limit::admission::Admission;
use crate::rate_limit::demand::Demand;

/// The time that a share may be used; the rest of it then lapses, because its time is over.
const USABLE: Duration = Duration::from_secs(1);

/// A share is at most this part of a second's requests: 20 requests of 1,000. Shares of this size cost an account fifty
/// writes a second, whatever its limit.
const SHARES_PER_SECOND: u32 = 50;

/// The growth of a share over the last one, at most, in requests. Instances that begin together would take from the
/// first second what they then hold unused; so this is spread over several.
const GROWTH: u32 = 2;

/// An instance that was refused by the store does not ask again sooner, so that many of them do not crowd it.
const REFUSED_AT_LEAST: Duration = Duration::from_millis(100);

/// An instance that was refused by the store asks again after this at the latest: the limit may have been raised.
const REFUSED_AT_MOST: Duration = Duration::from_secs(1);

/// No moment that the store gives lies further ahead than this if all clocks agree.
const FURTHEST: Duration = Duration::from_secs(4);

/// One account's rate, as far as this instance knows and holds it.
#[derive(Debug, Default)]
pub(super) struct Share {
    demand: Demand,
    standing: Standing,
    last_size: u32,
    busy: bool,
}

#[derive(Debug, Default)]
enum Standing {
    #[default]
    Nothing,
    /// `left` requests may pass, from this moment on.
    Held { from: Monotonic, left: NonZeroU32 },
    /// None may pass until this moment.
    Closed { until: Monotonic },
    /// All may pass until this moment, unasked.
    Open { until: Monotonic },
}

/// The decision on a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Known(Admission),
    /// A share of so many requests has to be reserved first.
    Reserve(NonZeroU32),
}

impl Share {
    /// Counts a request, and admits it or not if that can be said without the store.
    pub(super) fn request(&mut self, now: Monotonic, per_second: NonZeroU32) -> Turn {
        self.demand.count(now);
        let known = match self.standing {
            Standing::Held { from, .. } if now < from => Some(over(from, now)),
            Standing::Held { from, left } if now.since(from) < USABLE => Some(self.take(from, left)),
            Standing::Closed { until } if now < until => Some(over(until, now)),
            Standing::Open { until } if now < until => Some(Admission::Admitted),
            Standing::Held { .. } | Standing::Closed { .. } | Standing::Open { .. } | Standing::Nothing => {
                None
            }
        };
        known.map_or_else(|| Turn::Reserve(self.size(now, per_second)), Turn::Known)
    }

    /// A request that was admitted turned out to be none: another may pass in its place.
    pub(super) fn give_back(&mut self, now: Monotonic) {
        self.demand.uncount();
        match &mut self.standing {
            Standing::Held { left, .. } => *left = left.saturating_add(1),
            Standing::Nothing => self.standing = Standing::Held { from: now, left: NonZeroU32::MIN },
            Standing::Closed { .. } | Standing::Open { .. } => {}
        }
    }

    /// True if reservations of the account follow one another, as of the last one.
    pub(super) const fn busy(&self) -> bool {
        self.busy
    }

    /// Takes the store's answer to `reservation`, and decides on the request that it was made for. The store reserves
    /// by the wall clock, which says `wall` at `now`. `None` if its clock and ours disagree: the account's time is
    /// reserved further ahead than anyone may reserve.
    pub(super) fn reserved(
        &mut self,
        reservation: &Reservation,
        reserved: ReservationOutcome,
        now: Monotonic,
        wall: UnixMillis,
    ) -> Option<Admission> {
        match reserved {
            ReservationOutcome::From(from) => {
                self.busy = from > reservation.now - reservation.tolerance();
                self.last_size = reservation.requests.get();
                let left = reservation.requests;
                let begins_in = from.since(wall);
                Some(if begins_in.is_zero() || begins_in > FURTHEST {
                    self.take(earlier(now, wall.since(from)), left)
                } else {
                    let from = now + begins_in;
                    self.standing = Standing::Held { from, left };
                    over(from, now)
                })
            }
            ReservationOutcome::Full { again_at } => {
                self.busy = true;
                let wait = again_at.since(wall);
                if wait > FURTHEST {
                    return None;
                }
                let until = now + wait.clamp(REFUSED_AT_LEAST, REFUSED_AT_MOST);
                self.standing = Standing::Closed { until };
                Some(over(until, now))
            }
        }
    }

    /// Lets everything pass for `time`.
    pub(super) fn open(&mut self, now: Monotonic, time: Duration) {
        self.standing = Standing::Open { until: now + time };
    }

    fn take(&mut self, from: Monotonic, left: NonZeroU32) -> Admission {
        self.standing =
            NonZeroU32::new(left.get() - 1).map_or(Standing::Nothing, |left| Standing::Held { from, left });
        Admission::Admitted
    }

    fn size(&self, now: Monotonic, per_second: NonZeroU32) -> NonZeroU32 {
        let most = (per_second.get() / SHARES_PER_SECOND).min(self.last_size.saturating_add(GROWTH));
        NonZeroU32::new(self.demand.lately(now).min(most)).unwrap_or(NonZeroU32::MIN)
    }
}

fn over(until: Monotonic, now: Monotonic) -> Admission {
    Admission::Over { retry_after: until.since(now) }
}

fn earlier(now: Monotonic, by: Duration) -> Monotonic {
    Monotonic(now.0.saturating_sub(by))
}

const _: () = assert!(HORIZON.as_millis() + USABLE.as_millis() < FURTHEST.as_millis());

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reservation::TOLERANCE;

    const NOW: Monotonic = Monotonic(Duration::from_hours(1));
    /// What the wall clock says then.
    const WALL: UnixMillis = UnixMillis(1_795_305_600_000);
    const THOUSAND: NonZeroU32 = NonZeroU32::new(1_000).unwrap();
    const ADMITTED: Turn = Turn::Known(Admission::Admitted);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn over(millis: u64) -> Turn {
        Turn::Known(Admission::Over { retry_after: ms(millis) })
    }

    fn reserve(requests: u32) -> Turn {
        Turn::Reserve(NonZeroU32::new(requests).unwrap())
    }

    fn reservation(requests: u32) -> Reservation {
        let requests = NonZeroU32::new(requests).unwrap();
        Reservation { account: "A1".to_owned(), requests, per_second: THOUSAND, now: WALL, busy: false }
    }

    fn told(reserved: ReservationOutcome) -> (Share, Option<Admission>) {
        let mut share = Share::default();
        let admission = share.reserved(&reservation(3), reserved, NOW, WALL);
        (share, admission)
    }

    #[test]
    fn a_share_that_begins_further_ahead_than_a_clock_may_be_begins_now() {
        let told_at = |from| told(ReservationOutcome::From(from)).1;
        let ahead = Admission::Over { retry_after: FURTHEST };
        assert_eq!(told_at(WALL + FURTHEST), Some(ahead));
        assert_eq!(told_at(WALL + FURTHEST + ms(1)), Some(Admission::Admitted));
    }

    #[test]
    fn an_account_is_busy_while_its_reservations_follow_one_another() {
        for (from, busy) in [(WALL, true), (WALL - TOLERANCE + ms(1), true), (WALL - TOLERANCE, false)] {
            assert_eq!(told(ReservationOutcome::From(from)).0.busy(), busy, "{from}");
        }
    }

    #[test]
    fn repetitions_enlarge_no_share() {
        let (mut share, now) = (Share::default(), NOW);
        let one = Reservation {
            account: "A1".to_owned(),
            requests: NonZeroU32::MIN,
            per_second: THOUSAND,
            now: WALL,
            busy: false,
        };
        assert_eq!(share.request(now, THOUSAND), Turn::Reserve(NonZeroU32::MIN));
        assert_eq!(
            share.reserved(&one, ReservationOutcome::From(WALL), now, WALL),
            Some(Admission::Admitted)
        );
        share.give_back(now);
        for _ in 0..50 {
            assert_eq!(share.request(now, THOUSAND), ADMITTED);
            share.give_back(now);
        }
        assert_eq!(share.request(now, THOUSAND), ADMITTED);
        let of_two_requests = NonZeroU32::new(2).unwrap();
        assert_eq!(share.request(now, THOUSAND), Turn::Reserve(of_two_requests));
    }

    #[test]
    fn a_share_is_used_up_and_then_reserved_anew() {
        let (mut share, first) = told(ReservationOutcome::From(WALL));
        assert_eq!(first, Some(Admission::Admitted));
        assert_eq!(share.request(NOW, THOUSAND), ADMITTED);
        assert_eq!(share.request(NOW + ms(999), THOUSAND), ADMITTED);
        assert_eq!(share.request(NOW + ms(999), THOUSAND), reserve(2));
    }

    #[test]
    fn what_is_left_of_a_share_lapses_a_second_after_it_began() {
        let (mut share, _) = told(ReservationOutcome::From(WALL));
        assert_eq!(share.request(NOW + ms(1_000), THOUSAND), reserve(1));
    }

    #[test]
    fn a_share_in_the_future_refuses_until_it_begins() {
        let (mut share, first) = told(ReservationOutcome::From(WALL + ms(300)));
        assert_eq!(first, Some(Admission::Over { retry_after: ms(300) }));
        assert_eq!(share.request(NOW + ms(299), THOUSAND), over(1));
        for _ in 0..3 {
            assert_eq!(share.request(NOW + ms(300), THOUSAND), ADMITTED);
        }
    }

    #[test]
    fn shares_follow_the_load_by_small_steps_up_to_a_fiftieth_of_a_second() {
        for (per_second, sizes) in [
            (1, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
            (250, [2, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5]),
            (1_000, [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 20, 20]),
            (100_000, [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24]),
        ] {
            let per_second = NonZeroU32::new(per_second).unwrap();
            let mut share = Share::default();
            for _ in 0..100 {
                share.request(NOW, per_second);
            }
            for size in sizes {
                share.standing = Standing::Nothing;
                assert_eq!(share.request(NOW, per_second), reserve(size), "{per_second} a second");
                share.reserved(&reservation(size), ReservationOutcome::From(WALL), NOW, WALL);
            }
        }
    }

    #[test]
    fn a_refusal_of_the_store_is_taken_for_granted_between_a_tenth_of_a_second_and_a_second() {
        for (again_after, refused) in
            [(0, 100), (1, 100), (100, 100), (101, 101), (1_000, 1_000), (4_000, 1_000)]
        {
            let again_at = WALL + ms(again_after);
            let (mut share, first) = told(ReservationOutcome::Full { again_at });
            assert_eq!(first, Some(Admission::Over { retry_after: ms(refused) }), "{again_after}");
            assert_eq!(share.request(NOW + ms(refused - 1), THOUSAND), over(1), "{again_after}");
            assert_eq!(share.request(NOW + ms(refused), THOUSAND), reserve(2), "{again_after}");
        }
    }

    #[test]
    fn a_reservation_beyond_belief_says_nothing() {
        let (mut share, first) = told(ReservationOutcome::Full { again_at: WALL + ms(4_001) });
        assert_eq!(first, None);
        assert_eq!(share.request(NOW, THOUSAND), reserve(1));
    }

    #[test]
    fn an_open_account_admits_without_asking_until_its_time_is_over() {
        let mut share = Share::default();
        share.open(NOW, ms(1_000));
        assert_eq!(share.request(NOW + ms(999), THOUSAND), ADMITTED);
        assert_eq!(share.request(NOW + ms(1_000), THOUSAND), reserve(2));
    }

    #[test]
    fn a_share_that_began_before_its_answer_lapses_a_second_after_its_beginning() {
        let (mut share, _) = told(ReservationOutcome::From(WALL - ms(80)));
        assert_eq!(share.request(NOW + ms(919), THOUSAND), ADMITTED);
        assert_eq!(share.request(NOW + ms(920), THOUSAND), reserve(2));
    }

    #[test]
    fn a_share_that_begins_beyond_belief_begins_now() {
        let (mut share, first) = told(ReservationOutcome::From(WALL + ms(4_001)));
        assert_eq!(first, Some(Admission::Admitted));
        assert_eq!(share.request(NOW + ms(999), THOUSAND), ADMITTED);
    }

    #[test]
    fn an_account_is_busy_when_its_reservations_follow_one_another() {
        for (reserved, busy) in [
            (ReservationOutcome::From(WALL - TOLERANCE), false),
            (ReservationOutcome::From(WALL - ms(79)), true),
            (ReservationOutcome::From(WALL + ms(500)), true),
            (ReservationOutcome::Full { again_at: WALL }, true),
        ] {
            assert_eq!(told(reserved).0.busy(), busy, "{reserved:?}");
        }
    }
}
