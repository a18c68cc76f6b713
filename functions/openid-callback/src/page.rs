//! The page that the user reads.

use bytes::Bytes;
use http::{Response, StatusCode};
use shared::model::id::AuthorizationId;
use shared::web::language::Language;
use shared::web::page::{Action, Page, Reload, Tone, render};
use shared::web::texts;
use url::Url;

use crate::Outcome;

/// The pause before the page of an exchange under way asks again, in seconds.
const RELOAD_SECS: u8 = 2;

/// An address that leads to the page itself.
const THIS_PAGE: &str = "";

/// What a page says of the authorization that it is about, as far as it is known.
#[derive(Default)]
pub(crate) struct About<'a> {
    pub(crate) reference: Option<&'a AuthorizationId>,
    /// The merchant's name, from its document alone.
    pub(crate) merchant: Option<&'a str>,
    /// The merchant's page to go back to.
    pub(crate) back: Option<&'a Url>,
}

/// The page for an outcome.
pub(crate) fn answer(outcome: &Outcome, language: Language, about: &About<'_>) -> Response<Bytes> {
    let (status, tone) = face(outcome);
    let back = about.back.map(|url| Action { href: url.as_str(), label: texts::back(language) });
    let next = next_step(outcome, language);
    let (action, second) = if next.is_some() { (next, back) } else { (back, None) };
    render(&Page {
        tone,
        merchant: about.merchant,
        action,
        second,
        reference: about.reference.filter(|_| *outcome != Outcome::UnknownLink).map(AuthorizationId::as_str),
        reload: (*outcome == Outcome::InProgress).then_some(Reload { secs: RELOAD_SECS, href: THIS_PAGE }),
        ..Page::saying(status, outcome.as_str(), language, texts(outcome, language))
    })
}

/// The one next step, where there is one besides going back.
fn next_step(outcome: &Outcome, language: Language) -> Option<Action<'_>> {
    match outcome {
        Outcome::NotAuthorized(link) | Outcome::AuthorizeAgain(link) | Outcome::NotRecorded(link) => {
            let link = link.as_ref()?;
            Some(Action { href: link.as_str(), label: texts::authorize_again(language) })
        }
        Outcome::Unavailable => Some(Action { href: THIS_PAGE, label: texts::reload(language) }),
        Outcome::Authorized
        | Outcome::UnknownLink
        | Outcome::Expired
        | Outcome::InProgress
        | Outcome::OurFault
        | Outcome::TooManyTries
        | Outcome::AlreadyUsed
        | Outcome::AnotherUser => None,
    }
}

const fn face(outcome: &Outcome) -> (StatusCode, Tone) {
    match outcome {
        Outcome::Authorized => (StatusCode::OK, Tone::Good),
        Outcome::NotAuthorized(_) => (StatusCode::OK, Tone::Quiet),
        Outcome::InProgress => (StatusCode::OK, Tone::Busy),
        Outcome::AuthorizeAgain(_) => (StatusCode::OK, Tone::Open),
        Outcome::UnknownLink => (StatusCode::NOT_FOUND, Tone::Bad),
        Outcome::Expired => (StatusCode::GONE, Tone::Bad),
        Outcome::TooManyTries => (StatusCode::TOO_MANY_REQUESTS, Tone::Bad),
        Outcome::AlreadyUsed => (StatusCode::CONFLICT, Tone::Before),
        Outcome::AnotherUser => (StatusCode::CONFLICT, Tone::Bad),
        Outcome::OurFault | Outcome::NotRecorded(_) | Outcome::Unavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, Tone::Bad)
        }
    }
}

/// Title and text. Nobody is asked to authorize once more where that would be in vain.
const fn texts(outcome: &Outcome, language: Language) -> texts::Texts {
    match outcome {
        Outcome::Authorized => language.choose(
            ("授权成功", "您已完成支付宝授权，现在可以返回商家页面。"),
            ("Authorized", "You have authorized with Alipay. You can return to the merchant now."),
        ),
        Outcome::NotAuthorized(Some(_)) => language.choose(
            ("您已取消授权", "如需继续，可重新授权。"),
            ("You did not authorize", "If you wish to go on, you can authorize again."),
        ),
        Outcome::NotAuthorized(None) => language.choose(
            ("您已取消授权", "如需继续，请从商家处重新打开链接。"),
            ("You did not authorize", "If you wish to go on, open the link from the merchant's page again."),
        ),
        Outcome::UnknownLink => texts::incomplete(language),
        Outcome::Expired => texts::expired(language),
        Outcome::InProgress => language.choose(
            ("正在处理", "正在确认您的授权，请稍候，本页面会自动刷新。"),
            ("One moment", "Your authorization is being confirmed. This page reloads by itself."),
        ),
        Outcome::AuthorizeAgain(_) => language
            .choose(("未能完成授权", "请重新授权一次。"), ("Not completed", "Please authorize once more.")),
        Outcome::OurFault => language.choose(
            (
                "暂时无法完成授权",
                "与您的操作无关，现在重试也不会成功。请联系商家，或稍后从商家处重新打开链接。",
            ),
            (
                "Not possible for now",
                "It is nothing that you did, and another try would end here too. Please tell the merchant, \
                 or open the link from the merchant's page later.",
            ),
        ),
        Outcome::NotRecorded(_) => language.choose(
            ("未能保存授权", "系统繁忙，请稍候片刻，再重新授权一次。"),
            ("Not saved", "We are busy. Please wait a moment, then authorize once more."),
        ),
        Outcome::TooManyTries => language.choose(
            ("尝试次数过多", "请联系商家重新获取链接。"),
            ("Too many tries", "Please ask the merchant for a new link."),
        ),
        Outcome::AlreadyUsed => texts::used(language),
        Outcome::AnotherUser => language.choose(
            ("本次操作未生效", "已有其他支付宝账号通过该链接完成授权。如有疑问，请联系商家。"),
            (
                "This had no effect",
                "Another Alipay account has authorized with this link. If in doubt, ask the merchant.",
            ),
        ),
        Outcome::Unavailable => texts::unavailable(language),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(link: Option<&Url>) -> [Outcome; 12] {
        [
            Outcome::Authorized,
            Outcome::NotAuthorized(link.cloned()),
            Outcome::UnknownLink,
            Outcome::Expired,
            Outcome::InProgress,
            Outcome::AuthorizeAgain(link.cloned()),
            Outcome::NotRecorded(link.cloned()),
            Outcome::OurFault,
            Outcome::TooManyTries,
            Outcome::AlreadyUsed,
            Outcome::AnotherUser,
            Outcome::Unavailable,
        ]
    }

    fn text(outcome: &Outcome, language: Language, about: &About<'_>) -> String {
        String::from_utf8(answer(outcome, language, about).body().to_vec()).expect("text")
    }

    #[test]
    fn every_outcome_has_a_page_in_both_languages() {
        let link = Url::parse("https://openauth.example/authorize?a=1&b=2").ok();
        for outcome in outcomes(link.as_ref()) {
            let of = |language| text(&outcome, language, &About::default());
            let (chinese, english) = (of(Language::Chinese), of(Language::English));
            assert!(chinese.contains(r#"<html lang="zh-CN">"#) && english.contains(r#"<html lang="en">"#));
            let is_chinese = |text: &str| text.chars().any(|char| ('\u{4e00}'..='\u{9fff}').contains(&char));
            assert!(is_chinese(&chinese) && !is_chinese(&english), "{outcome:?}");
            for page in [chinese, english] {
                assert!(page.contains(&format!(r#"data-outcome="{}""#, outcome.as_str())));
                let offered = page.contains("https://openauth.example/authorize?a=1&amp;b=2");
                let again = matches!(
                    outcome,
                    Outcome::NotAuthorized(_) | Outcome::AuthorizeAgain(_) | Outcome::NotRecorded(_)
                );
                assert_eq!(offered, again);
                assert_eq!(page.contains(r#"href="""#), outcome == Outcome::Unavailable);
            }
        }
    }

    #[test]
    fn every_page_names_the_merchant_and_leads_back_to_it() {
        let back = Url::parse("https://shop.example.com/?a=1&serialNo=S1").unwrap();
        let id = AuthorizationId::parse(&"0123456789abcdef".repeat(2)).unwrap();
        let about = About { reference: Some(&id), merchant: Some("示例<b>商家"), back: Some(&back) };
        for outcome in outcomes(None) {
            let page = text(&outcome, Language::Chinese, &about);
            assert!(page.contains("示例&lt;b&gt;商家"), "{outcome:?}");
            assert!(page.contains(r#"href="https://shop.example.com/?a=1&amp;serialNo=S1""#), "{outcome:?}");
            assert_eq!(page.contains("0123-4567-89AB"), outcome != Outcome::UnknownLink);
        }
    }

    /// As a native reader would have it; the same words as on the page behind a link.
    #[test]
    fn the_chinese_wording_is_short_polite_and_without_blame() {
        let link = Url::parse("https://openauth.example/authorize").ok();
        for (outcome, phrases) in [
            (
                Outcome::NotAuthorized(link.clone()),
                &["您已取消授权", "如需继续，可重新授权。", ">重新授权</a>"][..],
            ),
            (Outcome::AlreadyUsed, &["您已完成授权", "无需再次操作。如非本人操作，请联系商家。"]),
            (Outcome::AuthorizeAgain(link.clone()), &["未能完成授权", "请重新授权一次。", ">重新授权</a>"]),
            (Outcome::UnknownLink, &["链接不完整", "请从商家处重新打开，或联系商家重新获取链接。"]),
            (Outcome::Expired, &["链接已过期", "请联系商家重新获取链接。"]),
            (Outcome::Unavailable, &["系统繁忙", "请稍后重试。", ">重试</a>"]),
            (Outcome::AnotherUser, &["本次操作未生效"]),
        ] {
            let page = text(&outcome, Language::Chinese, &About::default());
            for phrase in phrases {
                assert!(page.contains(phrase), "{outcome:?}: {phrase}");
            }
        }
        for outcome in outcomes(link.as_ref()) {
            let page = text(&outcome, Language::Chinese, &About::default());
            for blame in ["您没有同意", "已被改动", "未被采用", "未授权"] {
                assert!(!page.contains(blame), "{outcome:?}: {blame}");
            }
        }
    }

    #[test]
    fn what_is_under_way_looks_another_way_than_what_is_done() {
        assert_ne!(face(&Outcome::InProgress).1, face(&Outcome::AlreadyUsed).1);
    }
}
