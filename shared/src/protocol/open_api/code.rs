//! The stable word of every refusal: the open API's table, one row a word.

use http::StatusCode;

use crate::telemetry::RefusalClass;

/// The word of an answer that grants what was asked for; its status is 0.
pub const SUCCESS: &str = "success";

/// The cause of a refusal as programs compare it. A message may be reworded; a word keeps its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Code {
    /// A document of the caller's cannot be used; its operator has to act.
    AccountMisconfigured,
    /// The platform that makes the link does not take our requests; its operator and ours have to act.
    PlatformRefused,
    /// A setting of the deployment is missing.
    ServerMisconfigured,
    /// So many unknown businessIds are being asked for that this one was not looked up.
    TooManyLookUps,
    /// Something that authlink depends on is unavailable for the moment.
    Unavailable,
    /// The business has no key of the kind that the call is signed by.
    KeyMissing,
    /// The nonce is of the space of callbacks.
    NonceReserved,
    SignTypeUnknown,
    /// The signature is over other bytes, by another key, or written in another way.
    SignatureMismatch,
    /// The body is no JSON object.
    BodyNotJson,
    /// The body is larger than is read.
    BodyTooLarge,
    /// `businessId` of header and body differ.
    BusinessIdsDiffer,
    /// Callbacks may not go to the address.
    CallbackUrlRefused,
    /// Result pages may not lead back there.
    ReturnUrlRefused,
    /// A required field is missing or empty.
    FieldMissing,
    /// A field's name is nearly that of one that is known.
    FieldMisspelt,
    /// A field is no string.
    FieldNotText,
    /// A field is given twice.
    FieldRepeated,
    FieldTooLong,
    /// A header is too long, or of another form.
    HeaderMalformed,
    /// A header is missing or empty.
    HeaderMissing,
    /// A header is given twice.
    HeaderRepeated,
    /// `userId` and `thirdAccount` differ.
    UserIdsDiffer,
    /// Another path or method.
    NoSuchInterface,
    /// The timestamp is too far from our clock.
    TimestampOutOfWindow,
    /// The nonce was used before.
    NonceUsed,
    /// No such business, or one that is switched off.
    BusinessUnknown,
    /// Not a merchant of the business.
    MerchantUnknown,
    /// No such serialNo, for a query.
    SerialUnknown,
    /// The serialNo was used before.
    SerialUsed,
    /// The business does not allow the sender's address.
    AddressNotAllowed,
    /// The platform that makes the link gave no answer to go by.
    PlatformUnanswered,
    /// The platform that makes the link gave none that can be used.
    PlatformLinkUnusable,
}

impl Code {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The open API's `status`.
    #[must_use]
    pub const fn status(self) -> u8 {
        self.refusal().0
    }

    #[must_use]
    pub const fn http_status(self) -> StatusCode {
        match self.class() {
            // The answer is deliberate.
            RefusalClass::Caller | RefusalClass::Upstream => StatusCode::OK,
            // With the seconds in `Retry-After`.
            RefusalClass::Transient => StatusCode::TOO_MANY_REQUESTS,
            RefusalClass::Dependency => StatusCode::SERVICE_UNAVAILABLE,
            RefusalClass::Configuration => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The party at fault.
    #[must_use]
    pub const fn class(self) -> RefusalClass {
        self.refusal().1
    }

    /// The table of refusals: the open API's `status`, and the party at fault.
    const fn refusal(self) -> (u8, RefusalClass) {
        use RefusalClass::{Caller, Configuration, Dependency, Transient, Upstream};
        match self {
            Self::AccountMisconfigured | Self::ServerMisconfigured => (1, Configuration),
            Self::PlatformRefused => (1, Upstream),
            Self::TooManyLookUps => (1, Transient),
            Self::Unavailable => (1, Dependency),
            Self::KeyMissing | Self::NonceReserved | Self::SignTypeUnknown | Self::SignatureMismatch => {
                (2, Caller)
            }
            Self::BodyNotJson
            | Self::BodyTooLarge
            | Self::BusinessIdsDiffer
            | Self::CallbackUrlRefused
            | Self::ReturnUrlRefused
            | Self::FieldMissing
            | Self::FieldMisspelt
            | Self::FieldNotText
            | Self::FieldRepeated
            | Self::FieldTooLong
            | Self::HeaderMalformed
            | Self::HeaderMissing
            | Self::HeaderRepeated
            | Self::UserIdsDiffer => (3, Caller),
            Self::NoSuchInterface => (4, Caller),
            Self::TimestampOutOfWindow => (5, Caller),
            Self::NonceUsed => (6, Caller),
            Self::BusinessUnknown | Self::MerchantUnknown | Self::SerialUnknown => (7, Caller),
            Self::SerialUsed => (8, Caller),
            Self::AddressNotAllowed => (10, Caller),
            Self::PlatformUnanswered => (98, Upstream),
            Self::PlatformLinkUnusable => (99, Upstream),
        }
    }
}
