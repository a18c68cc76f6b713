//! The HTTP client of every outgoing call but those to AWS: hyper's, with everything bounded that the other side sends.
//!
//! Redirects are never followed, because an address that was checked would lead to one that was not; proxies of the
//! environment are ignored for the same reason. Header lines that browsers forgive are forgiven here too: a folded
//! line is unfolded, white space before the colon is dropped, and a line that is no header is passed over. Who answers
//! so has answered all the same.

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use tokio::time::Instant;
use url::Url;

use crate::egress::connector::Connector;
use crate::egress::final_read::{self, SendProgress, SentBody};
use crate::egress::resolver::Reach;
use crate::egress::tls::tls_config;
use crate::egress::transport_error::TransportError;

/// The bytes of one exchange that are no body, at most: interim answers, headers, the framing of chunks, trailers.
pub const MAX_FRAMING_BYTES: usize = 64 * 1024;
/// The header lines of an answer, and of its trailers, at most.
pub const MAX_HEADERS: usize = 256;

const OUR_NAME: HeaderValue = HeaderValue::from_static(concat!("authlink/", env!("CARGO_PKG_VERSION")));
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// The bounds of each exchange.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// Until the connection stands: name, TCP and TLS.
    pub connect: Duration,
    /// Until the answer has been read.
    pub total: Duration,
    /// The time that a connection is kept for the next exchange; `None` closes each after its exchange.
    pub idle: Option<Duration>,
    /// The bytes of an answer's body.
    pub body_bytes: usize,
}

/// Sends requests; build one per process. Nothing is sent twice, and redirects are not followed.
pub struct HttpClient {
    client: Client<Connector, SentBody>,
    limits: HttpLimits,
}

impl HttpClient {
    /// A client that trusts `roots` alone and connects to what is in `reach`.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that builds clients, but for AWS")]
    pub fn new(roots: RootCertStore, reach: Reach, limits: HttpLimits) -> Self {
        let budget_bytes = MAX_FRAMING_BYTES + limits.body_bytes;
        let connector = Connector::new(reach, tls_config(roots), limits.connect, budget_bytes);
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .http1_max_headers(MAX_HEADERS)
            .http1_max_buf_size(MAX_FRAMING_BYTES)
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .pool_timer(TokioTimer::new());
        match limits.idle {
            Some(idle) => builder.pool_idle_timeout(idle),
            None => builder.pool_max_idle_per_host(0),
        };
        Self { client: builder.build(connector), limits }
    }

    /// Sends `request`, once, and gives the head of the answer; the body is [read](HttpAnswer::read) by who wants it.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn send(&self, request: Request<Bytes>) -> Result<HttpAnswer, TransportError> {
        let deadline = Instant::now() + self.limits.total;
        let progress = SendProgress::default();
        let mut request = request.map(|body| progress.watched_body(body));
        request.headers_mut().entry(USER_AGENT).or_insert(OUR_NAME);
        request.headers_mut().entry(ACCEPT).or_insert(ANYTHING);
        let sent = final_read::until(deadline, &progress, self.client.request(request)).await;
        let response = sent.ok_or(TransportError::Timeout)?;
        let response = response.map_err(|error| TransportError::of_request(&error))?;
        Ok(HttpAnswer { response, deadline, progress, body_bytes: self.limits.body_bytes })
    }
}

/// A POST of JSON. What signs it stands in `headers`, whose values are marked as sensitive.
///
/// # Errors
/// [`NotSent`](TransportError::NotSent) if the address or a header cannot stand in HTTP.
pub(crate) fn json_post(
    url: &Url,
    headers: impl IntoIterator<Item = (HeaderName, String)>,
    body: Bytes,
) -> Result<Request<Bytes>, TransportError> {
    let mut request = Request::post(url.as_str()).header(CONTENT_TYPE, JSON);
    for (name, value) in headers {
        let mut value = HeaderValue::try_from(value).map_err(|_| TransportError::NotSent)?;
        value.set_sensitive(true);
        request = request.header(name, value);
    }
    request.body(body).map_err(|_| TransportError::NotSent)
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// An answer whose body has not been read.
#[derive(Debug)]
pub struct HttpAnswer {
    response: Response<Incoming>,
    deadline: Instant,
    progress: SendProgress,
    body_bytes: usize,
}

impl HttpAnswer {
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// [`TooLong`](TransportError::TooLong) as soon as one byte too many has come, whatever `Content-Length` said;
    /// [`Timeout`](TransportError::Timeout) or [`CutOff`](TransportError::CutOff).
    pub async fn read(self) -> Result<Bytes, TransportError> {
        let (body, end) = self.read_within(None).await;
        end.map(|()| body)
    }

    /// Reads the body, for as long as `limit` at most if there is one, and gives what has come, whole or not.
    pub async fn read_within(self, limit: Option<Duration>) -> (Bytes, Result<(), TransportError>) {
        let Self { response, deadline, progress, body_bytes } = self;
        let deadline = limit.map_or(deadline, |limit| deadline.min(Instant::now() + limit));
        let mut read = BytesMut::new();
        let reading = read_into(&mut read, response.into_body(), body_bytes);
        let end =
            final_read::until(deadline, &progress, reading).await.unwrap_or(Err(TransportError::Timeout));
        (read.freeze(), end)
    }
}

/// Adds to `read` what comes, `most_bytes` in all.
async fn read_into(read: &mut BytesMut, mut body: Incoming, most_bytes: usize) -> Result<(), TransportError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| TransportError::of_body(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        let room = most_bytes - read.len();
        read.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Err(TransportError::TooLong);
        }
    }
    Ok(())
}
