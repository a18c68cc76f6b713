//! The other forms that a body may have had when it was signed, likeliest first.

use std::ops::ControlFlow;

use encoding_rs::{GBK, WINDOWS_1252};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use crate::signing::open_api::diagnosis::budget::Budget;
use crate::signing::open_api::diagnosis::cause::Cause;
use crate::signing::open_api::diagnosis::json::{Escapes, Spacing, Tree};

/// A form of the body, and the mistake that made the sent one of it, or it of the sent one.
pub(super) struct Form {
    pub(super) cause: Cause,
    pub(super) bytes: Vec<u8>,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Where gzip and zlib begin, the latter with its three usual levels.
const COMPRESSED: [&[u8]; 4] = [b"\x1f\x8b", b"\x78\x01", b"\x78\x9c", b"\x78\xda"];

const COMPACT: Spacing = Spacing { comma: ",", colon: ":", indent: None };
/// Compact; Python's default; two and four spaces; Jackson's; with tabs.
const SPACINGS: [Spacing; 6] = [
    COMPACT,
    Spacing { comma: ", ", colon: ": ", indent: None },
    Spacing { comma: ",", colon: ": ", indent: Some("  ") },
    Spacing { comma: ",", colon: ": ", indent: Some("    ") },
    Spacing { comma: ",", colon: " : ", indent: Some("  ") },
    Spacing { comma: ",", colon: ": ", indent: Some("\t") },
];
const PLAIN: Escapes = Escapes { non_ascii: false, slash: false, also: "" };
/// None; Python's and Ruby's default; PHP's default, and with its flag for Unicode; Gson's default; Go's.
const ESCAPES: [Escapes; 6] = [
    PLAIN,
    Escapes { non_ascii: true, ..PLAIN },
    Escapes { non_ascii: true, slash: true, ..PLAIN },
    Escapes { slash: true, ..PLAIN },
    Escapes { also: "<>&='", ..PLAIN },
    Escapes { also: "<>&", ..PLAIN },
];

/// What encodeURIComponent leaves, Python's `quote`, Java's URLEncoder (which writes a space as `+`), and RFC 3986.
const URL_SETS: [(&AsciiSet, bool); 4] = [
    (
        &NON_ALPHANUMERIC
            .remove(b'-')
            .remove(b'_')
            .remove(b'.')
            .remove(b'!')
            .remove(b'~')
            .remove(b'*')
            .remove(b'\'')
            .remove(b'(')
            .remove(b')'),
        false,
    ),
    (&NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/'), false),
    (&NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b' '), true),
    (&NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~'), false),
];

/// Visits every form that differs from `body`, until `visit` breaks or `budget` is used up.
pub(super) fn each(
    body: &[u8],
    budget: &mut Budget,
    visit: &mut dyn FnMut(&mut Budget, Form) -> ControlFlow<()>,
) -> ControlFlow<()> {
    for (cause, bytes) in of_the_wire(body) {
        if bytes != body {
            visit(budget, Form { cause, bytes })?;
        }
    }
    rewritten(body, budget, visit)?;
    for (set, plus) in URL_SETS {
        let encoded = percent_encode(body, set).to_string();
        let encoded = if plus { encoded.replace(' ', "+") } else { encoded };
        let lower = lower_escapes(&encoded);
        visit(budget, Form { cause: Cause::BodyUrlEncoded, bytes: encoded.into_bytes() })?;
        visit(budget, Form { cause: Cause::BodyUrlEncoded, bytes: lower.into_bytes() })?;
    }
    ControlFlow::Continue(())
}

/// What a client or an editor does to bytes without knowing them for JSON.
fn of_the_wire(body: &[u8]) -> Vec<(Cause, Vec<u8>)> {
    let mut forms = vec![match body.strip_prefix(BYTE_ORDER_MARK) {
        Some(plain) => (Cause::BodyByteOrderMark, plain.to_vec()),
        None => (Cause::BodyByteOrderMark, [BYTE_ORDER_MARK, body].concat()),
    }];
    let line_end = |bytes: Vec<u8>| (Cause::BodyLineEnds, bytes);
    forms.push(line_end(body.trim_ascii().to_vec()));
    forms.push(line_end([body, b"\n"].concat()));
    forms.push(line_end([body, b"\r\n"].concat()));
    if let Ok(text) = std::str::from_utf8(body) {
        let unix = text.replace("\r\n", "\n");
        forms.push(line_end(unix.replace('\n', "\r\n").into_bytes()));
        forms.push(line_end(unix.into_bytes()));
    }
    forms.extend(of_charsets(body).into_iter().map(|bytes| (Cause::BodyOtherCharset, bytes)));
    if body.contains(&b'%') {
        forms.push((Cause::BodyUrlEncoded, percent_decode(body).collect()));
    }
    forms
}

/// Sent as UTF-8 and signed in another charset, or the other way about.
fn of_charsets(body: &[u8]) -> Vec<Vec<u8>> {
    match std::str::from_utf8(body) {
        Ok(text) if text.is_ascii() => Vec::new(),
        Ok(text) => {
            let latin1 = text.chars().map(|character| u8::try_from(character).unwrap_or(b'?'));
            let ascii =
                text.chars().map(|character| if character.is_ascii() { character as u8 } else { b'?' });
            vec![GBK.encode(text).0.into_owned(), latin1.collect(), ascii.collect()]
        }
        Err(_) => {
            let decode = |charset: &'static encoding_rs::Encoding| {
                charset.decode_without_bom_handling(body).0.into_owned().into_bytes()
            };
            vec![decode(WINDOWS_1252), decode(GBK)]
        }
    }
}

/// The same JSON as other libraries write it.
fn rewritten(
    body: &[u8],
    budget: &mut Budget,
    visit: &mut dyn FnMut(&mut Budget, Form) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let json = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let Some(tree) = Tree::read(json) else { return ControlFlow::Continue(()) };
    let sent_escaped = has_escapes(json);
    let mut seen: Vec<Vec<u8>> = vec![body.to_vec()];
    for (tree, is_sorted) in [(tree.clone(), false), (tree.sorted(), true)] {
        for escapes in ESCAPES {
            for spacing in SPACINGS {
                let limit = budget.bytes().min(4 * body.len() + 256);
                let Some(bytes) = tree.write(spacing, escapes, limit) else {
                    budget.pay(limit)?;
                    continue;
                };
                if seen.contains(&bytes) {
                    budget.pay(bytes.len())?;
                    continue;
                }
                seen.push(bytes.clone());
                let cause = match (is_sorted, has_escapes(&bytes) == sent_escaped) {
                    (true, _) => Cause::BodyKeysSorted,
                    (false, false) => Cause::BodyUnicodeEscaped,
                    (false, true) => Cause::BodyReserialized,
                };
                visit(budget, Form { cause, bytes })?;
            }
        }
    }
    ControlFlow::Continue(())
}

fn has_escapes(json: &[u8]) -> bool {
    json.windows(2).any(|pair| pair == b"\\u")
}

/// `%2F` as `%2f`.
fn lower_escapes(encoded: &str) -> String {
    let mut pending = 0;
    let lower = encoded.chars().map(|character| {
        if character == '%' {
            pending = 2;
            return character;
        }
        let is_digit = pending > 0;
        pending -= i32::from(is_digit);
        if is_digit { character.to_ascii_lowercase() } else { character }
    });
    lower.collect()
}

/// What became of a body that nobody can make whole again.
pub(super) fn damage(body: &[u8]) -> Option<Cause> {
    if COMPRESSED.iter().any(|magic| body.starts_with(magic)) {
        return Some(Cause::BodyCompressed);
    }
    let is_asked = |text: &&str| text.contains('?') && !text.contains("://");
    let in_values = Tree::read(body).is_some_and(|tree| tree.texts().iter().any(is_asked));
    let in_row = body.windows(2).any(|pair| pair == b"??");
    (in_values || in_row).then_some(Cause::BodyQuestionMarks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_digits_after_a_percent_sign_get_lower_case() {
        assert_eq!(lower_escapes("A%2FB%C3%9FCD%E5x"), "A%2fB%c3%9fCD%e5x");
    }

    fn forms(body: &str) -> Vec<(Cause, String)> {
        let mut forms = Vec::new();
        let _ = each(body.as_bytes(), &mut Budget::whole(), &mut |_, form| {
            forms.push((form.cause, String::from_utf8_lossy(&form.bytes).into_owned()));
            ControlFlow::Continue(())
        });
        forms
    }

    #[test]
    fn the_usual_libraries_forms_are_among_them() {
        let body = r#"{"b":"客/<=😀","a":[1,true,null]}"#;
        let forms = forms(body);
        for (cause, form) in [
            (Cause::BodyReserialized, r#"{"b": "客/<=😀", "a": [1, true, null]}"#),
            (
                Cause::BodyReserialized,
                "{\n  \"b\": \"客/<=😀\",\n  \"a\": [\n    1,\n    true,\n    null\n  ]\n}",
            ),
            (Cause::BodyReserialized, r#"{"b":"客\/<=😀","a":[1,true,null]}"#),
            (Cause::BodyUnicodeEscaped, r#"{"b":"\u5ba2\/<=\ud83d\ude00","a":[1,true,null]}"#),
            (Cause::BodyUnicodeEscaped, r#"{"b": "\u5ba2/<=\ud83d\ude00", "a": [1, true, null]}"#),
            (Cause::BodyUnicodeEscaped, r#"{"b":"客/\u003c\u003d😀","a":[1,true,null]}"#),
            (Cause::BodyKeysSorted, r#"{"a":[1,true,null],"b":"客/<=😀"}"#),
            (Cause::BodyUnicodeEscaped, r#"{"b":"客/\u003c=😀","a":[1,true,null]}"#),
            (Cause::BodyKeysSorted, r#"{"a": [1, true, null], "b": "\u5ba2/<=\ud83d\ude00"}"#),
            (Cause::BodyLineEnds, &format!("{body}\n")),
            (Cause::BodyByteOrderMark, &format!("\u{feff}{body}")),
            (Cause::BodyOtherCharset, r#"{"b":"?/<=?","a":[1,true,null]}"#),
        ] {
            assert!(forms.contains(&(cause, form.to_owned())), "{cause:?}: {form}");
        }
    }

    #[test]
    fn a_body_is_url_encoded_as_each_language_does() {
        let forms = forms("{\"a\": \"/*~\"}");
        for form in [
            "%7B%22a%22%3A%20%22%2F*~%22%7D",
            "%7B%22a%22%3A%20%22/%2A~%22%7D",
            "%7B%22a%22%3A+%22%2F*%7E%22%7D",
            "%7b%22a%22%3a+%22%2f*%7e%22%7d",
        ] {
            assert!(forms.contains(&(Cause::BodyUrlEncoded, form.to_owned())), "{form}");
        }
    }

    #[test]
    fn damage_is_seen_and_a_url_is_none() {
        assert_eq!(damage(b"\x1f\x8b\x08\0rest"), Some(Cause::BodyCompressed));
        assert_eq!(damage(b"\x78\x9crest"), Some(Cause::BodyCompressed));
        assert_eq!(damage(br#"{"userId":"??-7"}"#), Some(Cause::BodyQuestionMarks));
        assert_eq!(damage(br#"{"userId":"caf?"}"#), Some(Cause::BodyQuestionMarks));
        assert_eq!(damage(br#"{"callbackUrl":"https://shop.example/cb?a=1"}"#), None);
        assert_eq!(damage("{\"userId\":\"客户\"}".as_bytes()), None);
        assert_eq!(damage(b""), None);
    }

    #[test]
    fn a_body_that_grows_without_end_ends_with_the_budget() {
        let body = format!("{}{}", "[".repeat(120), "[1],".repeat(4_000));
        let body = format!("{}[1]{}", body, "]".repeat(120));
        assert!(Tree::read(body.as_bytes()).is_some());
        let mut bytes = 0;
        let ended = each(body.as_bytes(), &mut Budget::whole(), &mut |budget, form| {
            bytes += form.bytes.len();
            budget.pay(form.bytes.len())
        });
        assert_eq!(ended, ControlFlow::Break(()));
        assert!(bytes < 300_000, "{bytes}");
    }
}
