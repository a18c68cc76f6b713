//! What a caller is answered when a handler panics, which is a fault of the program: 500, for a browser as a page. The
//! process goes on, and an alarm tells of it, because Lambda counts no error of a request that was answered.

use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::telemetry::Alarm;
use crate::web::language::Language;
use crate::web::page::{Page, Tone, render};
use crate::web::texts;

const STATUS: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;
/// As API Gateway answers for a function that failed, which callers meet anyway.
const BODY: &[u8] = br#"{"message":"Internal Server Error"}"#;

/// The form that a caller is answered in.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    Json,
    Page(Language),
}

impl Form {
    /// A browser says that it takes HTML.
    pub(crate) fn wanted(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        if accepted.into_iter().any(|value| value.contains("text/html")) {
            Self::Page(Language::preferred(headers))
        } else {
            Self::Json
        }
    }

    fn answer(self) -> Response<Bytes> {
        let Self::Page(language) = self else {
            let mut answer = Response::new(Bytes::from_static(BODY));
            *answer.status_mut() = STATUS;
            let json = HeaderValue::from_static("application/json; charset=utf-8");
            answer.headers_mut().insert(CONTENT_TYPE, json);
            return answer;
        };
        let said = Page::saying(STATUS, "failed", language, texts::unavailable(language));
        render(&Page { tone: Tone::Bad, ..said })
    }
}

/// The handler's answer, or that to a panic. What a panic leaves behind is seen by the next request as by this one:
/// state that lives longer is behind locks that are not held over a wait.
pub(crate) async fn answered(handler: impl Future<Output = Response<Bytes>>, form: Form) -> Response<Bytes> {
    AssertUnwindSafe(handler).catch_unwind().await.unwrap_or_else(|_| {
        let http_status = STATUS.as_u16();
        // What it said may hold anything, and is in the line of the panic itself.
        tracing::error!(http_status, alarm = Alarm::Panic.as_str(), "a handler panicked");
        form.answer()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(accept: &'static str, panics: bool) -> Response<Bytes> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        let handler = async move {
            assert!(!panics, "as asked");
            Response::new(Bytes::from_static(b"alive"))
        };
        answered(handler, Form::wanted(&headers)).now_or_never().unwrap()
    }

    #[test]
    fn a_program_is_answered_in_json_and_a_browser_by_a_page() {
        let json = answer("*/*", true);
        assert_eq!((json.status(), &json.body()[..]), (STATUS, BODY));
        assert_eq!(json.headers()[CONTENT_TYPE], "application/json; charset=utf-8");
        let page = answer("text/html,application/xhtml+xml", true);
        assert_eq!(page.status(), STATUS);
        assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        assert!(page.body().windows(6).any(|text| text == b"failed"));
        assert_eq!(answer("text/html", false).body(), "alive");
    }
}
