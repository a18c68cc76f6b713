//! What an operator should look at.

use std::time::Duration;

use crate::model::authorization::{Authorization, Callback, Status};
use crate::model::clock::UnixMillis;

/// A delivery that has been due for so long is overdue: neither a hint nor a sweep has taken it up.
pub const OVERDUE_AFTER: Duration = Duration::from_mins(5);

/// The reason to look at an authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Attention {
    /// The last attempt has failed.
    Undeliverable,
    /// Its delivery is due and nobody makes it.
    Overdue,
    /// Alipay gave no believable answer: the user may have consented.
    ExchangeUnknown,
    /// The user is known, and there is no address to deliver to.
    NoAddress,
}

impl Attention {
    /// The reason in one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// True if its delivery has been due for long at `now`, and nobody makes it.
#[must_use]
pub fn is_overdue(record: &Authorization, now: UnixMillis) -> bool {
    attention(record, now) == Some(Attention::Overdue)
}

/// The reason to look at `record` at `now`, if there is one.
#[must_use]
pub fn attention(record: &Authorization, now: UnixMillis) -> Option<Attention> {
    if record.forgotten_at().is_some() {
        return None;
    }
    match record.status_at(now) {
        Status::Undeliverable => Some(Attention::Undeliverable),
        Status::ExchangeUnknown => Some(Attention::ExchangeUnknown),
        Status::Authorized => match record.pending_delivery() {
            Some(delivery) => (now.since(delivery.due_at) >= OVERDUE_AFTER).then_some(Attention::Overdue),
            None => (record.callback == Callback::Nowhere).then_some(Attention::NoAddress),
        },
        _ => None,
    }
}
