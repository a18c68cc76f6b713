//! The faults that can be injected into the merchant.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// A fault of `/callback`, for every POST. The POST is recorded all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
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
    /// The name it has in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_one_in_json() {
        for fault in MerchantFault::VARIANTS {
            assert_eq!(serde_json::to_value(fault).unwrap(), fault.name());
        }
    }
}
