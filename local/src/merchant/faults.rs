//! The faults that can be injected into the merchant.

use serde::{Deserialize, Serialize};

/// A fault of `/callback`, for every POST. The POST is recorded all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MerchantFault {
    /// No fault: `SUCCESS` if the callback is signed, new and meant for this merchant.
    #[default]
    None,
    /// 500.
    ServerError,
    /// Answers correctly after a delay.
    Slow,
    /// 302 to another address.
    Redirect,
    /// 200 `OK`, which is not `SUCCESS`.
    WrongText,
    /// 200 `SUCCESS` to whatever comes, signed or not, whoever it is meant for.
    Unchecked,
    /// Does not answer for two minutes.
    Silence,
}

impl MerchantFault {
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::ServerError,
        Self::Slow,
        Self::Redirect,
        Self::WrongText,
        Self::Unchecked,
        Self::Silence,
    ];

    /// The name it has in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ServerError => "server-error",
            Self::Slow => "slow",
            Self::Redirect => "redirect",
            Self::WrongText => "wrong-text",
            Self::Unchecked => "unchecked",
            Self::Silence => "silence",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_one_in_json() {
        for fault in MerchantFault::ALL {
            assert_eq!(serde_json::to_value(fault).unwrap(), fault.name());
        }
    }
}
