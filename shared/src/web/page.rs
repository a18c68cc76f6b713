//! Pages for the user's browser: small and self-contained, for a phone first, in Chinese or English, without script,
//! kept out of frames and referrers.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::web::language::Language;

const STYLE: &str = include_str!("page.css");

/// Allows this one style sheet and nothing else.
static SECURITY_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or_else(|error| unreachable!("Base64 is fit for a header: {error}"))
});

/// The sign at the head of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Done.
    Good,
    /// Something is left to do.
    Open,
    /// Something is under way: there is nothing to do but to wait.
    Busy,
    /// Done some time ago.
    Before,
    /// Ended without a result, as the user wished.
    Quiet,
    /// Failed, with no way on from this page.
    Bad,
}

/// The content of a page.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    pub status: StatusCode,
    /// The language of the texts.
    pub language: Language,
    /// The value of `data-outcome`, which tests and support staff read in the source.
    pub outcome: &'static str,
    pub tone: Tone,
    /// The merchant's name, above the head line.
    pub merchant: Option<&'a str>,
    /// The head line; a line feed in it begins another.
    pub title: &'a str,
    /// The outcome and the next step; each line is a paragraph.
    pub text: &'a str,
    /// What it is about, as a list of names and values.
    pub facts: &'a [(&'a str, &'a str)],
    /// A drawing to scan.
    pub figure: Option<Figure<'a>>,
    /// The one next step.
    pub action: Option<Action<'a>>,
    /// A step that may be taken instead.
    pub second: Option<Action<'a>>,
    /// Another way, for users whom the action does not serve.
    pub aside: Option<Aside<'a>>,
    /// The reference that an operator can search for.
    pub reference: Option<&'a str>,
    /// The pause after which the browser goes on by itself.
    pub reload: Option<Reload<'a>>,
}

impl<'a> Page<'a> {
    /// A page that says these two, title and text, with nothing beside them: [`Tone::Open`].
    #[must_use]
    pub const fn saying(
        status: StatusCode,
        outcome: &'static str,
        language: Language,
        (title, text): (&'a str, &'a str),
    ) -> Self {
        Self {
            status,
            language,
            outcome,
            tone: Tone::Open,
            merchant: None,
            title,
            text,
            facts: &[],
            figure: None,
            action: None,
            second: None,
            aside: None,
            reference: None,
            reload: None,
        }
    }
}

/// A step to take, as a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action<'a> {
    /// The address that it leads to; an empty one is the page's own, anew.
    pub href: &'a str,
    pub label: &'a str,
}

/// The page asks again by itself, without a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reload<'a> {
    /// The pause before it, in seconds.
    pub secs: u8,
    /// The address that it leads to; an empty one is the page's own.
    pub href: &'a str,
}

/// A drawing in black on white, also in dark mode, so that a code reader can scan it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure<'a> {
    /// The side of the square that is drawn in, in the path's units.
    pub side: usize,
    /// The black areas, as an SVG path.
    pub path: &'a str,
    /// The caption below it, and its name for screen readers.
    pub caption: &'a str,
}

/// A sentence that ends in a link, set smaller than the action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aside<'a> {
    /// The sentence before the link.
    pub text: &'a str,
    pub link: &'a Url,
    pub label: &'a str,
}

/// Renders a page, with headers that keep it out of frames and referrers.
#[must_use]
pub fn render(page: &Page<'_>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(markup(page).into_string()));
    *response.status_mut() = page.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(page.language.tag()));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
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
                @if let Some(Reload { secs, href }) = page.reload {
                    meta http-equiv="refresh" content=(if href.is_empty() { secs.to_string() } else { format!("{secs};url={href}") });
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
                    @if let Some(merchant) = page.merchant {
                        p.merchant.long[merchant.chars().count() > SHORT_NAME] { (merchant) }
                    }
                    h1 { (page.title) }
                    @for paragraph in page.text.lines() {
                        p { (paragraph) }
                    }
                    @if !page.facts.is_empty() {
                        dl {
                            @for (name, value) in page.facts {
                                div { dt { (name) } dd { (value) } }
                            }
                        }
                    }
                    @if let Some(Figure { side, path, caption }) = page.figure {
                        figure {
                            svg viewBox=(format!("0 0 {side} {side}")) role="img" aria-label=(caption) {
                                path d=(path) {}
                            }
                            figcaption { (caption) }
                        }
                    }
                    @if let Some(Action { href, label }) = page.action {
                        p { a.button href=(href) rel="noreferrer" { (label) } }
                    }
                    @if let Some(Action { href, label }) = page.second {
                        p { a.button.second href=(href) rel="noreferrer" { (label) } }
                    }
                    @if let Some(Aside { text, link, label }) = page.aside {
                        p.aside { (text) " " a href=(link) rel="noreferrer" { (label) } }
                    }
                    @if let Some(reference) = page.reference {
                        p.reference {
                            (page.language.choose("查询编号", "Reference"))
                            code data-reference=(reference) { (spoken(reference)) }
                        }
                    }
                }
            }
        }
    }
}

/// The characters up to which a merchant's name is set in the usual size: longer ones would take over three lines of a
/// phone.
const SHORT_NAME: usize = 40;

/// So many digits of a reference are shown: enough to find the whole one in the log.
pub const SPOKEN_DIGITS: usize = 12;

/// The start of a reference in groups that can be read out.
#[must_use]
pub fn spoken(reference: &str) -> String {
    let start: Vec<char> =
        reference.chars().take(SPOKEN_DIGITS).map(|digit| digit.to_ascii_uppercase()).collect();
    start.chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-")
}

/// The CSS class of a tone, and its sign as an SVG path, because a character may be missing in a font.
const fn sign(tone: Tone) -> (&'static str, &'static str) {
    match tone {
        Tone::Good => ("good", "M22 37l10 10 19-21"),
        Tone::Open => ("open", "M36 21v18M36 51h.01"),
        Tone::Busy => ("busy", "M21 36h.01M36 36h.01M51 36h.01"),
        Tone::Before => ("before", "M22 37l10 10 19-21"),
        Tone::Quiet => ("quiet", "M23 36h26"),
        Tone::Bad => ("bad", "M26 26l20 20M46 26l-20 20"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_punctuation_stands_alone_on_a_line_and_sizes_follow_the_reader() {
        assert!(STYLE.contains("word-break: normal; line-break: strict"));
        let sizes = STYLE.split("font-size: ").skip(1).chain(STYLE.split("font: ").skip(1));
        let sizes: Vec<_> = sizes.filter_map(|rest| rest.split([';', '/', ' ']).next()).collect();
        assert!(sizes.len() > 4 && sizes.iter().all(|size| size.ends_with("rem")), "{sizes:?}");
    }

    #[test]
    fn a_long_name_of_a_merchant_is_set_smaller() {
        for (name, class) in [("名".repeat(40), "merchant"), ("名".repeat(41), "merchant long")] {
            let said = Page::saying(StatusCode::OK, "open", Language::Chinese, ("题", "文"));
            let answer = render(&Page { merchant: Some(&name), ..said });
            let expected = format!(r#"<p class="{class}">{name}</p>"#);
            assert!(String::from_utf8_lossy(answer.body()).contains(&expected), "{class}");
        }
    }
}
