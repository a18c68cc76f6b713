//! An account: whose access keys and schemes share one standing and one rate limit.

use std::num::NonZeroU32;

use serde::Deserialize;

use crate::egress::callback_url::CallbackRules;
use crate::registry::document::{self, Field};
use crate::secrets::{Document, DocumentError};

/// Dypnsapi 2017-05-25, `GetAuthorizationUrl`: 1,000 requests a second per user.
const DEFAULT_REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(1_000).unwrap();
const MAX_REQUESTS_PER_SECOND: u32 = 100_000;

/// `account/<accountId>`: an account of `GetAuthorizationUrl`'s callers. `{}` is one in good order.
///
/// | field | required | value |
/// |---|---|---|
/// | `suspended` | no, false | true: `OutOfService` |
/// | `subscribed` | no, true | false: `FunctionNotSubscribed` |
/// | `identityVerified` | no, true | false: `IdentityCertifyNotExist` |
/// | `requestsPerSecond` | no, 1000 | 1 to 100000, over all its keys and schemes |
#[derive(Debug)]
pub struct Account {
    /// True if it is suspended.
    pub suspended: bool,
    /// True if it has subscribed to the function.
    pub subscribed: bool,
    /// True if its identity was verified.
    pub identity_verified: bool,
    /// The requests that it may send in a second.
    pub requests_per_second: NonZeroU32,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct AccountFields {
    suspended: Field<bool>,
    subscribed: Field<bool>,
    identity_verified: Field<bool>,
    requests_per_second: Field<u64>,
}

impl Document for Account {
    fn parse_by(json: &str, _: &CallbackRules) -> Result<Self, DocumentError> {
        document::read::<AccountFields, _>(json, Self::try_from)
    }
}

impl TryFrom<AccountFields> for Account {
    type Error = DocumentError;

    fn try_from(fields: AccountFields) -> Result<Self, DocumentError> {
        let requests_per_second = match fields.requests_per_second.optional() {
            None => DEFAULT_REQUESTS_PER_SECOND,
            Some(number) => u32::try_from(number)
                .ok()
                .filter(|number| *number <= MAX_REQUESTS_PER_SECOND)
                .and_then(NonZeroU32::new)
                .ok_or_else(|| DocumentError::new("requestsPerSecond", "must be 1 to 100000"))?,
        };
        Ok(Self {
            suspended: fields.suspended.or(false),
            subscribed: fields.subscribed.or(true),
            identity_verified: fields.identity_verified.or(true),
            requests_per_second,
        })
    }
}
