//! The action's parameters in, its answer out, in JSON or XML.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;
use shared::model::clock::UnixMillis;
use shared::model::end_date::EndDate;
use shared::model::owner::SchemeId;
use shared::model::phone::PhoneNumber;
use shared::signing::alibaba_cloud::{Call, Format, ParameterError};

use crate::error::Refusal;
use crate::link::Link;
use crate::request_id::RequestId;

/// In every answer, as Alibaba Cloud's gateway has it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-acs-request-id");
/// With a throttled request's answer: when to come again, in milliseconds, as the SDKs read it.
const RETRY_AFTER: HeaderName = HeaderName::from_static("x-acs-retry-after");

const MAX_HOST_CHARACTERS: usize = 255;

/// The parameters that do not depend on the scheme.
pub(crate) struct Wanted {
    pub(crate) phone: PhoneNumber,
    pub(crate) scheme_id: SchemeId,
}

impl Wanted {
    /// Both must be there once before either is judged.
    pub(crate) fn read(call: &Call<'_>) -> Result<Self, Refusal> {
        let phone = parameter(call, "PhoneNo")?.ok_or(Refusal::Missing("PhoneNo"))?;
        let scheme_id = parameter(call, "SchemeId")?.ok_or(Refusal::Missing("SchemeId"))?;
        let phone = phone.and_then(PhoneNumber::parse).ok_or(Refusal::BadPhoneNo)?;
        let scheme_id = scheme_id.and_then(SchemeId::parse).ok_or(Refusal::BadParameter("SchemeId"))?;
        Ok(Self { phone, scheme_id })
    }
}

/// `EndDate`, which a scheme of the contract type needs.
pub(crate) fn end_date(call: &Call<'_>, contract: bool, now: UnixMillis) -> Result<Option<EndDate>, Refusal> {
    match parameter(call, "EndDate")? {
        None if contract => Err(Refusal::Missing("EndDate")),
        None => Ok(None),
        Some(text) => {
            let date = text.and_then(EndDate::parse).filter(|date| !date.is_over(now));
            date.map(Some).ok_or(Refusal::BadEndDate)
        }
    }
}

/// A parameter that is there; `Some(None)` if it is no text and so of no type that the action has.
fn parameter<'c>(call: &'c Call<'_>, name: &'static str) -> Result<Option<Option<&'c str>>, Refusal> {
    match call.parameter(name) {
        Ok(value) => Ok(value.map(Some)),
        Err(ParameterError::NotUtf8) => Ok(Some(None)),
        Err(ParameterError::Repeated) => Err(Refusal::BadParameter(name)),
    }
}

/// What the caller is answered.
pub(crate) fn answer(
    outcome: &Result<Link, Refusal>,
    format: Format,
    request_id: &RequestId,
    headers: &HeaderMap,
) -> Response<Bytes> {
    let (status, body) = match outcome {
        Ok(link) => {
            let granted = Granted {
                code: "OK",
                message: "请求成功",
                request_id: request_id.as_str(),
                data: Data { authorization_url: &link.url },
            };
            (StatusCode::OK, written(&granted, "GetAuthorizationUrlResponse", format))
        }
        Err(refusal) => {
            let (status, code, message) = refusal.answer();
            let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            let refused = Refused {
                request_id: request_id.as_str(),
                host_id: host.get(..MAX_HOST_CHARACTERS).unwrap_or(host),
                code,
                message: &message,
                recommend: format!("https://api.aliyun.com/troubleshoot?q={code}&product=Dypnsapi"),
            };
            (status, written(&refused, "Error", format))
        }
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(match format {
            Format::Json => "application/json;charset=utf-8",
            Format::Xml => "text/xml;charset=utf-8",
        }),
    );
    if let Ok(request_id) = HeaderValue::from_str(request_id.as_str()) {
        headers.insert(REQUEST_ID, request_id);
    }
    if let Some(retry_after) = outcome.as_ref().err().and_then(Refusal::retry_after) {
        let millis = u64::try_from(retry_after.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
        headers.insert(RETRY_AFTER, HeaderValue::from(millis.max(1)));
    }
    response
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
