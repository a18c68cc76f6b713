//! The answer, in the open API's dialect.

use bytes::Bytes;
use http::Response;
use serde::Serialize;
use shared::protocol::open_api::{Envelope, OpenApiCallError};

use crate::view::View;

/// The answer to a query that was granted or refused.
pub(crate) fn respond(outcome: &Result<View, OpenApiCallError>, envelope: &Envelope<'_>) -> Response<Bytes> {
    match outcome {
        Ok(view) => envelope.granted(view),
        Err(error) => envelope.refused(error.code(), &error.to_string(), &Nothing {}),
    }
}

#[derive(Serialize)]
struct Nothing {}
