//! `EndDate`: the last day of what the user authorizes.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, OffsetDateTime, UtcOffset};

use crate::model::clock::UnixMillis;

const FORMAT: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

/// A day of the calendar, as `yyyy-MM-dd` (Dypnsapi 2017-05-25, `GetAuthorizationUrl`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndDate(Date);

impl EndDate {
    /// Reads four, two and two digits, joined by hyphens, that are a day of the calendar.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Of this length, the parser's optional sign of a year leaves too few digits.
        if text.len() != 10 {
            return None;
        }
        Date::parse(text, FORMAT).ok().map(Self)
    }

    /// True once the day is over in Beijing (UTC+8 all year), where the scheme's users are.
    #[must_use]
    pub fn is_over(self, now: UnixMillis) -> bool {
        let beijing = UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC);
        OffsetDateTime::from_unix_timestamp(now.0.div_euclid(1_000))
            .is_ok_and(|now| self.0 < now.to_offset(beijing).date())
    }
}

impl fmt::Display for EndDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for EndDate {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("an end date is a day of the calendar as yyyy-MM-dd")
    }
}

impl From<EndDate> for String {
    fn from(date: EndDate) -> Self {
        date.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_day_of_the_calendar_in_one_form() {
        for text in ["2026-12-28", "2028-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(EndDate::parse(text).map(|date| date.to_string()).as_deref(), Some(text));
        }
        for text in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-04-31",
            "2026-1-2",
            "20261228",
            "2026/12/28",
            "2020–12–28",
            "2026-12-28 ",
            "+026-12-28",
            "-026-12-28",
            "+2026-12-2",
            "+2026-12-28",
            "2026-12-2８",
            "0000-00-00",
        ] {
            assert_eq!(EndDate::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_is_over_at_midnight_in_beijing() {
        let today = EndDate::parse("2026-11-22").unwrap();
        // 2026-11-22T15:59:59.999Z and a millisecond later.
        assert!(!today.is_over(UnixMillis(1_795_363_199_999)));
        assert!(today.is_over(UnixMillis(1_795_363_200_000)));
    }
}
