//! Why a query was refused, and the open API's dialect for it: `status` and `message`.

use http::StatusCode;
use shared::model::random::RandomError;
use shared::protocol::open_api::CallError;
use shared::store::StoreError;

/// Why a query was refused. What it displays is the answer's `message`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// For what all calls have in common.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The business has not used this serialNo for this merchant, or its record is kept no longer.
    #[error("there is no such serialNo")]
    UnknownSerial,
}

impl Refusal {
    /// The open API's state.
    pub(crate) const fn status(&self) -> u8 {
        match self {
            Self::Call(error) => error.refusal().0,
            Self::UnknownSerial => 7,
        }
    }

    /// 200 for what was answered on purpose; 5xx when it was we who failed.
    pub(crate) const fn http_status(&self) -> StatusCode {
        match self {
            Self::Call(error) => error.refusal().1.http_status(),
            Self::UnknownSerial => StatusCode::OK,
        }
    }

    /// The cause for the log, where a message would say too much or too little.
    pub(crate) fn word(&self) -> String {
        match self {
            Self::Call(error) => error.log_reason(),
            Self::UnknownSerial => self.to_string(),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Call(CallError::StoreUnavailable(error.to_string()))
    }
}

impl From<RandomError> for Refusal {
    fn from(error: RandomError) -> Self {
        Self::Call(error.into())
    }
}
