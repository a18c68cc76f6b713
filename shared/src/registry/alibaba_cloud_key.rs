//! An account's own key at Alibaba Cloud.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use crate::egress::callback_url::CallbackRules;
use crate::egress::web_url;
use crate::model::party_id::is_party_id;
use crate::protocol::alibaba_cloud::Credential;
use crate::registry::document::{self, Field};
use crate::secrets::{Document, DocumentError};
use crate::signing::alibaba_cloud::AccessKeySecret;

/// Alibaba Cloud's address for calls of Dypnsapi.
const DEFAULT_ENDPOINT: &str = "https://dypnsapi.aliyuncs.com";

/// `aliyun/<accountId>`: the account's own AccessKey at Alibaba Cloud, for its schemes of the source `aliyun`.
///
/// | field | required | value |
/// |---|---|---|
/// | `accessKeyId` | yes | 1 to 64 characters of `[A-Za-z0-9_-]` |
/// | `accessKeySecret` | yes | 8 to 128 printable ASCII characters without a space |
/// | `endpoint` | no, `https://dypnsapi.aliyuncs.com` | `https` to anywhere, or `http` to a loopback address; scheme, host and port alone |
pub struct AlibabaCloudKey {
    pub access_key_id: String,
    /// The secret that its calls are signed with.
    pub secret: AccessKeySecret,
    /// The address of the API; without path, query, fragment and user name.
    pub endpoint: Url,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct AlibabaCloudKeyFields {
    access_key_id: Field<String>,
    access_key_secret: Field<SecretString>,
    endpoint: Field<String>,
}

impl Document for AlibabaCloudKey {
    fn parse_by(json: &str, _: &CallbackRules) -> Result<Self, DocumentError> {
        document::read::<AlibabaCloudKeyFields, _>(json, Self::try_from)
    }
}

impl TryFrom<AlibabaCloudKeyFields> for AlibabaCloudKey {
    type Error = DocumentError;

    fn try_from(fields: AlibabaCloudKeyFields) -> Result<Self, DocumentError> {
        let access_key_id = fields.access_key_id.required("accessKeyId")?;
        let secret = fields.access_key_secret.required("accessKeySecret")?;
        if !is_party_id(&access_key_id) {
            return Err(document::no_id("accessKeyId"));
        }
        let form = "must be 8 to 128 printable ASCII characters without a space";
        let secret = AccessKeySecret::new(secret.expose_secret())
            .ok_or_else(|| DocumentError::new("accessKeySecret", form))?;
        let endpoint = parse_endpoint(fields.endpoint.optional().as_deref().unwrap_or(DEFAULT_ENDPOINT))?;
        Ok(Self { access_key_id, secret, endpoint })
    }
}

impl AlibabaCloudKey {
    /// The credential for calls to Alibaba Cloud.
    #[must_use]
    pub fn credential(&self) -> Credential<'_> {
        Credential { endpoint: &self.endpoint, access_key_id: &self.access_key_id, secret: &self.secret }
    }
}

fn parse_endpoint(text: &str) -> Result<Url, DocumentError> {
    let is_bare = |url: &Url| url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let url = web_url::parse(text).ok().filter(|url| is_bare(url) && web_url::is_carried_safely(url));
    url.ok_or_else(|| {
        DocumentError::new("endpoint", "must be https, or http to a loopback address, and a bare origin")
    })
}

/// The address alone: nothing of the key.
impl fmt::Debug for AlibabaCloudKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlibabaCloudKey").field("endpoint", &self.endpoint.as_str()).finish_non_exhaustive()
    }
}
