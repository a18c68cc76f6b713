//! Secret names. A name may hold what a caller sent (a `businessId`), and it becomes a path in one source and a
//! resource name in the other: so it is checked here, once, before any source sees it.

use std::fmt;
use std::sync::Arc;

use crate::model::alipay_app_id::AlipayAppId;
use crate::model::owner::SchemeId;
use crate::model::party_id::{FORM, is_party_id};

const BUSINESS: &str = "business";
const ACCESS_KEY: &str = "access-key";
const ALIPAY_APP: &str = "alipay-app";
const SCHEME: &str = "scheme";

/// The name of a secret without the deployment's prefix: `business/B1`, `callback-key`. It is no secret itself.
///
/// Its text has only `[A-Za-z0-9_-]` and at most one `/`, between kind and key, so it may stand in a path and in a log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretName(Arc<str>);

impl SecretName {
    /// `business/<businessId>`: a caller of the open API, with its keys and merchants.
    ///
    /// # Errors
    /// [`SecretNameError`] unless the id is 1 to 64 characters of `[A-Za-z0-9_-]`.
    pub fn business(business_id: &str) -> Result<Self, SecretNameError> {
        Self::new(BUSINESS, business_id)
    }

    /// `alipay-app/<appId>`: an Alipay app's private key, and Alipay's public key for it.
    #[must_use]
    pub fn alipay_app(app_id: &AlipayAppId) -> Self {
        Self(format!("{ALIPAY_APP}/{app_id}").into())
    }

    /// `access-key/<AccessKeyId>`: a caller of `GetAuthorizationUrl`, with its secrets.
    ///
    /// # Errors
    /// [`SecretNameError`] unless the id is 1 to 64 characters of `[A-Za-z0-9_-]`.
    pub fn access_key(access_key_id: &str) -> Result<Self, SecretNameError> {
        Self::new(ACCESS_KEY, access_key_id)
    }

    /// `account/<accountId>`: whom access keys and schemes belong to.
    ///
    /// # Errors
    /// [`SecretNameError`] unless the id is 1 to 64 characters of `[A-Za-z0-9_-]`.
    pub fn account(account_id: &str) -> Result<Self, SecretNameError> {
        Self::new("account", account_id)
    }

    /// `aliyun/<accountId>`: an account's own key at Alibaba Cloud.
    ///
    /// # Errors
    /// [`SecretNameError`] unless the id is 1 to 64 characters of `[A-Za-z0-9_-]`.
    pub fn alibaba_cloud_key(account_id: &str) -> Result<Self, SecretNameError> {
        Self::new("aliyun", account_id)
    }

    /// `scheme/<SchemeId>`: a scheme of an account.
    #[must_use]
    pub fn scheme(scheme_id: SchemeId) -> Self {
        Self(format!("{SCHEME}/{scheme_id}").into())
    }

    /// `upstream/<name>`: another platform that gives links for some of our businesses, with our keys there.
    ///
    /// # Errors
    /// [`SecretNameError`] unless the name is 1 to 64 characters of `[A-Za-z0-9_-]`.
    pub fn platform(name: &str) -> Result<Self, SecretNameError> {
        Self::new("upstream", name)
    }

    /// `phone-key`: the key that phone numbers are hashed with. There is one such secret.
    #[must_use]
    pub fn phone_key() -> Self {
        Self("phone-key".into())
    }

    /// `callback-key`: the key that signs our callbacks. There is one such secret.
    #[must_use]
    pub fn callback_key() -> Self {
        Self("callback-key".into())
    }

    /// `link-token`: the keys of the tokens in our own links. There is one such secret.
    #[must_use]
    pub fn link_token() -> Self {
        Self("link-token".into())
    }

    pub(super) fn new(kind: &str, key: &str) -> Result<Self, SecretNameError> {
        if !is_party_id(key) {
            return Err(SecretNameError);
        }
        Ok(Self(format!("{kind}/{key}").into()))
    }

    /// The text before the key: `business`, `callback-key`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(kind, _)| kind)
    }

    /// What may be logged of a name that is not known to exist. An id that a caller or a browser brings may be
    /// anything, even a secret: of such a name it is the kind alone.
    #[must_use]
    pub fn log_text_of_unknown(&self) -> &str {
        match self.kind() {
            kind @ (BUSINESS | ACCESS_KEY | SCHEME | ALIPAY_APP) => kind,
            _ => &self.0,
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// There can be no secret of such a name. The text that was refused is not repeated: it may be anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key of a secret has {FORM}")]
pub struct SecretNameError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kind_and_key() {
        let text = |name: Result<SecretName, SecretNameError>| name.unwrap().to_string();
        assert_eq!(text(SecretName::business("B_1-x")), "business/B_1-x");
        let app = AlipayAppId::parse("2021004100000001").unwrap();
        assert_eq!(SecretName::alipay_app(&app).as_str(), "alipay-app/2021004100000001");
        assert_eq!(text(SecretName::platform("east")), "upstream/east");
        assert_eq!(text(SecretName::business(&"k".repeat(64))), format!("business/{}", "k".repeat(64)));
        assert_eq!(text(SecretName::alibaba_cloud_key("1001")), "aliyun/1001");
        assert_eq!(SecretName::callback_key().as_str(), "callback-key");
        assert_eq!(SecretName::link_token().as_str(), "link-token");
    }

    #[test]
    fn an_id_that_a_caller_brings_is_not_logged_until_it_is_known() {
        for (name, logged) in [
            (SecretName::business("B1").unwrap(), "business"),
            (SecretName::access_key("B1").unwrap(), "access-key"),
            (SecretName::scheme(SchemeId::parse("234").unwrap()), "scheme"),
            (SecretName::alipay_app(&AlipayAppId::parse("2021").unwrap()), "alipay-app"),
            (SecretName::account("1001").unwrap(), "account/1001"),
            (SecretName::platform("east").unwrap(), "upstream/east"),
            (SecretName::callback_key(), "callback-key"),
        ] {
            assert_eq!(name.log_text_of_unknown(), logged);
        }
    }

    #[test]
    fn a_key_outside_its_alphabet_is_refused() {
        let long = "k".repeat(65);
        for key in ["", "../x", "a/b", "a.b", ".", "a b", "a\0", "a\n", "é", "a%2f", "a\\b", long.as_str()] {
            assert_eq!(SecretName::business(key), Err(SecretNameError), "{key:?}");
        }
    }
}
