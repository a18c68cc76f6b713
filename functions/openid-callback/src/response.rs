//! The answer to a platform's callback. A browser's is a page.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};

/// `SUCCESS` or `FAIL`, as text.
pub(crate) fn respond(status: StatusCode, said: &'static str) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from_static(said.as_bytes()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
