//! The faults that can be injected into the gateway.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::refusal::EmulatorRefusal;

/// A fault of the gateway, for every request. Each spends the request's code, as Alipay would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum GatewayFault {
    /// No fault.
    #[default]
    None,
    /// Answers correctly, but signs other bytes.
    WrongSign,
    /// 502 with an HTML page.
    BadGateway,
    /// Takes the request and does not answer for two minutes.
    Silence,
    /// Answers correctly after a delay.
    Slow,
    /// A signed `isv.code-invalid`, though the code was good.
    RefusedCode,
    /// Names the user by `user_id`, as for an app that has not moved to openIds.
    UserId,
    /// Names the user by `open_id` and `user_id`, as for an app that is moving to openIds.
    BothIds,
    /// A signed 20000 `isp.unknow-error`.
    UnknownError,
    /// A signed `isv.unmatched-app-id`.
    UnmatchedAppId,
    /// `isv.invalid-app-id`, unsigned.
    InvalidAppId,
    /// A signed `isv.invalid-signature`.
    InvalidSignature,
    /// `isv.missing-app-cert-sn`, unsigned, to a request that names no certificate: bare keys are at their end.
    MissingAppCertSn,
    /// A signed 40006 `isv.insufficient-isv-permissions`.
    InsufficientPermissions,
    /// A signed 40005 `isv.app-call-limited`.
    AppCallLimited,
}

impl GatewayFault {
    /// The name it has in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The refusal of a request that has nothing wrong.
    pub(super) const fn refusal(self) -> Option<EmulatorRefusal> {
        match self {
            Self::RefusedCode => Some(EmulatorRefusal::CodeInvalid),
            Self::UnknownError => Some(EmulatorRefusal::UnknownError),
            Self::UnmatchedAppId => Some(EmulatorRefusal::UnmatchedAppId),
            Self::InvalidAppId => Some(EmulatorRefusal::InvalidAppId),
            Self::InvalidSignature => Some(EmulatorRefusal::InvalidSignature),
            Self::MissingAppCertSn => Some(EmulatorRefusal::MissingAppCertSn),
            Self::InsufficientPermissions => Some(EmulatorRefusal::InsufficientPermissions),
            Self::AppCallLimited => Some(EmulatorRefusal::AppCallLimited),
            Self::None
            | Self::WrongSign
            | Self::BadGateway
            | Self::Silence
            | Self::Slow
            | Self::UserId
            | Self::BothIds => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_one_in_json() {
        for fault in GatewayFault::VARIANTS {
            assert_eq!(serde_json::to_value(fault).unwrap(), fault.name());
        }
    }
}
