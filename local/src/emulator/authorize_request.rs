//! The request in an authorize address, and the rules that it must keep.

use axum::http::Uri;
use serde::Deserialize;

use super::EmulatorConfig;

const STATE_LIMIT: usize = 100;

/// The query of the authorize address; the consent form carries it along.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AuthorizeRequest {
    pub(super) app_id: String,
    pub(super) scope: String,
    pub(super) redirect_uri: String,
    pub(super) state: String,
}

/// The parameter that breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InvalidParameter {
    AppId,
    Scope,
    RedirectUri,
    State,
}

/// A request that may be shown.
#[derive(Debug)]
pub(super) struct ValidRequest {
    pub(super) request: AuthorizeRequest,
    /// The origin of its `redirect_uri`, by http or https.
    pub(super) return_origin: String,
}

impl AuthorizeRequest {
    pub(super) fn validate(self, config: &EmulatorConfig) -> Result<ValidRequest, InvalidParameter> {
        if config.apps.find(&self.app_id).is_none() {
            return Err(InvalidParameter::AppId);
        }
        if !["auth_base", "auth_user"].contains(&self.scope.as_str()) {
            return Err(InvalidParameter::Scope);
        }
        let return_origin = origin(&self.redirect_uri).ok_or(InvalidParameter::RedirectUri)?;
        let prefix = config.redirect_uri_prefix.as_deref().unwrap_or_default();
        if !self.redirect_uri.starts_with(prefix) {
            return Err(InvalidParameter::RedirectUri);
        }
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        if self.state.is_empty() || self.state.len() > STATE_LIMIT || !self.state.bytes().all(base64) {
            return Err(InvalidParameter::State);
        }
        Ok(ValidRequest { request: self, return_origin })
    }
}

/// `scheme://host:port` of an http or https address without userinfo.
fn origin(address: &str) -> Option<String> {
    let uri: Uri = address.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme))?;
    let authority = uri.authority()?.as_str();
    (!authority.contains('@') && !address.contains('#')).then(|| format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_from_http_addresses_only() {
        for (address, expected) in [
            ("http://127.0.0.1:8787/v1/callback?a=1", Some("http://127.0.0.1:8787")),
            ("https://example.com", Some("https://example.com")),
            ("https://user@example.com/", None),
            ("https://example.com/#fragment", None),
            ("javascript:alert(1)", None),
            ("/callback", None),
            ("", None),
        ] {
            assert_eq!(origin(address).as_deref(), expected, "{address}");
        }
    }
}
