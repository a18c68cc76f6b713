//! The consequence of a platform's answer for the request that made us ask: the written table, as one match.
//!
//! A platform's status is never passed on. To our caller, 2 or 10 would say that its own signature or address is wrong
//! where ours at the platform is; and only where the outcome is unknown or may pass is the same request again of use.

use crate::egress::transport_error::TransportError;
use crate::protocol::open_api::client::response::{NotGranted, PlatformAnswerError};
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

/// The next step after an answer without a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
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

/// The severity for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// A warning in the log.
    Warning,
    /// An error in the log with the alarm `upstream`.
    Alarm,
}

/// The next step for a link that `attempt` did not get, and its severity.
#[must_use]
pub const fn classify(cause: &NotGranted, attempt: LinkAttempt) -> (NextStep, Severity) {
    let (no_link, severity) = match cause {
        NotGranted::SerialUsed => match attempt {
            LinkAttempt::First => return (NextStep::AskAgain, Severity::Warning),
            LinkAttempt::Second => (NoLinkError::Abnormal, Severity::Alarm),
        },
        NotGranted::Refused { status, .. } => match *status {
            // An authlink says 1 only when its operator has to act.
            1 => (NoLinkError::Unknown, Severity::Alarm),
            5 | 6 | 98 => (NoLinkError::Unknown, Severity::Warning),
            99 => (NoLinkError::Abnormal, Severity::Warning),
            // Signature, parameters, path, our business or merchant, balance, our address, stock.
            2 | 3 | 4 | 7 | 9 | 10 | 11 => (NoLinkError::Refused, Severity::Alarm),
            _ => (NoLinkError::Abnormal, Severity::Alarm),
        },
        NotGranted::Unusable(PlatformAnswerError::NotJson | PlatformAnswerError::BadStatus) => {
            (NoLinkError::Unknown, Severity::Alarm)
        }
        NotGranted::Unusable(
            PlatformAnswerError::BadData
            | PlatformAnswerError::NoLink
            | PlatformAnswerError::LinkNotText
            | PlatformAnswerError::BadLink(_),
        ) => (NoLinkError::Abnormal, Severity::Alarm),
        // Each time-out that led to it has raised the alarm.
        NotGranted::Failed(PlatformError::Transport(TransportError::Paused)) => {
            (NoLinkError::Unknown, Severity::Warning)
        }
        NotGranted::Failed(PlatformError::Transport(_) | PlatformError::Status(_)) => {
            (NoLinkError::Unknown, Severity::Alarm)
        }
    };
    (NextStep::Refuse(no_link), severity)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status that our caller is told, if it is told anything.
    fn of(cause: &NotGranted, attempt: LinkAttempt) -> (Option<u8>, Severity) {
        match classify(cause, attempt) {
            (NextStep::AskAgain, severity) => (None, severity),
            (NextStep::Refuse(no_link), severity) => (Some(no_link.code().status()), severity),
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
                let cause = NotGranted::Refused { status: number, message: String::new() };
                for attempt in [LinkAttempt::First, LinkAttempt::Second] {
                    assert_eq!(of(&cause, attempt), (Some(status), severity), "{number}");
                }
            }
        }
    }

    #[test]
    fn a_used_serial_is_asked_for_once_more_only() {
        assert_eq!(of(&NotGranted::SerialUsed, LinkAttempt::First), (None, Severity::Warning));
        assert_eq!(of(&NotGranted::SerialUsed, LinkAttempt::Second), (Some(99), Severity::Alarm));
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
            let failed = NotGranted::Failed(reason);
            assert_eq!(of(&failed, LinkAttempt::First), (Some(98), Severity::Alarm), "{reason}");
        }
        let paused = NotGranted::Failed(TransportError::Paused.into());
        assert_eq!(of(&paused, LinkAttempt::First), (Some(98), Severity::Warning));
    }
}
