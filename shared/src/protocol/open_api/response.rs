//! An answer of the open API: `{"status", "code", "message", "data"}`, with the request's id in a header.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::model::request_id::RequestId;
use crate::protocol::open_api::code::{Code, SUCCESS};
use crate::protocol::open_api::warning::Warning;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The wait, in seconds, that a caller is asked for while too many unknown names are being asked for.
const RETRY_AFTER_SECS: u64 = 1;

/// Gives an answer the id of its request, in `X-Request-Id`.
pub fn set_request_id(headers: &mut HeaderMap, request_id: &RequestId) {
    if let Ok(request_id) = HeaderValue::from_str(request_id.as_str()) {
        headers.insert(REQUEST_ID, request_id);
    }
}

/// What an answer carries beside its data.
pub struct Envelope<'a> {
    pub request_id: &'a RequestId,
    /// The warnings about the request; none are left out.
    pub warnings: &'a [Warning],
}

impl Envelope<'_> {
    /// The answer that grants what was asked for, with an object for `data`.
    #[must_use]
    pub fn granted(&self, data: &impl Serialize) -> Response<Bytes> {
        self.answer(StatusCode::OK, 0, SUCCESS, SUCCESS, data)
    }

    /// The answer that refuses it; `data` is an object, an empty one if there is nothing to say.
    #[must_use]
    pub fn refused(&self, code: Code, message: &str, data: &impl Serialize) -> Response<Bytes> {
        self.answer(code.http_status(), code.status(), code.as_str(), message, data)
    }

    fn answer(
        &self,
        http_status: StatusCode,
        status: u8,
        code: &str,
        message: &str,
        data: &impl Serialize,
    ) -> Response<Bytes> {
        let data = Data { data, warnings: self.warnings };
        let json = serde_json::to_vec(&Body { status, code, message, data })
            .unwrap_or_else(|error| unreachable!("always serialises: {error}"));
        let mut response = Response::new(Bytes::from(json));
        *response.status_mut() = http_status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        set_request_id(headers, self.request_id);
        if http_status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(RETRY_AFTER, RETRY_AFTER_SECS.into());
        }
        response
    }
}

#[derive(Serialize)]
struct Body<'a, D> {
    status: u8,
    code: &'a str,
    message: &'a str,
    data: D,
}

#[derive(Serialize)]
struct Data<'a, D> {
    #[serde(flatten)]
    data: &'a D,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [Warning],
}
