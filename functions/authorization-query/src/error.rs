//! The refusals of a query, in the open API's dialect: `status` and `message`.

use shared::model::random::RandomError;
use shared::protocol::open_api::{Code, OpenApiCallError};
use shared::store::StoreError;
use shared::telemetry::Alarm;

/// A query was refused. It displays as the answer's `message`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// For a cause that all calls have in common.
    #[error(transparent)]
    Call(#[from] OpenApiCallError),
    /// The business has not used this serialNo for this merchant, or its record is kept no longer.
    #[error("there is no such serialNo")]
    UnknownSerial,
}

impl QueryError {
    /// The word of the refusal, which stands for its row in the table of refusals.
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::Call(error) => error.code(),
            Self::UnknownSerial => Code::SerialUnknown,
        }
    }

    /// The cause for the log, where a message would say too much or too little.
    pub(crate) fn log_reason(&self) -> String {
        match self {
            Self::Call(error) => error.log_reason(),
            Self::UnknownSerial => self.to_string(),
        }
    }

    /// The word for the cause of a refused signature, for the log.
    pub(crate) fn cause(&self) -> Option<&'static str> {
        match self {
            Self::Call(error) => error.cause(),
            _ => None,
        }
    }

    /// The alarm of a failure of ours.
    pub(crate) const fn alarm(&self) -> Option<Alarm> {
        match self {
            Self::Call(error) => error.alarm(),
            Self::UnknownSerial => self.code().class().alarm(),
        }
    }
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> Self {
        Self::Call(OpenApiCallError::Unavailable { reason: error.to_string(), alarm: error.alarm() })
    }
}

impl From<RandomError> for QueryError {
    fn from(error: RandomError) -> Self {
        Self::Call(error.into())
    }
}
