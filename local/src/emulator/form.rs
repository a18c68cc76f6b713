//! The forms in which the gateway writes one and the same answer.

use encoding_rs::{Encoding, GB18030, GBK, UTF_8};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{EmulatorAnswer, Signature};
use super::apps::AnswerKey;
use super::signing::sign;

/// Its last byte in GBK is that of a backslash; those of the characters before it are braces.
const NOTE: &str = "調諁誠";
const REMARK: &str = "你好";
const AVATAR: &str = "https://tfs.example/images/T1";

/// A peculiarity of Alipay's answers; several may come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantArray)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerForm {
    /// In GBK, with a text in it, whatever charset was asked for.
    Gbk,
    /// Two texts in it, of which one alone is in GBK.
    Mixed,
    /// A byte order mark first.
    ByteOrderMark,
    /// `code` is a number.
    NumericCode,
    /// `sign` stands there twice, the good one last.
    SignTwice,
    /// The node stands last.
    NodeLast,
    /// Slashes are escaped, and signed as if they were not.
    EscapedSlashes,
    /// `alipay_cert_sn` stands first.
    CertSnFirst,
    /// `alipay_cert_sn` stands last.
    CertSnLast,
    /// No `sign`.
    Unsigned,
}

/// The charset of this name, in any spelling that connectors send, if the gateway has it.
pub(super) fn charset(name: &str) -> Option<&'static Encoding> {
    Encoding::for_label(name.as_bytes()).filter(|charset| [UTF_8, GBK, GB18030].contains(charset))
}

/// The charset of the answer to a request with this query: that of the query alone, and GBK where it has none.
pub(super) fn charset_of_answer(query: &str) -> &'static Encoding {
    let name = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "charset");
    name.and_then(|(_, name)| charset(&name)).unwrap_or(GBK)
}

/// The bytes of `answer`. In its plain form the node stands first and `sign` right behind it: that is where the SDKs
/// look.
pub(super) fn written(
    answer: &EmulatorAnswer,
    forms: &[AnswerForm],
    charset: &'static Encoding,
    key: Option<&AnswerKey<'_>>,
) -> Vec<u8> {
    let has = |form| forms.contains(&form);
    let charset = if has(AnswerForm::Gbk) { GBK } else { charset };
    let (sent, signed) = node(answer, forms, charset);
    let node = [format!("\"{}\":", answer.node).into_bytes(), sent].concat();
    let other = [signed.as_slice(), b" "].concat();
    let sign = |text: &[u8]| key.map(|known| sign(text, known.key));
    let signs = match answer.signature {
        _ if has(AnswerForm::Unsigned) => vec![],
        Signature::Absent => vec![],
        Signature::OverOtherBytes => vec![sign(&other)],
        Signature::Good if has(AnswerForm::SignTwice) => vec![sign(&other), sign(&signed)],
        Signature::Good => vec![sign(&signed)],
    };
    let mut members: Vec<_> =
        signs.iter().flatten().map(|sign| format!("\"sign\":\"{sign}\"").into_bytes()).collect();
    members.insert(if has(AnswerForm::NodeLast) { members.len() } else { 0 }, node);
    let cert_sn = key.and_then(|known| known.cert_sn);
    for (asked, place) in
        [(has(AnswerForm::CertSnFirst), 0), (has(AnswerForm::CertSnLast) || cert_sn.is_some(), members.len())]
    {
        if asked {
            let sn = cert_sn.unwrap_or("a1b2");
            members.insert(place, format!("\"alipay_cert_sn\":\"{sn}\"").into_bytes());
        }
    }
    let mark: &[u8] = if has(AnswerForm::ByteOrderMark) { b"\xEF\xBB\xBF" } else { b"" };
    [mark, b"{", &members.join(&b','), b"}"].concat()
}

/// The node as it is sent, and as it is signed.
fn node(answer: &EmulatorAnswer, forms: &[AnswerForm], charset: &'static Encoding) -> (Vec<u8>, Vec<u8>) {
    let has = |form| forms.contains(&form);
    let mut members = answer.members.clone();
    if has(AnswerForm::Gbk) || has(AnswerForm::Mixed) {
        members.insert("note".to_owned(), json!(NOTE));
    }
    if has(AnswerForm::Mixed) {
        members.insert("remark".to_owned(), json!(REMARK));
    }
    if has(AnswerForm::EscapedSlashes) {
        members.insert("avatar".to_owned(), json!(AVATAR));
    }
    if has(AnswerForm::NumericCode) {
        let number = members.get("code").and_then(Value::as_str).and_then(|code| code.parse().ok());
        members.insert("code".to_owned(), json!(number.unwrap_or(10_000_u32)));
    }
    let text = Value::Object(members).to_string();
    let encoded = |text: &str| -> Vec<u8> {
        if !has(AnswerForm::Mixed) {
            return charset.encode(text).0.into_owned();
        }
        let (before, after) = text.split_once(NOTE).unwrap_or((text, ""));
        [before.as_bytes(), &GBK.encode(NOTE).0, after.as_bytes()].concat()
    };
    let sent = if has(AnswerForm::EscapedSlashes) { text.replace('/', "\\/") } else { text.clone() };
    (encoded(&sent), encoded(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charset_is_taken_in_any_spelling_that_connectors_send() {
        for (name, expected) in [
            ("utf-8", Some(UTF_8)),
            ("UTF-8", Some(UTF_8)),
            ("utf8", Some(UTF_8)),
            ("gbk", Some(GBK)),
            ("GBK", Some(GBK)),
            ("GB2312", Some(GBK)),
            ("gb18030", Some(GB18030)),
            ("big5", None),
            ("iso-8859-1", None),
            ("utf 8", None),
            ("", None),
        ] {
            assert_eq!(charset(name), expected, "{name}");
        }
        assert_eq!(charset_of_answer("a=b&charset=UTF8"), UTF_8);
        assert_eq!(charset_of_answer("a=b"), GBK);
    }

    #[test]
    fn the_note_has_the_bytes_of_json_within_its_characters() {
        assert_eq!(GBK.encode(NOTE).0.as_ref(), b"\xD5{\xD5}\xD5\\");
    }
}
