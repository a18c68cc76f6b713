//! The failures between a name and its parsed document: first as a source sees them, then as the cache answers them.

use crate::secrets::name::SecretName;
use crate::telemetry::Alarm;

/// A source gave no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The source answered: we may not have such a secret. What was known of it is void at once.
    #[error(transparent)]
    Absent(#[from] AbsentReason),
    /// The source did not answer, or could not: throttled, broken, too slow, not reached. The text says which in a
    /// few words for the log and holds nothing of a secret.
    #[error("{0}")]
    Unavailable(String),
}

/// The reason that a secret is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AbsentReason {
    /// There is none of this name, or it has no current version.
    #[error("not found")]
    NotFound,
    /// It is marked for deletion.
    #[error("deleted")]
    Deleted,
    /// This process may not read it.
    #[error("denied")]
    Denied,
}

/// The cache has no document to give. Its texts are for the log; they name the secret and hold nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is no such secret for us: missing, deleted or denied.
    #[error("there is no such secret")]
    Absent,
    /// The source has not answered for so long that nothing known may be used any more, or ever.
    #[error("secret {name} is unavailable: {reason}")]
    Unavailable {
        /// The secret.
        name: SecretName,
        /// The source's last failure.
        reason: String,
    },
    /// Its value is not a document of its kind, and no earlier version was.
    #[error("secret {name} is unreadable: {reason}")]
    Unparsable {
        /// The secret.
        name: SecretName,
        /// The flaw of the value.
        reason: String,
    },
    /// Too many names that were never seen are being asked for; this one was not looked up.
    #[error("too many look-ups of unknown secrets")]
    Busy,
}

impl SecretError {
    /// The alarm that the lack of a document that has to be there raises; none for what anybody can bring about.
    #[must_use]
    pub const fn alarm(&self) -> Option<Alarm> {
        match self {
            Self::Absent | Self::Unparsable { .. } => Some(Alarm::Keys),
            Self::Unavailable { .. } => Some(Alarm::Unavailable),
            Self::Busy => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_the_secret_and_the_reason() {
        let name = SecretName::business("B1").unwrap();
        let unavailable = SecretError::Unavailable { name: name.clone(), reason: "time-out".to_owned() };
        let unparsable = SecretError::Unparsable { name, reason: "field `enabled` is missing".to_owned() };
        assert_eq!(unavailable.to_string(), "secret business/B1 is unavailable: time-out");
        assert_eq!(unparsable.to_string(), "secret business/B1 is unreadable: field `enabled` is missing");
    }
}
