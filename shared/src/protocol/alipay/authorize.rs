//! The link to Alipay's authorize page.

use std::time::Duration;

use url::Url;

use crate::model::alipay_app_id::AlipayAppId;
use crate::model::id::State;
use crate::model::scope::Scope;

/// The path that Alipay sends the user's browser back to, below our public URL.
pub const RETURN_PATH: &str = "/v1/openapi/auth/alipay/callback";

/// The settings of links to Alipay.
#[derive(Clone, Debug)]
pub struct LinkSettings {
    /// The app of ours at Alipay that links are for unless their owner has another.
    pub default_app: AlipayAppId,
    /// Alipay's authorize page.
    pub authorize_page: Url,
    /// Our address for browsers; `None` means the one that the request arrived at.
    pub public_url: Option<Url>,
    /// The time that records are kept.
    pub retention: Duration,
}

impl LinkSettings {
    /// Our address for browsers, without a slash at its end; `None` if nobody has said, nor `arrived_at` either.
    #[must_use]
    pub fn public_url<'a>(&'a self, arrived_at: Option<&'a Url>) -> Option<&'a str> {
        let url = self.public_url.as_ref().or(arrived_at)?;
        Some(url.as_str().trim_end_matches('/'))
    }

    /// The authorize page's address for one authorization by `app`, which brings the browser back to `public_url`.
    ///
    /// The query's order is that of Alipay's documents. `redirect_uri` must be of the domain that is configured in the
    /// app; `state` may be at most 100 Base64 characters.
    #[must_use]
    pub fn authorize_link(&self, app: &AlipayAppId, public_url: &str, scope: Scope, state: &State) -> Url {
        let mut link = self.authorize_page.clone();
        link.query_pairs_mut()
            .append_pair("app_id", app.as_str())
            .append_pair("scope", scope.as_str())
            .append_pair("redirect_uri", &format!("{public_url}{RETURN_PATH}"))
            .append_pair("state", &state.reveal());
        link
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(public_url: Option<&str>) -> LinkSettings {
        LinkSettings {
            default_app: AlipayAppId::parse("2021000000000001").unwrap(),
            authorize_page: Url::parse("https://openauth.alipay.com/oauth2/publicAppAuthorize.htm").unwrap(),
            public_url: public_url.map(|url| Url::parse(url).unwrap()),
            retention: Duration::ZERO,
        }
    }

    #[test]
    fn the_link_has_alipays_order_and_encodes_the_redirect_address() {
        let state = State::parse(&"0f".repeat(32)).unwrap();
        let settings = settings(None);
        let public_url = "https://links.example.com";
        let link = settings.authorize_link(&settings.default_app, public_url, Scope::AuthBase, &state);
        assert_eq!(
            link.as_str(),
            format!(
                "https://openauth.alipay.com/oauth2/publicAppAuthorize.htm?app_id=2021000000000001&scope=auth_base\
                 &redirect_uri=https%3A%2F%2Flinks.example.com%2Fv1%2Fopenapi%2Fauth%2Falipay%2Fcallback&state={}",
                "0f".repeat(32)
            )
        );
    }

    #[test]
    fn the_setting_goes_before_the_address_of_arrival() {
        let arrived_at = Url::parse("https://arrived.example.com/").unwrap();
        let set = settings(Some("https://set.example.com/stage/"));
        assert_eq!(set.public_url(Some(&arrived_at)), Some("https://set.example.com/stage"));
        assert_eq!(settings(None).public_url(Some(&arrived_at)), Some("https://arrived.example.com"));
        assert_eq!(settings(None).public_url(None), None);
    }
}
