//! A caller of `GetAuthorizationUrl`.

use crate::registry::fields::Fields;
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
    /// What its requests are verified with.
    pub secrets: Vec<AccessKeySecret>,
    /// Whose it is.
    pub account_id: String,
    /// The name of the account's document.
    pub account: SecretName,
    /// Whether it may ask for links.
    pub may_get_authorization_url: bool,
    /// Whether it is switched on.
    pub enabled: bool,
}

impl Document for AccessKey {
    fn parse(json: &str) -> Result<Self, DocumentError> {
        let mut fields = Fields::of(json)?;
        let secrets = fields.secrets(
            "secrets",
            "8 to 128 printable ASCII characters without a space",
            AccessKeySecret::new,
        )?;
        let permissions = fields.strings("permissions")?.unwrap_or_default();
        let (account_id, account) = account(&mut fields)?;
        let key = Self {
            secrets,
            account_id,
            account,
            may_get_authorization_url: permissions
                .iter()
                .any(|permission| permission == GET_AUTHORIZATION_URL),
            enabled: fields.boolean("enabled")?.unwrap_or(true),
        };
        fields.finish()?;
        Ok(key)
    }
}

/// The field `accountId`, which has to name a secret.
pub(super) fn account(fields: &mut Fields) -> Result<(String, SecretName), DocumentError> {
    let id = fields.required_string("accountId")?;
    let name = SecretName::account(&id).map_err(|bad| DocumentError(format!("accountId: {bad}")))?;
    Ok((id, name))
}
