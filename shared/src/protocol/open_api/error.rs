//! The refusals that all routes of the open API have in common, in its dialect: `status` and `message`.

use std::net::IpAddr;

use http::StatusCode;

use crate::model::clock::UnixMillis;
use crate::model::random::RandomError;
use crate::signing::open_api::{HeaderError, SignType, SignatureError, WINDOW};
use crate::telemetry::Alarm;

/// The largest body that is read.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// The wait, in seconds, that a caller is asked for while too many unknown names are being asked for.
pub(super) const RETRY_AFTER_SECS: u64 = 1;

/// The cause of a call's refusal. It displays as the answer's `message`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Another path or method.
    #[error("no such interface")]
    NoSuchInterface,
    /// Over [`MAX_BODY_BYTES`].
    #[error("the body is larger than {MAX_BODY_BYTES} bytes")]
    BodyTooLarge,
    /// The auth headers are not well-formed.
    #[error(transparent)]
    Headers(#[from] HeaderError),
    /// The timestamp is too far from our clock.
    #[error(
        "the timestamp is {} ms {} the server's time {now}; {} ms are allowed",
        .sent.0.abs_diff(.now.0),
        if .sent > .now { "ahead of" } else { "behind" },
        WINDOW.as_millis()
    )]
    OutOfWindow {
        /// The timestamp that was sent.
        sent: UnixMillis,
        /// Our time.
        now: UnixMillis,
    },
    /// No such businessId.
    #[error("this businessId is unknown or switched off")]
    UnknownBusiness,
    /// The business is switched off, which its caller is not told apart.
    #[error("this businessId is unknown or switched off")]
    DisabledBusiness,
    /// The business does not allow the sender's address.
    #[error("requests of this business may not come from {}", shown(*.source_ip))]
    AddressNotAllowed {
        /// The sender's address.
        source_ip: Option<IpAddr>,
    },
    /// The nonce is of the callbacks' space.
    #[error("signature verification failed: a nonce may not begin with authlink-")]
    NonceOfCallback,
    /// No key of this kind.
    #[error("signature verification failed: {}", SignatureError::NoKey(*.0))]
    NoKey(SignType),
    /// The signature is another's.
    #[error("signature verification failed; the string that was checked is: {}", String::from_utf8_lossy(.checked))]
    BadSignature {
        /// The string, without the MD5 key that follows it.
        checked: Vec<u8>,
    },
    /// The body is not a JSON object.
    #[error("the body must be a JSON object")]
    NotAJsonObject,
    /// A field is given twice, so that it says two things.
    #[error("the body gives a field twice")]
    FieldRepeated,
    /// A required field is absent or empty.
    #[error("parameter {0} is missing")]
    FieldMissing(&'static str),
    /// A field is not a string.
    #[error("parameter {0} must be a string")]
    FieldNotText(&'static str),
    /// A field is too long.
    #[error("parameter {name} is longer than {max_characters} characters")]
    FieldTooLong {
        /// The field's name.
        name: &'static str,
        /// The most that it may have.
        max_characters: usize,
    },
    /// `businessId` of header and body differ.
    #[error("parameter businessId differs from the header's")]
    BusinessIdsDiffer,
    /// Not a merchant of this business.
    #[error("this merchantId is not one of the business's")]
    UnknownMerchant,
    /// The nonce was used before.
    #[error("this nonce was used before")]
    NonceUsed,
    /// So many unknown businessIds are being asked for that this one was not looked up.
    #[error("too many unknown businessIds are being asked for, try again in a second")]
    TooManyLookUps,
    /// Keys or the store cannot be had at the moment.
    #[error("temporarily unavailable, try again")]
    Unavailable {
        /// The cause for the log.
        reason: String,
        /// The alarm that it raises.
        alarm: Alarm,
    },
    /// The operating system has no randomness.
    #[error("temporarily unavailable, try again")]
    Random(#[from] RandomError),
}

/// The party at fault for a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalClass {
    /// The caller; the answer is deliberate, so its HTTP status is 200.
    Caller,
    /// Nobody: the same call may be sent again after [`RETRY_AFTER_SECS`]: HTTP status 429.
    Transient,
    /// Something that authlink depends on, for the moment: HTTP status 503.
    Dependency,
    /// A setting of the deployment: HTTP status 500.
    Configuration,
}

impl RefusalClass {
    /// The answer's HTTP status.
    #[must_use]
    pub const fn http_status(self) -> StatusCode {
        match self {
            Self::Caller => StatusCode::OK,
            Self::Transient => StatusCode::TOO_MANY_REQUESTS,
            Self::Dependency => StatusCode::SERVICE_UNAVAILABLE,
            Self::Configuration => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl CallError {
    /// The open API's table of refusals: the answer's `status`, and the party at fault.
    #[must_use]
    pub const fn refusal(&self) -> (u8, RefusalClass) {
        use RefusalClass::{Caller, Dependency, Transient};
        match self {
            Self::TooManyLookUps => (1, Transient),
            Self::Unavailable { .. } | Self::Random(_) => (1, Dependency),
            Self::Headers(HeaderError::UnknownSignType)
            | Self::NonceOfCallback
            | Self::NoKey(_)
            | Self::BadSignature { .. } => (2, Caller),
            Self::BodyTooLarge
            | Self::Headers(
                HeaderError::Missing(_)
                | HeaderError::Repeated(_)
                | HeaderError::TooLong(_)
                | HeaderError::BadCharacter(_)
                | HeaderError::BadBusinessId
                | HeaderError::BadTimestamp,
            )
            | Self::NotAJsonObject
            | Self::FieldRepeated
            | Self::FieldMissing(_)
            | Self::FieldNotText(_)
            | Self::FieldTooLong { .. }
            | Self::BusinessIdsDiffer => (3, Caller),
            Self::NoSuchInterface => (4, Caller),
            Self::OutOfWindow { .. } => (5, Caller),
            Self::NonceUsed => (6, Caller),
            Self::UnknownBusiness | Self::DisabledBusiness | Self::UnknownMerchant => (7, Caller),
            Self::AddressNotAllowed { .. } => (10, Caller),
        }
    }

    /// The cause for the log, where the message would say too much or too little.
    #[must_use]
    pub fn log_reason(&self) -> String {
        match self {
            Self::BadSignature { .. } => "signature".to_owned(),
            Self::TooManyLookUps => "too many look-ups of unknown names".to_owned(),
            Self::DisabledBusiness => "this businessId is switched off".to_owned(),
            Self::Unavailable { reason, .. } => reason.clone(),
            Self::Random(error) => error.to_string(),
            other => other.to_string(),
        }
    }

    /// The alarm of a failure of ours.
    #[must_use]
    pub const fn alarm(&self) -> Option<Alarm> {
        match self {
            Self::Unavailable { alarm, .. } => Some(*alarm),
            Self::Random(_) => Some(Alarm::Unavailable),
            _ => None,
        }
    }
}

fn shown(source: Option<IpAddr>) -> String {
    source.map_or_else(|| "an unknown address".to_owned(), |source| source.to_canonical().to_string())
}
