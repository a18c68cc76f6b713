//! The request's body.

use shared::egress::callback_url::MAX_CALLBACK_URL_CHARS;
use shared::protocol::open_api::{FieldNames, Fields, MAX_FIELD_CHARACTERS, OpenApiCallError, Warning};

use crate::error::LinkError;

const NAMES: FieldNames = FieldNames {
    required: &[&["merchantId"], &["businessId"], &["serialNo"], &["userId", "thirdAccount"]],
    optional: &["callbackUrl", "returnUrl"],
};

/// The body of a request, complete and within its bounds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LinkRequest {
    pub(crate) merchant_id: String,
    pub(crate) business_id: String,
    pub(crate) serial_no: String,
    pub(crate) user_id: String,
    pub(crate) callback_url: Option<String>,
    pub(crate) return_url: Option<String>,
}

impl LinkRequest {
    /// Reads a body, with the warnings about it. `thirdAccount` is another name of `userId`: the document's example
    /// uses the one, its table the other.
    pub(crate) fn parse(body: &[u8]) -> Result<(Self, Vec<Warning>), LinkError> {
        let fields = Fields::read(body)?;
        let warnings = NAMES.check(&fields)?;
        let wanted = Self {
            merchant_id: fields.required("merchantId")?,
            business_id: fields.required("businessId")?,
            serial_no: fields.required("serialNo")?,
            user_id: user_id(&fields)?,
            callback_url: fields.optional("callbackUrl", MAX_CALLBACK_URL_CHARS)?,
            return_url: fields.optional("returnUrl", MAX_CALLBACK_URL_CHARS)?,
        };
        Ok((wanted, warnings))
    }
}

fn user_id(fields: &Fields) -> Result<String, LinkError> {
    let user_id = fields.optional("userId", MAX_FIELD_CHARACTERS)?;
    let third_account = fields.optional("thirdAccount", MAX_FIELD_CHARACTERS)?;
    match (user_id, third_account) {
        (Some(user_id), Some(third_account)) if user_id != third_account => Err(LinkError::UserIdsDiffer),
        (Some(user_id), _) | (None, Some(user_id)) => Ok(user_id),
        (None, None) => Err(OpenApiCallError::FieldMissing(vec!["userId"]).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_of_the_user_are_taken_unless_they_differ() {
        let user = |users: &str| {
            let body = format!(r#"{{"merchantId":"m","businessId":"b","serialNo":"s"{users}}}"#);
            LinkRequest::parse(body.as_bytes()).map(|(request, _)| request.user_id)
        };
        assert_eq!(user(r#","userId":"u""#), Ok("u".to_owned()));
        assert_eq!(user(r#","thirdAccount":"u""#), Ok("u".to_owned()));
        assert_eq!(user(r#","thirdAccount":"u","userId":"u""#), Ok("u".to_owned()));
        assert_eq!(user(r#","thirdAccount":"u","userId":"""#), Ok("u".to_owned()));
        assert_eq!(user(r#","thirdAccount":"v","userId":"u""#), Err(LinkError::UserIdsDiffer));
        assert_eq!(user(""), Err(OpenApiCallError::FieldMissing(vec!["userId"]).into()));
    }
}
