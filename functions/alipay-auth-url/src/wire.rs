//! The request's body in, the answer out.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Serialize;
use shared::egress::callback_url::MAX_CALLBACK_URL_CHARS;
use shared::protocol::open_api::{CallError, Fields, MAX_FIELD_CHARACTERS, answer};

use crate::Link;
use crate::error::Refusal;

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
    /// Reads a body. `thirdAccount` is another name of `userId`: the document's example uses the one, its table the
    /// other.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let fields = Fields::read(body)?;
        Ok(Self {
            merchant_id: fields.required("merchantId")?,
            business_id: fields.required("businessId")?,
            serial_no: fields.required("serialNo")?,
            user_id: user_id(&fields)?,
            callback_url: fields.optional("callbackUrl", MAX_CALLBACK_URL_CHARS)?,
        })
    }
}

fn user_id(fields: &Fields) -> Result<String, Refusal> {
    let user_id = fields.optional("userId", MAX_FIELD_CHARACTERS)?;
    let third_account = fields.optional("thirdAccount", MAX_FIELD_CHARACTERS)?;
    match (user_id, third_account) {
        (Some(user_id), Some(third_account)) if user_id != third_account => Err(Refusal::UserIdsDiffer),
        (Some(user_id), _) | (None, Some(user_id)) => Ok(user_id),
        (None, None) => Err(CallError::FieldMissing("userId").into()),
    }
}

/// The open API's state of an outcome.
pub(crate) const fn status(outcome: &Result<Link, Refusal>) -> u8 {
    match outcome {
        Ok(_) => 0,
        Err(refusal) => refusal.status(),
    }
}

/// The answer to a request that was granted or refused.
pub(crate) fn respond(outcome: &Result<Link, Refusal>) -> Response<Bytes> {
    let status = status(outcome);
    match outcome {
        Ok(link) => {
            let data = Data { alipay_auth_url: Some(&link.url) };
            answer(StatusCode::OK, status, "success", &data)
        }
        Err(refusal) => {
            let data = Data { alipay_auth_url: refusal.link() };
            answer(refusal.http_status(), status, &refusal.to_string(), &data)
        }
    }
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

    #[test]
    fn both_names_of_the_user_are_taken_unless_they_differ() {
        let user = |users: &str| {
            let body = format!(r#"{{"merchantId":"m","businessId":"b","serialNo":"s"{users}}}"#);
            LinkRequest::parse(body.as_bytes()).map(|request| request.user_id)
        };
        assert_eq!(user(r#","userId":"u""#), Ok("u".to_owned()));
        assert_eq!(user(r#","thirdAccount":"u""#), Ok("u".to_owned()));
        assert_eq!(user(r#","thirdAccount":"u","userId":"u""#), Ok("u".to_owned()));
        assert_eq!(user(r#","thirdAccount":"u","userId":"""#), Ok("u".to_owned()));
        assert_eq!(user(r#","thirdAccount":"v","userId":"u""#), Err(Refusal::UserIdsDiffer));
        assert_eq!(user(""), Err(CallError::FieldMissing("userId").into()));
    }
}
