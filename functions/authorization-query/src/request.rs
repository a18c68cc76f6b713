//! The request's body.

use shared::protocol::open_api::{FieldNames, Fields, OpenApiCallError, Warning};

const NAMES: FieldNames =
    FieldNames { required: &[&["merchantId"], &["businessId"], &["serialNo"]], optional: &[] };

/// The body of a query, complete and within its bounds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) merchant_id: String,
    pub(crate) business_id: String,
    pub(crate) serial_no: String,
}

impl Query {
    /// Reads a body, with the warnings about it.
    pub(crate) fn parse(body: &[u8]) -> Result<(Self, Vec<Warning>), OpenApiCallError> {
        let fields = Fields::read(body)?;
        let warnings = NAMES.check(&fields)?;
        let query = Self {
            merchant_id: fields.required("merchantId")?,
            business_id: fields.required("businessId")?,
            serial_no: fields.required("serialNo")?,
        };
        Ok((query, warnings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_required_and_all_that_are_missing_are_named() {
        for (body, refusal) in [
            (r"{}", vec!["merchantId", "businessId", "serialNo"]),
            (r#"{"merchantId":"m","serialNo":"s"}"#, vec!["businessId"]),
            (r#"{"merchantId":"m","businessId":"b","serialNo":""}"#, vec!["serialNo"]),
        ] {
            assert_eq!(Query::parse(body.as_bytes()), Err(OpenApiCallError::FieldMissing(refusal)), "{body}");
        }
    }
}
