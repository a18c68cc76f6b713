//! The refusals that routes of the open API have in common, and the one that only a query has, in its dialect: `status`
//! and `message`.

use std::net::IpAddr;

use crate::model::clock::UnixMillis;
use crate::model::random::RandomError;
use crate::protocol::open_api::body_error::BodyError;
use crate::protocol::open_api::code::Code;
use crate::signing::open_api::diagnosis::Diagnosis;
use crate::signing::open_api::{HeaderError, SignType, SignatureError, WINDOW};
use crate::telemetry::Alarm;

/// The largest body that is read.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

const ONE_DAY_MILLIS: u64 = 24 * 60 * 60 * 1_000;

/// The cause of a call's refusal. It displays as the answer's `message`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenApiCallError {
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
        "the timestamp is {} ms {} the server's time {now}; {} ms are allowed{}",
        .sent.distance(*.now).as_millis(),
        if .sent > .now { "ahead of" } else { "behind" },
        WINDOW.as_millis(),
        if looks_like_seconds(*.sent, *.now) { "; it looks like seconds, milliseconds are wanted" } else { "" }
    )]
    OutOfWindow {
        /// The timestamp that was sent.
        sent: UnixMillis,
        /// Our time.
        now: UnixMillis,
    },
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
    #[error("signature verification failed: {}{}", SignatureError::NoKey(*.sign_type), told("; ", .diagnosis))]
    NoKey {
        /// The kind that the call claims.
        sign_type: SignType,
        /// The cause, if there is more to say.
        diagnosis: Option<Box<Diagnosis>>,
    },
    /// The signature is another's.
    #[error(
        "signature verification failed{}; the string that was checked is: {}",
        told(": ", .diagnosis),
        String::from_utf8_lossy(.checked)
    )]
    BadSignature {
        /// The string, without the MD5 key that follows it.
        checked: Vec<u8>,
        /// The cause, if it was looked for and is known.
        diagnosis: Option<Box<Diagnosis>>,
    },
    /// The body is not a JSON object.
    #[error("the body must be a JSON object; {0}")]
    NotAJsonObject(BodyError),
    /// A field is given twice, so that it says two things.
    #[error("the body gives {0} twice")]
    FieldRepeated(String),
    /// Fields whose names are nearly known, each with the name that was meant.
    #[error("{}", .0.iter().map(|(name, meant)| format!("parameter {name} is unknown, did you mean {meant}?"))
        .collect::<Vec<_>>().join(" "))]
    FieldMisspelt(Vec<(String, &'static str)>),
    /// Required fields are absent or empty.
    #[error("parameter{} {} missing", if .0.len() == 1 { "" } else { "s" }, enumerated(.0))]
    FieldMissing(Vec<&'static str>),
    #[error("parameter {0} must be a string")]
    FieldNotText(&'static str),
    #[error("parameter {name} is longer than {max_characters} characters")]
    FieldTooLong {
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
    /// The business has not used this serialNo for this merchant, or its record is kept no longer.
    #[error("there is no such serialNo")]
    UnknownSerial,
    /// So many unknown businessIds are being asked for that this one was not looked up.
    #[error("too many unknown businessIds are being asked for, try again in a second")]
    TooManyLookUps,
    /// A document of the caller's cannot be read. That has raised its alarm when the version was first met.
    #[error(
        "this account is misconfigured on the server; its operator has to act, trying again does not help"
    )]
    Misconfigured {
        /// The flaw, for the log.
        reason: String,
    },
    /// Keys or the store are unavailable at the moment.
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

impl OpenApiCallError {
    /// The word of the refusal, which stands for its row in the table of refusals.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::NoSuchInterface => Code::NoSuchInterface,
            Self::BodyTooLarge => Code::BodyTooLarge,
            Self::Headers(error) => match error {
                HeaderError::Missing(_) => Code::HeaderMissing,
                HeaderError::Repeated(_) => Code::HeaderRepeated,
                HeaderError::UnknownSignType => Code::SignTypeUnknown,
                HeaderError::TooLong(_)
                | HeaderError::BadCharacter(_)
                | HeaderError::BadBusinessId
                | HeaderError::BadTimestamp => Code::HeaderMalformed,
            },
            Self::OutOfWindow { .. } => Code::TimestampOutOfWindow,
            Self::UnknownBusiness | Self::DisabledBusiness => Code::BusinessUnknown,
            Self::AddressNotAllowed { .. } => Code::AddressNotAllowed,
            Self::NonceOfCallback => Code::NonceReserved,
            Self::NoKey { .. } => Code::KeyMissing,
            Self::BadSignature { .. } => Code::SignatureMismatch,
            Self::NotAJsonObject(_) => Code::BodyNotJson,
            Self::FieldRepeated(_) => Code::FieldRepeated,
            Self::FieldMisspelt(_) => Code::FieldMisspelt,
            Self::FieldMissing(_) => Code::FieldMissing,
            Self::FieldNotText(_) => Code::FieldNotText,
            Self::FieldTooLong { .. } => Code::FieldTooLong,
            Self::BusinessIdsDiffer => Code::BusinessIdsDiffer,
            Self::UnknownMerchant => Code::MerchantUnknown,
            Self::NonceUsed => Code::NonceUsed,
            Self::UnknownSerial => Code::SerialUnknown,
            Self::TooManyLookUps => Code::TooManyLookUps,
            Self::Misconfigured { .. } => Code::AccountMisconfigured,
            Self::Unavailable { .. } | Self::Random(_) => Code::Unavailable,
        }
    }

    /// The cause for the log, where the message would say too much or too little.
    #[must_use]
    pub fn log_reason(&self) -> String {
        match self {
            Self::BadSignature { .. } => "signature".to_owned(),
            Self::TooManyLookUps => "too many look-ups of unknown names".to_owned(),
            Self::DisabledBusiness => "this businessId is switched off".to_owned(),
            Self::Misconfigured { reason } | Self::Unavailable { reason, .. } => reason.clone(),
            Self::FieldRepeated(_) => "the body gives a field twice".to_owned(),
            // A name that nobody knows may be anything.
            Self::FieldMisspelt(slips) => {
                let meant: Vec<_> = slips.iter().map(|(_, meant)| *meant).collect();
                format!("misspelt: {}", meant.join(", "))
            }
            Self::Random(error) => error.to_string(),
            other => other.to_string(),
        }
    }

    /// True if the signature is the reason.
    #[must_use]
    pub const fn is_of_signature(&self) -> bool {
        matches!(self, Self::BadSignature { .. } | Self::NoKey { .. })
    }

    /// The word for the cause of a refused signature, for the log.
    #[must_use]
    pub fn cause(&self) -> Option<&'static str> {
        match self {
            Self::BadSignature { diagnosis, .. } | Self::NoKey { diagnosis, .. } => {
                diagnosis.as_ref().map(|diagnosis| diagnosis.cause().as_str())
            }
            _ => None,
        }
    }

    /// The alarm of a failure of ours.
    #[must_use]
    pub const fn alarm(&self) -> Option<Alarm> {
        match self {
            Self::Unavailable { alarm, .. } => Some(*alarm),
            // It was raised when the document's version was first met.
            Self::Misconfigured { .. } => None,
            _ => self.code().class().alarm(),
        }
    }
}

/// The names with the verb that follows them.
fn enumerated(names: &[&str]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}

/// A diagnosis within a message.
fn told(before: &str, diagnosis: &Option<Box<Diagnosis>>) -> String {
    diagnosis.as_ref().map_or_else(String::new, |diagnosis| format!("{before}{diagnosis}"))
}

/// True if a timestamp is one of about this time, but in seconds.
fn looks_like_seconds(sent: UnixMillis, now: UnixMillis) -> bool {
    sent.0.checked_mul(1_000).is_some_and(|millis| millis.abs_diff(now.0) < ONE_DAY_MILLIS)
}

fn shown(source: Option<IpAddr>) -> String {
    source.map_or_else(|| "an unknown address".to_owned(), |source| source.to_canonical().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_in_seconds_is_one_within_a_day() {
        const NOW: UnixMillis = UnixMillis(1_628_772_138_000);
        const DAY: i64 = 24 * 3_600;
        let seconds = NOW.0 / 1_000;
        for (sent, is_so) in [
            (seconds, true),
            (seconds - DAY + 1, true),
            (seconds + DAY - 1, true),
            (seconds - DAY, false),
            (seconds + DAY, false),
            (NOW.0, false),
            (i64::MAX, false),
        ] {
            assert_eq!(looks_like_seconds(UnixMillis(sent), NOW), is_so, "{sent}");
        }
    }

    #[test]
    fn an_alarm_is_that_of_its_cause_or_else_of_its_class() {
        for (error, alarm) in [
            (OpenApiCallError::Unavailable { reason: String::new(), alarm: Alarm::Keys }, Some(Alarm::Keys)),
            (OpenApiCallError::Misconfigured { reason: String::new() }, None),
            (OpenApiCallError::Random(RandomError), Some(Alarm::Unavailable)),
            (OpenApiCallError::BodyTooLarge, None),
        ] {
            assert_eq!(error.alarm(), alarm, "{error}");
        }
    }

    #[test]
    fn only_a_refused_signature_is_worth_a_diagnosis() {
        let sign_type = SignType::Md5;
        for (error, is_so) in [
            (OpenApiCallError::BadSignature { checked: Vec::new(), diagnosis: None }, true),
            (OpenApiCallError::NoKey { sign_type, diagnosis: None }, true),
            (OpenApiCallError::BodyTooLarge, false),
            (OpenApiCallError::OutOfWindow { sent: UnixMillis(0), now: UnixMillis(1) }, false),
        ] {
            assert_eq!(error.is_of_signature(), is_so, "{error}");
        }
    }
}
