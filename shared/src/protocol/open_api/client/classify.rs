//! The consequence of a platform's answer for the request that made us ask: the written table, as one match.
//!
//! A platform's status is never passed on. To our caller, 2 or 10 would say that its own signature or address is wrong
//! where ours at the platform is; and only where the outcome is unknown or may pass is the same request again of use.

use crate::egress::transport_error::TransportError;
use crate::protocol::open_api::client::response::{PlatformAnswer, PlatformAnswerError};
use crate::protocol::open_api::client::transport::PlatformError;
use crate::protocol::open_api::code::Code;

/// The attempt at one link that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkAttempt {
    /// The first, under the authorization's own serialNo.
    First,
    /// The second, under a serialNo of its own, because the first had been used and its link is lost.
    Second,
}

/// The consequence of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classification {
    /// The next step for the link.
    pub next_step: NextStep,
    /// The severity for the log.
    pub severity: Severity,
}

/// The next step after a platform's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Answer with the link: status 0.
    GiveLink,
    /// Ask once more under another serialNo.
    AskAgain,
    /// Tell our caller that there is none.
    Refuse(NoLinkError),
}

/// The cause of a missing link, as far as our own caller needs to know. It displays as the answer's `message`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLinkError {
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

impl NoLinkError {
    /// The word of the refusal.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Refused => Code::PlatformRefused,
            Self::Unknown => Code::PlatformUnanswered,
            Self::Abnormal => Code::PlatformLinkUnusable,
        }
    }
}

/// The severity of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Not logged.
    None,
    /// A warning in the log.
    Warning,
    /// An error in the log with the alarm `upstream`.
    Alarm,
}

/// Classifies `answer` to the attempt `attempt`.
#[must_use]
pub const fn classify(
    answer: &Result<PlatformAnswer, PlatformError>,
    attempt: LinkAttempt,
) -> Classification {
    let (next_step, severity) = match answer {
        Ok(PlatformAnswer::Link(_)) => (NextStep::GiveLink, Severity::None),
        Ok(PlatformAnswer::SerialUsed) => match attempt {
            LinkAttempt::First => (NextStep::AskAgain, Severity::Warning),
            LinkAttempt::Second => (NextStep::Refuse(NoLinkError::Abnormal), Severity::Alarm),
        },
        Ok(PlatformAnswer::Refused { status, .. }) => match *status {
            // An authlink says 1 only when its operator has to act.
            1 => (NextStep::Refuse(NoLinkError::Unknown), Severity::Alarm),
            5 | 6 | 98 => (NextStep::Refuse(NoLinkError::Unknown), Severity::Warning),
            99 => (NextStep::Refuse(NoLinkError::Abnormal), Severity::Warning),
            // Signature, parameters, path, our business or merchant, balance, our address, stock.
            2 | 3 | 4 | 7 | 9 | 10 | 11 => (NextStep::Refuse(NoLinkError::Refused), Severity::Alarm),
            _ => (NextStep::Refuse(NoLinkError::Abnormal), Severity::Alarm),
        },
        Ok(PlatformAnswer::Unusable(reason)) => match reason {
            PlatformAnswerError::NotJson | PlatformAnswerError::BadStatus => {
                (NextStep::Refuse(NoLinkError::Unknown), Severity::Alarm)
            }
            PlatformAnswerError::BadData
            | PlatformAnswerError::NoLink
            | PlatformAnswerError::LinkNotText
            | PlatformAnswerError::BadLink(_) => (NextStep::Refuse(NoLinkError::Abnormal), Severity::Alarm),
        },
        // Each time-out that led to it has raised the alarm.
        Err(PlatformError::Transport(TransportError::Paused)) => {
            (NextStep::Refuse(NoLinkError::Unknown), Severity::Warning)
        }
        Err(PlatformError::Transport(_) | PlatformError::Status(_)) => {
            (NextStep::Refuse(NoLinkError::Unknown), Severity::Alarm)
        }
    };
    Classification { next_step, severity }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(answer: Result<PlatformAnswer, PlatformError>, attempt: LinkAttempt) -> (Option<u8>, Severity) {
        let Classification { next_step, severity } = classify(&answer, attempt);
        (status(next_step), severity)
    }

    /// The status that our caller is told, if it is told anything.
    fn status(next_step: NextStep) -> Option<u8> {
        match next_step {
            NextStep::GiveLink => Some(0),
            NextStep::AskAgain => None,
            NextStep::Refuse(no_link) => Some(no_link.code().status()),
        }
    }

    #[test]
    fn every_number_has_its_class() {
        let rows: &[(&[i64], u8, Severity)] = &[
            (&[1], 98, Severity::Alarm),
            (&[5, 6, 98], 98, Severity::Warning),
            (&[99], 99, Severity::Warning),
            (&[2, 3, 4, 7, 9, 10, 11], 1, Severity::Alarm),
            (&[-1, 12, 97, 100, 200, 420, i64::MIN, i64::MAX], 99, Severity::Alarm),
        ];
        for &(numbers, status, severity) in rows {
            for &number in numbers {
                let answer = Ok(PlatformAnswer::Refused { status: number, message: String::new() });
                for attempt in [LinkAttempt::First, LinkAttempt::Second] {
                    assert_eq!(of(answer.clone(), attempt), (Some(status), severity), "{number}");
                }
            }
        }
    }

    #[test]
    fn a_used_serial_is_asked_for_once_more_only() {
        assert_eq!(of(Ok(PlatformAnswer::SerialUsed), LinkAttempt::First), (None, Severity::Warning));
        assert_eq!(of(Ok(PlatformAnswer::SerialUsed), LinkAttempt::Second), (Some(99), Severity::Alarm));
    }

    #[test]
    fn without_an_answer_the_outcome_is_unknown() {
        for reason in [
            TransportError::Timeout.into(),
            TransportError::Connect.into(),
            TransportError::Broken.into(),
            TransportError::CutOff.into(),
            PlatformError::Status(404),
            PlatformError::Status(503),
            TransportError::TooLong.into(),
        ] {
            assert_eq!(of(Err(reason), LinkAttempt::First), (Some(98), Severity::Alarm), "{reason}");
        }
        let paused = TransportError::Paused.into();
        assert_eq!(of(Err(paused), LinkAttempt::First), (Some(98), Severity::Warning));
    }
}
