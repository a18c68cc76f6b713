//! The texts that a visitor reads. The texts promise what authlink and Alipay do, and nothing that only the merchant
//! could keep.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use http::{HeaderValue, Response, StatusCode};
use shared::model::scope::Scope;
use shared::protocol::alipay::deep_link::{by_scheme, by_web_page};
use shared::web::language::Language;
use shared::web::page::{Aside, Figure, Page, Tone, render};
use url::Url;

use super::{Ask, Outcome};

/// A place for a Chinese line to break, after a name that the page's style keeps whole.
const BREAK: char = '\u{200b}';

/// The outcome's name, in the log and in the page's `data-outcome`.
pub(super) const fn log_reason(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Redirect(_) => "redirect",
        Outcome::Ask(Ask { code: None, .. }) => "open",
        Outcome::Ask(Ask { code: Some(_), .. }) => "scan",
        Outcome::Expired => "expired",
        Outcome::Forged => "forged",
        Outcome::Used => "used",
        Outcome::Gone => "gone",
        Outcome::Unavailable => "unavailable",
    }
}

/// The answer for an outcome.
pub(super) fn answer(outcome: &Outcome, language: Language, reference: Option<&str>) -> Response<Bytes> {
    let (status, tone, chinese, english) = match outcome {
        Outcome::Redirect(link) => return redirect(link),
        Outcome::Ask(ask) => return render_ask(ask, log_reason(outcome), language, reference),
        Outcome::Expired => (
            StatusCode::GONE,
            Tone::Bad,
            ("链接已过期", "该授权链接已超过有效期，请向商家索取新的链接。"),
            ("Link expired", "This link is no longer valid. Please ask the merchant for a new one."),
        ),
        Outcome::Forged => (
            StatusCode::FORBIDDEN,
            Tone::Bad,
            ("链接无效", "该链接不完整或已被改动，请重新打开商家提供的链接。"),
            (
                "Link not valid",
                "This link is incomplete or was changed. Please open the merchant's link again.",
            ),
        ),
        // As the return answers who comes too late with a consent: the link stands against what the request is for.
        Outcome::Used => (
            StatusCode::CONFLICT,
            Tone::Open,
            (
                "该链接已完成授权",
                "通过该链接的授权此前已经完成，无需再次操作。如果不是您本人操作，请联系商家。",
            ),
            (
                "Already authorized",
                "An authorization with this link was completed before; there is nothing left to do. \
                     If it was not you, tell the merchant.",
            ),
        ),
        Outcome::Gone => (
            StatusCode::NOT_FOUND,
            Tone::Bad,
            ("链接已失效", "该授权链接已不存在，请向商家索取新的链接。"),
            ("Link withdrawn", "This link does not exist any more. Please ask the merchant for a new one."),
        ),
        Outcome::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            Tone::Bad,
            ("服务暂不可用", "系统繁忙，请稍后刷新本页面。"),
            ("Not available", "We are busy. Please reload this page in a moment."),
        ),
    };
    let (title, text) = match language {
        Language::Chinese => chinese,
        Language::English => english,
    };
    render(&Page {
        status,
        language,
        outcome: log_reason(outcome),
        tone,
        title,
        text,
        figure: None,
        action: None,
        aside: None,
        reference,
        reload_secs: None,
    })
}

fn redirect(link: &Url) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::FOUND;
    let location = HeaderValue::from_str(link.as_str())
        .unwrap_or_else(|error| unreachable!("an address is fit for a header: {error}"));
    response.headers_mut().extend([
        (LOCATION, location),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ]);
    response
}

fn render_ask(
    ask: &Ask,
    outcome: &'static str,
    language: Language,
    reference: Option<&str>,
) -> Response<Bytes> {
    let name = &ask.merchant.name;
    let asks = language.choose("申请您的支付宝授权", "asks for your Alipay authorization");
    // The name may have spaces, so on a line of its own it does not run into what follows.
    let title = format!("{name}\n{asks}");
    let (by_scheme, by_web_page) = (by_scheme(&ask.link), by_web_page(&ask.link));
    let figure = ask.code.as_ref().map(|code| Figure {
        side: code.side,
        path: &code.path,
        caption: language.choose("打开支付宝，扫描二维码", "Scan this code with Alipay"),
    });
    render(&Page {
        status: StatusCode::OK,
        language,
        outcome,
        tone: Tone::Open,
        title: &title,
        text: &question(ask, language),
        action: figure
            .is_none()
            .then_some((&by_scheme, language.choose("打开支付宝授权", "Authorize in Alipay"))),
        aside: Some(if figure.is_some() {
            on_this_device(&by_scheme, language)
        } else {
            another_way(&by_web_page, language)
        }),
        figure,
        reference,
        reload_secs: None,
    })
}

fn on_this_device(by_scheme: &Url, language: Language) -> Aside<'_> {
    Aside {
        text: language.choose("支付宝就在本设备上？", "Is Alipay on this device?"),
        link: by_scheme,
        label: language.choose("直接打开", "Open it here"),
    }
}

fn another_way(by_web_page: &Url, language: Language) -> Aside<'_> {
    Aside {
        text: language.choose(
            "没有反应？如在微信等应用中，请先用浏览器打开本页，或者",
            "Nothing happened? Inside another app, such as WeChat, open this page in your browser first, or",
        ),
        link: by_web_page,
        label: language.choose("换一种方式打开支付宝", "try another way into Alipay"),
    }
}

/// The question: what is asked, until when, and what counts as consent. For [`Scope::AuthBase`] Alipay shows no page of
/// its own, so opening it is the consent, and the page has to say so.
fn question(ask: &Ask, language: Language) -> String {
    let Ask { merchant, end_date, code, .. } = ask;
    let name = &merchant.name;
    let consent = match (merchant.scope, code) {
        (Scope::AuthBase, None) => language.choose(
            "点击下方按钮打开支付宝，即表示同意，支付宝不再另行询问。",
            "By opening Alipay with this button you agree; Alipay does not ask again.",
        ),
        (Scope::AuthBase, Some(_)) => language.choose(
            "用支付宝扫描本页二维码，即表示同意，支付宝不再另行询问。",
            "By scanning this code with Alipay you agree; Alipay does not ask again.",
        ),
        (Scope::AuthUser, _) => language.choose(
            "授权在支付宝中进行，首次授权时支付宝会请您确认。",
            "You authorize in Alipay, which asks you to confirm the first time.",
        ),
    };
    match language {
        Language::Chinese => {
            let until = end_date.as_ref().map(|date| format!("申请的授权截止日期为 {date}。"));
            let until = until.unwrap_or_default();
            format!(
                "{name}{BREAK}将获知您的支付宝用户标识，用于识别您的支付宝账号。{until}\n{consent}如不同意，请关闭本页。"
            )
        }
        Language::English => {
            let until = end_date.as_ref().map(|date| format!(" It asks for this until {date}."));
            let until = until.unwrap_or_default();
            format!(
                "If you agree, {name} learns your Alipay identifier and can recognise your account by it.{until}\n\
                 {consent} If you do not agree, close this page."
            )
        }
    }
}
