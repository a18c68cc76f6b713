//! The action's answer, in JSON or XML.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;
use shared::model::request_id::RequestId;
use shared::signing::alibaba_cloud::Format;
use shared::web::ERRORS_PATH;
use url::form_urlencoded;

use crate::error::ApiError;
use crate::link::Link;
use crate::refusal::ApiRefusal;

/// In every answer, as Alibaba Cloud's gateway has it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-acs-request-id");
/// With a throttled request's answer: when to come again, in milliseconds, as the SDKs read it.
const RETRY_AFTER: HeaderName = HeaderName::from_static("x-acs-retry-after");

const MAX_HOST_CHARACTERS: usize = 255;

/// Where a call came to, for a refusal.
pub(crate) struct RefusedAt<'a> {
    /// The call's headers.
    pub(crate) headers: &'a HeaderMap,
    /// Our address, without a slash at its end, if anybody has told it.
    pub(crate) public_url: Option<&'a str>,
}

/// The answer to a call that was granted or refused.
pub(crate) fn answer(
    outcome: &Result<Link, ApiError>,
    format: Format,
    request_id: &RequestId,
    refused_at: &RefusedAt<'_>,
) -> Response<Bytes> {
    let (status, body) = match outcome {
        Ok(link) => (StatusCode::OK, granted(link, request_id, format)),
        Err(error) => {
            let refusal = error.refusal();
            (refusal.status, refused(&refusal, request_id, refused_at, format))
        }
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let content_type = match format {
        Format::Json => "application/json;charset=utf-8",
        Format::Xml => "text/xml;charset=utf-8",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(request_id) = HeaderValue::from_str(request_id.as_str()) {
        headers.insert(REQUEST_ID, request_id);
    }
    if let Some(retry_after) = outcome.as_ref().err().and_then(ApiError::retry_after) {
        let millis = u64::try_from(retry_after.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
        headers.insert(RETRY_AFTER, HeaderValue::from(millis.max(1)));
    }
    response
}

fn granted(link: &Link, request_id: &RequestId, format: Format) -> String {
    let granted = Granted {
        code: "OK",
        message: "请求成功",
        request_id: request_id.as_str(),
        data: Data { authorization_url: &link.url },
    };
    written(&granted, "GetAuthorizationUrlResponse", format)
}

fn refused(refusal: &ApiRefusal<'_>, request_id: &RequestId, at: &RefusedAt<'_>, format: Format) -> String {
    let code = refusal.code;
    let host = at.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let refused = Refused {
        request_id: request_id.as_str(),
        host_id: host.get(..MAX_HOST_CHARACTERS).unwrap_or(host),
        code,
        message: &refusal.message,
        recommend: error_page(at.public_url.unwrap_or_default(), code),
    };
    written(&refused, "Error", format)
}

/// The address of the page about `code`.
fn error_page(public_url: &str, code: &str) -> String {
    let code: String = form_urlencoded::byte_serialize(code.as_bytes()).collect();
    format!("{public_url}{ERRORS_PATH}?code={code}")
}

fn written(body: &impl Serialize, root: &'static str, format: Format) -> String {
    match format {
        Format::Json => serde_json::to_string(body)
            .unwrap_or_else(|error| unreachable!("strings always serialise: {error}")),
        Format::Xml => {
            let xml = quick_xml::se::to_string_with_root(root, body)
                .unwrap_or_else(|error| unreachable!("strings always serialise: {error}"));
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{xml}")
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Granted<'a> {
    code: &'a str,
    message: &'a str,
    request_id: &'a str,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data<'a> {
    authorization_url: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Refused<'a> {
    request_id: &'a str,
    host_id: &'a str,
    code: &'a str,
    message: &'a str,
    recommend: String,
}
