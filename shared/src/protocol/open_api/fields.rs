//! The body of a call: a JSON object, its fields taken by name.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::protocol::open_api::error::CallError;

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
    /// Reads a body. A name that stands twice in it is refused: readers differ in which of the two counts.
    ///
    /// # Errors
    /// [`CallError::NotAJsonObject`] or [`CallError::FieldRepeated`].
    pub fn read(body: &[u8]) -> Result<Self, CallError> {
        let object: Object = serde_json::from_slice(body).map_err(|_| CallError::NotAJsonObject)?;
        if object.repeats { Err(CallError::FieldRepeated) } else { Ok(Self(object.fields)) }
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

/// An object's fields, and whether one of them is given more than once. Objects within it are never looked into.
#[derive(Default)]
struct Object {
    fields: Map<String, Value>,
    repeats: bool,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Object, A::Error> {
        let mut object = Object::default();
        while let Some((name, value)) = entries.next_entry::<String, Value>()? {
            object.repeats |= object.fields.insert(name, value).is_some();
        }
        Ok(object)
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
            (r#"{"serialNo":"1","serialNo":"2"}"#, CallError::FieldRepeated),
            (r#"{"serialNo":"1","serialNo":"1"}"#, CallError::FieldRepeated),
            (r#"{"serialNo":"1","serial\u004eo":"2"}"#, CallError::FieldRepeated),
            (r#"{"serialNo":"1","other":null,"other":[]}"#, CallError::FieldRepeated),
            (r#"{"serialNo":"1","serialNo":"2"} x"#, CallError::NotAJsonObject),
            (r#"{"serialNo":"1","serialNo":}"#, CallError::NotAJsonObject),
            (
                &format!(r#"{{"serialNo":"{long}"}}"#),
                CallError::FieldTooLong { name: "serialNo", max_characters: 128 },
            ),
        ] {
            assert_eq!(required(body), Err(refusal), "{body}");
        }
    }

    #[test]
    fn what_is_not_read_may_be_anything() {
        let nested = r#"{"other":{"a":1,"a":2},"serialNo":"1","SerialNo":"2","serialno":"3"}"#;
        assert_eq!(required(nested), Ok("1".to_owned()));
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        let serial_no = "商".repeat(128);
        assert_eq!(required(&format!(r#"{{"serialNo":"{serial_no}"}}"#)), Ok(serial_no));
    }
}
