//! The ids of a request, in a span whose fields stand in every log line below it.

use tracing::Span;
use tracing::field::Empty;

/// The span of one invocation: Lambda's id of it, and API Gateway's of the request that it is for. A call with an id of
/// its own adds it by [`call`].
#[must_use]
pub fn invocation(lambda_request_id: &str, gateway_request_id: Option<&str>) -> Span {
    // Of the highest level, so that lines of every level carry it.
    tracing::error_span!("request", request_id = Empty, gateway_request_id, lambda_request_id)
}

/// The span of a call with an id of its own: that of its invocation, if there is one, because a line shows one span.
#[must_use]
pub fn call(request_id: &str) -> Span {
    let invocation = Span::current();
    if invocation.has_field("request_id") {
        invocation.record("request_id", request_id);
        return invocation;
    }
    tracing::error_span!("request", request_id)
}
