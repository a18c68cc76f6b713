//! Times as people say and read them, in the time zone of this machine.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use shared::model::clock::UnixMillis;

/// A moment with its offset.
#[must_use]
pub fn local(at: UnixMillis) -> String {
    in_zone(at, TimeZone::system())
}

/// A moment as programs read it, in UTC.
#[must_use]
pub fn rfc_3339(at: UnixMillis) -> String {
    Timestamp::from_millisecond(at.0).map_or_else(|_| at.to_string(), |at| at.to_string())
}

fn in_zone(at: UnixMillis, zone: TimeZone) -> String {
    match Timestamp::from_millisecond(at.0) {
        Ok(at) => at.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S %:z").to_string(),
        Err(_) => at.to_string(),
    }
}

/// A moment that a person names: milliseconds since 1970, a time of RFC 3339, a day or a day and a time of this time
/// zone, or how long ago (`90m`, `2h`, `3d`).
///
/// # Errors
/// What can be said.
pub fn moment(text: &str, now: UnixMillis) -> Result<UnixMillis, String> {
    in_zone_of(text, now, &TimeZone::system()).ok_or_else(|| {
        "a time is 2h, 3d, 2026-11-29, 2026-11-29T08:00, with an offset, or milliseconds".to_owned()
    })
}

fn in_zone_of(text: &str, now: UnixMillis, zone: &TimeZone) -> Option<UnixMillis> {
    if let Ok(millis) = text.parse::<i64>()
        && text.len() >= 12
    {
        return (millis >= 0).then_some(UnixMillis(millis));
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(UnixMillis(at.as_millisecond()));
    }
    if let Ok(at) = text.parse::<DateTime>() {
        return Some(UnixMillis(at.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond()));
    }
    let days = text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok());
    let ago = match days {
        Some(days) => SignedDuration::try_from_hours(days.checked_mul(24)?)?,
        None => text.parse::<SignedDuration>().ok()?,
    };
    // `2h ago` is as long ago as `2h`.
    let ago = i64::try_from(ago.unsigned_abs().as_millis()).ok()?;
    now.0.checked_sub(ago).filter(|at| *at >= 0).map(UnixMillis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_said_in_several_ways() {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let now = UnixMillis(1_795_355_000_000);
        for (text, millis) in [
            ("1795355000123", Some(1_795_355_000_123)),
            ("2026-11-29T00:00:00Z", Some(1_795_910_400_000)),
            ("2026-11-29T08:00:00+08:00", Some(1_795_910_400_000)),
            ("2026-11-29T08:00", Some(1_795_910_400_000)),
            ("2026-11-29 08:00:00", Some(1_795_910_400_000)),
            ("2026-11-29", Some(1_795_881_600_000)),
            ("2h", Some(now.0 - 7_200_000)),
            ("90m", Some(now.0 - 5_400_000)),
            ("3d", Some(now.0 - 3 * 86_400_000)),
            ("2h ago", Some(now.0 - 7_200_000)),
            ("-2h", Some(now.0 - 7_200_000)),
            ("-3d", Some(now.0 - 3 * 86_400_000)),
            ("9223372036854775807s", None),
            ("-9223372036854775808s", None),
            ("9223372036854775807d", None),
            ("106751991167300d", None),
            ("900000h", None),
            ("-9223372036854775808", None),
            ("yesterday", None),
            ("", None),
            ("12", None),
        ] {
            assert_eq!(in_zone_of(text, now, &zone), millis.map(UnixMillis), "{text}");
        }
        assert_eq!(in_zone(UnixMillis(1_795_910_400_000), zone), "2026-11-29 08:00:00 +08:00");
    }
}
