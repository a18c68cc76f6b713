//! A platform's words for our log, without what we sent it.
//!
//! Platforms explain a refusal by quoting the request: the string that they verified, whole, or the field at fault.

/// The most characters of a message that are logged.
pub const MAX_MESSAGE_CHARS: usize = 200;

const MASK: char = '…';

/// As long may a run of letters and digits be that is a word; a longer one may be a signature, a nonce, an openId, or a
/// part of the state.
const MAX_WORD_CHARS: usize = 15;
/// As long may a run of digits be; a longer one may be a phone number.
const MAX_NUMBER_CHARS: usize = 6;

/// `message` fit for a log: at most [`MAX_MESSAGE_CHARS`] characters, `…` for every occurrence of a text in `sent`,
/// plain or as any usual JSON encoder writes it, and for every long run of letters and digits or of digits alone, a
/// space for every character that is not to be seen, and nothing from the first `{` on, where a quoted body begins.
#[must_use]
pub fn redacted(message: &str, sent: &[&str]) -> String {
    let mut forms: Vec<String> = sent.iter().flat_map(|text| written_forms(text)).collect();
    forms.extend(long_runs(message, MAX_WORD_CHARS, |c| c.is_ascii_alphanumeric() || "+/=_-".contains(c)));
    forms.extend(long_runs(message, MAX_NUMBER_CHARS, |c| c.is_ascii_digit()));
    let mut shown = String::new();
    let mut length = 0;
    let mut hidden_until = 0;
    for (start, c) in message.char_indices() {
        let was_hidden = start < hidden_until;
        let here = forms.iter().filter(|form| message[start..].starts_with(form.as_str()));
        hidden_until = here.map(|form| start + form.len()).fold(hidden_until, usize::max);
        let next = match (start < hidden_until, was_hidden) {
            (true, true) => continue,
            (true, false) => MASK,
            (false, _) if c == '{' => break,
            (false, _) if is_unseen(c) => ' ',
            (false, _) => c,
        };
        if length == MAX_MESSAGE_CHARS {
            break;
        }
        shown.push(next);
        length += 1;
    }
    shown
}

/// Ends a line, or turns the direction of writing.
fn is_unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The runs of such characters that are longer than `max_chars`.
fn long_runs(message: &str, max_chars: usize, is_of_it: impl Fn(char) -> bool) -> Vec<String> {
    let runs = message.split(|c| !is_of_it(c));
    runs.filter(|run| run.len() > max_chars).map(str::to_owned).collect()
}

/// As it is; inside a JSON string: only what must be escaped; slashes too; all but ASCII too, in either case; and
/// inside a form or a query.
fn written_forms(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    let json = serde_json::Value::from(text).to_string();
    let inner = json[1..json.len() - 1].to_owned();
    let encoded = |hex: fn(u16) -> String| {
        let mut units = [0; 2];
        let unit = |c: char| {
            if c.is_ascii() {
                c.to_string()
            } else {
                c.encode_utf16(&mut units).iter().copied().map(hex).collect()
            }
        };
        inner.chars().map(unit).collect::<String>()
    };
    let ascii = [encoded(|unit| format!("\\u{unit:04x}")), encoded(|unit| format!("\\u{unit:04X}"))];
    let mut forms = vec![text.to_owned(), inner.clone()];
    forms.extend(ascii);
    forms.extend(forms[1..].iter().map(|form| form.replace('/', "\\/")).collect::<Vec<_>>());
    let in_a_form: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    forms.extend([in_a_form.replace('+', "%20"), in_a_form.to_lowercase(), in_a_form]);
    forms.sort_unstable();
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_masked_however_it_is_written() {
        let sent = ["user/1", "张三\"", "https://us.example/back/s1"];
        for (message, shown) in [
            ("userId user/1 is unknown", "userId … is unknown"),
            ("userId user\\/1 is unknown", "userId … is unknown"),
            ("user/1,user/1", "…,…"),
            ("user/1user/1.", "……."),
            ("no 张三\"", "no …"),
            ("no 张三\\\" here", "no … here"),
            ("no \\u5f20\\u4e09\\\" here", "no … here"),
            ("no \\u5F20\\u4E09\\\" here", "no … here"),
            ("bad https://us.example/back/s1.", "bad …."),
            ("bad https:\\/\\/us.example\\/back\\/s1.", "bad …."),
            ("?userId=user%2F1&x", "?userId=…&x"),
            ("?userId=user%2f1&x", "?userId=…&x"),
            ("name=%E5%BC%A0%E4%B8%89%22.", "name=…."),
            ("USER/1", "USER/1"),
            ("签名错误", "签名错误"),
        ] {
            assert_eq!(redacted(message, &sent), shown, "{message}");
        }
    }

    #[test]
    fn what_may_be_a_signature_a_state_an_open_id_or_a_phone_number_is_masked() {
        for (message, shown) in [
            ("expected sign 0123456789ABCDEF0123456789ABCDEF", "expected sign …"),
            ("sign dGhpcyBpcyBh+/c2lnbmF0dXJl== is wrong", "sign … is wrong"),
            ("callbackUrl https://us.example/v1/openapi/callback/0a0a0a0", "callbackUrl https://us.…"),
            ("phone 13900001234 of order 123456", "phone … of order 123456"),
            ("merchantId our-shop-there is unknown", "merchantId our-shop-there is unknown"),
        ] {
            assert_eq!(redacted(message, &[]), shown);
        }
    }

    #[test]
    fn texts_that_overlap_are_masked_together() {
        assert_eq!(redacted("abcdef", &["abcd", "cdef"]), "…");
        assert_eq!(redacted("abcdef", &["abc", "abcde"]), "…f");
        assert_eq!(redacted("aaab", &["aa"]), "…b");
        assert_eq!(redacted("abc", &[""]), "abc");
    }

    #[test]
    fn nothing_follows_a_brace_but_one_that_is_masked() {
        assert_eq!(
            redacted("checked: businessId=B&nonce=n{\"userId\":\"u\"}", &[]),
            "checked: businessId=B&nonce=n"
        );
        assert_eq!(redacted("unknown a{b, sorry {x", &["a{b"]), "unknown …, sorry ");
    }

    #[test]
    fn control_characters_become_spaces() {
        assert_eq!(redacted("a\r\nb\0c\u{85}d\u{2028}e\u{1b}[1m", &[]), "a  b c d e [1m");
    }

    #[test]
    fn two_hundred_characters_are_shown_and_none_of_a_text_at_the_edge() {
        assert_eq!(redacted(&"商".repeat(300), &[]), "商".repeat(200));
        let message = format!("{}secret", "商".repeat(198));
        assert_eq!(redacted(&message, &["secret"]), format!("{}…", "商".repeat(198)));
        assert_eq!(redacted(&format!("商{message}b"), &["secret"]), format!("{}…", "商".repeat(199)));
    }
}
