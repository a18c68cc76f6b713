//! The answer to a request.

use bytes::Bytes;
use http::Response;
use serde::Serialize;
use shared::protocol::open_api::Envelope;

use crate::Link;
use crate::error::LinkError;

/// The answer to a request that was granted or refused.
pub(crate) fn respond(outcome: &Result<Link, LinkError>, envelope: &Envelope<'_>) -> Response<Bytes> {
    match outcome {
        Ok(link) => envelope.granted(&Data { alipay_auth_url: Some(&link.url) }),
        Err(error) => {
            envelope.refused(error.code(), &error.to_string(), &Data { alipay_auth_url: error.link() })
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    alipay_auth_url: Option<&'a str>,
}
