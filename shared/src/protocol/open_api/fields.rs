//! The body of a call: a JSON object, its fields taken by name.

use std::fmt;

use serde_json::{Map, Value};

use crate::protocol::open_api::CallError;

/// The most characters of a field that is no address.
pub const MAX_FIELD_CHARACTERS: usize = 128;

/// The fields of a body. An empty one is an absent one, and unknown ones are ignored.
pub struct Fields(Map<String, Value>);

/// Without the fields, which name users.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fields(…)")
    }
}

impl Fields {
    /// Reads a body.
    ///
    /// # Errors
    /// [`CallError::NotAJsonObject`].
    pub fn read(body: &[u8]) -> Result<Self, CallError> {
        serde_json::from_slice(body).map(Self).map_err(|_| CallError::NotAJsonObject)
    }

    /// A field that must be there, of [`MAX_FIELD_CHARACTERS`] at most.
    ///
    /// # Errors
    /// [`CallError::FieldMissing`], [`CallError::FieldTooLong`] or [`CallError::FieldNotText`].
    pub fn required(&self, name: &'static str) -> Result<String, CallError> {
        self.optional(name, MAX_FIELD_CHARACTERS)?.ok_or(CallError::FieldMissing(name))
    }

    /// A field that may be there.
    ///
    /// # Errors
    /// [`CallError::FieldTooLong`] or [`CallError::FieldNotText`].
    pub fn optional(&self, name: &'static str, max_characters: usize) -> Result<Option<String>, CallError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) if text.chars().count() > max_characters => {
                Err(CallError::FieldTooLong { name, max_characters })
            }
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(CallError::FieldNotText(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn required(body: &str) -> Result<String, CallError> {
        Fields::read(body.as_bytes())?.required("serialNo")
    }

    #[test]
    fn a_bad_body_is_refused_by_cause() {
        let long = "x".repeat(129);
        for (body, refusal) in [
            ("", CallError::NotAJsonObject),
            ("{", CallError::NotAJsonObject),
            ("[]", CallError::NotAJsonObject),
            ("\"text\"", CallError::NotAJsonObject),
            ("{}", CallError::FieldMissing("serialNo")),
            (r#"{"serialNo":""}"#, CallError::FieldMissing("serialNo")),
            (r#"{"serialNo":null}"#, CallError::FieldMissing("serialNo")),
            (r#"{"serialNo":7}"#, CallError::FieldNotText("serialNo")),
            (
                &format!(r#"{{"serialNo":"{long}"}}"#),
                CallError::FieldTooLong { name: "serialNo", max_characters: 128 },
            ),
        ] {
            assert_eq!(required(body), Err(refusal), "{body}");
        }
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        let serial_no = "商".repeat(128);
        assert_eq!(required(&format!(r#"{{"serialNo":"{serial_no}"}}"#)), Ok(serial_no));
    }
}
