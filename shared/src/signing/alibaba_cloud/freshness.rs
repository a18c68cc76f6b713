//! The moment a call says it was signed at, and how long it may be acted upon.

use std::time::Duration;

use time::macros::format_description;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use crate::model::clock::UnixMillis;

/// How far a call's time stamp may be from our clock, either way: what Alibaba Cloud's gateway allows.
pub const WINDOW: Duration = Duration::from_mins(15);

/// How long a nonce must be remembered, so that no call can be played again: the whole window, and a margin.
pub const NONCE_LIFETIME: Duration = Duration::from_secs(2 * WINDOW.as_secs() + 60);

/// Whether a time stamp is within [`WINDOW`] of `now`.
#[must_use]
pub fn is_fresh(timestamp: UnixMillis, now: UnixMillis) -> bool {
    now.since(timestamp) <= WINDOW && timestamp.since(now) <= WINDOW
}

/// Reads `yyyy-MM-ddTHH:mm:ssZ`, the one form that both signatures' documentation names; `None` for everything else,
/// and for what is no moment of UTC (31 February, 24:00:00, a leap second).
pub(super) fn parse(text: &[u8]) -> Option<UnixMillis> {
    const FORM: &[u8; 20] = b"dddd-dd-ddTdd:dd:ddZ";
    let conforms =
        |(byte, form): (&u8, &u8)| if *form == b'd' { byte.is_ascii_digit() } else { byte == form };
    if text.len() != FORM.len() || !text.iter().zip(FORM).all(conforms) {
        return None;
    }
    let number = |from: usize, to: usize| {
        text[from..to].iter().fold(0_u16, |number, digit| number * 10 + u16::from(digit - b'0'))
    };
    let small = |from: usize| u8::try_from(number(from, from + 2)).ok();
    let month = Month::try_from(small(5)?).ok()?;
    let date = Date::from_calendar_date(i32::from(number(0, 4)), month, small(8)?).ok()?;
    let time = Time::from_hms(small(11)?, small(14)?, small(17)?).ok()?;
    Some(UnixMillis(PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp() * 1_000))
}

/// A moment in the one form that [`parse`] reads; the epoch for one that is beyond the calendar.
pub(super) fn format(moment: UnixMillis) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    OffsetDateTime::from_unix_timestamp(moment.0.div_euclid(1_000))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .format(form)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_form_and_only_a_real_moment_is_a_time_stamp() {
        for (text, moment) in [
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
            ("", None),
        ] {
            assert_eq!(parse(text.as_bytes()), moment.map(UnixMillis), "{text}");
        }
        assert_eq!(parse("2026-11-22T02:28:5\u{661}".as_bytes()), None);
    }

    #[test]
    fn a_moment_is_written_as_it_is_read() {
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
}
