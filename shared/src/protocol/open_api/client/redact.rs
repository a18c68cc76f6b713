//! What another party says of a request, without what we sent: a platform's words for our log, a merchant's answer for
//! the record.
//!
//! A refusal is often explained by quoting the request: the string that was verified, whole, or the field at fault.

/// The most characters of a message that are logged.
pub const MAX_MESSAGE_CHARS: usize = 200;

const MASK: char = '…';

/// A text that we sent is masked inside words as well if it has this many characters.
const MIN_MASKED_CHARS: usize = 4;

/// The longest run of letters and digits that is taken for a word; a longer one may be a signature, a nonce, an openId,
/// or a part of the state.
const MAX_WORD_CHARS: usize = 15;
/// The longest run of digits that is shown; a longer one may be a phone number.
const MAX_NUMBER_CHARS: usize = 6;

/// `message` fit for a log: at most [`MAX_MESSAGE_CHARS`] characters, `…` for every occurrence of a text in `sent`,
/// plain or as any usual JSON encoder writes it, and for every long run of letters and digits or of digits alone, a
/// space for every character that is not to be seen, and nothing from the first `{` on, where a quoted body begins.
#[must_use]
pub fn redacted(message: &str, sent: &[&str]) -> String {
    masked(message, sent, false).chars().take_while(|c| *c != '{').take(MAX_MESSAGE_CHARS).collect()
}

/// `text` with `…` and spaces as in [`redacted`], of any length. If it `is_cut`, what stands at its end may be the
/// beginning of what is masked, and is masked too.
#[must_use]
pub fn masked(text: &str, sent: &[&str], is_cut: bool) -> String {
    let (short, long): (Vec<&str>, Vec<&str>) = sent.iter().copied().partition(|text| is_part_of_words(text));
    let mut forms: Vec<String> = long.iter().flat_map(|text| written_forms(text)).collect();
    forms.extend(long_runs(text, MAX_WORD_CHARS, is_of_a_word));
    forms.extend(long_runs(text, MAX_NUMBER_CHARS, |c| c.is_ascii_digit()));
    let whole = if is_cut { text.trim_end_matches(is_of_a_word).len() } else { text.len() };
    let mut shown = String::new();
    let mut hidden_until = 0;
    for (start, c) in text.char_indices() {
        let (was_hidden, rest) = (start < hidden_until, &text[start..]);
        let here = forms.iter().filter(|form| rest.starts_with(*form) || (is_cut && form.starts_with(rest)));
        let words = short.iter().filter(|word| is_word_at(text, start, word));
        let ends = here.map(String::len).chain(words.map(|word| word.len())).map(|length| start + length);
        hidden_until = ends.fold(hidden_until, usize::max);
        if start >= whole {
            hidden_until = text.len();
        }
        match (start < hidden_until, was_hidden) {
            (true, true) => {}
            (true, false) => shown.push(MASK),
            (false, _) if is_unseen(c) => shown.push(' '),
            (false, _) => shown.push(c),
        }
    }
    shown
}

fn is_of_a_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/=_-".contains(c)
}

/// So short, and of letters and digits alone, that other words hold it by chance: it is masked as a word of its own.
fn is_part_of_words(text: &str) -> bool {
    text.len() < MIN_MASKED_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// True if `text` stands at `start` of `message`, and no letter or digit beside it.
fn is_word_at(message: &str, start: usize, text: &str) -> bool {
    let (before, rest) = message.split_at(start);
    let Some(after) = rest.strip_prefix(text).filter(|_| !text.is_empty()) else { return false };
    !before.ends_with(|c: char| c.is_ascii_alphanumeric())
        && !after.starts_with(|c: char| c.is_ascii_alphanumeric())
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
    use proptest::collection::vec;
    use proptest::prelude::*;

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
        assert_eq!(redacted("abcdef", &["abcd", "abcde"]), "…f");
        assert_eq!(redacted("aaaaab", &["aaaa"]), "…b");
        assert_eq!(redacted("abc", &[""]), "abc");
    }

    #[test]
    fn a_text_below_four_characters_is_masked_as_a_word_and_not_inside_one() {
        for (message, shown) in [
            ("this businessId is unknown", "this businessId is unknown"),
            ("userId u is unknown", "userId … is unknown"),
            ("userId=u&x=us", "userId=…&x=…"),
            ("u", "…"),
            ("用户u不存在", "用户…不存在"),
            ("us1 1us", "us1 1us"),
        ] {
            assert_eq!(redacted(message, &["u", "us"]), shown, "{message}");
        }
        assert_eq!(redacted("用户张三不存在", &["张三"]), "用户…不存在");
    }

    proptest! {
        #[test]
        fn no_text_that_was_sent_is_left(
            before in "[a-z :,=张\"\\\\]{0,12}",
            sent in "[a-zA-Z0-9/张三\"]{4,12}",
            after in "[a-z :,=三\"]{0,12}",
        ) {
            for form in written_forms(&sent) {
                let shown = redacted(&format!("{before}{form}{after}"), &[&sent]);
                prop_assert!(!shown.contains(&form), "{shown}");
            }
        }

        #[test]
        fn no_beginning_of_what_was_sent_is_left_where_the_text_is_cut(
            before in "[a-z :,=张\"\\\\]{0,12}",
            sent in "[a-zA-Z0-9/张三\" ]{4,12}",
            chars in 1usize..12,
        ) {
            let beginning: String = sent.chars().take(chars).collect();
            let shown = masked(&format!("{before}{beginning}"), &[&sent], true);
            prop_assert!(before.contains(&beginning) || !shown.ends_with(&beginning), "{shown}");
        }

        #[test]
        fn words_that_only_hold_a_short_text_are_left_as_they_are(
            words in vec("[a-z]{4,12}", 1..8),
            sent in "[a-z0-9]{1,3}",
        ) {
            let message = words.join(" ");
            prop_assert_eq!(redacted(&message, &[&sent]), message.clone());
            let told = format!("{sent} {message} {sent}");
            prop_assert_eq!(redacted(&told, &[&sent]), format!("… {message} …"));
        }

        #[test]
        fn whatever_comes_is_short_and_on_one_line(message in ".{0,400}", sent in vec(".{0,20}", 0..4)) {
            let sent: Vec<_> = sent.iter().map(String::as_str).collect();
            let shown = redacted(&message, &sent);
            prop_assert!(shown.chars().count() <= MAX_MESSAGE_CHARS);
            prop_assert!(!shown.chars().any(is_unseen));
        }
    }

    #[test]
    fn what_may_go_on_after_the_cut_is_masked() {
        let sent = ["open-1 of 张三", "user/1"];
        for (text, whole, cut) in [
            ("unknown open-1 of 张", "unknown open-1 of 张", "unknown …"),
            ("unknown user", "unknown user", "unknown …"),
            ("sign abc", "sign abc", "sign …"),
            (
                "{\"code\": 4, \"userId\": \"user/1\"}",
                "{\"code\": 4, \"userId\": \"…\"}",
                "{\"code\": 4, \"userId\": \"…\"}",
            ),
            ("签名", "签名", "签名"),
        ] {
            assert_eq!(
                (masked(text, &sent, false).as_str(), masked(text, &sent, true).as_str()),
                (whole, cut)
            );
        }
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
