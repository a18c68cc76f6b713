//! The fields of a business or a scheme that say how its users are met and what its merchant is told besides the
//! openId.

use url::Url;

use crate::egress::callback_url::{CallbackRules, CallbackUrl, CallbackUrlError, Origin};
use crate::model::terms::Terms;
use crate::registry::document::{self, Field};
use crate::secrets::DocumentError;

/// The most characters of a merchant's name.
pub(super) const MAX_MERCHANT_NAME_CHARACTERS: usize = 64;

/// What a document says of its users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserTerms {
    /// The name of the party that asks, as pages show it.
    pub merchant_name: Option<String>,
    /// Where result pages lead back to, unless a request says otherwise.
    pub return_url: Option<String>,
    /// The origins that result pages may lead back to.
    pub return_origins: Vec<Origin>,
    /// True if refusals are to be told.
    pub notify_refusals: bool,
    /// True if links that ended without a consent are to be told.
    pub notify_expired: bool,
}

/// The flaw of a `returnUrl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReturnUrlError {
    /// It is no address of a public web page.
    #[error("the return address {0}")]
    Form(CallbackUrlError),
    /// Its origin is not on the list of the document.
    #[error("the return address is of an origin that is not among this business's returnUrls")]
    OtherOrigin,
    /// It has a parameter that is ours to add.
    #[error("the return address must not have a parameter that is added to it, such as result or sign")]
    Reserved,
}

/// The parameters that a result page adds.
const ADDED: [&str; 8] =
    ["serialNo", "requestId", "result", "businessId", "timestamp", "nonce", "sign", "signType"];

impl UserTerms {
    /// The terms of a new link, with the return address that its request `asked` for.
    ///
    /// # Errors
    /// [`ReturnUrlError`], for the address that the request asked for.
    pub fn of_link(&self, asked: Option<&str>, rules: &CallbackRules) -> Result<Terms, ReturnUrlError> {
        match asked {
            Some(asked) => Ok(self.with(Some(self.read(asked, rules)?))),
            None => Ok(self.of_own(rules)),
        }
    }

    /// The terms of a new link whose request cannot ask for a return address, or does not. An address of the document
    /// that does not hold by `rules` is left out, which is logged: the request is not to blame.
    #[must_use]
    pub fn of_own(&self, rules: &CallbackRules) -> Terms {
        let read = self.return_url.as_ref().map(|own| self.read(own, rules)).transpose();
        if let Err(flaw) = &read {
            tracing::warn!(%flaw, "the document's returnUrl is left out");
        }
        self.with(read.unwrap_or_default())
    }

    fn with(&self, return_url: Option<String>) -> Terms {
        Terms {
            merchant_name: self.merchant_name.clone(),
            return_url,
            notify_refusals: self.notify_refusals,
            notify_expired: self.notify_expired,
        }
    }

    /// The rules for callbacks hold here too: https, a public host, no user name, no fragment, bounded.
    fn read(&self, text: &str, rules: &CallbackRules) -> Result<String, ReturnUrlError> {
        let url = CallbackUrl::parse(text, rules).map_err(ReturnUrlError::Form)?;
        let listed = self.return_origins.iter().any(|origin| origin.is_of(url.url()));
        let names_ours = |name: &str| ADDED.iter().any(|added| added.eq_ignore_ascii_case(name));
        if !listed {
            return Err(ReturnUrlError::OtherOrigin);
        }
        if url.url().query_pairs().any(|(name, _)| names_ours(&name)) {
            return Err(ReturnUrlError::Reserved);
        }
        Ok(url.as_str().to_owned())
    }
}

/// The fields of a document that say it.
pub(super) struct ReturnFields {
    pub(super) return_url: Field<String>,
    pub(super) return_urls: Field<Vec<String>>,
    pub(super) notify_refusals: Field<bool>,
    pub(super) notify_expired: Field<bool>,
}

impl UserTerms {
    pub(super) fn new(merchant_name: Option<String>, fields: ReturnFields) -> Result<Self, DocumentError> {
        let return_origins =
            document::each("returnUrls", &fields.return_urls.or(Vec::new()), |path, text| {
                let flaw = "is not an origin, such as https://shop.example.com";
                Origin::parse(text).map_err(|_| DocumentError::new(path, flaw))
            })?;
        let return_url = fields.return_url.optional().filter(|url| !url.is_empty());
        if let Some(url) = &return_url
            && !Url::parse(url).is_ok_and(|url| return_origins.iter().any(|origin| origin.is_of(&url)))
        {
            return Err(DocumentError::new("returnUrl", "must be of an origin among returnUrls"));
        }
        Ok(Self {
            merchant_name,
            return_url,
            return_origins,
            notify_refusals: fields.notify_refusals.or(false),
            notify_expired: fields.notify_expired.or(false),
        })
    }
}

/// A name as pages show it.
pub(super) fn merchant_name(name: &str) -> Result<String, DocumentError> {
    let name = name.trim();
    let fits = (1..=MAX_MERCHANT_NAME_CHARACTERS).contains(&name.chars().count());
    if fits && !name.chars().any(char::is_control) {
        Ok(name.to_owned())
    } else {
        let flaw = "must have 1 to 64 characters, none of them a control character";
        Err(DocumentError::new("merchantName", flaw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> UserTerms {
        UserTerms {
            return_url: Some("https://shop.example.com/done".to_owned()),
            return_origins: vec![
                Origin::parse("https://shop.example.com").unwrap(),
                Origin::parse("https://10.0.0.1").unwrap(),
            ],
            ..UserTerms::default()
        }
    }

    #[test]
    fn a_way_back_leads_to_a_listed_public_page_alone() {
        let rules = CallbackRules::default();
        let long = format!("https://shop.example.com/{}", "a".repeat(4_096));
        for (asked, flaw) in [
            ("https://shop.example.com/order?id=7", None),
            ("https://other.example.com/", Some(ReturnUrlError::OtherOrigin)),
            ("https://shop.example.com.evil.example/", Some(ReturnUrlError::OtherOrigin)),
            (
                "https://shop.example.com@evil.example/",
                Some(ReturnUrlError::Form(CallbackUrlError::Userinfo)),
            ),
            ("javascript:alert(1)", Some(ReturnUrlError::Form(CallbackUrlError::NotAUrl))),
            (
                "javascript://shop.example.com/%0aalert(1)",
                Some(ReturnUrlError::Form(CallbackUrlError::NotHttps)),
            ),
            ("http://shop.example.com/", Some(ReturnUrlError::Form(CallbackUrlError::NotHttps))),
            ("https://shop.example.com/?result=AUTHORIZED", Some(ReturnUrlError::Reserved)),
            ("https://shop.example.com/#paid", Some(ReturnUrlError::Form(CallbackUrlError::Fragment))),
            (&long, Some(ReturnUrlError::Form(CallbackUrlError::TooLong))),
        ] {
            let read = terms().of_link(Some(asked), &rules);
            assert_eq!(read.as_ref().err().copied(), flaw, "{asked}");
            if flaw.is_none() {
                assert_eq!(read.unwrap().return_url.as_deref(), Some(asked));
            }
        }
        let inside = terms().of_link(Some("https://10.0.0.1/"), &rules);
        assert!(matches!(inside, Err(ReturnUrlError::Form(CallbackUrlError::NotPublic(_)))));
        let message = ReturnUrlError::Form(CallbackUrlError::Userinfo).to_string();
        assert_eq!(message, "the return address must not hold a user name or password");
    }

    #[test]
    fn without_one_of_its_own_a_request_has_the_documents() {
        let own = terms().of_link(None, &CallbackRules::default()).unwrap();
        assert_eq!(own.return_url.as_deref(), Some("https://shop.example.com/done"));
        let refused = UserTerms { return_url: Some("https://10.0.0.1/".to_owned()), ..terms() };
        assert_eq!(refused.of_link(None, &CallbackRules::default()).unwrap().return_url, None);
    }
}
