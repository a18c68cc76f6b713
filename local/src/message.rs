//! What holds for every HTTP message of every port: a request is taken if it is whole (RFC 9112), and an answer is for
//! its caller alone.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use http_body_util::BodyExt as _;
use shared::web::private_answer;

/// The bounds of a request's body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyBounds {
    /// The time that all of it may take.
    pub(crate) within: Duration,
    /// Not much more than these is read, so that whoever is asked sees that it is too large.
    pub(crate) bytes: usize,
}

/// Hands a request on with its whole body. One without a host or with two, or whose body breaks off, is refused, and
/// its connection closed.
pub(crate) async fn whole(request: Request, next: Next, bounds: BodyBounds) -> Response {
    if !names_one_host(request.version(), request.headers()) {
        return closing(StatusCode::BAD_REQUEST.into_response());
    }
    // A length beside it is not seen here; whoever sent both may mean another end of the message than this one.
    let may_be_ambiguous = request.headers().contains_key(TRANSFER_ENCODING);
    let (parts, body) = request.into_parts();
    let body = match tokio::time::timeout(bounds.within, read(body, bounds.bytes)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return closing(StatusCode::BAD_REQUEST.into_response()),
        Err(_) => return closing(StatusCode::REQUEST_TIMEOUT.into_response()),
    };
    let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
    if may_be_ambiguous { closing(answer) } else { answer }
}

/// RFC 9112, section 3.2.
fn names_one_host(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => version < Version::HTTP_11,
        (Some(host), None) => Authority::try_from(host.as_bytes()).is_ok(),
        (Some(_), Some(_)) => false,
    }
}

async fn read(mut body: Body, enough: usize) -> Result<Bytes, axum::Error> {
    let mut read = BytesMut::new();
    while !body.is_end_stream()
        && read.len() <= enough
        && let Some(frame) = body.frame().await
    {
        if let Ok(data) = frame?.into_data() {
            read.extend_from_slice(&data);
        }
    }
    Ok(read.freeze())
}

fn closing(mut answer: Response) -> Response {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Answers hold what no cache may keep and no browser take for something else.
pub(crate) async fn for_its_caller_alone(request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    private_answer::set_headers(answer.headers_mut());
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_one_host() {
        for (version, hosts, holds) in [
            (Version::HTTP_11, vec!["h.example:1"], true),
            (Version::HTTP_11, vec!["127.0.0.1"], true),
            (Version::HTTP_11, vec![], false),
            (Version::HTTP_11, vec![""], false),
            (Version::HTTP_11, vec!["a b"], false),
            (Version::HTTP_11, vec!["a", "b"], false),
            (Version::HTTP_11, vec!["a", "a"], false),
            (Version::HTTP_10, vec![], true),
            (Version::HTTP_10, vec!["a", "b"], false),
        ] {
            let mut headers = HeaderMap::new();
            for host in &hosts {
                headers.append(HOST, HeaderValue::from_static(host));
            }
            assert_eq!(names_one_host(version, &headers), holds, "{version:?} {hosts:?}");
        }
    }
}
