//! Why a call of the open API was refused before its own route had a say, in the open API's dialect: `status` and
//! `message`.

use std::net::IpAddr;

use http::StatusCode;

use crate::model::clock::UnixMillis;
use crate::model::random::RandomError;
use crate::protocol::open_api::MAX_BODY_BYTES;
use crate::secrets::SecretError;
use crate::signing::open_api::{HeaderError, SignType, SignatureError, WINDOW};
use crate::store::StoreError;

/// Why a call was refused. What it displays is the answer's `message`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallRefusal {
    /// Another path or method.
    #[error("no such interface")]
    NoSuchInterface,
    /// Over [`MAX_BODY_BYTES`].
    #[error("the body is larger than {MAX_BODY_BYTES} bytes")]
    BodyTooLarge,
    /// The auth headers are not well-formed.
    #[error("{0}")]
    Headers(#[from] HeaderError),
    /// The timestamp is too far from our clock.
    #[error(
        "the timestamp is {} ms {} the server's time {now}; {} ms are allowed",
        .sent.0.abs_diff(.now.0),
        if .sent > .now { "ahead of" } else { "behind" },
        WINDOW.as_millis()
    )]
    OutOfWindow {
        /// What was sent.
        sent: UnixMillis,
        /// Our time.
        now: UnixMillis,
    },
    /// No such businessId, or one that is switched off.
    #[error("this businessId is unknown or switched off")]
    UnknownBusiness,
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
    /// A required field is absent or empty.
    #[error("parameter {0} is missing")]
    FieldMissing(&'static str),
    /// A field is not a string.
    #[error("parameter {0} must be a string")]
    FieldNotText(&'static str),
    /// A field is too long.
    #[error("parameter {name} is longer than {max_characters} characters")]
    FieldTooLong {
        /// Which.
        name: &'static str,
        /// What is allowed.
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
    /// Keys cannot be had at the moment.
    #[error("temporarily unavailable, try again")]
    Keys(#[from] SecretError),
    /// The store cannot be had at the moment.
    #[error("temporarily unavailable, try again")]
    Store(#[from] StoreError),
    /// No randomness.
    #[error("temporarily unavailable, try again")]
    Random(#[from] RandomError),
}

impl CallRefusal {
    /// The open API's state.
    #[must_use]
    pub const fn status(&self) -> u8 {
        match self {
            Self::Keys(_) | Self::Store(_) | Self::Random(_) => 1,
            Self::Headers(HeaderError::UnknownSignType)
            | Self::NonceOfCallback
            | Self::NoKey(_)
            | Self::BadSignature { .. } => 2,
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
            | Self::FieldMissing(_)
            | Self::FieldNotText(_)
            | Self::FieldTooLong { .. }
            | Self::BusinessIdsDiffer => 3,
            Self::NoSuchInterface => 4,
            Self::OutOfWindow { .. } => 5,
            Self::NonceUsed => 6,
            Self::UnknownBusiness | Self::UnknownMerchant => 7,
            Self::AddressNotAllowed { .. } => 10,
        }
    }

    /// 200 for what was answered on purpose; 503 when it was we who failed.
    #[must_use]
    pub const fn http_status(&self) -> StatusCode {
        match self {
            Self::Keys(_) | Self::Store(_) | Self::Random(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoSuchInterface
            | Self::BodyTooLarge
            | Self::Headers(_)
            | Self::OutOfWindow { .. }
            | Self::UnknownBusiness
            | Self::AddressNotAllowed { .. }
            | Self::NonceOfCallback
            | Self::NoKey(_)
            | Self::BadSignature { .. }
            | Self::NotAJsonObject
            | Self::FieldMissing(_)
            | Self::FieldNotText(_)
            | Self::FieldTooLong { .. }
            | Self::BusinessIdsDiffer
            | Self::UnknownMerchant
            | Self::NonceUsed => StatusCode::OK,
        }
    }

    /// The cause for the log, where a message would say too much or too little.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::BadSignature { .. } => "signature".to_owned(),
            Self::Keys(error) => error.to_string(),
            Self::Store(error) => error.to_string(),
            Self::Random(error) => error.to_string(),
            other => other.to_string(),
        }
    }
}

fn shown(source: Option<IpAddr>) -> String {
    source.map_or_else(|| "an unknown address".to_owned(), |source| source.to_canonical().to_string())
}
