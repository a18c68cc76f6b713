//! The request's body.

use shared::protocol::open_api::{CallError, Fields};

/// The body of a query, complete and within its bounds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) merchant_id: String,
    pub(crate) business_id: String,
    pub(crate) serial_no: String,
}

impl Query {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, CallError> {
        let fields = Fields::read(body)?;
        Ok(Self {
            merchant_id: fields.required("merchantId")?,
            business_id: fields.required("businessId")?,
            serial_no: fields.required("serialNo")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_required_and_the_first_that_is_missing_is_named() {
        for (body, refusal) in [
            (r"{}", "merchantId"),
            (r#"{"merchantId":"m","serialNo":"s"}"#, "businessId"),
            (r#"{"merchantId":"m","businessId":"b","serialNo":""}"#, "serialNo"),
        ] {
            assert_eq!(Query::parse(body.as_bytes()), Err(CallError::FieldMissing(refusal)), "{body}");
        }
    }
}
