//! The answer, in the open API's dialect.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Serialize;
use shared::protocol::open_api::answer;

use crate::error::QueryError;
use crate::view::View;

/// The open API's `status` of an outcome.
pub(crate) fn status(outcome: &Result<View, QueryError>) -> u8 {
    outcome.as_ref().map_or_else(|error| error.refusal().0, |_| 0)
}

/// The answer to a query that was granted or refused.
pub(crate) fn respond(outcome: &Result<View, QueryError>) -> Response<Bytes> {
    match outcome {
        Ok(view) => answer(StatusCode::OK, 0, "success", view),
        Err(error) => {
            let (status, http_status) = error.refusal();
            answer(http_status, status, &error.to_string(), &Nothing {})
        }
    }
}

#[derive(Serialize)]
struct Nothing {}
