//! The failures between a name and its parsed document: first as a source sees them, then as the cache answers them.

use crate::telemetry::Alarm;

/// A source gave no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The source answered that there is no such secret. What was known of it is void at once.
    #[error(transparent)]
    Absent(#[from] AbsentError),
    /// The source answered that this process may not read it: nothing about whether there is one. Policies and key
    /// services deny for reasons that are not the caller's, so what was known of it stays in use.
    #[error("denied")]
    Denied,
    /// The source did not answer, or could not: throttled, broken, too slow, not reached. The text says which in a
    /// few words for the log and holds nothing of a secret.
    #[error("{0}")]
    Unavailable(String),
}

/// The reason that a secret is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AbsentError {
    /// There is none of this name, or it has no current version.
    #[error("not found")]
    NotFound,
    /// It is marked for deletion.
    #[error("deleted")]
    Deleted,
}

/// The cache has no document to give. Its texts are for the log; they hold nothing of the secret, nor its name, which
/// may be what a stranger sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is no such secret: missing or deleted.
    #[error("there is no such secret")]
    Absent,
    /// The source has not answered for so long that nothing known may be used any more, or ever.
    #[error("it is unavailable: {0}")]
    Unavailable(String),
    /// This process may not read it, and nothing young enough is known.
    #[error("it may not be read")]
    Denied,
    /// Its value is not a document of its kind, and no earlier version was. The text is the flaw.
    #[error("it is unreadable: {0}")]
    Unparsable(String),
    /// Too many unknown names are being asked for; this one was not looked up.
    #[error("too many look-ups of unknown names")]
    TooManyLookUps,
}

impl SecretError {
    /// The alarm at each use of a document that has to be there and is not. None for what anybody can bring about, nor
    /// for an unreadable version: the cache has raised that alarm, once, when it met the version.
    #[must_use]
    pub const fn alarm(&self) -> Option<Alarm> {
        match self {
            Self::Absent | Self::Denied => Some(Alarm::Keys),
            Self::Unavailable(_) => Some(Alarm::Unavailable),
            Self::Unparsable(_) | Self::TooManyLookUps => None,
        }
    }

    /// True if it says nothing of the secret itself: the document is there again once the source answers, or lets us.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Denied | Self::TooManyLookUps => true,
            Self::Absent | Self::Unparsable(_) => false,
        }
    }
}
