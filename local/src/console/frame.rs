//! The frame of every page: its head, its ways, and what is told when something cannot be.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, html};
use shared::web::language::Language;

use super::visit::{ConsoleError, Visit};
use super::words;

const WAYS: [(&str, &str, &str); 3] = [
    ("/", "需要关注", "Needs attention"),
    ("/day", "最近一天", "Last day"),
    ("/disabled", "停用", "Disabled"),
];

/// A page; `body` is what its `main` holds.
pub(super) fn page(visit: &Visit, status: StatusCode, title: &str, body: &Markup) -> Response {
    (status, Html(whole(visit, title, body).into_string())).into_response()
}

/// The answer, or the page of the error.
pub(super) fn answer(visit: &Visit, answer: Result<Response, ConsoleError>) -> Response {
    answer.unwrap_or_else(|error| error_page(visit, &error))
}

fn whole(visit: &Visit, title: &str, body: &Markup) -> Markup {
    let base = &visit.desk.base;
    html! {
        (DOCTYPE)
        html lang=(visit.language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · authlink" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href={ (base) "/page.css" };
                link rel="stylesheet" href={ (base) "/console.css" };
            }
            body {
                header class="top" {
                    div {
                        h1 { (title) }
                        p {
                            code { (visit.desk.place.name()) } " "
                            @if !visit.desk.may_write {
                                span class="chip waiting" { (visit.say("只读", "read-only")) }
                            }
                        }
                    }
                    nav aria-label=(visit.say("语言", "Language")) {
                        @for (language, name) in [(Language::Chinese, "中文"), (Language::English, "English")] {
                            a href=(visit.in_language(language)) lang=(language.tag())
                                aria-current=[(language == visit.language).then_some("true")] { (name) }
                        }
                    }
                }
                nav class="ways" aria-label=(visit.say("页面", "Pages")) {
                    @for (path, chinese, english) in WAYS {
                        a href=(visit.link(path, &[])) aria-current=[visit.is_at(path).then_some("page")] {
                            (visit.say(chinese, english))
                        }
                    }
                }
                main class="console" { (body) }
            }
        }
    }
}

fn error_page(visit: &Visit, error: &ConsoleError) -> Response {
    let (status, title, text) = match error {
        ConsoleError::NotFound(text) => {
            (StatusCode::NOT_FOUND, visit.say("没有找到", "Not found"), text.clone())
        }
        ConsoleError::Refused(text) => {
            (StatusCode::CONFLICT, visit.say("无法执行", "It cannot be done"), text.clone())
        }
        ConsoleError::Unlisted(why) => (
            StatusCode::CONFLICT,
            visit.say("无法列出", "There is no list"),
            words::of_unlisted(*why, visit.language).to_owned(),
        ),
        ConsoleError::Failed(error) => {
            (StatusCode::BAD_GATEWAY, visit.say("出错了", "Something failed"), error.to_string())
        }
    };
    let body = html! {
        section class="card" {
            p class="problem first" role="alert" data-testid="problem" { (text) }
            p { a class="aside" href=(visit.link("/", &[])) { (visit.say("返回", "Back")) } }
        }
    };
    page(visit, status, title, &body)
}
