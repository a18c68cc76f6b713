//! The link to Alipay's authorize page.

use url::Url;

/// Where Alipay sends the user's browser back to, below our public URL.
pub const RETURN_PATH: &str = "/v1/openapi/auth/alipay/callback";

/// What the user is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Silent: only the user's id.
    #[default]
    AuthBase,
    /// With a consent page the first time.
    AuthUser,
}

impl Scope {
    const fn as_str(self) -> &'static str {
        match self {
            Self::AuthBase => "auth_base",
            Self::AuthUser => "auth_user",
        }
    }
}

/// The authorize page's address for one authorization.
///
/// The query's order is that of Alipay's documents. `redirect_uri` must be of the domain that is configured in the app;
/// `state` may be at most 100 Base64 characters.
#[must_use]
pub fn authorize_link(page: &Url, app_id: &str, scope: Scope, redirect_uri: &str, state: &str) -> Url {
    let mut link = page.clone();
    link.query_pairs_mut()
        .append_pair("app_id", app_id)
        .append_pair("scope", scope.as_str())
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("state", state);
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_has_alipays_order_and_encodes_the_redirect_address() -> Result<(), url::ParseError> {
        let page = Url::parse("https://openauth.alipay.com/oauth2/publicAppAuthorize.htm")?;
        let redirect = format!("https://links.example.com{RETURN_PATH}");
        assert_eq!(
            authorize_link(&page, "2021000000000001", Scope::AuthBase, &redirect, "00ff").as_str(),
            "https://openauth.alipay.com/oauth2/publicAppAuthorize.htm?app_id=2021000000000001&scope=auth_base\
             &redirect_uri=https%3A%2F%2Flinks.example.com%2Fv1%2Fopenapi%2Fauth%2Falipay%2Fcallback&state=00ff"
        );
        Ok(())
    }
}
