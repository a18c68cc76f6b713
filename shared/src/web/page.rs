//! Pages for the user's browser: small and self-contained, for a phone first, in Chinese or English, without script,
//! kept out of caches, frames and referrers.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
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
    /// Something is left to do or to wait for.
    Open,
    /// Ended without a result, as the user wished.
    Quiet,
    /// Failed, with no way on from this page.
    Bad,
}

/// The content of a page.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// The HTTP status.
    pub status: StatusCode,
    /// The language of the texts.
    pub language: Language,
    /// The value of `data-outcome`, which tests and support staff read in the source.
    pub outcome: &'static str,
    /// The sign.
    pub tone: Tone,
    /// The head line; a line feed in it begins another.
    pub title: &'a str,
    /// The outcome and the next step; each line is a paragraph.
    pub text: &'a str,
    /// A drawing to scan.
    pub figure: Option<Figure<'a>>,
    /// A link to go on by, and its label.
    pub action: Option<(&'a Url, &'a str)>,
    /// Another way, for users whom the action does not serve.
    pub aside: Option<Aside<'a>>,
    /// The reference that an operator can search for.
    pub reference: Option<&'a str>,
    /// The seconds after which the browser reloads the page, if it should.
    pub reload_secs: Option<u8>,
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

/// The CSS class of a tone, and its sign as an SVG path, because a character may be missing in a font.
const fn sign(tone: Tone) -> (&'static str, &'static str) {
    match tone {
        Tone::Good => ("good", "M22 37l10 10 19-21"),
        Tone::Open => ("open", "M21 36h.01M36 36h.01M51 36h.01"),
        Tone::Quiet => ("quiet", "M23 36h26"),
        Tone::Bad => ("bad", "M36 21v18M36 51h.01"),
    }
}
