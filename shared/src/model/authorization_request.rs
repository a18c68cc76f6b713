//! The request of an authorization: the part of a record that the two APIs do not share.

use serde::{Deserialize, Serialize};

use crate::model::end_date::EndDate;
use crate::model::id::digest_of_parts;
use crate::model::owner::{Owner, SchemeId};

/// A request by either API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AuthorizationRequest {
    /// By the open API.
    Merchant(MerchantRequest),
    /// By `GetAuthorizationUrl`.
    Scheme(SchemeRequest),
}

/// A business asks for the consent of one of its merchant's customers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MerchantRequest {
    pub business_id: String,
    /// For which of the business's merchants.
    pub merchant_id: String,
    /// The business's own number for it.
    pub serial_no: String,
    /// The merchant's own name for its customer; empty once the person was forgotten.
    pub user_id: String,
}

/// An account asks for the consent of one phone number's user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchemeRequest {
    pub account_id: String,
    /// Under which scheme.
    pub scheme_id: SchemeId,
    /// The answer's `RequestId`: the caller's name for it.
    pub request_id: String,
    /// The number's last four digits; empty once the person was forgotten.
    pub phone_tail: String,
    /// A keyed hash of the number, which itself is nowhere; empty once the person was forgotten.
    pub phone_hash: String,
    /// Until when the user authorizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_date: Option<EndDate>,
}

impl AuthorizationRequest {
    #[must_use]
    pub fn owner(&self) -> Owner {
        match self {
            Self::Merchant(request) => Owner::Business(request.business_id.clone()),
            Self::Scheme(request) => Owner::Scheme(request.scheme_id),
        }
    }

    /// The caller, as the header `businessId` of a delivery names it: the businessId, or the account's id.
    #[must_use]
    pub fn caller(&self) -> &str {
        match self {
            Self::Merchant(request) => &request.business_id,
            Self::Scheme(request) => &request.account_id,
        }
    }

    /// The request without what names a person: its caller's name for the user, and all of the phone number.
    #[must_use]
    pub(super) fn without_person(&self) -> Self {
        match self {
            Self::Merchant(request) => {
                Self::Merchant(MerchantRequest { user_id: String::new(), ..request.clone() })
            }
            Self::Scheme(request) => Self::Scheme(SchemeRequest {
                phone_tail: String::new(),
                phone_hash: String::new(),
                ..request.clone()
            }),
        }
    }

    /// Digest of what must be the same in a repetition of the request with the same serialNo, besides the callback
    /// address.
    #[must_use]
    pub(super) fn digest(&self, callback_address: &str) -> String {
        match self {
            Self::Merchant(request) => {
                digest_of_parts(&[&request.merchant_id, &request.user_id, callback_address])
            }
            Self::Scheme(request) => digest_of_parts(&[&request.request_id]),
        }
    }
}
