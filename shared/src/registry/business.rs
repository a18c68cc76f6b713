//! A caller of the open API.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use crate::egress::callback_url::CallbackRules;
use crate::model::alipay_app_id::AlipayAppId;
use crate::model::scope::Scope;
use crate::registry::alipay_app;
use crate::registry::document::{self, Field, KeyTexts, LinkTerms};
use crate::registry::user_terms::{ReturnFields, UserTerms, merchant_name};
use crate::secrets::{Document, DocumentError, SecretName};
use crate::signing::md5::Md5Key;
use crate::signing::open_api::VerificationKeys;
use crate::signing::rsa::{SigningKey, VerifyingKey};

/// `business/<businessId>`: a caller of the open API.
///
/// | field | required | value |
/// |---|---|---|
/// | `publicKeys` | or `md5Keys` | one or two RSA public keys, in any usual form |
/// | `md5Keys` | or `publicKeys` | one or two shared keys; MD5 is accepted only from a business that has one |
/// | `merchantIds` | yes | the merchants that it may ask for |
/// | `enabled` | no, true | false switches the business off |
/// | `defaultCallbackUrl` | no | where to deliver when a request names no callbackUrl |
/// | `allowedIps` | no, any | addresses and CIDR ranges that requests may come from; not empty |
/// | `linkLifetimeSecs` | no, 86400 | 60 to 2592000 |
/// | `scope` | no, `auth_base` | `auth_base` or `auth_user` |
/// | `upstream` | no, our own Alipay app | the name of the `upstream/<name>` that makes its links |
/// | `alipayApp` | no, the deployment's | the id of the Alipay app that its links are for; not beside `upstream` |
/// | `merchantName` | no | the name that pages show to users: 1 to 64 characters, none of them a control character |
/// | `returnUrls` | no | the origins that result pages may lead back to, such as `https://shop.example.com` |
/// | `returnUrl` | no | the page that result pages lead back to; of an origin among `returnUrls` |
/// | `notifyRefusals` | no, false | true: a refusal is called back, with `result` `REFUSED` and no openId |
/// | `notifyExpired` | no, false | true: a link that ended without a consent is called back, with `result` `EXPIRED` |
#[derive(Debug)]
pub struct Business {
    /// False if it is switched off.
    pub enabled: bool,
    /// The keys that its requests are verified with. If all are MD5 keys, the first signs its callbacks.
    pub keys: VerificationKeys,
    /// The merchants that it may ask for.
    pub merchant_ids: BTreeSet<String>,
    /// The address of deliveries for requests that named none; checked at each attempt.
    pub default_callback_url: Option<String>,
    /// The addresses that its requests may come from; empty means any.
    pub allowed_ips: Vec<IpNet>,
    pub link_lifetime: Duration,
    /// The scope that its users are asked for.
    pub scope: Scope,
    /// The maker of its links.
    pub source: BusinessSource,
    /// How its users are met, and what it is told besides the openId.
    pub users: UserTerms,
}

/// The maker of a business's links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusinessSource {
    /// An Alipay app of ours: this one, or the deployment's.
    Alipay(Option<AlipayAppId>),
    /// The platform of this name.
    Platform(String),
}

impl Business {
    /// True if a request may come from `source`; an unknown source only if any may.
    #[must_use]
    pub fn allows(&self, source: Option<IpAddr>) -> bool {
        let source = source.map(|address| address.to_canonical());
        self.allowed_ips.is_empty()
            || source.is_some_and(|source| self.allowed_ips.iter().any(|net| net.contains(&source)))
    }

    /// True if one of its public keys is the half of `own`: a key that is ours stands where its key should, and no
    /// request of its verifies.
    #[must_use]
    pub fn has_public_half_of(&self, own: &SigningKey) -> bool {
        self.keys.rsa.iter().any(|key| key.is_half_of(own))
    }

    /// The key that its callbacks are signed with, if it is to be MD5: only for a business without a public key.
    #[must_use]
    pub fn callback_md5_key(&self) -> Option<&Md5Key> {
        if self.keys.rsa.is_empty() { self.keys.md5.first() } else { None }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct BusinessFields {
    public_keys: KeyTexts,
    md5_keys: KeyTexts,
    merchant_ids: Field<Vec<String>>,
    enabled: Field<bool>,
    default_callback_url: Field<String>,
    allowed_ips: Field<Vec<String>>,
    link_lifetime_secs: Field<u64>,
    scope: Field<String>,
    upstream: Field<String>,
    alipay_app: Field<String>,
    merchant_name: Field<String>,
    return_url: Field<String>,
    return_urls: Field<Vec<String>>,
    notify_refusals: Field<bool>,
    notify_expired: Field<bool>,
}

impl Document for Business {
    fn parse_by(json: &str, rules: &CallbackRules) -> Result<Self, DocumentError> {
        document::read(json, |fields| Self::new(fields, rules))
    }
}

impl Business {
    fn new(fields: BusinessFields, rules: &CallbackRules) -> Result<Self, DocumentError> {
        let keys = VerificationKeys {
            rsa: document::keys("publicKeys", fields.public_keys, VerifyingKey::parse)?,
            md5: document::md5_keys("md5Keys", fields.md5_keys)?,
        };
        let merchant_ids: BTreeSet<_> = fields.merchant_ids.or(Vec::new()).into_iter().collect();
        let allowed_ips = fields.allowed_ips.optional();
        if allowed_ips.as_ref().is_some_and(Vec::is_empty) {
            let flaw = "would allow nobody, as it is empty; leave it out to allow any";
            return Err(DocumentError::new("allowedIps", flaw));
        }
        let allowed_ips = allowed_ips.unwrap_or_default();
        let name = fields.merchant_name.optional().map(|name| merchant_name(&name)).transpose()?;
        let returns = ReturnFields {
            return_url: fields.return_url,
            return_urls: fields.return_urls,
            notify_refusals: fields.notify_refusals,
            notify_expired: fields.notify_expired,
        };
        let terms = LinkTerms::new(fields.link_lifetime_secs, fields.scope)?;
        let business = Self {
            enabled: fields.enabled.or(true),
            keys,
            merchant_ids,
            default_callback_url: document::callback_address(
                "defaultCallbackUrl",
                fields.default_callback_url,
                rules,
            )?,
            allowed_ips: document::each("allowedIps", &allowed_ips, |path, text| parse_net(path, text))?,
            link_lifetime: terms.lifetime,
            scope: terms.scope,
            source: source(fields.upstream.optional(), alipay_app::named(fields.alipay_app)?)?,
            users: UserTerms::new(name, returns)?,
        };
        if business.keys.rsa.is_empty() && business.keys.md5.is_empty() {
            return Err(DocumentError::whole("needs publicKeys or md5Keys"));
        }
        if business.merchant_ids.is_empty() {
            return Err(DocumentError::whole("needs merchantIds"));
        }
        Ok(business)
    }
}

fn source(upstream: Option<String>, app: Option<AlipayAppId>) -> Result<BusinessSource, DocumentError> {
    let Some(platform) = upstream else { return Ok(BusinessSource::Alipay(app)) };
    SecretName::platform(&platform).map_err(|_| document::no_id("upstream"))?;
    if app.is_some() {
        return Err(DocumentError::new("alipayApp", "would not be used, as upstream makes the links"));
    }
    Ok(BusinessSource::Platform(platform))
}

fn parse_net(path: &str, text: &str) -> Result<IpNet, DocumentError> {
    let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let flaw = "is neither an address nor a CIDR range";
    net.map(|net| net.trunc()).map_err(|_| DocumentError::new(path, flaw))
}
