//! Title and text of the states that more than one page has: the same state has the same words everywhere.

use crate::web::language::Language;

/// Title and text.
pub type Texts = (&'static str, &'static str);

/// The link's time is over.
#[must_use]
pub const fn expired(language: Language) -> Texts {
    match language {
        Language::Chinese => ("链接已过期", "请联系商家重新获取链接。"),
        Language::English => ("Link expired", "Please ask the merchant for a new link."),
    }
}

/// The link is not whole, or none of ours. Nobody is accused of having changed it.
#[must_use]
pub const fn incomplete(language: Language) -> Texts {
    match language {
        Language::Chinese => ("链接不完整", "请从商家处重新打开，或联系商家重新获取链接。"),
        Language::English => (
            "Link incomplete",
            "Please open it again from the merchant's page, or ask the merchant for a new link.",
        ),
    }
}

/// Somebody has consented by this link before.
#[must_use]
pub const fn used(language: Language) -> Texts {
    match language {
        Language::Chinese => ("您已完成授权", "无需再次操作。如非本人操作，请联系商家。"),
        Language::English => (
            "Already authorized",
            "There is nothing left to do. If it was not you, please tell the merchant.",
        ),
    }
}

/// We failed, and may not a moment later.
#[must_use]
pub const fn unavailable(language: Language) -> Texts {
    match language {
        Language::Chinese => ("系统繁忙", "请稍后重试。"),
        Language::English => ("We are busy", "Please try again in a moment."),
    }
}

/// The label of the button that reloads the page.
#[must_use]
pub const fn reload(language: Language) -> &'static str {
    language.choose("重试", "Try again")
}

/// The label of the button that leads to Alipay once more.
#[must_use]
pub const fn authorize_again(language: Language) -> &'static str {
    language.choose("重新授权", "Authorize again")
}

/// The label of the button that leads back to the merchant's page.
#[must_use]
pub const fn back(language: Language) -> &'static str {
    language.choose("返回商家", "Back to the merchant")
}
