//! A caller of `GetAuthorizationUrl`.

use std::borrow::Cow;

use serde::Deserialize;

use crate::egress::callback_url::CallbackRules;
use crate::model::deny_list::KeyFingerprint;
use crate::registry::document::{self, Field, KeyTexts};
use crate::secrets::{Document, DocumentError, SecretName};
use crate::signing::alibaba_cloud::AccessKeySecret;

/// The permission that `GetAuthorizationUrl` needs, as Alibaba Cloud's access control names it.
const GET_AUTHORIZATION_URL: &str = "dypns:GetAuthorizationUrl";

/// `access-key/<AccessKeyId>`: a caller of `GetAuthorizationUrl`.
///
/// | field | required | value |
/// |---|---|---|
/// | `secrets` | yes | one or two AccessKeySecrets: both are valid while one replaces the other |
/// | `accountId` | yes | whose key it is: the name of an `account/<accountId>` |
/// | `permissions` | no, none | what the key may do: `dypns:GetAuthorizationUrl` |
/// | `enabled` | no, true | false switches the key off |
#[derive(Debug)]
pub struct AccessKey {
    /// The keys that its requests are verified with.
    pub secrets: Vec<AccessKeySecret>,
    pub account_id: String,
    /// The name of the account's document.
    pub account: SecretName,
    /// True if it may ask for links.
    pub may_get_authorization_url: bool,
    /// False if it is switched off.
    pub enabled: bool,
}

impl AccessKey {
    /// Its secrets that are not denied.
    #[must_use]
    pub fn secrets_without(&self, is_denied: impl Fn(&KeyFingerprint) -> bool) -> Cow<'_, [AccessKeySecret]> {
        if !self.secrets.iter().any(|secret| is_denied(secret.fingerprint())) {
            return Cow::Borrowed(&self.secrets);
        }
        Cow::Owned(self.secrets.iter().filter(|secret| !is_denied(secret.fingerprint())).cloned().collect())
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct AccessKeyFields {
    secrets: KeyTexts,
    account_id: Field<String>,
    permissions: Field<Vec<String>>,
    enabled: Field<bool>,
}

impl Document for AccessKey {
    fn parse_by(json: &str, _: &CallbackRules) -> Result<Self, DocumentError> {
        document::read::<AccessKeyFields, _>(json, Self::try_from)
    }
}

impl TryFrom<AccessKeyFields> for AccessKey {
    type Error = DocumentError;

    fn try_from(fields: AccessKeyFields) -> Result<Self, DocumentError> {
        let form = "8 to 128 printable ASCII characters without a space";
        let permissions = fields.permissions.or(Vec::new());
        let (account_id, account) = account(fields.account_id)?;
        Ok(Self {
            secrets: document::secrets("secrets", fields.secrets, form, AccessKeySecret::new)?,
            account_id,
            account,
            may_get_authorization_url: permissions.iter().any(|name| name == GET_AUTHORIZATION_URL),
            enabled: fields.enabled.or(true),
        })
    }
}

/// The field `accountId`, which has to name a secret.
pub(super) fn account(id: Field<String>) -> Result<(String, SecretName), DocumentError> {
    let id = id.required("accountId")?;
    let name = SecretName::account(&id).map_err(|_| document::no_id("accountId"))?;
    Ok((id, name))
}
