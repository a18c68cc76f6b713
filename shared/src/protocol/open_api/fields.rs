//! The body of a call: a JSON object, its fields taken by name.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Value};

use crate::protocol::open_api::body_error::BodyError;
use crate::protocol::open_api::error::OpenApiCallError;

/// The most characters of a field that is no address.
pub const MAX_FIELD_CHARACTERS: usize = 128;

/// The fields of a body. An empty one is an absent one.
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
    /// [`OpenApiCallError::NotAJsonObject`] or [`OpenApiCallError::FieldRepeated`].
    pub fn read(body: &[u8]) -> Result<Self, OpenApiCallError> {
        let object: Object = serde_json::from_slice(body)
            .map_err(|error| OpenApiCallError::NotAJsonObject(BodyError::new(body, &error)))?;
        match object.repeated {
            Some(name) => Err(OpenApiCallError::FieldRepeated(shown(&name))),
            None => Ok(Self(object.fields)),
        }
    }

    /// A field that must be there, of [`MAX_FIELD_CHARACTERS`] at most.
    ///
    /// # Errors
    /// [`OpenApiCallError::FieldMissing`], [`OpenApiCallError::FieldTooLong`] or [`OpenApiCallError::FieldNotText`].
    pub fn required(&self, name: &'static str) -> Result<String, OpenApiCallError> {
        self.optional(name, MAX_FIELD_CHARACTERS)?.ok_or_else(|| OpenApiCallError::FieldMissing(vec![name]))
    }

    /// The names of the fields, empty ones included, in the order of their letters.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// True if there is a field of this name that is not empty, of whatever kind.
    pub(super) fn has(&self, name: &str) -> bool {
        match self.0.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(_) => true,
        }
    }

    /// A field that may be there.
    ///
    /// # Errors
    /// [`OpenApiCallError::FieldTooLong`] or [`OpenApiCallError::FieldNotText`].
    pub fn optional(
        &self,
        name: &'static str,
        max_characters: usize,
    ) -> Result<Option<String>, OpenApiCallError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) if text.chars().count() > max_characters => {
                Err(OpenApiCallError::FieldTooLong { name, max_characters })
            }
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(OpenApiCallError::FieldNotText(name)),
        }
    }
}

/// A name as it is told to whoever sent it: its beginning, if it is long.
pub(super) fn shown(name: &str) -> String {
    const MAX_CHARACTERS: usize = 40;
    match name.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// An object's fields, and the name of the first that is given more than once. Objects within it are never looked into.
#[derive(Default)]
struct Object {
    fields: Map<String, Value>,
    repeated: Option<String>,
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
            match object.fields.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(value);
                }
                Entry::Occupied(entry) => {
                    object.repeated.get_or_insert_with(|| entry.key().clone());
                }
            }
        }
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn required(body: &str) -> Result<String, OpenApiCallError> {
        Fields::read(body.as_bytes())?.required("serialNo")
    }

    #[test]
    fn a_bad_body_is_refused_by_cause() {
        let long = "x".repeat(129);
        for (body, refusal) in [
            ("{}", OpenApiCallError::FieldMissing(vec!["serialNo"])),
            (r#"{"serialNo":""}"#, OpenApiCallError::FieldMissing(vec!["serialNo"])),
            (r#"{"serialNo":null}"#, OpenApiCallError::FieldMissing(vec!["serialNo"])),
            (r#"{"serialNo":7}"#, OpenApiCallError::FieldNotText("serialNo")),
            (r#"{"serialNo":"1","serialNo":"2"}"#, OpenApiCallError::FieldRepeated("serialNo".to_owned())),
            (r#"{"serialNo":"1","serialNo":"1"}"#, OpenApiCallError::FieldRepeated("serialNo".to_owned())),
            (
                r#"{"serialNo":"1","serial\u004eo":"2"}"#,
                OpenApiCallError::FieldRepeated("serialNo".to_owned()),
            ),
            (
                r#"{"serialNo":"1","other":null,"other":[]}"#,
                OpenApiCallError::FieldRepeated("other".to_owned()),
            ),
            (
                &format!(r#"{{"serialNo":"{long}"}}"#),
                OpenApiCallError::FieldTooLong { name: "serialNo", max_characters: 128 },
            ),
        ] {
            assert_eq!(required(body), Err(refusal), "{body}");
        }
    }

    #[test]
    fn a_body_that_is_no_object_is_told_where_it_fails() {
        let long = format!("{{\"serialNo\":\"{}\"", "x".repeat(106));
        for (body, flaw, message) in [
            (&b""[..], BodyError::Empty, "it is empty"),
            (b" \n", BodyError::Empty, "it is empty"),
            (b"\xef\xbb\xbf{}", BodyError::ByteOrderMark, "it begins with a byte order mark"),
            (b"\x1f\x8b\x08\0", BodyError::Compressed, "it is compressed, send it plain"),
            (b"{\"a\":\"caf\xe9\"}", BodyError::NotUtf8 { at: 9 }, "it is not UTF-8 at byte 9"),
            (b"[]", BodyError::OtherJson, "it is JSON of another kind"),
            (b"\"text\"", BodyError::OtherJson, "it is JSON of another kind"),
            (b"{", BodyError::Syntax { line: 1, column: 1 }, "it is no JSON at line 1 column 1"),
            (
                long.as_bytes(),
                BodyError::Syntax { line: 1, column: 120 },
                "it is no JSON at line 1 column 120",
            ),
            (
                b"{\"serialNo\":\"1\",\n\"serialNo\":}",
                BodyError::Syntax { line: 2, column: 12 },
                "it is no JSON at line 2 column 12",
            ),
            (
                b"{\"serialNo\":\"1\",\"serialNo\":\"2\"} x",
                BodyError::Syntax { line: 1, column: 33 },
                "it is no JSON at line 1 column 33",
            ),
        ] {
            let error = Fields::read(body).unwrap_err();
            assert_eq!(error, OpenApiCallError::NotAJsonObject(flaw), "{body:?}");
            assert_eq!(error.to_string(), format!("the body must be a JSON object; {message}"));
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
