//! A mainland mobile number, of which only the last four digits and a keyed hash are kept.

use std::fmt;

use aws_lc_rs::hmac;

/// A mobile number of mainland China: 11 digits, `1` and then `3` to `9` (the ranges that the ministry has opened to
/// mobile networks). Masked in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Reads a number, with or without `86` or `+86` before it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let national = match text.len() {
            11 => Some(text),
            13 => text.strip_prefix("86"),
            14 => text.strip_prefix("+86"),
            _ => None,
        }?;
        let digits = national.as_bytes();
        let mobile = digits.iter().all(u8::is_ascii_digit) && digits[0] == b'1' && digits[1] >= b'3';
        mobile.then(|| Self(national.to_owned()))
    }

    /// The 11 digits, for whoever has to be told them; never for a log.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The last four digits.
    #[must_use]
    pub fn tail(&self) -> &str {
        &self.0[7..]
    }

    /// HMAC-SHA256 of the 11 digits, in hex: without the key, the few billion numbers there are cannot be tried.
    #[must_use]
    pub fn hash(&self, key: &hmac::Key) -> String {
        hex::encode(hmac::sign(key, self.0.as_bytes()))
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_with_or_without_its_country() {
        for text in ["13900001234", "8613900001234", "+8613900001234"] {
            assert_eq!(PhoneNumber::parse(text), Some(PhoneNumber("13900001234".to_owned())), "{text}");
        }
        for text in [
            "",
            "1390000123",
            "139000012345",
            "12900001234",
            "03900001234",
            "+8512345678901",
            "008613900001234",
            "1390000****",
            "139 0000 1234",
            "139-0000-1234",
            "+8613900001234 ",
            "１3900001234",
            "8513900001234",
            "+12025550123",
            "86+13900001234",
        ] {
            assert_eq!(PhoneNumber::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_kept_is_the_tail_and_a_hash_that_needs_the_key() {
        let number = PhoneNumber::parse("13900001234").unwrap();
        assert_eq!(number.tail(), "1234");
        // echo -n 13900001234 | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"0123456789abcdef0123456789abcdef");
        assert_eq!(number.hash(&key), "e11b3d522047ea38cb58213e422b76abd6847ab0ae338670e59cb5c95521d95e");
        assert_eq!(format!("{number:?}"), "PhoneNumber(…)");
    }
}
