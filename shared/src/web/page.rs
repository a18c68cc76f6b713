//! What the user's browser meets: small self-contained pages, for a phone first, in Chinese or English, that need no
//! script and leave no trace.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};
use url::Url;

const STYLE: &str = include_str!("page.css");

/// Nothing may be loaded or run but this one style sheet.
static SECURITY_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or_else(|error| unreachable!("Base64 is fit for a header: {error}"))
});

/// A page's language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Simplified Chinese.
    Chinese,
    /// English.
    English,
}

impl Language {
    /// The language that a browser prefers, Chinese unless it names English first or names neither.
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

    /// The one of two texts that is of this language.
    #[must_use]
    pub const fn choose<'a>(self, chinese: &'a str, english: &'a str) -> &'a str {
        match self {
            Self::Chinese => chinese,
            Self::English => english,
        }
    }
}

/// The sign at the head of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Done.
    Good,
    /// Something is left for the user to do, or to wait for.
    Open,
    /// Nothing came of it, as the user wished.
    Quiet,
    /// It cannot go on from here.
    Bad,
}

/// What stands on a page.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// The HTTP status.
    pub status: StatusCode,
    /// The language of the texts.
    pub language: Language,
    /// One word, for tests and for whoever reads the source: `data-outcome`.
    pub outcome: &'static str,
    /// The sign.
    pub tone: Tone,
    /// The head line; a line feed in it begins another.
    pub title: &'a str,
    /// What happened and what to do; each line is a paragraph.
    pub text: &'a str,
    /// Something to look at, or to scan.
    pub figure: Option<Figure<'a>>,
    /// A link to go on by, and its label.
    pub action: Option<(&'a Url, &'a str)>,
    /// For whom that does not serve.
    pub aside: Option<Aside<'a>>,
    /// What an operator can search for.
    pub reference: Option<&'a str>,
    /// Whether the browser should ask again, after so many seconds.
    pub reload_secs: Option<u8>,
}

/// A black drawing on white, as a reader of codes needs it in the dark as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure<'a> {
    /// The side of the square that is drawn in, in the path's units.
    pub side: usize,
    /// The black areas, as an SVG path.
    pub path: &'a str,
    /// What stands below it, and what it is called for those who cannot see it.
    pub caption: &'a str,
}

/// A quieter way on: a sentence that ends in a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aside<'a> {
    /// The sentence before the link.
    pub text: &'a str,
    /// The link.
    pub link: &'a Url,
    /// Its label.
    pub label: &'a str,
}

/// Renders a page, with headers that keep it out of caches, frames and referrers.
#[must_use]
pub fn render(page: &Page<'_>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(markup(page).into_string()));
    *response.status_mut() = page.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(page.language.tag()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(CONTENT_SECURITY_POLICY, SECURITY_POLICY.clone());
    response
}

fn markup(page: &Page<'_>) -> Markup {
    let (tone, stroke) = sign(page.tone);
    html! {
        (DOCTYPE)
        html lang=(page.language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                @if let Some(secs) = page.reload_secs {
                    meta http-equiv="refresh" content=(secs);
                }
                title { (page.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main data-outcome=(page.outcome) class=(tone) {
                    svg.sign viewBox="0 0 72 72" aria-hidden="true" {
                        circle cx="36" cy="36" r="36" {}
                        path d=(stroke) {}
                    }
                    h1 { (page.title) }
                    @for paragraph in page.text.lines() {
                        p { (paragraph) }
                    }
                    @if let Some(Figure { side, path, caption }) = page.figure {
                        figure {
                            svg viewBox=(format!("0 0 {side} {side}")) role="img" aria-label=(caption) {
                                path d=(path) {}
                            }
                            figcaption { (caption) }
                        }
                    }
                    @if let Some((link, label)) = page.action {
                        p { a.button href=(link) rel="noreferrer" { (label) } }
                    }
                    @if let Some(Aside { text, link, label }) = page.aside {
                        p.aside { (text) " " a href=(link) rel="noreferrer" { (label) } }
                    }
                    @if let Some(reference) = page.reference {
                        p.reference {
                            (page.language.choose("查询编号", "Reference"))
                            code { (reference) }
                        }
                    }
                }
            }
        }
    }
}

/// A mood's class, and its sign as a stroke: a character would look different, or be missing, in the next font.
const fn sign(tone: Tone) -> (&'static str, &'static str) {
    match tone {
        Tone::Good => ("good", "M22 37l10 10 19-21"),
        Tone::Open => ("open", "M21 36h.01M36 36h.01M51 36h.01"),
        Tone::Quiet => ("quiet", "M23 36h26"),
        Tone::Bad => ("bad", "M36 21v18M36 51h.01"),
    }
}

#[cfg(test)]
mod tests {
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
