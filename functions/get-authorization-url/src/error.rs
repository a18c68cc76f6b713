//! The causes of a refusal.

use std::time::Duration;

use shared::model::random::RandomError;
use shared::protocol::alibaba_cloud::AlibabaCloudError;
use shared::secrets::{SecretError, SecretName};
use shared::signing::alibaba_cloud::{
    AlibabaCloudCallError, IncompleteSignatureError, Protocol, SignatureMismatch,
};
use shared::store::StoreError;

/// The wait that a caller is asked for while too many unknown names are being asked for.
const LOOK_UP_PAUSE: Duration = Duration::from_secs(1);

/// The cause of a refusal. It displays as the log's reason.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// Another action, version, path or method.
    #[error("no such action")]
    NoSuchAction,
    /// A call of V3 that is signed for another host.
    #[error("the signed host is not ours")]
    ForeignHost,
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
    #[error(transparent)]
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
    #[error("the account is suspended")]
    Suspended,
    /// The account has not subscribed.
    #[error("the account has not subscribed")]
    NotSubscribed,
    /// The account has asked for more than it may in a second.
    #[error("over the account's rate limit")]
    OverRateLimit {
        /// The wait until it may ask again.
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
    /// So many unknown names are being asked for that this one was not looked up.
    #[error("too many look-ups of unknown names")]
    TooManyLookUps,
    /// A document is unavailable.
    #[error("secret {name}: {error}")]
    Document {
        /// The secret's name, as far as it may be logged.
        name: String,
        error: SecretError,
    },
    /// The store is unavailable at the moment.
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] RandomError),
    /// So much time was spent on keys that Alibaba Cloud could not be waited for any more; it was not asked.
    #[error("no time was left for Alibaba Cloud")]
    TooLate,
    /// Alibaba Cloud refused, or did not answer.
    #[error(transparent)]
    AlibabaCloud(#[from] AlibabaCloudError),
    /// Nobody has told this process its address.
    #[error("the server does not know its own address")]
    NoPublicUrl,
}

impl ApiError {
    /// The error of a document that is needed and unavailable.
    pub(crate) fn document(name: &SecretName, error: SecretError) -> Self {
        match error {
            SecretError::TooManyLookUps => Self::TooManyLookUps,
            error => Self::Document { name: name.log_text_of_unknown().to_owned(), error },
        }
    }

    /// The wait after which a call that was refused for its time alone may come again.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::OverRateLimit { retry_after } => Some(*retry_after),
            Self::TooManyLookUps => Some(LOOK_UP_PAUSE),
            _ => None,
        }
    }

    /// Alibaba Cloud's code, if it gave one.
    pub(crate) fn upstream_code(&self) -> Option<&str> {
        if let Self::AlibabaCloud(failure) = self { failure.code() } else { None }
    }

    /// Alibaba Cloud's name for the call, if it gave one.
    pub(crate) fn upstream_request_id(&self) -> Option<&str> {
        if let Self::AlibabaCloud(failure) = self { failure.request_id() } else { None }
    }
}

impl From<AlibabaCloudCallError> for ApiError {
    fn from(error: AlibabaCloudCallError) -> Self {
        match error {
            AlibabaCloudCallError::MissingAccessKeyId => Self::NoAccessKeyId,
            AlibabaCloudCallError::BadTimestamp => Self::BadTimestamp,
            // Outside the alphabet of access key ids, like any other that is none.
            AlibabaCloudCallError::Incomplete(IncompleteSignatureError::BadAccessKeyId) => {
                Self::UnknownAccessKey
            }
            AlibabaCloudCallError::Incomplete(flaw) => Self::Incomplete(flaw),
        }
    }
}
