//! A refusal in Alibaba Cloud's dialect: HTTP status, `Code` and `Message`, and the party at fault.
//!
//! The action's codes and messages are those of the error table of `GetAuthorizationUrl` (Dypnsapi 2017-05-25), the
//! spelling `MobileNumberIllgeal` included; the others are the RPC gateway's.

use std::borrow::Cow;

use http::StatusCode;
use shared::protocol::alibaba_cloud::AlibabaCloudError;
use shared::secrets::SecretError;
use shared::signing::alibaba_cloud::{Protocol, SignatureMismatch};
use shared::telemetry::{Alarm, RefusalClass};

use crate::error::ApiError;

const BAD_REQUEST: StatusCode = StatusCode::BAD_REQUEST;
const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
const NOT_FOUND: StatusCode = StatusCode::NOT_FOUND;
const FAILED: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

/// A refusal as its caller sees it, and its class.
pub(crate) struct ApiRefusal<'a> {
    pub(crate) class: RefusalClass,
    pub(crate) status: StatusCode,
    pub(crate) code: &'a str,
    pub(crate) message: Cow<'a, str>,
}

impl ApiError {
    /// The table of refusals.
    pub(crate) fn refusal(&self) -> ApiRefusal<'_> {
        use RefusalClass::{Caller, Configuration, Dependency, Transient, Upstream};
        let (class, status, code, message) = match self {
            Self::NoSuchAction | Self::ForeignHost => (
                Caller,
                NOT_FOUND,
                "InvalidAction.NotFound",
                "Specified api is not found, please check your url and method.",
            ),
            Self::NoAccessKeyId => {
                (Caller, BAD_REQUEST, "MissingAccessKeyId", "AccessKeyId is mandatory for this action.")
            }
            Self::TemporaryCredentials => (
                Caller,
                BAD_REQUEST,
                "InvalidSecurityToken.NotSupported",
                "Temporary credentials (STS) are not supported here: sign with an access key of your own, without a \
                 SecurityToken.",
            ),
            Self::UnknownAccessKey => {
                (Caller, NOT_FOUND, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
            }
            Self::Incomplete(_) => (
                Caller,
                BAD_REQUEST,
                "IncompleteSignature",
                "The request signature does not conform to Aliyun standards.",
            ),
            Self::BadTimestamp => (
                Caller,
                BAD_REQUEST,
                "InvalidTimeStamp.Format",
                "Specified time stamp or date value is not well formatted.",
            ),
            Self::OutOfWindow(_) => (
                Caller,
                BAD_REQUEST,
                "InvalidTimeStamp.Expired",
                "Specified time stamp or date value is expired.",
            ),
            Self::Mismatch(protocol, mismatch) => {
                let (code, message) = ("SignatureDoesNotMatch", mismatch_message(*protocol, mismatch));
                return ApiRefusal { class: Caller, status: BAD_REQUEST, code, message: message.into() };
            }
            Self::NonceUsed => {
                (Caller, BAD_REQUEST, "SignatureNonceUsed", "Specified signature nonce was used already.")
            }
            Self::BodyTooLarge | Self::BadParameter(_) => {
                (Caller, BAD_REQUEST, "InvalidParameters", "The specified parameter is not valid.")
            }
            Self::Missing(_) => (Caller, BAD_REQUEST, "MissingParameter", "You must specify the parameter."),
            Self::OverRateLimit { .. } | Self::TooManyLookUps => (
                Transient,
                BAD_REQUEST,
                "Throttling.System",
                "The request was denied due to API flow control.",
            ),
            Self::BadPhoneNo => {
                (Caller, BAD_REQUEST, "MobileNumberIllgeal", "The specified mobile phone number is invalid.")
            }
            Self::UnknownScheme => {
                (Caller, BAD_REQUEST, "DataNotFound", "The specified scheme does not exist.")
            }
            Self::BadEndDate => {
                (Caller, BAD_REQUEST, "IllegalParameter", "The specified endDate is invalid.")
            }
            Self::SchemeNotPassed => (Caller, BAD_REQUEST, "SchemeNotPassed", "The scheme is not passed."),
            Self::ForeignScheme => (
                Caller,
                FORBIDDEN,
                "Forbidden",
                "The user is not authorized to operate on the specified resource.",
            ),
            Self::KeyDisabled => {
                (Caller, FORBIDDEN, "UnauthorizedOperation", "Failed to verify your access permissions.")
            }
            Self::NoPermission => (
                Caller,
                FORBIDDEN,
                "UnauthorizedOperation",
                "You are not authorized to perform this operation.",
            ),
            Self::IdentityNotVerified => (
                Caller,
                FAILED,
                "IdentityCertifyNotExist",
                "The identity verification record does not exist.",
            ),
            Self::Document { error: SecretError::Absent, .. } => {
                (Configuration, FAILED, "InternalError", "An error occurred while processing your request.")
            }
            Self::Random(_) | Self::NoPublicUrl => {
                (Dependency, FAILED, "InternalError", "An error occurred while processing your request.")
            }
            Self::Document { error: SecretError::Unparsable(_), .. } => {
                (Configuration, FAILED, "InternalError", "An internal error occurred.")
            }
            Self::AlibabaCloud(failure @ AlibabaCloudError::Refused(refused)) => {
                let class = if failure.is_ours_to_mend() { Upstream } else { Caller };
                (class, refused.status, refused.code.as_str(), refused.message.as_str())
            }
            Self::Document { .. } | Self::TooLate => {
                (Dependency, FAILED, "SystemError", "A system error occurred.")
            }
            Self::AlibabaCloud(AlibabaCloudError::Unanswered { .. }) => {
                (Upstream, FAILED, "SystemError", "A system error occurred.")
            }
            Self::Store(_) => {
                (Dependency, FAILED, "SystemError", "An error occurred while processing your request.")
            }
            Self::Suspended => (Caller, FAILED, "OutOfService", "The account is suspended."),
            Self::NotSubscribed => {
                (Caller, FAILED, "FunctionNotSubscribed", "You have not subscribed to the function.")
            }
        };
        ApiRefusal { class, status, code, message: Cow::Borrowed(message) }
    }

    /// The alarm of a failure of ours. What Alibaba Cloud did is alarmed where it is known for whom it was asked.
    pub(crate) fn alarm(&self) -> Option<Alarm> {
        match self {
            Self::Store(error) => Some(error.alarm()),
            Self::Document { error, .. } => error.alarm(),
            _ => self.refusal().class.alarm(),
        }
    }
}

/// The gateway's message, which shows the caller the string that its signature should have signed.
fn mismatch_message(protocol: Protocol, mismatch: &SignatureMismatch) -> String {
    let ours = &mismatch.string_to_sign;
    match protocol {
        Protocol::V1 => {
            format!(
                "Specified signature is not matched with our calculation. server string to sign is:{ours}"
            )
        }
        Protocol::V3 => {
            format!("Specified signature does not match our calculation. server StringToSign is:[{ours}]")
        }
    }
}
