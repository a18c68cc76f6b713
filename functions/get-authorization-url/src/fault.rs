//! Whose fault a refusal is: what decides about the nonce, the alarm, and what the log may say.

use crate::error::Refusal;

/// Whose fault a refusal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The caller's, or its account's.
    Caller,
    /// Nobody's: the same call may be sent again later.
    Moment,
    /// Of something that we depend on: the same call may be sent again.
    Ours,
    /// Of a document that an operator has to mend.
    Document,
    /// Alibaba Cloud's, or of our key there.
    Upstream,
}

impl Refusal {
    /// Whether the access key was found before the call was refused. What names none may be a secret in the wrong place.
    pub(crate) const fn is_of_a_known_access_key(&self) -> bool {
        !matches!(
            self,
            Self::BodyTooLarge
                | Self::NoSuchAction
                | Self::TemporaryCredentials
                | Self::NoAccessKeyId
                | Self::UnknownAccessKey
                | Self::Busy
                | Self::Keys(_)
        )
    }

    /// Whose fault it is.
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Keys(_) | Self::Store(_) | Self::Random(_) | Self::NoPublicUrl | Self::TooLate => {
                Fault::Ours
            }
            Self::Upstream(failure) if failure.is_ours_to_mend() => Fault::Upstream,
            Self::DocumentAbsent(_) | Self::DocumentUnreadable(_) => Fault::Document,
            Self::OverAllowance { .. } | Self::Busy => Fault::Moment,
            Self::NoSuchAction
            | Self::BodyTooLarge
            | Self::NoAccessKeyId
            | Self::TemporaryCredentials
            | Self::UnknownAccessKey
            | Self::Incomplete(_)
            | Self::BadTimestamp
            | Self::OutOfWindow(_)
            | Self::Mismatch(..)
            | Self::NonceUsed
            | Self::KeyDisabled
            | Self::NoPermission
            | Self::Suspended
            | Self::NotSubscribed
            | Self::Missing(_)
            | Self::BadParameter(_)
            | Self::BadPhoneNo
            | Self::UnknownScheme
            | Self::ForeignScheme
            | Self::SchemeNotPassed
            | Self::BadEndDate
            | Self::IdentityNotVerified
            | Self::Upstream(_) => Fault::Caller,
        }
    }
}
