//! An answer of the open API: `{"status", "message", "data"}`.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::protocol::open_api::error::RETRY_AFTER_SECS;

/// The answer with this `status` and `message`; `data` is an object, an empty one if there is nothing to say.
#[must_use]
pub fn answer(http_status: StatusCode, status: u8, message: &str, data: &impl Serialize) -> Response<Bytes> {
    let json = serde_json::to_vec(&Body { status, message, data })
        .unwrap_or_else(|error| unreachable!("always serialises: {error}"));
    let mut response = Response::new(Bytes::from(json));
    *response.status_mut() = http_status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if http_status == StatusCode::TOO_MANY_REQUESTS {
        headers.insert(RETRY_AFTER, RETRY_AFTER_SECS.into());
    }
    response
}

#[derive(Serialize)]
struct Body<'a, D> {
    status: u8,
    message: &'a str,
    data: &'a D,
}
