//! The id of an app at Alipay, which an openId is for: another app's user has another one.

use std::fmt;

/// The longest id that is accepted, in digits; Alipay's own have 16.
const MAX_DIGITS: usize = 32;

/// The id of an app at Alipay: 1 to 32 digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlipayAppId(String);

impl AlipayAppId {
    /// Reads an id; `None` if it has another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed =
            (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        well_formed.then(|| Self(text.to_owned()))
    }

    /// The id's digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AlipayAppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_to_thirty_two_digits() {
        for text in ["0", "2021000000000001", &"9".repeat(32)] {
            assert_eq!(AlipayAppId::parse(text).map(|id| id.to_string()).as_deref(), Some(text));
        }
        for text in ["", "x", "2021 ", "-1", "２０２１", &"9".repeat(33)] {
            assert_eq!(AlipayAppId::parse(text), None, "{text}");
        }
    }
}
