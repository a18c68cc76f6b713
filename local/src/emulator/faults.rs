//! The faults that can be injected into the gateway.

use serde::{Deserialize, Serialize};

/// A fault of the gateway, for every request. Each spends the request's code, as Alipay would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
}

impl GatewayFault {
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::WrongSign,
        Self::BadGateway,
        Self::Silence,
        Self::Slow,
        Self::RefusedCode,
        Self::UserId,
        Self::BothIds,
        Self::UnknownError,
    ];

    /// The name it has in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::WrongSign => "wrong-sign",
            Self::BadGateway => "bad-gateway",
            Self::Silence => "silence",
            Self::Slow => "slow",
            Self::RefusedCode => "refused-code",
            Self::UserId => "user-id",
            Self::BothIds => "both-ids",
            Self::UnknownError => "unknown-error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_one_in_json() {
        for fault in GatewayFault::ALL {
            assert_eq!(serde_json::to_value(fault).unwrap(), fault.name());
        }
    }
}
