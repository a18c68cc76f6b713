//! The beginning of a merchant's answer, as the record keeps it for whoever asks why a delivery fails.
//!
//! An error page may repeat the request, so it is masked as a log line is.

use shared::delivery::response::AnswerText;
use shared::protocol::open_api::client::redact::masked;

/// The longest that is kept, in bytes: three of them, and a record is still small.
const MAX_BYTES: usize = 200;

/// The beginning of `answer` on one line, without what was `sent`. `None` if nothing is left to be seen.
pub(crate) fn kept(answer: &AnswerText, sent: &[&str]) -> Option<String> {
    let masked = masked(&answer.text, sent, answer.is_cut);
    let line = masked.split_whitespace().collect::<Vec<_>>().join(" ");
    let beginning = line[..line.floor_char_boundary(MAX_BYTES)].trim_end();
    (!beginning.is_empty()).then(|| beginning.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept_of(text: &str) -> Option<String> {
        kept(&AnswerText { text: text.to_owned(), is_cut: false }, &["open-1", "alice"])
    }

    #[test]
    fn an_answer_is_kept_on_one_line_and_without_what_was_sent() {
        for (text, line) in [
            ("", None),
            (" \r\n\0", None),
            ("FAIL", Some("FAIL")),
            ("<html>\n  <h1>502\tBad Gateway</h1>\r\n", Some("<html> <h1>502 Bad Gateway</h1>")),
            ("{\"code\":500,\"msg\":\"no user alice\"}", Some("{\"code\":500,\"msg\":\"no user …\"}")),
            ("open-1 of 13900001234: \u{202e}\u{1b}[31mno", Some("… of …: [31mno")),
            ("key 0123456789abcdef0123456789abcdef", Some("key …")),
        ] {
            assert_eq!(kept_of(text).as_deref(), line, "{text:?}");
        }
    }

    #[test]
    fn it_is_cut_between_characters() {
        assert_eq!(kept_of(&"签".repeat(300)), Some("签".repeat(66)));
        assert_eq!(kept_of(&format!("{} {}", "a b ".repeat(49), "签名")), Some("a b ".repeat(49) + "签"));
        assert_eq!(kept_of(&"x ".repeat(300)).map(|line| line.len()), Some(199));
    }
}
