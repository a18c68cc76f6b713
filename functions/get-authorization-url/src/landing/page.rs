//! The texts that a visitor reads. The texts promise what authlink and Alipay do, and nothing that only the merchant
//! could keep.

use std::time::Duration;

use bytes::Bytes;
use http::header::{LOCATION, REFERRER_POLICY};
use http::{HeaderValue, Response, StatusCode};
use shared::model::scope::Scope;
use shared::protocol::alipay::deep_link::{by_scheme, by_web_page};
use shared::web::language::Language;
use shared::web::page::{Action, Aside, Figure, Page, Reload, Tone, render};
use shared::web::texts;
use url::Url;

use super::outcome::{Ask, LinkMerchant, Outcome};
use super::query::SHORT;

pub(super) fn answer(outcome: &Outcome, language: Language, reference: Option<&str>) -> Response<Bytes> {
    let nobody = LinkMerchant::default();
    let (status, tone, link_merchant, said) = match outcome {
        Outcome::Redirect(link) => return redirect(link),
        Outcome::Ask(ask) => return render_ask(ask, outcome.as_str(), language, reference),
        Outcome::InWeChat(ask) => return render_in_wechat(ask, language, reference),
        Outcome::Scanned(ask) => return render_scanned(ask, language, reference),
        Outcome::Authorized(link_merchant) => {
            (StatusCode::OK, Tone::Good, link_merchant, authorized(language))
        }
        Outcome::Expired(link_merchant) => {
            (StatusCode::GONE, Tone::Bad, link_merchant, texts::expired(language))
        }
        Outcome::Forged => (StatusCode::FORBIDDEN, Tone::Bad, &nobody, texts::incomplete(language)),
        // 409, as the return answers a consent that comes too late.
        Outcome::Used(link_merchant) => {
            (StatusCode::CONFLICT, Tone::Before, link_merchant, texts::used(language))
        }
        Outcome::Gone => (StatusCode::NOT_FOUND, Tone::Bad, &nobody, texts::incomplete(language)),
        Outcome::Unavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, Tone::Bad, &nobody, texts::unavailable(language))
        }
    };
    let reload = Action { href: "", label: texts::reload(language) };
    let back = link_merchant
        .return_url
        .as_ref()
        .map(|url| Action { href: url.as_str(), label: texts::back(language) });
    render(&Page {
        tone,
        merchant: link_merchant.merchant.as_deref(),
        action: if *outcome == Outcome::Unavailable { Some(reload) } else { back },
        reference,
        ..Page::saying(status, outcome.as_str(), language, said)
    })
}

fn redirect(link: &Url) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::FOUND;
    let location = HeaderValue::from_str(link.as_str())
        .unwrap_or_else(|error| unreachable!("an address is fit for a header: {error}"));
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn render_ask(
    ask: &Ask,
    outcome: &'static str,
    language: Language,
    reference: Option<&str>,
) -> Response<Bytes> {
    let (by_scheme, by_web_page) = (by_scheme(&ask.link), by_web_page(&ask.link));
    let figure = ask.code.as_ref().map(|code| Figure {
        side: code.side,
        path: &code.path,
        caption: language.choose("打开支付宝，扫描二维码", "Scan this code with Alipay"),
    });
    let next = ask.asked.next_poll(&ask.token);
    let label = language.choose("打开支付宝授权", "Authorize in Alipay");
    let facts = facts(ask, language);
    let title = language.choose("支付宝授权申请", "A request for your Alipay authorization");
    render(&Page {
        facts: &facts.each_ref().map(|(name, value)| (*name, value.as_str())),
        action: figure.is_none().then_some(Action { href: by_scheme.as_str(), label }),
        second: ask
            .return_url
            .as_ref()
            .map(|url| Action { href: url.as_str(), label: language.choose("不同意", "I do not agree") }),
        aside: Some(if figure.is_some() {
            on_this_device(&by_scheme, language)
        } else {
            another_way(&by_web_page, language)
        }),
        reload: figure.and(next.as_deref()).map(|href| Reload { secs: LOOK_SECS, href }),
        figure,
        reference,
        ..Page::saying(StatusCode::OK, outcome, language, (title, &consent(ask, language)))
    })
}

/// The pause before a page that waits looks again, in seconds.
const LOOK_SECS: u8 = 5;

/// The page of a desktop while the user is at the other device.
fn render_scanned(ask: &Ask, language: Language, reference: Option<&str>) -> Response<Bytes> {
    let next = ask.asked.next_poll(&ask.token);
    let again = format!("?{SHORT}={}", ask.token);
    let said = language.choose(
        ("已打开链接", "请在手机上的支付宝中完成授权，本页面会自动更新。"),
        ("Opened on your phone", "Please finish in Alipay on your phone. This page follows by itself."),
    );
    render(&Page {
        tone: Tone::Busy,
        merchant: Some(&ask.merchant),
        second: Some(Action {
            href: &again,
            label: language.choose("重新显示二维码", "Show the code again"),
        }),
        reference,
        reload: next.as_deref().map(|href| Reload { secs: LOOK_SECS, href }),
        ..Page::saying(StatusCode::OK, "scanned", language, said)
    })
}

/// What a desktop says once the user has consented on the other device.
const fn authorized(language: Language) -> texts::Texts {
    match language {
        Language::Chinese => ("授权成功", "可以返回商家页面。"),
        Language::English => ("Authorized", "You can return to the merchant now."),
    }
}

/// WeChat's menu at the upper right, with an arrow to it.
const MENU: Figure<'static> = Figure {
    side: 48,
    path: "M2 8h44v3h-44zM34 3h2v2h-2zM38 3h2v2h-2zM42 3h2v2h-2zM38 15l6 8h-4v6a10 10 0 0 1-10 10h-14v-4h14a6 6 0 \
           0 0 6-6v-6h-4z",
    caption: "",
};

fn render_in_wechat(ask: &Ask, language: Language, reference: Option<&str>) -> Response<Bytes> {
    let caption =
        language.choose("点右上角 ···，选择“在浏览器打开”", "Tap ··· above, then “Open in browser”");
    let said = language.choose(
        ("请在浏览器中打开", "微信内无法打开支付宝。请用浏览器打开本页，再继续授权。"),
        (
            "Open in your browser",
            "WeChat cannot open Alipay. Open this page in your browser and go on there.",
        ),
    );
    render(&Page {
        merchant: Some(&ask.merchant),
        figure: Some(Figure { caption, ..MENU }),
        reference,
        ..Page::saying(StatusCode::OK, "in-wechat", language, said)
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
        text: language.choose("没有反应？", "Nothing happened?"),
        link: by_web_page,
        label: language.choose("换一种方式打开支付宝", "Try another way into Alipay"),
    }
}

/// What is asked, and until when.
fn facts(ask: &Ask, language: Language) -> [(&'static str, String); 3] {
    let learns = language.choose(
        "您的支付宝用户标识，用于识别您的支付宝账号",
        "your Alipay identifier, to recognise your account by it",
    );
    let until = match (&ask.end_date, language) {
        (Some(date), Language::Chinese) => format!("授权至 {date}"),
        (Some(date), Language::English) => format!("authorization until {date}"),
        (None, _) => String::new(),
    };
    let left = left(ask.left, language);
    let separator = if until.is_empty() { "" } else { language.choose("；", "; ") };
    [
        (language.choose("申请方", "Who asks"), ask.merchant.clone()),
        (language.choose("获取内容", "Learns"), learns.to_owned()),
        (language.choose("有效期", "Valid"), format!("{until}{separator}{left}")),
    ]
}

/// The time that the link has left, in the two largest units.
fn left(left: Duration, language: Language) -> String {
    let minutes = left.as_secs() / 60;
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    match (language, days, hours) {
        (Language::Chinese, 0, 0) => format!("链接 {} 分钟内有效", minutes.max(1)),
        (Language::Chinese, 0, _) => format!("链接 {hours} 小时 {minutes} 分钟内有效"),
        (Language::Chinese, _, _) => format!("链接 {days} 天 {hours} 小时内有效"),
        (Language::English, 0, 0) => format!("this link for {} min", minutes.max(1)),
        (Language::English, 0, _) => format!("this link for {hours} h {minutes} min"),
        (Language::English, _, _) => format!("this link for {days} d {hours} h"),
    }
}

/// What counts as consent. For [`Scope::AuthBase`] Alipay shows no page of its own, so opening it is the consent, and
/// the page has to say so.
fn consent(ask: &Ask, language: Language) -> String {
    let consent = match (ask.scope, &ask.code) {
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
    match (language, &ask.return_url) {
        (Language::Chinese, Some(_)) => format!("{consent}如不同意，可返回商家。"),
        (Language::Chinese, None) => format!("{consent}如不同意，请关闭本页。"),
        (Language::English, Some(_)) => format!("{consent} If you do not agree, go back to the merchant."),
        (Language::English, None) => format!("{consent} If you do not agree, close this page."),
    }
}
