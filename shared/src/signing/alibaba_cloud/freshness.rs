//! Time stamps of calls: their form, and the window in which a call is accepted.

use std::time::Duration;

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::model::clock::UnixMillis;

/// The largest distance between a call's time stamp and the clock, either way: as Alibaba Cloud's gateway allows.
pub const WINDOW: Duration = Duration::from_mins(15);

/// The time for which a nonce is remembered, so that no call can be replayed: the whole window, and a margin.
pub const NONCE_LIFETIME: Duration = Duration::from_secs(2 * WINDOW.as_secs() + 60);

/// Returns true if a time stamp is within [`WINDOW`] of `now`.
#[must_use]
pub fn is_fresh(timestamp: UnixMillis, now: UnixMillis) -> bool {
    timestamp.distance(now) <= WINDOW
}

/// `yyyy-MM-ddTHH:mm:ssZ`, the one form that the documentation of both signatures names.
const FORM: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// The length of a text in that form, in bytes; `time` alone would accept a sign before the year.
const FORM_BYTES: usize = "yyyy-MM-ddTHH:mm:ssZ".len();

/// Reads `yyyy-MM-ddTHH:mm:ssZ`; `None` for everything else, and for what is no time of UTC (31 February, 24:00:00, a
/// leap second).
pub(super) fn parse(text: &[u8]) -> Option<UnixMillis> {
    let text = str::from_utf8(text).ok().filter(|text| text.len() == FORM_BYTES)?;
    let time = PrimitiveDateTime::parse(text, FORM).ok()?;
    Some(UnixMillis(time.assume_utc().unix_timestamp() * 1_000))
}

/// Writes a time in the form that [`parse`] reads; the epoch for one that is beyond the calendar.
pub(super) fn format(at: UnixMillis) -> String {
    OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1_000))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .format(FORM)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_form_and_only_a_time_of_utc_is_a_time_stamp() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-11-22T02:28:51Z", Some(1_795_314_531_000)),
            ("2028-02-29T23:59:59Z", Some(1_835_481_599_000)),
            ("2026-02-29T00:00:00Z", None),
            ("2026-11-31T00:00:00Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-00-01T00:00:00Z", None),
            ("2026-11-22T24:00:00Z", None),
            ("2026-11-22T02:60:00Z", None),
            ("2026-12-31T23:59:60Z", None),
            ("2026-11-22 02:28:51Z", None),
            ("2026-11-22T02:28:51z", None),
            ("2026-11-22T02:28:51", None),
            ("2026-11-22T02:28:51.0Z", None),
            ("2026-11-22T02:28:51+00:00", None),
            ("2026-11-2 T02:28:51Z", None),
            ("+026-11-22T02:28:51Z", None),
            (" 2026-11-22T02:28:51Z", None),
            ("2026-11-22T02:28:51Z ", None),
            ("1795314531000", None),
            ("+2026-11-22T02:28:51Z", None),
            ("-026-11-22T02:28:51Z", None),
            ("2026-11-22T02:28:51\u{661}", None),
            ("", None),
        ] {
            assert_eq!(parse(text.as_bytes()), expected.map(UnixMillis), "{text}");
        }
        assert_eq!(parse("2026-11-22T02:28:5\u{661}".as_bytes()), None);
    }

    #[test]
    fn a_time_stamp_is_written_as_it_is_read() {
        assert_eq!(format(UnixMillis(1_795_314_531_999)), "2026-11-22T02:28:51Z");
        assert_eq!(parse(format(UnixMillis(0)).as_bytes()), Some(UnixMillis(0)));
    }

    #[test]
    fn the_window_is_fifteen_minutes_either_way() {
        let now = UnixMillis(1_795_314_531_000);
        for (offset, fresh) in
            [(0, true), (900_000, true), (-900_000, true), (900_001, false), (-900_001, false)]
        {
            assert_eq!(is_fresh(UnixMillis(now.0 + offset), now), fresh, "{offset}");
        }
        assert!(!is_fresh(UnixMillis(i64::MIN), now));
        assert!(!is_fresh(UnixMillis(i64::MAX), now));
        assert_eq!(NONCE_LIFETIME, Duration::from_secs(1_860));
    }

    #[test]
    fn a_nonce_is_remembered_for_as_long_as_its_time_stamp_is_accepted_and_little_longer() {
        assert!((2 * WINDOW..3 * WINDOW).contains(&NONCE_LIFETIME), "{NONCE_LIFETIME:?}");
    }
}
