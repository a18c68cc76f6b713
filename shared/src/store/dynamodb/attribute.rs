//! The value of an attribute, in the form in which DynamoDB's API writes it (`AttributeValue`, DynamoDB API reference).

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// All attributes of an item, by their names.
pub(super) type Item = BTreeMap<Cow<'static, str>, AttributeValue>;

/// A value with its type. All types that there are: an item with an unknown one could not be read at all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum AttributeValue {
    S(String),
    /// A number in decimal digits.
    N(String),
    B(Bytes),
    L(Vec<Self>),
    M(BTreeMap<String, Self>),
    #[serde(rename = "BOOL")]
    Bool(bool),
    #[serde(rename = "NULL")]
    Null(bool),
    #[serde(rename = "SS")]
    Texts(Vec<String>),
    #[serde(rename = "NS")]
    Numbers(Vec<String>),
    #[serde(rename = "BS")]
    Binaries(Vec<Bytes>),
}

/// Bytes, which are Base64 on the wire.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(&self.0, &STANDARD))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        STANDARD.decode(text.as_ref()).map(Self).map_err(serde::de::Error::custom)
    }
}

impl AttributeValue {
    pub(super) fn as_s(&self) -> Option<&String> {
        if let Self::S(text) = self { Some(text) } else { None }
    }

    pub(super) fn as_n(&self) -> Option<&String> {
        if let Self::N(number) = self { Some(number) } else { None }
    }

    pub(super) fn as_b(&self) -> Option<&[u8]> {
        if let Self::B(bytes) = self { Some(&bytes.0) } else { None }
    }

    pub(super) fn as_l(&self) -> Option<&[Self]> {
        if let Self::L(list) = self { Some(list) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_type_is_read_and_written_as_dynamodb_has_it() {
        let item = json!({
            "text": {"S": "é\"\\"},
            "number": {"N": "-1795305600000"},
            "bytes": {"B": "AP8="},
            "list": {"L": [{"S": "a"}, {"N": "1"}, {"L": []}]},
            "map": {"M": {"a": {"BOOL": true}, "b": {"NULL": true}}},
            "texts": {"SS": ["a", "b"]},
            "numbers": {"NS": ["1", "2"]},
            "binaries": {"BS": ["AA==", "/w=="]},
        });
        let read: Item = serde_json::from_value(item.clone()).unwrap();
        assert_eq!(read["text"].as_s().map(String::as_str), Some("é\"\\"));
        assert_eq!(read["number"].as_n().map(String::as_str), Some("-1795305600000"));
        assert_eq!(read["bytes"].as_b(), Some(&[0, 255][..]));
        assert_eq!(read["list"].as_l().map(<[_]>::len), Some(3));
        assert_eq!(serde_json::to_value(&read).unwrap(), item);
    }

    #[test]
    fn what_is_no_value_is_not_read() {
        for wrong in [json!({"S": 1}), json!({"B": "?"}), json!({"X": "1"}), json!({}), json!("text")] {
            assert!(serde_json::from_value::<AttributeValue>(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
