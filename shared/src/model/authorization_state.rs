//! The states of an authorization, each with the fields that a record has in it: no other combination can be expressed.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::model::clock::UnixMillis;
use crate::model::delivery_outcome::DeliveryOutcome;
use crate::model::delivery_subject::DeliverySubject;
use crate::model::id::{OperationId, State};
use crate::model::notice::Notice;

/// The state of an authorization, with the fields that a record has in it.
#[derive(Clone, PartialEq, Eq)]
pub enum AuthorizationState {
    /// A platform is to make the link, and has not answered with it yet.
    LinkPending {
        /// The state to ask for the link with, so that it is asked the same each time.
        state: State,
    },
    /// The link is out; the user has not come back, or came back with a code that Alipay refused.
    Issued {
        /// The link, for a repetition of the request.
        link: Url,
    },
    /// A code is at Alipay's gateway.
    Exchanging {
        /// As in [`Issued`](Self::Issued).
        link: Url,
        /// The exchange under way.
        lease: Lease,
    },
    /// The gateway gave no answer that could be believed: the user has to authorize again.
    ExchangeUnknown {
        /// As in [`Issued`](Self::Issued).
        link: Url,
    },
    /// The user is known, and the merchant has not confirmed yet.
    Authorized {
        /// The user's consent, or what a notice tells.
        subject: DeliverySubject,
        /// The delivery that is due; `None` if there was no address to deliver to.
        delivery: Option<PendingDelivery>,
    },
    /// The merchant answered SUCCESS.
    Delivered {
        /// As in [`Authorized`](Self::Authorized).
        subject: DeliverySubject,
        /// The attempts, of which the last succeeded.
        attempts: Attempts,
    },
    /// Every attempt failed; a resend sets it due again.
    Undeliverable {
        /// As in [`Authorized`](Self::Authorized).
        subject: DeliverySubject,
        attempts: Attempts,
    },
    /// The person was forgotten, in whichever state it was.
    Forgotten(Tombstone),
}

/// What is kept of an authorization whose person was forgotten: what happened and when, and not to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The state that it was in.
    pub status: Status,
    /// The time of the consent or of the notice, if there was one.
    pub authorized_at: Option<UnixMillis>,
    /// What the record told, if it was a notice.
    pub notice: Option<Notice>,
    /// The attempts, of which no more are made.
    pub attempts: Attempts,
    /// The time at which it was forgotten.
    pub forgotten_at: UnixMillis,
}

/// A delivery that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingDelivery {
    /// The attempts so far.
    pub attempts: Attempts,
    /// The next attempt may begin from this time on; no attempt is ever early.
    pub next_attempt_at: UnixMillis,
    /// The sweep takes the record up at this time, unless a hint was faster.
    pub due_at: UnixMillis,
    /// The attempt under way.
    pub lease: Option<Lease>,
}

/// The number of answers that a record keeps, of the attempts that had one last: what a merchant's server says repeats
/// itself, and a record has to stay small.
pub const KEPT_ANSWERS: usize = 3;

/// The attempts of one delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// The number that was begun since the settlement, or since the last resend.
    pub begun: u32,
    /// The attempts that were concluded, oldest first, those before a resend among them.
    pub history: Vec<Attempt>,
}

impl Attempts {
    /// The history once `attempt` is concluded as well: only the last [`KEPT_ANSWERS`] answers are kept.
    #[must_use]
    pub fn history_with(&self, attempt: Attempt) -> Vec<Attempt> {
        let mut history = self.history.clone();
        history.push(attempt);
        let answered = history.iter_mut().rev().filter(|attempt| attempt.answer.is_some());
        answered.skip(KEPT_ANSWERS).for_each(|attempt| attempt.answer = None);
        history
    }

    /// The attempts without the answers, which may name the merchant's customer.
    #[must_use]
    pub(super) fn without_answers(&self) -> Self {
        let without = |attempt: &Attempt| Attempt { answer: None, ..attempt.clone() };
        Self { begun: self.begun, history: self.history.iter().map(without).collect() }
    }
}

/// One POST to the merchant, and its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// 1 for the first. A number that is missing from a record was claimed and never concluded: the worker died.
    pub number: u32,
    /// The time of its conclusion.
    pub at: UnixMillis,
    /// The time that the merchant took, in milliseconds; `None` if nothing was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millis: Option<u32>,
    #[serde(flatten)]
    pub outcome: DeliveryOutcome,
    /// The beginning of an answer that did not confirm, without anything of ours; see [`KEPT_ANSWERS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

impl Attempt {
    /// An attempt of which no more is known than its outcome.
    #[must_use]
    pub const fn new(number: u32, at: UnixMillis, outcome: DeliveryOutcome) -> Self {
        Self { number, at, millis: None, outcome, answer: None }
    }
}

/// The right to act on a record alone, for a limited time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The claim that holds it.
    pub operation: OperationId,
    /// The time at which it ends by itself.
    pub until: UnixMillis,
}

/// The name of a state in records, answers and logs.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// A platform is to make the link, and has not answered with it yet.
    LinkPending,
    /// The link is out; the user has not come back, or came back with a code that Alipay refused.
    Issued,
    /// A code is at Alipay's gateway.
    Exchanging,
    /// The gateway gave no answer that could be believed: the user has to authorize again.
    ExchangeUnknown,
    /// The user is known; the delivery is due, or there is nowhere to deliver to.
    Authorized,
    /// The merchant answered SUCCESS.
    Delivered,
    /// Every attempt failed; a resend sets it due again.
    Undeliverable,
}

impl Status {
    /// The name, as `Display` writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Without the body, which names the user, and the link, which carries the state.
impl fmt::Debug for AuthorizationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct(self.status().as_str());
        match self {
            Self::LinkPending { .. } | Self::Issued { .. } | Self::ExchangeUnknown { .. } => &mut shown,
            Self::Exchanging { lease, .. } => shown.field("lease", lease),
            Self::Authorized { subject, delivery } => {
                shown.field("subject", subject).field("delivery", delivery)
            }
            Self::Delivered { subject, attempts } | Self::Undeliverable { subject, attempts } => {
                shown.field("subject", subject).field("attempts", attempts)
            }
            Self::Forgotten(tombstone) => shown.field("tombstone", tombstone),
        }
        .finish_non_exhaustive()
    }
}

impl AuthorizationState {
    /// What the record tells its merchant, once there is something to tell and until its person is forgotten.
    #[must_use]
    pub const fn subject(&self) -> Option<&DeliverySubject> {
        match self {
            Self::Authorized { subject, .. }
            | Self::Delivered { subject, .. }
            | Self::Undeliverable { subject, .. } => Some(subject),
            Self::LinkPending { .. }
            | Self::Issued { .. }
            | Self::Exchanging { .. }
            | Self::ExchangeUnknown { .. }
            | Self::Forgotten(_) => None,
        }
    }

    /// What the record tells or told, if it is a notice.
    #[must_use]
    pub const fn notice(&self) -> Option<Notice> {
        match (self, self.subject()) {
            (Self::Forgotten(tombstone), _) => tombstone.notice,
            (_, Some(subject)) => subject.notice(),
            (_, None) => None,
        }
    }

    /// True while nobody has consented and nobody was forgotten.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        match self {
            Self::LinkPending { .. }
            | Self::Issued { .. }
            | Self::Exchanging { .. }
            | Self::ExchangeUnknown { .. } => true,
            Self::Authorized { .. }
            | Self::Delivered { .. }
            | Self::Undeliverable { .. }
            | Self::Forgotten(_) => false,
        }
    }

    /// The state's name.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::LinkPending { .. } => Status::LinkPending,
            Self::Issued { .. } => Status::Issued,
            Self::Exchanging { .. } => Status::Exchanging,
            Self::ExchangeUnknown { .. } => Status::ExchangeUnknown,
            Self::Authorized { .. } => Status::Authorized,
            Self::Delivered { .. } => Status::Delivered,
            Self::Undeliverable { .. } => Status::Undeliverable,
            Self::Forgotten(tombstone) => tombstone.status,
        }
    }

    /// The state's name for whoever looks at `now`: an exchange whose lease is over has ended without an answer, as its
    /// worker would have said if it were still there.
    #[must_use]
    pub fn status_at(&self, now: UnixMillis) -> Status {
        match self {
            Self::Exchanging { lease, .. } if lease.until <= now => Status::ExchangeUnknown,
            _ => self.status(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_as_it_was_written() {
        for (status, name) in [
            (Status::LinkPending, "LINK_PENDING"),
            (Status::Issued, "ISSUED"),
            (Status::Exchanging, "EXCHANGING"),
            (Status::ExchangeUnknown, "EXCHANGE_UNKNOWN"),
            (Status::Authorized, "AUTHORIZED"),
            (Status::Delivered, "DELIVERED"),
            (Status::Undeliverable, "UNDELIVERABLE"),
        ] {
            assert_eq!(
                (status.as_str(), status.to_string().as_str(), name.parse()),
                (name, name, Ok(status))
            );
        }
        assert!("issued".parse::<Status>().is_err());
    }

    #[test]
    fn only_the_last_answers_are_kept_and_every_attempt() {
        let attempt = |number, answer: Option<&str>| Attempt {
            answer: answer.map(str::to_owned),
            ..Attempt::new(number, UnixMillis(0), DeliveryOutcome::WrongAnswer)
        };
        let mut attempts = Attempts::default();
        for (number, answer) in [(1, Some("a")), (2, Some("b")), (3, None), (4, Some("c")), (5, Some("d"))] {
            attempts.history = attempts.history_with(attempt(number, answer));
        }
        let kept: Vec<_> =
            attempts.history.iter().map(|made| (made.number, made.answer.as_deref())).collect();
        assert_eq!(kept, [(1, None), (2, Some("b")), (3, None), (4, Some("c")), (5, Some("d"))]);
    }

    #[test]
    fn an_attempt_is_recorded_without_what_is_not_known() {
        let made = Attempt::new(1, UnixMillis(7), DeliveryOutcome::Status(500));
        let answered = Attempt { millis: Some(300), answer: Some("no".to_owned()), ..made.clone() };
        for (made, recorded) in [
            (made, r#"{"number":1,"at":7,"outcome":"status","httpStatus":500}"#),
            (
                answered,
                r#"{"number":1,"at":7,"millis":300,"outcome":"status","httpStatus":500,"answer":"no"}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&made).unwrap(), recorded);
            assert_eq!(serde_json::from_str::<Attempt>(recorded).unwrap(), made);
        }
    }

    #[test]
    fn an_exchange_has_ended_for_whoever_looks_once_its_lease_is_over() {
        let link = Url::parse("https://openauth.example/authorize").unwrap();
        let lease =
            Lease { operation: OperationId::recorded("worker".to_owned()), until: UnixMillis(30_000) };
        let exchanging = AuthorizationState::Exchanging { link: link.clone(), lease };
        let issued = AuthorizationState::Issued { link: link.clone() };
        let unknown = AuthorizationState::ExchangeUnknown { link };
        for (state, now, status) in [
            (&exchanging, 0, Status::Exchanging),
            (&exchanging, 29_999, Status::Exchanging),
            (&exchanging, 30_000, Status::ExchangeUnknown),
            (&exchanging, i64::MAX, Status::ExchangeUnknown),
            (&issued, i64::MAX, Status::Issued),
            (&unknown, 0, Status::ExchangeUnknown),
        ] {
            assert_eq!(state.status_at(UnixMillis(now)), status, "{state:?} at {now}");
        }
    }
}
