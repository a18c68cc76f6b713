//! The refusals of a query, in the open API's dialect: `status` and `message`.

use http::StatusCode;
use shared::model::random::RandomError;
use shared::protocol::open_api::CallError;
use shared::store::StoreError;
use shared::telemetry::Alarm;

/// A query was refused. It displays as the answer's `message`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// For a cause that all calls have in common.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The business has not used this serialNo for this merchant, or its record is kept no longer.
    #[error("there is no such serialNo")]
    UnknownSerial,
}

impl QueryError {
    /// The table of refusals: the open API's `status`, and 200 for what was answered on purpose or 5xx for what
    /// failed on our side.
    pub(crate) const fn refusal(&self) -> (u8, StatusCode) {
        match self {
            Self::Call(error) => {
                let (status, class) = error.refusal();
                (status, class.http_status())
            }
            Self::UnknownSerial => (7, StatusCode::OK),
        }
    }

    /// The cause for the log, where a message would say too much or too little.
    pub(crate) fn log_reason(&self) -> String {
        match self {
            Self::Call(error) => error.log_reason(),
            Self::UnknownSerial => self.to_string(),
        }
    }

    /// The alarm of a failure of ours.
    pub(crate) const fn alarm(&self) -> Option<Alarm> {
        match self {
            Self::Call(error) => error.alarm(),
            Self::UnknownSerial => None,
        }
    }
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> Self {
        Self::Call(CallError::Unavailable { reason: error.to_string(), alarm: error.alarm() })
    }
}

impl From<RandomError> for QueryError {
    fn from(error: RandomError) -> Self {
        Self::Call(error.into())
    }
}
