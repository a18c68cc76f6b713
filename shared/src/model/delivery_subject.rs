//! What a record tells its merchant: a user's consent, or a notice of a link that named nobody.

use crate::model::clock::UnixMillis;
use crate::model::consent::{Consent, DeliveryBody};
use crate::model::notice::Notice;

/// The subject of a delivery, with what a record has of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliverySubject {
    /// A user's consent, in the record of its authorization.
    Consent(Consent),
    /// A notice, in a record of its own beside the authorization's; it names no user.
    Notice {
        notice: Notice,
        /// The bytes to deliver.
        body: DeliveryBody,
        /// The time of its record.
        noticed_at: UnixMillis,
    },
}

impl DeliverySubject {
    /// The bytes to deliver.
    #[must_use]
    pub const fn body(&self) -> &DeliveryBody {
        match self {
            Self::Consent(consent) => &consent.body,
            Self::Notice { body, .. } => body,
        }
    }

    /// The time of its record.
    #[must_use]
    pub const fn recorded_at(&self) -> UnixMillis {
        match self {
            Self::Consent(consent) => consent.authorized_at,
            Self::Notice { noticed_at, .. } => *noticed_at,
        }
    }

    /// The consent, unless it is a notice.
    #[must_use]
    pub const fn consent(&self) -> Option<&Consent> {
        match self {
            Self::Consent(consent) => Some(consent),
            Self::Notice { .. } => None,
        }
    }

    /// The notice, unless it is a consent.
    #[must_use]
    pub const fn notice(&self) -> Option<Notice> {
        match self {
            Self::Consent(_) => None,
            Self::Notice { notice, .. } => Some(*notice),
        }
    }
}
