//! The answer to a request.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Serialize;
use shared::protocol::open_api::answer;

use crate::Link;
use crate::error::LinkError;

/// The open API's `status` of an outcome.
pub(crate) const fn status(outcome: &Result<Link, LinkError>) -> u8 {
    match outcome {
        Ok(_) => 0,
        Err(error) => error.refusal().0,
    }
}

/// The answer to a request that was granted or refused.
pub(crate) fn respond(outcome: &Result<Link, LinkError>) -> Response<Bytes> {
    let status = status(outcome);
    match outcome {
        Ok(link) => {
            let data = Data { alipay_auth_url: Some(&link.url) };
            answer(StatusCode::OK, status, "success", &data)
        }
        Err(error) => {
            let data = Data { alipay_auth_url: error.link() };
            answer(error.refusal().1, status, &error.to_string(), &data)
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    alipay_auth_url: Option<&'a str>,
}
