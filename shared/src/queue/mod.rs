//! Hints that a delivery may begin. Losing any of them costs a minute or two: the record says what is due, and the
//! sweep reads it.

pub mod in_process;
#[cfg(feature = "aws")]
pub mod sqs;

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::model::id::AuthorizationId;
use crate::model::owner::Owner;
use crate::telemetry::Alarming;

/// The longest delay that a queue can give a hint (Amazon SQS: 15 minutes). What waits longer is left to the sweep.
pub const MAX_DELAY: Duration = Duration::from_mins(15);

/// The time after which the sweep takes a record up although its hint should have arrived.
pub const HINT_GRACE_PERIOD: Duration = Duration::from_mins(2);

/// A message that one attempt of one delivery may begin; on the queue it is JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hint {
    /// The message's version: 1.
    #[serde(rename = "v")]
    version: Version,
    pub id: AuthorizationId,
    /// A queue may take turns among owners, so that a backlog of one keeps nobody else waiting.
    #[serde(rename = "business")]
    pub owner: Owner,
    /// The number of attempts that were begun before this one.
    pub attempt: u32,
}

impl Hint {
    /// A hint that the delivery of the owner's authorization `id`, after `attempt` attempts, may go on.
    #[must_use]
    pub const fn new(id: AuthorizationId, owner: Owner, attempt: u32) -> Self {
        Self { version: Version, id, owner, attempt }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
struct Version;

impl From<Version> for u8 {
    fn from(Version: Version) -> Self {
        1
    }
}

impl TryFrom<u8> for Version {
    type Error = &'static str;

    fn try_from(version: u8) -> Result<Self, Self::Error> {
        if version == 1 { Ok(Self) } else { Err("a hint of another version") }
    }
}

/// An event that wakes the delivery function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryEvent {
    /// A message of the queue.
    Hint(Hint),
    /// The one-minute schedule.
    Sweep,
}

/// A hint did not get onto the queue; the sweep will do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the hint was lost: {0}")]
pub struct HintError(pub String);

#[async_trait]
pub trait HintQueue: Send + Sync {
    /// Sends `hint` to arrive after `delay`, [`MAX_DELAY`] at most.
    async fn send(&self, hint: Hint, delay: Duration) -> Result<(), HintError>;
}

/// Says that the attempt of a hint for the authorization `reference` could not be made.
pub fn log_not_made(reference: &AuthorizationId, error: &impl Alarming) {
    tracing::error!(%reference, %error, alarm = error.alarm().as_str(), "an attempt could not be made; the sweep will");
}

/// For a process that has no queue: every hint is lost, and the sweep delivers.
#[derive(Clone, Copy, Debug)]
pub struct NoQueue;

#[async_trait]
impl HintQueue for NoQueue {
    async fn send(&self, _: Hint, _: Duration) -> Result<(), HintError> {
        Err(HintError("this process has no queue".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_versioned() {
        let hint = Hint::new(AuthorizationId::from_serial("B", "S"), Owner::Business("B".to_owned()), 3);
        let message = serde_json::to_string(&hint).expect("serialises");
        assert_eq!(message, format!(r#"{{"v":1,"id":"{}","business":"B","attempt":3}}"#, hint.id));
        assert_eq!(serde_json::from_str::<Hint>(&message).expect("reads"), hint);
        assert!(serde_json::from_str::<Hint>(&message.replace("\"v\":1", "\"v\":2")).is_err());
        let of_scheme =
            serde_json::from_str::<Hint>(&message.replace("\"B\"", "\"scheme:234\"")).expect("reads");
        assert_eq!(Some(of_scheme.owner), Owner::parse("scheme:234"));
    }
}
