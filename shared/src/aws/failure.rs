//! Why a call failed, and whether the same call may succeed a moment later.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;

/// Codes by which any service says that it is asked too often, or is at the same request already (the AWS SDKs' list).
const THROTTLED: [&str; 14] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];
/// Codes of requests that came too slowly.
const LATE: [&str; 2] = ["RequestTimeout", "RequestTimeoutException"];

/// What a service answered instead of what was asked for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ServiceError {
    status: StatusCode,
    /// The error's name, without the namespace that the service puts before it; if there is one.
    pub(crate) code: Option<String>,
    /// What else the answer says: JSON, if there is a name.
    pub(crate) body: Bytes,
}

/// Why a call failed. The text is for the log: it names nothing of what was asked or answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    #[error("{}", .0.code.as_deref().unwrap_or("an error without code"))]
    Service(ServiceError),
    #[error("time-out")]
    TimedOut,
    #[error("no connection")]
    Lost,
    #[error("unreadable answer")]
    Unreadable,
    #[error("an answer too long")]
    TooLong,
    #[error("the request could not be built")]
    Unsendable,
}

/// What stood in a call's way and may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The service answers, but not this for now.
    Throttling,
    /// Nobody knows whether the service heard, or it failed.
    Outage,
}

/// Without the answer: it may be a record.
impl fmt::Debug for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceError")
            .field("status", &self.status)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

impl ServiceError {
    pub(super) fn new(status: StatusCode, body: Bytes) -> Self {
        #[derive(Deserialize)]
        struct Named {
            /// `com.amazonaws.dynamodb.v20120810#ResourceNotFoundException`
            #[serde(rename = "__type")]
            kind: String,
        }
        let code = serde_json::from_slice(&body).ok().map(|Named { kind }| match kind.rsplit_once('#') {
            Some((_, code)) => code.to_owned(),
            None => kind,
        });
        Self { status, code, body }
    }
}

impl CallError {
    /// Why the same call may succeed; `None` if it will not.
    pub(super) fn obstacle(&self) -> Option<Obstacle> {
        match self {
            Self::TimedOut | Self::Lost | Self::Unreadable => Some(Obstacle::Outage),
            Self::TooLong | Self::Unsendable => None,
            Self::Service(ServiceError { status, code, .. }) => match code.as_deref() {
                Some(code) if THROTTLED.contains(&code) => Some(Obstacle::Throttling),
                Some(code) if LATE.contains(&code) => Some(Obstacle::Outage),
                _ => matches!(status.as_u16(), 500 | 502 | 503 | 504).then_some(Obstacle::Outage),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str) -> ServiceError {
        ServiceError::new(StatusCode::from_u16(status).unwrap(), Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn an_error_has_its_name_if_it_says_one_and_may_pass_by_name_or_status() {
        use Obstacle::{Outage, Throttling};
        for (status, body, code, obstacle) in [
            (
                400,
                r#"{"__type":"com.amazonaws.dynamodb.v20120810#ValidationException"}"#,
                Some("ValidationException"),
                None,
            ),
            (400, r#"{"__type":"AccessDeniedException","Message":"?"}"#, Some("AccessDeniedException"), None),
            (400, r#"{"__type":"a#ThrottlingException"}"#, Some("ThrottlingException"), Some(Throttling)),
            (500, r#"{"__type":"a#RequestLimitExceeded"}"#, Some("RequestLimitExceeded"), Some(Throttling)),
            (400, r#"{"__type":"RequestTimeout"}"#, Some("RequestTimeout"), Some(Outage)),
            (500, r#"{"__type":"a#InternalServerError"}"#, Some("InternalServerError"), Some(Outage)),
            (502, "<html>", None, Some(Outage)),
            (503, "", None, Some(Outage)),
            (504, "{}", None, Some(Outage)),
            (501, "", None, None),
            (403, "<html>", None, None),
            (413, "{}", None, None),
        ] {
            let error = error(status, body);
            assert_eq!(error.code.as_deref(), code, "{body}");
            assert_eq!(CallError::Service(error).obstacle(), obstacle, "{status} {body}");
        }
    }

    #[test]
    fn what_was_not_answered_may_pass_and_what_no_repetition_mends_does_not() {
        for error in [CallError::TimedOut, CallError::Lost, CallError::Unreadable] {
            assert_eq!(error.obstacle(), Some(Obstacle::Outage), "{error}");
        }
        for error in [CallError::TooLong, CallError::Unsendable] {
            assert_eq!(error.obstacle(), None, "{error}");
        }
    }

    #[test]
    fn what_may_be_a_record_is_not_shown() {
        let body = r#"{"__type":"a#ConditionalCheckFailedException","Item":{"openId":{"S":"open-1"}}}"#;
        let error = CallError::Service(error(400, body));
        assert_eq!(error.to_string(), "ConditionalCheckFailedException");
        assert!(!format!("{error:?}").contains("open-1"));
    }
}
