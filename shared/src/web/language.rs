//! The languages that pages are written in, and the choice between them.

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Chinese,
    English,
}

impl Language {
    /// The language that a browser prefers, Chinese unless it prefers English.
    ///
    /// Reads `Accept-Language` (RFC 9110, section 12.5.4): the highest weight wins, the first among equals.
    #[must_use]
    pub fn preferred(headers: &HeaderMap) -> Self {
        let accepted = headers.get(ACCEPT_LANGUAGE).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let mut best = (Self::Chinese, 0.0);
        for range in accepted.as_deref().unwrap_or_default().split(',') {
            let (tag, weight) = range.split_once(';').unwrap_or((range, ""));
            let Some(language) = Self::named(tag) else { continue };
            let weight = weight.trim().strip_prefix("q=").map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }

    /// The language of a tag such as `zh-CN`; `None` for any other.
    #[must_use]
    pub fn named(tag: &str) -> Option<Self> {
        let primary = tag.trim().split('-').next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("zh") {
            Some(Self::Chinese)
        } else if primary.eq_ignore_ascii_case("en") {
            Some(Self::English)
        } else {
            None
        }
    }

    /// The tag of the page's texts.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }

    /// The value by which the address of a page asks for this language.
    #[must_use]
    pub const fn query_value(self) -> &'static str {
        self.choose("zh", "en")
    }

    /// The one of two texts that is of this language.
    #[must_use]
    pub const fn choose<T: Copy>(self, chinese: T, english: T) -> T {
        match self {
            Self::Chinese => chinese,
            Self::English => english,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_browsers_first_choice_of_the_two_languages_counts() {
        for (accepted, language) in [
            ("", Language::Chinese),
            ("en-GB,en;q=0.9", Language::English),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Chinese),
            ("de-DE,en;q=0.5,zh;q=0.4", Language::English),
            ("en;q=0.2, zh-TW;q=0.7", Language::Chinese),
            ("fr", Language::Chinese),
            ("en;q=0", Language::Chinese),
            ("é;q=x,en", Language::English),
            ("en; q=0.1, zh; q=0.9", Language::Chinese),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_bytes(accepted.as_bytes()).expect("a header"));
            assert_eq!(Language::preferred(&headers), language, "{accepted}");
        }
    }
}
