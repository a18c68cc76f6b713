//! The gateway's answer taken apart byte for byte, in whatever charset its texts are.
//!
//! Asked for UTF-8, the gateway still answers in GBK at times, and in both at once. A signature is over bytes, and
//! everything that is read of an answer is ASCII, so no text has to be understood. The bytes of JSON have to be told
//! from those of characters, though: the second byte of a character in GBK may be `\`, `{` or `}`.
//!
//! So an answer becomes text of one character a byte ([`widened`]), which a JSON reader takes apart, and a part of it
//! becomes its bytes again ([`narrowed`]).

use std::fmt;

use encoding_rs::GBK;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// Added to a byte that belongs to the character begun by the byte before it: no character of JSON is up there.
const WITHIN_A_CHARACTER: u32 = 0x100;

/// The body as text of one character a byte.
pub(super) fn widened(body: &[u8]) -> String {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let mut text = String::with_capacity(body.len());
    // A quote is no part of a longer character, so what stands between two of them is in one charset.
    for piece in body.split_inclusive(|byte| *byte == b'"') {
        let in_utf8 = std::str::from_utf8(piece).is_ok();
        let mut rest = piece;
        while let [first, after @ ..] = rest {
            text.push(char::from(*first));
            rest = after;
            if let [second, after @ ..] = rest
                && !in_utf8
                && is_one_character(*first, *second)
            {
                text.push(within_a_character(*second));
                rest = after;
            }
        }
    }
    text
}

/// The bytes that `text`, a part of a [`widened`] body, stands for.
pub(super) fn narrowed(text: &str) -> Vec<u8> {
    text.chars().map(|character| u32::from(character).to_le_bytes()[0]).collect()
}

fn is_one_character(first: u8, second: u8) -> bool {
    let decoded = GBK
        .decode_without_bom_handling_and_without_replacement(&[first, second])
        .map(|text| text.chars().count());
    decoded == Some(1)
}

fn within_a_character(byte: u8) -> char {
    char::from_u32(WITHIN_A_CHARACTER + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The parts of an answer that count. `sign` may stand there twice, and so may the SN of Alipay's certificate.
#[derive(Default)]
pub(super) struct Envelope<'a> {
    pub(super) response: Option<&'a RawValue>,
    pub(super) error: Option<&'a RawValue>,
    pub(super) signs: Vec<String>,
    pub(super) cert_sns: Vec<String>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}

struct EnvelopeVisitor;

impl<'de> Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an answer of the gateway")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Envelope<'de>, A::Error> {
        const RESPONSE: &str = "alipay_system_oauth_token_response";
        const ERROR: &str = "error_response";
        let mut envelope = Envelope::default();
        while let Some(name) = members.next_key::<String>()? {
            let (place, name) = match name.as_str() {
                RESPONSE => (&mut envelope.response, RESPONSE),
                ERROR => (&mut envelope.error, ERROR),
                "sign" => {
                    envelope.signs.push(members.next_value()?);
                    continue;
                }
                "alipay_cert_sn" => {
                    if let Value::String(sn) = members.next_value()? {
                        envelope.cert_sns.push(sn);
                    }
                    continue;
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if place.replace(members.next_value()?).is_some() {
                return Err(A::Error::duplicate_field(name));
            }
        }
        Ok(envelope)
    }
}

/// The members of a node that are read. One that is neither text nor a number is taken as absent, so that it does not
/// hide the others.
#[derive(Deserialize)]
pub(super) struct Node {
    #[serde(default, deserialize_with = "text_or_number")]
    pub(super) code: Option<String>,
    #[serde(default, deserialize_with = "text_or_number")]
    pub(super) sub_code: Option<String>,
    #[serde(default, deserialize_with = "text_alone")]
    pub(super) open_id: Option<String>,
    #[serde(default, deserialize_with = "text_alone")]
    pub(super) user_id: Option<String>,
}

fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

fn text_alone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The node of an answer whose `msg` is `msg`, as its bytes and as far as it is read.
    fn node_with(msg: &[u8]) -> Option<(Vec<u8>, Option<String>)> {
        let body = [br#"{"error_response":{"msg":""#, msg, br#"","sub_code":"isv.x"},"sign":"s"}"#].concat();
        let text = widened(&body);
        let envelope: Envelope<'_> = serde_json::from_str(&text).ok()?;
        let node = envelope.error?.get();
        Some((narrowed(node), serde_json::from_str::<Node>(node).ok()?.sub_code))
    }

    #[test]
    fn a_node_is_its_own_bytes_whatever_its_texts_are() {
        // In GBK the first three end in the bytes of \, { and }.
        let in_gbk =
            ["誠", "調", "諁", "系统繁忙", "€", "誠\\\"誠"].map(|text| GBK.encode(text).0.into_owned());
        let utf8 = ["系统繁忙", "é", "中\\\"中", "\u{1F600}"].map(|text| text.as_bytes().to_vec());
        let mixed = [[GBK.encode("誠").0.as_ref(), "\\\"中".as_bytes()].concat()];
        // Of no charset at all.
        let broken = [b"\xFF".to_vec(), b"\x81".to_vec(), b"\xE4\xB8".to_vec(), b"\x80\\n\x80".to_vec()];
        for msg in in_gbk.into_iter().chain(utf8).chain(mixed).chain(broken) {
            let expected = [br#"{"msg":""#, msg.as_slice(), br#"","sub_code":"isv.x"}"#].concat();
            assert_eq!(node_with(&msg), Some((expected, Some("isv.x".to_owned()))), "{msg:X?}");
        }
        assert_eq!(node_with(b"\n"), None, "a control character is no JSON in any charset");
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_or_changed(body: Vec<u8>) {
            let expected = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&body);
            prop_assert_eq!(narrowed(&widened(&body)), expected);
        }

        #[test]
        fn a_text_of_either_charset_hides_no_code(msg: String, in_gbk: bool) {
            let json = serde_json::to_string(&msg).unwrap();
            let msg = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
            let msg = if in_gbk { GBK.encode(msg).0.into_owned() } else { msg.as_bytes().to_vec() };
            prop_assert_eq!(node_with(&msg).and_then(|(_, sub_code)| sub_code), Some("isv.x".to_owned()));
        }
    }
}
