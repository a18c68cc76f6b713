//! The page that the user reads.

use bytes::Bytes;
use http::{Response, StatusCode};
use shared::model::id::AuthorizationId;
use shared::web::language::Language;
use shared::web::page::{Page, Tone, render};

use crate::Outcome;

/// The pause before the page of an exchange under way asks again, in seconds.
const RELOAD_SECS: u8 = 2;

/// The outcome's name, in the log and in the page's `data-outcome`.
pub(crate) const fn log_reason(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Authorized => "authorized",
        Outcome::NotAuthorized => "not-authorized",
        Outcome::UnknownLink => "unknown-link",
        Outcome::Expired => "expired",
        Outcome::InProgress => "in-progress",
        Outcome::AuthorizeAgain(_) => "authorize-again",
        Outcome::OurFault => "our-fault",
        Outcome::NotRecorded(_) => "not-recorded",
        Outcome::TooManyTries => "too-many-tries",
        Outcome::AlreadyUsed => "already-used",
        Outcome::AnotherUser => "another-user",
        Outcome::Unavailable => "unavailable",
    }
}

/// The page for an outcome.
pub(crate) fn answer(
    outcome: &Outcome,
    language: Language,
    reference: Option<&AuthorizationId>,
) -> Response<Bytes> {
    let (status, tone) = face(outcome);
    let (title, text) = texts(outcome, language);
    let link = match outcome {
        Outcome::AuthorizeAgain(link) | Outcome::NotRecorded(link) => link.as_ref(),
        _ => None,
    };
    render(&Page {
        status,
        language,
        outcome: log_reason(outcome),
        tone,
        title,
        text,
        figure: None,
        action: link.map(|link| (link, language.choose("重新授权", "Authorize again"))),
        aside: None,
        reference: reference.filter(|_| *outcome != Outcome::UnknownLink).map(AuthorizationId::as_str),
        reload_secs: (*outcome == Outcome::InProgress).then_some(RELOAD_SECS),
    })
}

const fn face(outcome: &Outcome) -> (StatusCode, Tone) {
    match outcome {
        Outcome::Authorized => (StatusCode::OK, Tone::Good),
        Outcome::NotAuthorized => (StatusCode::OK, Tone::Quiet),
        Outcome::InProgress | Outcome::AuthorizeAgain(_) => (StatusCode::OK, Tone::Open),
        Outcome::UnknownLink => (StatusCode::NOT_FOUND, Tone::Bad),
        Outcome::Expired => (StatusCode::GONE, Tone::Bad),
        Outcome::TooManyTries => (StatusCode::TOO_MANY_REQUESTS, Tone::Bad),
        Outcome::AlreadyUsed => (StatusCode::CONFLICT, Tone::Open),
        Outcome::AnotherUser => (StatusCode::CONFLICT, Tone::Bad),
        Outcome::OurFault | Outcome::NotRecorded(_) | Outcome::Unavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, Tone::Bad)
        }
    }
}

/// Title and text. Nobody is asked to authorize once more where that would be in vain.
const fn texts(outcome: &Outcome, language: Language) -> (&'static str, &'static str) {
    match language {
        Language::Chinese => chinese(outcome),
        Language::English => english(outcome),
    }
}

const fn chinese(outcome: &Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Authorized => ("授权成功", "您已完成支付宝授权，现在可以返回商家页面。"),
        Outcome::NotAuthorized => ("未授权", "您没有同意授权。如需继续，请重新打开商家提供的链接。"),
        Outcome::UnknownLink => ("链接无效", "该链接不存在或不完整，请向商家索取新的链接。"),
        Outcome::Expired => ("链接已过期", "该授权链接已超过有效期，请向商家索取新的链接。"),
        Outcome::InProgress => ("正在处理", "正在确认您的授权，请稍候，本页面会自动刷新。"),
        Outcome::AuthorizeAgain(_) => ("请重新授权", "本次授权未能确认，请重新授权一次。"),
        Outcome::NotRecorded(_) => {
            ("未能保存授权", "您已同意授权，但系统暂时无法保存。请稍候片刻，再重新授权一次。")
        }
        Outcome::OurFault => (
            "暂时无法完成授权",
            "问题出在我们这边，与您的操作无关，现在再次授权也不会成功。请联系商家，或稍后再打开商家提供的链接。",
        ),
        Outcome::TooManyTries => ("尝试次数过多", "该链接的授权尝试次数过多，请向商家索取新的链接。"),
        Outcome::AlreadyUsed => (
            "该链接已完成授权",
            "通过该链接的授权此前已经完成，本次授权未被采用。如果不是您本人操作，请联系商家。",
        ),
        Outcome::AnotherUser => {
            ("该链接已被使用", "已有其他支付宝账号通过该链接完成授权。如有疑问，请联系商家。")
        }
        Outcome::Unavailable => ("服务暂不可用", "系统繁忙，请稍后刷新本页面。"),
    }
}

const fn english(outcome: &Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Authorized => {
            ("Authorized", "You have authorized with Alipay. You can return to the merchant now.")
        }
        Outcome::NotAuthorized => {
            ("Not authorized", "You have not consented. To go on, open the merchant's link again.")
        }
        Outcome::UnknownLink => (
            "Link not valid",
            "This link does not exist or is incomplete. Please ask the merchant for a new one.",
        ),
        Outcome::Expired => {
            ("Link expired", "This link is no longer valid. Please ask the merchant for a new one.")
        }
        Outcome::InProgress => {
            ("One moment", "Your authorization is being confirmed. This page reloads by itself.")
        }
        Outcome::AuthorizeAgain(_) => (
            "Please authorize again",
            "This authorization could not be confirmed. Please authorize once more.",
        ),
        Outcome::NotRecorded(_) => (
            "Not saved",
            "You have consented, but we could not save it. Please wait a moment, then authorize once more.",
        ),
        Outcome::OurFault => (
            "Not possible for now",
            "The fault is on our side, not yours, and another try would end here too. Please tell the merchant, or open the merchant's link later.",
        ),
        Outcome::TooManyTries => {
            ("Too many tries", "This link was tried too often. Please ask the merchant for a new one.")
        }
        Outcome::AlreadyUsed => (
            "Already authorized",
            "An authorization with this link was completed before; this one was not used. If it was not you, tell the merchant.",
        ),
        Outcome::AnotherUser => (
            "Link already used",
            "Another Alipay account has authorized with this link. If in doubt, ask the merchant.",
        ),
        Outcome::Unavailable => ("Not available", "We are busy. Please reload this page in a moment."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_page_in_both_languages() {
        let link = url::Url::parse("https://openauth.example/authorize?a=1&b=2").ok();
        for outcome in [
            Outcome::Authorized,
            Outcome::NotAuthorized,
            Outcome::UnknownLink,
            Outcome::Expired,
            Outcome::InProgress,
            Outcome::AuthorizeAgain(link.clone()),
            Outcome::NotRecorded(link),
            Outcome::OurFault,
            Outcome::TooManyTries,
            Outcome::AlreadyUsed,
            Outcome::AnotherUser,
            Outcome::Unavailable,
        ] {
            let of = |language| {
                let page = answer(&outcome, language, None);
                String::from_utf8(page.body().to_vec()).expect("text")
            };
            let (chinese, english) = (of(Language::Chinese), of(Language::English));
            assert!(chinese.contains(r#"<html lang="zh-CN">"#) && english.contains(r#"<html lang="en">"#));
            let is_chinese = |text: &str| text.chars().any(|char| ('\u{4e00}'..='\u{9fff}').contains(&char));
            assert!(is_chinese(&chinese) && !is_chinese(&english), "{outcome:?}");
            for page in [chinese, english] {
                assert!(page.contains(&format!(r#"data-outcome="{}""#, log_reason(&outcome))));
                let offered = page.contains("https://openauth.example/authorize?a=1&amp;b=2");
                assert_eq!(offered, matches!(outcome, Outcome::AuthorizeAgain(_) | Outcome::NotRecorded(_)));
            }
        }
    }
}
