//! An account: whose access keys and schemes share one standing and one allowance.

use std::num::NonZeroU32;

use crate::registry::fields::Fields;
use crate::secrets::{Document, DocumentError};

/// Dypnsapi 2017-05-25, `GetAuthorizationUrl`: 1,000 requests a second per user.
const DEFAULT_REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(1_000).unwrap();
const MAX_REQUESTS_PER_SECOND: u64 = 100_000;

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
    /// Whether it is suspended.
    pub suspended: bool,
    /// Whether it has subscribed to the function.
    pub subscribed: bool,
    /// Whether somebody has verified who it is.
    pub identity_verified: bool,
    /// How many requests it may send.
    pub requests_per_second: NonZeroU32,
}

impl Document for Account {
    fn parse(json: &str) -> Result<Self, DocumentError> {
        let mut fields = Fields::of(json)?;
        let per_second = match fields.number("requestsPerSecond")? {
            None => DEFAULT_REQUESTS_PER_SECOND,
            Some(number) => u32::try_from(number.min(MAX_REQUESTS_PER_SECOND + 1))
                .ok()
                .and_then(NonZeroU32::new)
                .filter(|number| u64::from(number.get()) <= MAX_REQUESTS_PER_SECOND)
                .ok_or_else(|| DocumentError("requestsPerSecond must be 1 to 100000".to_owned()))?,
        };
        let account = Self {
            suspended: fields.boolean("suspended")?.unwrap_or(false),
            subscribed: fields.boolean("subscribed")?.unwrap_or(true),
            identity_verified: fields.boolean("identityVerified")?.unwrap_or(true),
            requests_per_second: per_second,
        };
        fields.finish()?;
        Ok(account)
    }
}
