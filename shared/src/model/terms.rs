//! What an owner's document said when a link was issued, frozen in its record: how its user is met, and what its
//! merchant wants to be told besides the openId.

use serde::{Deserialize, Serialize};

use crate::model::notice::Notice;

/// The terms of one link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Terms {
    /// The name of the merchant, as pages show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merchant_name: Option<String>,
    /// The merchant's page that the result page leads back to, as it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// True if the merchant wants to be told of a refusal.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub notify_refusals: bool,
    /// True if the merchant wants to be told of a link that ended without a consent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub notify_expired: bool,
}

impl Terms {
    /// True if `notice` is wanted.
    #[must_use]
    pub const fn want(&self, notice: Notice) -> bool {
        match notice {
            Notice::Refused => self.notify_refusals,
            Notice::Expired => self.notify_expired,
        }
    }

    /// True if the documents said nothing of them: such a record has no terms at all.
    #[must_use]
    pub fn are_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_stored_by_what_they_say() {
        let named = Terms { merchant_name: Some("示例商家".to_owned()), ..Terms::default() };
        let telling = Terms { notify_refusals: true, notify_expired: true, ..Terms::default() };
        for (terms, json) in [
            (Terms::default(), "{}"),
            (named, r#"{"merchantName":"示例商家"}"#),
            (telling, r#"{"notifyRefusals":true,"notifyExpired":true}"#),
        ] {
            assert_eq!(serde_json::to_string(&terms).unwrap(), json);
            assert_eq!(serde_json::from_str::<Terms>(json).unwrap(), terms);
            assert_eq!(terms.are_default(), json == "{}");
        }
    }

    #[test]
    fn a_notice_is_wanted_by_its_own_word() {
        let refusals = Terms { notify_refusals: true, ..Terms::default() };
        assert!(refusals.want(Notice::Refused) && !refusals.want(Notice::Expired));
        assert!(!Terms::default().want(Notice::Refused));
    }
}
