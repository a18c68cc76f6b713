//! The parts that every page and file of the local servers has: security headers, a language, a head, the way to the
//! other language.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use shared::web::language::Language;

/// The language of a page: that of `?lang=zh` or `?lang=en`, or else of the browser.
pub(crate) struct Chosen(pub(crate) Language);

impl<S: Sync> FromRequestParts<S> for Chosen {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let asked = query.filter(|(name, _)| name == "lang").find_map(|(_, value)| Language::named(&value));
        Ok(Self(asked.unwrap_or_else(|| Language::preferred(&parts.headers))))
    }
}

/// The parts of a page that differ.
pub(crate) struct Shell<'a> {
    pub(crate) path: &'a str,
    pub(crate) title: &'a str,
    /// Below the title.
    pub(crate) lead: Markup,
    /// Beside the style that all have.
    pub(crate) styles: &'a [&'a str],
    pub(crate) scripts: &'a [&'a str],
    /// Below the head, one of `main`.
    pub(crate) content: Markup,
}

impl Shell<'_> {
    /// The whole page.
    pub(crate) fn markup(&self, language: Language) -> Markup {
        let say = |chinese, english| language.choose(chinese, english);
        let address = |other: Language| format!("{}?lang={}", self.path, other.query_value());
        let current = |of| (language == of).then_some("true");
        html! {
            (DOCTYPE)
            html lang=(language.tag()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.title) " · authlink" }
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href="/demo.css";
                    @for style in self.styles { link rel="stylesheet" href=(style); }
                    @for script in self.scripts { script src=(script) defer {} }
                }
                body {
                    header class="top" {
                        div {
                            h1 { (self.title) }
                            (self.lead)
                        }
                        nav aria-label=(say("语言", "Language")) {
                            a href=(address(Language::Chinese)) lang="zh-CN" aria-current=[current(Language::Chinese)] { "中文" }
                            a href=(address(Language::English)) lang="en" aria-current=[current(Language::English)] { "English" }
                        }
                    }
                    @if !self.scripts.is_empty() {
                        noscript { p class="problem" { (say("此页需要 JavaScript。", "This page needs JavaScript.")) } }
                    }
                    (self.content)
                }
            }
        }
    }
}

/// An HTML page under `policy`, its Content-Security-Policy, that is never cached and tells no address to others.
pub(crate) fn page(status: StatusCode, policy: &str, markup: Markup) -> Response {
    let headers: [(HeaderName, &str); 4] = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, Html(markup.into_string())).into_response()
}

/// A file that is part of this program.
pub(crate) fn file(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[tokio::test]
    async fn a_page_is_in_the_language_that_is_asked_for_or_else_of_the_browser() {
        for (address, browser, language) in [
            ("/?lang=zh", "en", Language::Chinese),
            ("/?a=1&lang=en", "zh", Language::English),
            ("/?lang=fr", "zh", Language::Chinese),
            ("/", "en", Language::English),
            ("/?lang=%ff&lang", "zh", Language::Chinese),
        ] {
            let request = Request::get(address).header(header::ACCEPT_LANGUAGE, browser).body(()).unwrap();
            let (mut parts, ()) = request.into_parts();
            let Ok(Chosen(chosen)) = Chosen::from_request_parts(&mut parts, &()).await;
            assert_eq!(chosen, language, "{address} {browser}");
        }
    }
}
