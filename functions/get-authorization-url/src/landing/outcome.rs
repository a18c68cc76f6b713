//! The outcome that a visitor of the page behind a link meets.

use std::time::Duration;

use shared::model::end_date::EndDate;
use shared::model::scope::Scope;
use shared::model::terms::Terms;
use url::Url;

use super::qr_code::QrDrawing;
use super::query::LandingQuery;

/// The outcome that a visitor meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Alipay's own page.
    Redirect(Url),
    /// The question, and a way into Alipay.
    Ask(Ask),
    /// How to leave the browser inside WeChat, which does not open Alipay.
    InWeChat(Ask),
    /// The user has opened the link on the other device while this page waited, and is not done.
    Scanned(Ask),
    /// A user has consented, while this page waited for it.
    Authorized(LinkMerchant),
    /// The link's time is over.
    Expired(LinkMerchant),
    /// The token is none of ours.
    Forged,
    /// A user has consented.
    Used(LinkMerchant),
    /// The record, its link or its scheme is there no more.
    Gone,
    /// We failed; the page may be asked for again.
    Unavailable,
}

impl Outcome {
    /// The outcome's name, in the log and in the page's `data-outcome`.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Redirect(_) => "redirect",
            Self::Ask(Ask { code: None, .. }) => "open",
            Self::Ask(Ask { code: Some(_), .. }) => "scan",
            Self::InWeChat(_) => "in-wechat",
            Self::Scanned(_) => "scanned",
            Self::Authorized(_) => "authorized",
            Self::Expired(_) => "expired",
            Self::Forged => "forged",
            Self::Used(_) => "used",
            Self::Gone => "gone",
            Self::Unavailable => "unavailable",
        }
    }

    /// True if it leads the visitor to Alipay, at once or after the question.
    pub(super) const fn leads_on(&self) -> bool {
        match self {
            Self::Redirect(_) | Self::Ask(_) => true,
            Self::InWeChat(_)
            | Self::Scanned(_)
            | Self::Authorized(_)
            | Self::Expired(_)
            | Self::Forged
            | Self::Used(_)
            | Self::Gone
            | Self::Unavailable => false,
        }
    }
}

/// The merchant behind a link, as its record has known it since it was issued: what a page at a link's end names and
/// leads back to. Nothing is known where no record was read, or its person was forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LinkMerchant {
    pub(super) merchant: Option<String>,
    pub(super) return_url: Option<Url>,
}

impl LinkMerchant {
    pub(super) fn from_terms(terms: &Terms) -> Self {
        let return_url = terms.return_url.as_deref().and_then(|url| Url::parse(url).ok());
        Self { merchant: terms.merchant_name.clone(), return_url }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    /// The name of the merchant, as it was when the link was issued.
    pub(super) merchant: String,
    pub(super) scope: Scope,
    /// The merchant's page to go back to, as it was then.
    pub(super) return_url: Option<Url>,
    pub(super) end_date: Option<EndDate>,
    /// Alipay's page.
    pub(super) link: Url,
    /// For a device without the app: the code of this page, for the device that has it.
    pub(super) code: Option<QrDrawing>,
    /// The end of the link.
    pub(super) left: Duration,
    /// The token by which this page asks for itself again.
    pub(super) token: String,
    pub(super) asked: LandingQuery,
}
