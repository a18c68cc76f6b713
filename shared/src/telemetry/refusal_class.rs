//! The party at fault for a refusal, the same in every API's dialect.

use crate::telemetry::Alarm;

/// The party at fault for a refusal. It decides who is told: the caller alone, or an operator as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalClass {
    /// The caller, or its account.
    Caller,
    /// The platform or Alibaba Cloud that was asked for the caller, or our key there.
    Upstream,
    /// Nobody: the same call may be sent again after a wait.
    Transient,
    /// Something that authlink depends on, for the moment: the same call may be sent again.
    Dependency,
    /// A setting or a document that an operator has to mend.
    Configuration,
}

impl RefusalClass {
    /// The alarm of a refusal that has none of a more exact cause. What was asked for a caller is alarmed where it is
    /// known for whom.
    #[must_use]
    pub const fn alarm(self) -> Option<Alarm> {
        match self {
            Self::Caller | Self::Upstream | Self::Transient => None,
            Self::Dependency => Some(Alarm::Unavailable),
            Self::Configuration => Some(Alarm::Keys),
        }
    }
}
