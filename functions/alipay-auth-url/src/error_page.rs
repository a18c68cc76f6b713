//! `GET /v1/openapi/errors?code=…`: a code's cause and remedy for people. The `Recommend` of a refusal in Alibaba
//! Cloud's dialect leads here.
//!
//! The texts are those of `docs/errors.md` and its Chinese twin, taken in when this is built.

use std::collections::HashMap;
use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use shared::web::language::Language;
use shared::web::page::{self, Page};
use url::form_urlencoded;

static ENGLISH: LazyLock<Rows> = LazyLock::new(|| rows(include_str!("../../../docs/errors.md")));
static CHINESE: LazyLock<Rows> = LazyLock::new(|| rows(include_str!("../../../docs/zh/errors.md")));

/// The page for the code that `query` names.
pub(crate) fn show(query: &str, headers: &HeaderMap) -> Response<Bytes> {
    let language = Language::preferred(headers);
    let code =
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code").map(|(_, code)| code);
    let rows = match language {
        Language::Chinese => &CHINESE,
        Language::English => &ENGLISH,
    };
    let row = code.as_deref().and_then(|code| rows.get(code));
    let unknown = language.choose(
        "没有这个错误码。若它出自阿里云，请查阅阿里云的文档。",
        "There is no such code here. If it is Alibaba Cloud's own, see its documents.",
    );
    let (status, outcome, title, text) = match row {
        Some(row) => (StatusCode::OK, "code", row.code, row.text(language)),
        None => {
            (StatusCode::NOT_FOUND, "no-such-code", language.choose("错误码", "Errors"), unknown.to_owned())
        }
    };
    page::render(&Page::saying(status, outcome, language, (title, &text)))
}

/// The rows of a document, by their codes.
type Rows = HashMap<&'static str, Row>;

/// A row of a table of codes.
struct Row {
    code: &'static str,
    cause: &'static str,
    remedy: &'static str,
    who: &'static str,
}

impl Row {
    fn text(&self, language: Language) -> String {
        let labels = [("原因：", ""), ("处理办法：", "What to do: "), ("处理方：", "Who acts: ")];
        let labels = labels.map(|(chinese, english)| language.choose(chinese, english));
        let parts = labels.into_iter().zip([self.cause, self.remedy, self.who]);
        let lines = parts.filter(|(_, text)| !text.is_empty());
        lines.map(|(label, text)| format!("{label}{}\n", text.replace('`', ""))).collect()
    }
}

/// The rows of the tables whose last columns are cause, remedy and who acts, with an HTTP status before them; of two of
/// one code the first.
fn rows(document: &'static str) -> Rows {
    let mut rows = Rows::new();
    for line in document.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        if let [first, .., http, cause, remedy, who] = cells[..]
            && http.parse::<u16>().is_ok()
        {
            let code = first.trim_matches('`');
            rows.entry(code).or_insert(Row { code, cause, remedy, who });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT_LANGUAGE;
    use shared::protocol::open_api::Code;
    use strum::VariantArray as _;

    use super::*;

    fn shown(query: &str, language: &str) -> (u16, String) {
        let headers = HeaderMap::from_iter([(ACCEPT_LANGUAGE, language.parse().unwrap())]);
        let answer = show(query, &headers);
        (answer.status().as_u16(), String::from_utf8(answer.body().to_vec()).unwrap())
    }

    #[test]
    fn every_code_has_its_page_in_both_languages() {
        let ours = Code::VARIANTS.iter().map(|code| code.as_str());
        for code in ours.chain(["SignatureDoesNotMatch", "Throttling.System", "InvalidAccessKeyId.NotFound"])
        {
            for (language, label) in [("en", "Who acts: "), ("zh-CN", "处理方：")] {
                let (status, page) = shown(&format!("code={code}"), language);
                assert_eq!(status, 200, "{code}");
                assert!(page.contains(&format!("<h1>{code}</h1>")) && page.contains(label), "{page}");
            }
        }
    }

    #[test]
    fn what_is_no_code_is_not_repeated() {
        for query in ["", "code=", "code=%3Cscript%3E", "code=field_unknown", "code=wrong_answer", "other=1"]
        {
            let (status, page) = shown(query, "en");
            assert_eq!(status, 404, "{query}");
            assert!(!page.contains("script") && !page.contains("field_unknown"), "{page}");
        }
    }
}
