//! The rate limit of an account by the generic cell rate algorithm (GCRA): one number says until when the account's
//! time is reserved. One request at 1,000 a second reserves a millisecond. The next reservation begins where the last
//! one ends, so that reservations never overlap, however many instances make them.
//!
//! The stores make a reservation by one conditional write; its beginning and the bound of its refusal are computed
//! here.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::model::clock::UnixMillis;

/// The unused time that may still be reserved: after a rest, this much of the rate comes at once (80 requests at
/// 1,000 a second). Short enough that no second sees a tenth more than the limit; long enough that chance refuses
/// next to nothing of a load that keeps to the limit (of 95 % of it, spread over fifty instances, a thousandth; with
/// 50 ms, a hundredth).
pub const TOLERANCE: Duration = Duration::from_millis(80);

/// The requests of a low limit that may come at once after a rest, but no more than a second's: a load that keeps to it
/// comes in no even distances either. The last of them begins now, so the time of one less is tolerated.
const TOLERATED_REQUESTS: u32 = 8;

/// The furthest beginning of a reservation. Instances that want more than there is queue up by reserving ahead of each
/// other; with fifty of them the queue is half a second long.
pub const HORIZON: Duration = Duration::from_secs(2);

/// Below this limit, in requests a second, nothing is reserved ahead: the shares are single requests, and a share in
/// the future would lapse unless another request met the same instance in its time.
const LEAST_RESERVED_AHEAD: u32 = 200;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_MILLI: i64 = 1_000;

/// A share of an account's rate that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The account, `[A-Za-z0-9_-]{1,64}`.
    pub account: String,
    /// The requests that the share is for.
    pub requests: NonZeroU32,
    /// The limit, in requests a second.
    pub per_second: NonZeroU32,
    /// The present moment.
    pub now: UnixMillis,
    /// Reservations of this account lately followed one another, as far as is known here. It does not change the
    /// outcome: a store that has to guess which of two writes will succeed begins with the likelier.
    pub busy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReservationOutcome {
    /// The share is ours from this moment on, which may be in the future, or as long ago as is tolerated.
    From(UnixMillis),
    /// Nothing is reserved: the account's time is reserved further ahead than it may be.
    Full {
        /// The earliest moment at which it will not be, if nobody reserves meanwhile.
        again_at: UnixMillis,
    },
}

impl Reservation {
    /// The time that the share takes, in microseconds; rounded up, so that rounding never allows more.
    #[must_use]
    pub fn cost_micros(&self) -> i64 {
        let micros = i64::from(self.requests.get()) * MICROS_PER_SECOND;
        let per_second = i64::from(self.per_second.get());
        (micros + per_second - 1) / per_second
    }

    /// The earliest moment at which this reservation may begin, in microseconds since 1970.
    #[must_use]
    pub fn floor_micros(&self) -> i64 {
        micros(self.now - self.tolerance())
    }

    /// The unused time that this reservation may still have.
    #[must_use]
    pub fn tolerance(&self) -> Duration {
        let requests = TOLERATED_REQUESTS.min(self.per_second.get()) - 1;
        TOLERANCE.max(Duration::from_millis(1_000 * u64::from(requests) / u64::from(self.per_second.get())))
    }

    /// The latest moment at which this reservation may begin, in microseconds since 1970.
    #[must_use]
    pub fn ceiling_micros(&self) -> i64 {
        micros(self.now + self.horizon())
    }

    /// The refusal by an account whose time is reserved until `reserved_until_micros`.
    #[must_use]
    pub fn full(&self, reserved_until_micros: i64) -> ReservationOutcome {
        ReservationOutcome::Full { again_at: millis_up(reserved_until_micros) - self.horizon() }
    }

    fn horizon(&self) -> Duration {
        if self.per_second.get() < LEAST_RESERVED_AHEAD { Duration::ZERO } else { HORIZON }
    }

    /// The beginning of this reservation if the account's time is reserved until `reserved_until_micros`, in
    /// microseconds since 1970; `None` if it must be refused. The new end is [`Self::cost_micros`] later.
    #[must_use]
    pub fn begin_micros(&self, reserved_until_micros: Option<i64>) -> Option<i64> {
        let floor = self.floor_micros();
        let begin = reserved_until_micros.map_or(floor, |reserved| reserved.max(floor));
        (begin <= self.ceiling_micros()).then_some(begin)
    }
}

impl ReservationOutcome {
    /// A share that begins at `begin`, in microseconds since 1970: usable from the next whole millisecond on.
    #[must_use]
    pub fn from_micros(begin: i64) -> Self {
        Self::From(millis_up(begin))
    }
}

fn micros(at: UnixMillis) -> i64 {
    at.0.saturating_mul(MICROS_PER_MILLI)
}

fn millis_up(micros: i64) -> UnixMillis {
    UnixMillis(micros.saturating_add(MICROS_PER_MILLI - 1).div_euclid(MICROS_PER_MILLI))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_305_600_000);
    const NOW_MICROS: i64 = NOW.0 * 1_000;

    fn reservation(requests: u32, per_second: u32) -> Reservation {
        Reservation {
            account: "A1".to_owned(),
            requests: NonZeroU32::new(requests).unwrap(),
            per_second: NonZeroU32::new(per_second).unwrap(),
            now: NOW,
            busy: false,
        }
    }

    #[test]
    fn a_share_costs_its_part_of_a_second_rounded_up() {
        for (requests, per_second, micros) in [
            (1, 1, 1_000_000),
            (1, 1_000, 1_000),
            (20, 1_000, 20_000),
            (1, 3, 333_334),
            (3, 3, 1_000_000),
            (1, 100_000, 10),
            (7, 70_000, 100),
            (u32::MAX, 1, 4_294_967_295_000_000),
            (1, u32::MAX, 1),
        ] {
            assert_eq!(reservation(requests, per_second).cost_micros(), micros, "{requests} at {per_second}");
        }
    }

    #[test]
    fn a_reservation_begins_where_the_last_one_ends_within_its_bounds() {
        let floor = NOW_MICROS - 80_000;
        let ceiling = NOW_MICROS + 2_000_000;
        for (reserved_until, begin) in [
            (None, Some(floor)),
            (Some(0), Some(floor)),
            (Some(floor - 1), Some(floor)),
            (Some(floor), Some(floor)),
            (Some(floor + 1), Some(floor + 1)),
            (Some(NOW_MICROS), Some(NOW_MICROS)),
            (Some(ceiling), Some(ceiling)),
            (Some(ceiling + 1), None),
            (Some(i64::MAX), None),
        ] {
            assert_eq!(reservation(5, 1_000).begin_micros(reserved_until), begin, "{reserved_until:?}");
        }
    }

    #[test]
    fn of_a_low_limit_eight_requests_are_tolerated_or_a_seconds() {
        for (per_second, millis) in [(1, 80), (2, 500), (8, 875), (10, 700), (99, 80), (1_000, 80)] {
            let begin = reservation(1, per_second).begin_micros(None);
            assert_eq!(begin.map(|begin| (NOW_MICROS - begin) / 1_000), Some(millis), "{per_second}");
        }
    }

    #[test]
    fn a_low_limit_is_not_reserved_ahead() {
        for (per_second, begin) in [(1, None), (199, None), (200, Some(NOW_MICROS + 1))] {
            assert_eq!(reservation(1, per_second).begin_micros(Some(NOW_MICROS + 1)), begin, "{per_second}");
            assert_eq!(reservation(1, per_second).begin_micros(Some(NOW_MICROS)), Some(NOW_MICROS));
        }
        let again_at = NOW + Duration::from_millis(400);
        assert_eq!(reservation(1, 2).full(NOW_MICROS + 400_000), ReservationOutcome::Full { again_at });
    }

    #[test]
    fn moments_are_the_next_whole_millisecond() {
        for (micros, millis) in [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (-999, 0), (-1_000, -1)] {
            assert_eq!(
                ReservationOutcome::from_micros(micros),
                ReservationOutcome::From(UnixMillis(millis)),
                "{micros}"
            );
        }
        let again_at = NOW + Duration::from_millis(1);
        assert_eq!(reservation(1, 1_000).full(NOW_MICROS + 2_000_001), ReservationOutcome::Full { again_at });
        assert_eq!(reservation(1, 1_000).begin_micros(Some(NOW_MICROS + 2_000_001)), None);
        let then = Reservation { now: again_at, ..reservation(1, 1_000) };
        assert_eq!(then.begin_micros(Some(NOW_MICROS + 2_000_001)), Some(NOW_MICROS + 2_000_001));
    }
}
