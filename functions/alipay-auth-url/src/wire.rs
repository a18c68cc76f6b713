//! The request's body in, the answer out.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};
use shared::model::callback_url::MAX_CALLBACK_URL_CHARS;

use crate::Link;
use crate::error::Refusal;

const MAX_FIELD_CHARACTERS: usize = 128;

/// The body of a request, complete and within its bounds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LinkRequest {
    pub(crate) merchant_id: String,
    pub(crate) business_id: String,
    pub(crate) serial_no: String,
    pub(crate) user_id: String,
    pub(crate) callback_url: Option<String>,
}

impl LinkRequest {
    /// Reads a body; an empty field is an absent one, and unknown fields are ignored.
    ///
    /// `thirdAccount` is another name of `userId`: the document's example uses the one, its table the other.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let fields: Map<String, Value> = serde_json::from_slice(body).map_err(|_| Refusal::NotAJsonObject)?;
        let required = |name| text(&fields, name, MAX_FIELD_CHARACTERS)?.ok_or(Refusal::FieldMissing(name));
        Ok(Self {
            merchant_id: required("merchantId")?,
            business_id: required("businessId")?,
            serial_no: required("serialNo")?,
            user_id: user_id(&fields)?,
            callback_url: text(&fields, "callbackUrl", MAX_CALLBACK_URL_CHARS)?,
        })
    }
}

fn user_id(fields: &Map<String, Value>) -> Result<String, Refusal> {
    let user_id = text(fields, "userId", MAX_FIELD_CHARACTERS)?;
    let third_account = text(fields, "thirdAccount", MAX_FIELD_CHARACTERS)?;
    match (user_id, third_account) {
        (Some(user_id), Some(third_account)) if user_id != third_account => Err(Refusal::UserIdsDiffer),
        (Some(user_id), _) | (None, Some(user_id)) => Ok(user_id),
        (None, None) => Err(Refusal::FieldMissing("userId")),
    }
}

fn text(
    fields: &Map<String, Value>,
    name: &'static str,
    max_characters: usize,
) -> Result<Option<String>, Refusal> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) if text.chars().count() > max_characters => {
            Err(Refusal::FieldTooLong { name, max_characters })
        }
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::FieldNotText(name)),
    }
}

/// An answer of the open API: HTTP 200 for everything that was answered on purpose.
pub(crate) struct Answer {
    pub(crate) code: u8,
    pub(crate) http_status: StatusCode,
    message: String,
    link: Option<String>,
}

/// The answer to a request that was granted or refused.
pub(crate) fn answer(outcome: &Result<Link, Refusal>) -> Answer {
    match outcome {
        Ok(link) => Answer {
            code: 0,
            http_status: StatusCode::OK,
            message: "success".to_owned(),
            link: Some(link.url.clone()),
        },
        Err(refusal) => Answer {
            code: refusal.status(),
            http_status: refusal.http_status(),
            message: refusal.to_string(),
            link: refusal.link().map(str::to_owned),
        },
    }
}

impl Answer {
    pub(crate) fn into_response(self) -> Response<Bytes> {
        let data = Data { alipay_auth_url: self.link.as_deref() };
        let body = Body { status: self.code, message: &self.message, data };
        let json =
            serde_json::to_vec(&body).unwrap_or_else(|error| unreachable!("always serialises: {error}"));
        let mut response = Response::new(Bytes::from(json));
        *response.status_mut() = self.http_status;
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        response
    }
}

#[derive(Serialize)]
struct Body<'a> {
    status: u8,
    message: &'a str,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    alipay_auth_url: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<LinkRequest, Refusal> {
        LinkRequest::parse(body.as_bytes())
    }

    #[test]
    fn both_names_of_the_user_are_taken_unless_they_differ() {
        let with =
            |users: &str| parse(&format!(r#"{{"merchantId":"m","businessId":"b","serialNo":"s"{users}}}"#));
        let user = |outcome: Result<LinkRequest, Refusal>| outcome.map(|request| request.user_id);
        assert_eq!(user(with(r#","userId":"u""#)), Ok("u".to_owned()));
        assert_eq!(user(with(r#","thirdAccount":"u""#)), Ok("u".to_owned()));
        assert_eq!(user(with(r#","thirdAccount":"u","userId":"u""#)), Ok("u".to_owned()));
        assert_eq!(user(with(r#","thirdAccount":"u","userId":"""#)), Ok("u".to_owned()));
        assert_eq!(user(with(r#","thirdAccount":"v","userId":"u""#)), Err(Refusal::UserIdsDiffer));
        assert_eq!(user(with("")), Err(Refusal::FieldMissing("userId")));
    }

    #[test]
    fn a_bad_body_is_refused_by_cause() {
        let long = "x".repeat(129);
        for (body, refusal) in [
            ("", Refusal::NotAJsonObject),
            ("{", Refusal::NotAJsonObject),
            ("[]", Refusal::NotAJsonObject),
            ("\"text\"", Refusal::NotAJsonObject),
            ("{}", Refusal::FieldMissing("merchantId")),
            (r#"{"merchantId":""}"#, Refusal::FieldMissing("merchantId")),
            (r#"{"merchantId":7}"#, Refusal::FieldNotText("merchantId")),
            (
                &format!(r#"{{"merchantId":"{long}"}}"#),
                Refusal::FieldTooLong { name: "merchantId", max_characters: 128 },
            ),
        ] {
            assert_eq!(parse(body), Err(refusal), "{body}");
        }
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        let body = format!(
            r#"{{"merchantId":"{}","businessId":"b","serialNo":"s","userId":"u"}}"#,
            "商".repeat(128)
        );
        assert!(parse(&body).is_ok());
    }
}
