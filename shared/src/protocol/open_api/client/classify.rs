//! What a platform's answer means for the request that made us ask: the written table, as one match.
//!
//! A platform's status is never passed on. To our caller, 2 or 10 would say that its own signature or address is wrong
//! where ours at the platform is; and only where the outcome is unknown or may pass is the same request again of use.

use crate::protocol::open_api::client::response::{PlatformAnswer, Unusable};
use crate::protocol::open_api::client::transport::NoAnswer;

/// Which of the two questions for one link was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The first, under the authorization's own serialNo.
    First,
    /// The second, under a serialNo of its own, because the first had been used and its link is lost.
    Second,
}

/// What to do with an answer, and whom to tell of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// What to do.
    pub verdict: Verdict,
    /// Whom to tell.
    pub notice: Notice,
}

/// What to do with a platform's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Answer with the link: status 0.
    Link,
    /// Ask once more under another serialNo.
    AskAgain,
    /// Tell our caller that there is none.
    NoLink(NoLink),
}

/// Why there is no link, as far as our own caller needs to know. It displays as the answer's `message`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLink {
    /// The outcome is unknown or may pass, and the same request again continues.
    #[error(
        "the platform that makes this link gave no answer to go by; send the same request again, or look it up"
    )]
    Unknown,
    /// The platform's data is wrong, and will be again.
    #[error("the platform that makes this link gave none that can be used")]
    Abnormal,
    /// The platform takes no such request of ours, for what we are there or for what was asked.
    #[error("the platform that makes this link refused the request; the operator can say why")]
    Refused,
}

impl NoLink {
    /// The open API's status.
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::Refused => 1,
            Self::Unknown => 98,
            Self::Abnormal => 99,
        }
    }
}

/// Whom to tell of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Nobody.
    None,
    /// The log.
    Warning,
    /// An operator, by the alarm `upstream`.
    Alarm,
}

/// What `answer` to the question `asked` means.
#[must_use]
pub const fn meaning(answer: &Result<PlatformAnswer, NoAnswer>, asked: Asked) -> Meaning {
    let (verdict, notice) = match answer {
        Ok(PlatformAnswer::Link(_)) => (Verdict::Link, Notice::None),
        Ok(PlatformAnswer::SerialUsed) => match asked {
            Asked::First => (Verdict::AskAgain, Notice::Warning),
            Asked::Second => (Verdict::NoLink(NoLink::Abnormal), Notice::Alarm),
        },
        Ok(PlatformAnswer::Refused { status, .. }) => match *status {
            // An authlink says 1 only when its operator has to act.
            1 => (Verdict::NoLink(NoLink::Unknown), Notice::Alarm),
            5 | 6 | 98 => (Verdict::NoLink(NoLink::Unknown), Notice::Warning),
            99 => (Verdict::NoLink(NoLink::Abnormal), Notice::Warning),
            // Signature, parameters, path, our business or merchant, balance, our address, stock.
            2 | 3 | 4 | 7 | 9 | 10 | 11 => (Verdict::NoLink(NoLink::Refused), Notice::Alarm),
            _ => (Verdict::NoLink(NoLink::Abnormal), Notice::Alarm),
        },
        Ok(PlatformAnswer::Unusable(reason)) => match reason {
            Unusable::NotJson | Unusable::BadStatus => (Verdict::NoLink(NoLink::Unknown), Notice::Alarm),
            Unusable::BadData | Unusable::NoLink | Unusable::LinkNotText | Unusable::BadLink(_) => {
                (Verdict::NoLink(NoLink::Abnormal), Notice::Alarm)
            }
        },
        Err(
            NoAnswer::Timeout
            | NoAnswer::Connection
            | NoAnswer::Broken
            | NoAnswer::CutOff
            | NoAnswer::Status(_)
            | NoAnswer::TooLong,
        ) => (Verdict::NoLink(NoLink::Unknown), Notice::Alarm),
    };
    Meaning { verdict, notice }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(answer: Result<PlatformAnswer, NoAnswer>, asked: Asked) -> (Option<u8>, Notice) {
        let Meaning { verdict, notice } = meaning(&answer, asked);
        (status(verdict), notice)
    }

    /// What our caller is told, if it is told anything.
    fn status(verdict: Verdict) -> Option<u8> {
        match verdict {
            Verdict::Link => Some(0),
            Verdict::AskAgain => None,
            Verdict::NoLink(no_link) => Some(no_link.status()),
        }
    }

    #[test]
    fn every_number_has_its_meaning() {
        let rows: &[(&[i64], u8, Notice)] = &[
            (&[1], 98, Notice::Alarm),
            (&[5, 6, 98], 98, Notice::Warning),
            (&[99], 99, Notice::Warning),
            (&[2, 3, 4, 7, 9, 10, 11], 1, Notice::Alarm),
            (&[-1, 12, 97, 100, 200, 420, i64::MIN, i64::MAX], 99, Notice::Alarm),
        ];
        for &(numbers, status, notice) in rows {
            for &number in numbers {
                let answer = Ok(PlatformAnswer::Refused { status: number, message: String::new() });
                for asked in [Asked::First, Asked::Second] {
                    assert_eq!(of(answer.clone(), asked), (Some(status), notice), "{number}");
                }
            }
        }
    }

    #[test]
    fn a_used_serial_is_asked_for_once_more_only() {
        assert_eq!(of(Ok(PlatformAnswer::SerialUsed), Asked::First), (None, Notice::Warning));
        assert_eq!(of(Ok(PlatformAnswer::SerialUsed), Asked::Second), (Some(99), Notice::Alarm));
    }

    #[test]
    fn without_an_answer_the_outcome_is_unknown() {
        for reason in [
            NoAnswer::Timeout,
            NoAnswer::Connection,
            NoAnswer::Broken,
            NoAnswer::CutOff,
            NoAnswer::Status(404),
            NoAnswer::Status(503),
            NoAnswer::TooLong,
        ] {
            assert_eq!(of(Err(reason), Asked::First), (Some(98), Notice::Alarm), "{reason}");
        }
    }
}
