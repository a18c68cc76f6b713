//! An account's own key at Alibaba Cloud.

use std::fmt;

use url::Url;
use zeroize::Zeroizing;

use crate::egress::web_url;
use crate::protocol::alibaba_cloud::Credential;
use crate::registry::fields::Fields;
use crate::secrets::{Document, DocumentError};
use crate::signing::alibaba_cloud::AccessKeySecret;

/// Where Alibaba Cloud takes calls of Dypnsapi.
const DEFAULT_ENDPOINT: &str = "https://dypnsapi.aliyuncs.com";
const MAX_ACCESS_KEY_ID_CHARACTERS: usize = 64;

/// `aliyun/<accountId>`: the account's own AccessKey at Alibaba Cloud, which its schemes of the source `aliyun` ask
/// there with.
///
/// | field | required | value |
/// |---|---|---|
/// | `accessKeyId` | yes | 1 to 64 characters of `[A-Za-z0-9_-]` |
/// | `accessKeySecret` | yes | 8 to 128 printable ASCII characters without a space |
/// | `endpoint` | no, `https://dypnsapi.aliyuncs.com` | `https` to anywhere, or `http` to a loopback address; scheme, host and port alone |
pub struct AliyunKey {
    /// Who calls.
    pub access_key_id: String,
    /// What its calls are signed with.
    pub secret: AccessKeySecret,
    /// Whom to call; without path, query, fragment and user name.
    pub endpoint: Url,
}

impl Document for AliyunKey {
    fn parse(json: &str) -> Result<Self, DocumentError> {
        let mut fields = Fields::of(json)?;
        let access_key_id = fields.required_string("accessKeyId")?;
        let secret = Zeroizing::new(fields.required_string("accessKeySecret")?);
        let endpoint = fields.string("endpoint")?;
        fields.finish()?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if !(1..=MAX_ACCESS_KEY_ID_CHARACTERS).contains(&access_key_id.len())
            || !access_key_id.bytes().all(allowed)
        {
            return Err(DocumentError(
                "accessKeyId must be 1 to 64 characters of A-Z a-z 0-9 _ -".to_owned(),
            ));
        }
        let form = "accessKeySecret must be 8 to 128 printable ASCII characters without a space";
        let secret = AccessKeySecret::new(&secret).ok_or_else(|| DocumentError(form.to_owned()))?;
        let endpoint = parse_endpoint(endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT))?;
        Ok(Self { access_key_id, secret, endpoint })
    }
}

impl AliyunKey {
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
        DocumentError("endpoint must be https, or http to a loopback address, and a bare origin".to_owned())
    })
}

/// The address alone: nothing of the key.
impl fmt::Debug for AliyunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AliyunKey").field("endpoint", &self.endpoint.as_str()).finish_non_exhaustive()
    }
}
