//! The ids that parties, their apps and their keys go by. They stand in headers, in names of secrets and in entries of
//! lists, so that one alphabet holds for all of them.

/// The form of an id, as messages name it.
pub const FORM: &str = "1 to 64 characters of A-Z a-z 0-9 _ -";

/// True if `text` is 1 to 64 characters of `[A-Za-z0-9_-]`.
#[must_use]
pub fn is_party_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_form_wherever_it_stands() {
        let (longest, too_long) = ("k".repeat(64), "k".repeat(65));
        for id in ["B1", "B_1-x", "0", longest.as_str()] {
            assert!(is_party_id(id), "{id:?}");
        }
        for text in ["", "../x", "a/b", "a.b", "a b", "a\0", "a\n", "é", "a%2f", "a\\b", too_long.as_str()] {
            assert!(!is_party_id(text), "{text:?}");
        }
    }
}
