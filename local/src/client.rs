//! The HTTP client of the demo merchant, of the commands that call by hand, and of tests. What the functions send has
//! its own: [`shared::egress::http_client`].

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use shared::egress::tls::{bundled_roots, tls_config};

/// A builder of clients. Redirects are told, not followed.
#[expect(clippy::disallowed_methods, reason = "the one place that builds such clients")]
pub fn client_builder(connect: Duration, total: Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls_config(bundled_roots()))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(connect)
        .timeout(total)
        .user_agent(concat!("authlink/", env!("CARGO_PKG_VERSION")))
}

/// A failure to read an answer's body.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// More bytes came than were allowed.
    #[error("the answer is longer than {limit_bytes} bytes")]
    TooLong {
        /// The bytes that were allowed.
        limit_bytes: usize,
    },
    /// The connection failed or timed out.
    #[error("the answer broke off")]
    Broken(#[source] reqwest::Error),
}

/// Reads the whole body, at most `limit_bytes` of it.
///
/// # Errors
/// [`ReadError::TooLong`] as soon as one byte too many has come, whatever `Content-Length` said.
pub async fn read_bounded(mut answer: reqwest::Response, limit_bytes: usize) -> Result<Bytes, ReadError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(ReadError::Broken)? {
        if body.len() + chunk.len() > limit_bytes {
            return Err(ReadError::TooLong { limit_bytes });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_read_up_to_the_limit() {
        for (bytes, is_read) in [(0, true), (7, true), (8, true), (9, false), (20, false)] {
            let answer = reqwest::Response::from(http::Response::new("x".repeat(bytes)));
            let read = read_bounded(answer, 8).await;
            assert_eq!(read.is_ok_and(|body| body.len() == bytes), is_read, "{bytes}");
        }
    }
}
