//! Why a request was refused, and Alibaba Cloud's dialect for it: HTTP status, `Code` and `Message`.
//!
//! The action's codes and messages are those of the error table of `GetAuthorizationUrl` (Dypnsapi 2017-05-25), the
//! spelling `MobileNumberIllgeal` included; the others are the RPC gateway's.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use shared::model::random::RandomError;
use shared::protocol::alibaba_cloud::AlibabaCloudError;
use shared::secrets::{SecretError, SecretName};
use shared::signing::alibaba_cloud::{CallError, IncompleteSignatureError, Protocol, SignatureMismatch};
use shared::store::StoreError;

/// How long a caller is asked to wait while too many unknown names are being asked for.
const BUSY_FOR: Duration = Duration::from_secs(1);

/// Why a request was refused. What it displays is for the log.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another action, version, path or method.
    #[error("no such action")]
    NoSuchAction,
    /// Over 16 KiB.
    #[error("the body is too large")]
    BodyTooLarge,
    /// Nobody says who calls.
    #[error("no AccessKeyId")]
    NoAccessKeyId,
    /// An STS token: there are none here.
    #[error("temporary credentials")]
    TemporaryCredentials,
    /// No such access key, or one that could have no such name.
    #[error("unknown access key")]
    UnknownAccessKey,
    /// The request is not signed in the way that the protocol asks for.
    #[error("{0}")]
    Incomplete(IncompleteSignatureError),
    /// The time stamp is absent or of another form.
    #[error("no time stamp of the form yyyy-MM-ddTHH:mm:ssZ")]
    BadTimestamp,
    /// The time stamp is too far from our clock.
    #[error("the time stamp is {} s off", .0.as_secs())]
    OutOfWindow(Duration),
    /// The signature is another's.
    #[error("the signature does not match")]
    Mismatch(Protocol, SignatureMismatch),
    /// The nonce was used before.
    #[error("the nonce was used before")]
    NonceUsed,
    /// The access key is switched off.
    #[error("the access key is switched off")]
    KeyDisabled,
    /// The access key has no permission for the action.
    #[error("the access key has no permission for the action")]
    NoPermission,
    /// The account is suspended.
    #[error("the account is suspended")]
    Suspended,
    /// The account has not subscribed.
    #[error("the account has not subscribed")]
    NotSubscribed,
    /// The account has asked for more than it may in a second.
    #[error("over the account's allowance")]
    OverAllowance {
        /// When it may ask again.
        retry_after: Duration,
    },
    /// A required parameter is absent or empty.
    #[error("parameter {0} is missing")]
    Missing(&'static str),
    /// A parameter is given twice, or is not of its type.
    #[error("parameter {0} is repeated or not of its type")]
    BadParameter(&'static str),
    /// Not a mainland mobile number.
    #[error("PhoneNo is no mobile number")]
    BadPhoneNo,
    /// No such scheme.
    #[error("no such scheme")]
    UnknownScheme,
    /// Another account's scheme.
    #[error("another account's scheme")]
    ForeignScheme,
    /// The scheme was not approved.
    #[error("the scheme was not approved")]
    SchemeNotPassed,
    /// No day of the calendar, or one that is over.
    #[error("EndDate is no date, or over")]
    BadEndDate,
    /// Nobody has verified who the account is.
    #[error("the account's identity was not verified")]
    IdentityNotVerified,
    /// Too many names that nobody knows are being asked for, so this one was not looked up.
    #[error("too many look-ups of unknown secrets")]
    Busy,
    /// Secrets Manager cannot be reached; what it said.
    #[error("{0}")]
    Keys(String),
    /// A document that has to be there is not.
    #[error("there is no secret {0}")]
    DocumentAbsent(SecretName),
    /// A document cannot be read.
    #[error("{0}")]
    DocumentUnreadable(SecretError),
    /// The store cannot be had at the moment.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// No randomness.
    #[error("{0}")]
    Random(#[from] RandomError),
    /// So much time was spent on keys that Alibaba Cloud could not be waited for any more; it was not asked.
    #[error("no time was left for Alibaba Cloud")]
    TooLate,
    /// Alibaba Cloud refused, or did not answer.
    #[error("{0}")]
    Upstream(#[from] AlibabaCloudError),
    /// Nobody has told this process its address.
    #[error("the server does not know its own address")]
    NoPublicUrl,
}

impl Refusal {
    /// A document that is needed for every request, or that another one names, and that could not be had.
    pub(crate) fn document(name: SecretName, error: SecretError) -> Self {
        match error {
            SecretError::Busy => Self::Busy,
            SecretError::Unavailable { .. } => Self::Keys(error.to_string()),
            SecretError::Absent => Self::DocumentAbsent(name),
            SecretError::Unparsable { .. } => Self::DocumentUnreadable(error),
        }
    }

    /// When a call that was refused for its time alone may come again.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::OverAllowance { retry_after } => Some(*retry_after),
            Self::Busy => Some(BUSY_FOR),
            _ => None,
        }
    }

    /// Alibaba Cloud's code, if it gave one.
    pub(crate) fn upstream_code(&self) -> Option<&str> {
        if let Self::Upstream(failure) = self { failure.code() } else { None }
    }

    /// Alibaba Cloud's name for the call, if it gave one.
    pub(crate) fn upstream_request_id(&self) -> Option<&str> {
        if let Self::Upstream(failure) = self { failure.request_id() } else { None }
    }

    /// The HTTP status, the code and the message of the answer.
    pub(crate) fn answer(&self) -> (StatusCode, &str, Cow<'_, str>) {
        use StatusCode as Http;
        let (status, code, message) = match self {
            Self::NoSuchAction => (
                Http::NOT_FOUND,
                "InvalidAction.NotFound",
                "Specified api is not found, please check your url and method.",
            ),
            Self::NoAccessKeyId => {
                (Http::BAD_REQUEST, "MissingAccessKeyId", "AccessKeyId is mandatory for this action.")
            }
            Self::TemporaryCredentials => (
                Http::BAD_REQUEST,
                "InvalidSecurityToken.NotSupported",
                "Temporary credentials (STS) are not supported here: sign with an access key of your own, without a \
                 SecurityToken.",
            ),
            Self::UnknownAccessKey => {
                (Http::NOT_FOUND, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
            }
            Self::Incomplete(_) => (
                Http::BAD_REQUEST,
                "IncompleteSignature",
                "The request signature does not conform to Aliyun standards.",
            ),
            Self::BadTimestamp => (
                Http::BAD_REQUEST,
                "InvalidTimeStamp.Format",
                "Specified time stamp or date value is not well formatted.",
            ),
            Self::OutOfWindow(_) => (
                Http::BAD_REQUEST,
                "InvalidTimeStamp.Expired",
                "Specified time stamp or date value is expired.",
            ),
            Self::Mismatch(protocol, mismatch) => {
                let ours = &mismatch.string_to_sign;
                let message = match protocol {
                    Protocol::V1 => format!(
                        "Specified signature is not matched with our calculation. server string to sign is:{ours}"
                    ),
                    Protocol::V3 => format!(
                        "Specified signature does not match our calculation. server StringToSign is:[{ours}]"
                    ),
                };
                return (Http::BAD_REQUEST, "SignatureDoesNotMatch", message.into());
            }
            Self::NonceUsed => {
                (Http::BAD_REQUEST, "SignatureNonceUsed", "Specified signature nonce was used already.")
            }
            Self::BodyTooLarge | Self::BadParameter(_) => {
                (Http::BAD_REQUEST, "InvalidParameters", "The specified parameter is not valid.")
            }
            Self::Missing(_) => (Http::BAD_REQUEST, "MissingParameter", "You must specify the parameter."),
            Self::OverAllowance { .. } | Self::Busy => {
                (Http::BAD_REQUEST, "Throttling.System", "The request was denied due to API flow control.")
            }
            Self::BadPhoneNo => {
                (Http::BAD_REQUEST, "MobileNumberIllgeal", "The specified mobile phone number is invalid.")
            }
            Self::UnknownScheme => {
                (Http::BAD_REQUEST, "DataNotFound", "The specified scheme does not exist.")
            }
            Self::BadEndDate => (Http::BAD_REQUEST, "IllegalParameter", "The specified endDate is invalid."),
            Self::SchemeNotPassed => (Http::BAD_REQUEST, "SchemeNotPassed", "The scheme is not passed."),
            Self::ForeignScheme => (
                Http::FORBIDDEN,
                "Forbidden",
                "The user is not authorized to operate on the specified resource.",
            ),
            Self::KeyDisabled => {
                (Http::FORBIDDEN, "UnauthorizedOperation", "Failed to verify your access permissions.")
            }
            Self::NoPermission => (
                Http::FORBIDDEN,
                "UnauthorizedOperation",
                "You are not authorized to perform this operation.",
            ),
            Self::IdentityNotVerified => (
                Http::INTERNAL_SERVER_ERROR,
                "IdentityCertifyNotExist",
                "The identity verification record does not exist.",
            ),
            Self::DocumentAbsent(_) | Self::Random(_) | Self::NoPublicUrl => (
                Http::INTERNAL_SERVER_ERROR,
                "InternalError",
                "An error occurred while processing your request.",
            ),
            Self::DocumentUnreadable(_) => {
                (Http::INTERNAL_SERVER_ERROR, "InternalError", "An internal error occurred.")
            }
            Self::Upstream(AlibabaCloudError::Refused(refused)) => {
                (refused.status, refused.code.as_str(), refused.message.as_str())
            }
            Self::Keys(_) | Self::TooLate | Self::Upstream(AlibabaCloudError::Unanswered { .. }) => {
                (Http::INTERNAL_SERVER_ERROR, "SystemError", "A system error occurred.")
            }
            Self::Store(_) => (
                Http::INTERNAL_SERVER_ERROR,
                "SystemError",
                "An error occurred while processing your request.",
            ),
            Self::Suspended => (Http::INTERNAL_SERVER_ERROR, "OutOfService", "The account is suspended."),
            Self::NotSubscribed => (
                Http::INTERNAL_SERVER_ERROR,
                "FunctionNotSubscribed",
                "You have not subscribed to the function.",
            ),
        };
        (status, code, Cow::Borrowed(message))
    }
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        match error {
            CallError::MissingAccessKeyId => Self::NoAccessKeyId,
            CallError::BadTimestamp => Self::BadTimestamp,
            // Outside the alphabet of access key ids, like any other that is none.
            CallError::Incomplete(IncompleteSignatureError::BadAccessKeyId) => Self::UnknownAccessKey,
            CallError::Incomplete(flaw) => Self::Incomplete(flaw),
        }
    }
}
