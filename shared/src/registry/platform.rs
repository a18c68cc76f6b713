//! Another platform of the same open API, that gives links for some of our businesses.

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::egress::callback_url::CallbackRules;
use crate::egress::web_url;
use crate::model::party_id::is_party_id;
use crate::protocol::open_api::client::request::Credential;
use crate::registry::document::{self, Field, KeyTexts};
use crate::secrets::{Document, DocumentError};
use crate::signing::md5::Md5Key;
use crate::signing::open_api::{Signer, VerificationKeys};
use crate::signing::rsa::{SigningKey, VerifyingKey};

/// The path of the open API's link request, below a platform's base address.
const LINK_PATH: &str = "/v1/openapi/auth/alipay/url";
const MAX_MERCHANT_ID_CHARACTERS: usize = 128;

/// `upstream/<name>`: a platform that we ask for links, as a business of its own.
///
/// | field | required | value |
/// |---|---|---|
/// | `baseUrl` | yes | `https://`, or `http://` and a loopback address; a path prefix is allowed, `/v1/openapi/auth/alipay/url` is appended |
/// | `businessId` | yes | ours there: 1 to 64 characters of `[A-Za-z0-9_-]` |
/// | `merchantId` | no, the caller's | ours there: 1 to 128 characters |
/// | `signType` | no, `SHA256-RSA` | `SHA256-RSA` or `MD5`: what our requests are signed with |
/// | `privateKey` | with `SHA256-RSA` alone | our RSA private key there, in any usual form |
/// | `publicKeys` | or `md5Keys` | one or two of the platform's RSA public keys, for its callbacks; not the half of our own |
/// | `md5Keys` | or `publicKeys`; with `MD5` | one or two keys shared with it; the first signs |
#[derive(Debug)]
pub struct Platform {
    /// The address of link requests.
    pub link_url: Url,
    /// Our businessId there.
    pub business_id: String,
    /// Our merchantId there; `None`: the caller's own merchantId is passed on.
    pub merchant_id: Option<String>,
    /// The keys that its callbacks are verified with.
    pub keys: VerificationKeys,
    own: OwnKey,
}

#[derive(Debug)]
enum OwnKey {
    Rsa(SigningKey),
    Md5(Md5Key),
}

impl Platform {
    /// The credential for requests to it.
    #[must_use]
    pub fn credential(&self) -> Credential<'_> {
        Credential {
            link_url: &self.link_url,
            business_id: &self.business_id,
            merchant_id: self.merchant_id.as_deref(),
            signer: match &self.own {
                OwnKey::Rsa(key) => Signer::Rsa(key),
                OwnKey::Md5(key) => Signer::Md5(key),
            },
        }
    }

    /// True if it runs on this machine, so that its links may lead there.
    #[must_use]
    pub fn is_on_loopback(&self) -> bool {
        web_url::is_loopback(&self.link_url)
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct PlatformFields {
    base_url: Field<String>,
    business_id: Field<String>,
    merchant_id: Field<String>,
    sign_type: Field<String>,
    private_key: Field<SecretString>,
    public_keys: KeyTexts,
    md5_keys: KeyTexts,
}

impl Document for Platform {
    fn parse_by(json: &str, _: &CallbackRules) -> Result<Self, DocumentError> {
        document::read::<PlatformFields, _>(json, Self::try_from)
    }
}

impl TryFrom<PlatformFields> for Platform {
    type Error = DocumentError;

    fn try_from(fields: PlatformFields) -> Result<Self, DocumentError> {
        let link_url = link_url(&fields.base_url.required("baseUrl")?)?;
        let business_id = fields.business_id.required("businessId")?;
        if !is_party_id(&business_id) {
            return Err(document::no_id("businessId"));
        }
        let merchant_id = fields.merchant_id.optional();
        if merchant_id
            .as_ref()
            .is_some_and(|id| !(1..=MAX_MERCHANT_ID_CHARACTERS).contains(&id.chars().count()))
        {
            return Err(DocumentError::new("merchantId", "must have 1 to 128 characters"));
        }
        let keys = VerificationKeys {
            rsa: document::keys("publicKeys", fields.public_keys, VerifyingKey::parse)?,
            md5: document::md5_keys("md5Keys", fields.md5_keys)?,
        };
        if keys.rsa.is_empty() && keys.md5.is_empty() {
            return Err(DocumentError::whole("needs publicKeys or md5Keys"));
        }
        let (sign_type, private_key) = (fields.sign_type.optional(), fields.private_key.optional());
        let own = own_key(sign_type.as_deref(), private_key.as_ref(), &keys.md5)?;
        if let OwnKey::Rsa(own) = &own {
            document::no_own_key("publicKeys", &keys.rsa, own)?;
        }
        Ok(Self { link_url, business_id, merchant_id, keys, own })
    }
}

fn own_key(
    sign_type: Option<&str>,
    private_key: Option<&SecretString>,
    shared: &[Md5Key],
) -> Result<OwnKey, DocumentError> {
    match (sign_type, private_key) {
        (None | Some("SHA256-RSA"), Some(key)) => {
            document::key("privateKey", key, SigningKey::parse).map(OwnKey::Rsa)
        }
        (None | Some("SHA256-RSA"), None) => Err(DocumentError::whole("needs privateKey")),
        (Some("MD5"), None) => shared
            .first()
            .map(|key| OwnKey::Md5(key.clone()))
            .ok_or_else(|| DocumentError::whole("needs md5Keys, as signType is MD5")),
        (Some("MD5"), Some(_)) => {
            Err(DocumentError::new("privateKey", "would not be used, as signType is MD5"))
        }
        (Some(_), _) => Err(DocumentError::new("signType", "must be SHA256-RSA or MD5")),
    }
}

fn link_url(base: &str) -> Result<Url, DocumentError> {
    let wrong = || {
        let flaw =
            "must be https://, or http:// and a loopback address, with nothing but host, port and path";
        DocumentError::new("baseUrl", flaw)
    };
    let mut url = web_url::parse(base).map_err(|_| wrong())?;
    if !web_url::is_carried_safely(&url) || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong());
    }
    let path = format!("{}{LINK_PATH}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}
