//! A scheme: under which terms an account asks users for their consent.

use std::time::Duration;

use serde::Deserialize;

use crate::egress::callback_url::CallbackRules;
use crate::model::alipay_app_id::AlipayAppId;
use crate::model::scope::Scope;
use crate::registry::access_key::account;
use crate::registry::alipay_app;
use crate::registry::document::{self, Field, LinkTerms};
use crate::registry::user_terms::{ReturnFields, UserTerms, merchant_name};
use crate::secrets::{Document, DocumentError, SecretName};

/// `scheme/<SchemeId>`: a scheme of an account.
///
/// | field | required | value |
/// |---|---|---|
/// | `accountId` | yes | whose scheme it is |
/// | `merchantName` | yes | who asks, as the link's page says it: 1 to 64 characters, none of them a control character |
/// | `passed` | no, true | false: `SchemeNotPassed` |
/// | `contract` | no, false | true: of the contract type, which needs an `EndDate` |
/// | `callbackUrl` | no | where to deliver; links that are issued while there is none are not delivered, their openId is kept |
/// | `linkLifetimeSecs` | no, 86400 | 60 to 2592000 |
/// | `scope` | no, `auth_base` | `auth_base` or `auth_user` |
/// | `returnUrls` | no | the origins that result pages may lead back to, such as `https://shop.example.com` |
/// | `returnUrl` | no | the page that result pages lead back to; of an origin among `returnUrls` |
/// | `notifyRefusals` | no, false | true: a refusal is called back, with `result` `REFUSED` and no openId |
/// | `notifyExpired` | no, false | true: a link that ended without a consent is called back, with `result` `EXPIRED` |
/// | `alipayApp` | no, the deployment's | the id of the Alipay app that its links are for; not with the source `aliyun` |
/// | `source` | no, `alipay` | who makes the links: `alipay`, our own app at Alipay; `aliyun`, Alibaba Cloud, by the account's `aliyun/<accountId>` |
///
/// With `aliyun`, `callbackUrl`, `linkLifetimeSecs` and `scope` have no effect on new links; links that were issued
/// before the source was changed keep to them.
#[derive(Debug)]
pub struct Scheme {
    pub account_id: String,
    /// The name of the party that asks, as the user reads it.
    pub merchant_name: String,
    /// True if it was approved.
    pub passed: bool,
    /// True if it is of the contract type.
    pub contract: bool,
    /// The address of deliveries; checked at each attempt.
    pub callback_url: Option<String>,
    pub link_lifetime: Duration,
    /// The scope that its users are asked for.
    pub scope: Scope,
    /// The maker of its links.
    pub source: SchemeSource,
    /// How its users are met, and what its account is told besides the openId.
    pub users: UserTerms,
}

/// The maker of a scheme's links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemeSource {
    /// An Alipay app of ours: this one, or the deployment's.
    Alipay(Option<AlipayAppId>),
    /// Alibaba Cloud: the name of the document with the account's key there.
    AlibabaCloud(SecretName),
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct SchemeFields {
    account_id: Field<String>,
    merchant_name: Field<String>,
    passed: Field<bool>,
    contract: Field<bool>,
    callback_url: Field<String>,
    link_lifetime_secs: Field<u64>,
    scope: Field<String>,
    source: Field<String>,
    alipay_app: Field<String>,
    return_url: Field<String>,
    return_urls: Field<Vec<String>>,
    notify_refusals: Field<bool>,
    notify_expired: Field<bool>,
}

impl Document for Scheme {
    fn parse_by(json: &str, rules: &CallbackRules) -> Result<Self, DocumentError> {
        document::read(json, |fields| Self::new(fields, rules))
    }
}

impl Scheme {
    fn new(fields: SchemeFields, rules: &CallbackRules) -> Result<Self, DocumentError> {
        let merchant_name = merchant_name(&fields.merchant_name.required("merchantName")?)?;
        let returns = ReturnFields {
            return_url: fields.return_url,
            return_urls: fields.return_urls,
            notify_refusals: fields.notify_refusals,
            notify_expired: fields.notify_expired,
        };
        let terms = LinkTerms::new(fields.link_lifetime_secs, fields.scope)?;
        let account_id = account(fields.account_id)?.0;
        let app = alipay_app::named(fields.alipay_app)?;
        let source = source(fields.source.optional().as_deref(), app, &account_id)?;
        Ok(Self {
            users: UserTerms::new(Some(merchant_name.clone()), returns)?,
            account_id,
            merchant_name,
            passed: fields.passed.or(true),
            contract: fields.contract.or(false),
            callback_url: document::callback_address("callbackUrl", fields.callback_url, rules)?,
            link_lifetime: terms.lifetime,
            scope: terms.scope,
            source,
        })
    }
}

fn source(
    name: Option<&str>,
    app: Option<AlipayAppId>,
    account_id: &str,
) -> Result<SchemeSource, DocumentError> {
    match name {
        None | Some("alipay") => Ok(SchemeSource::Alipay(app)),
        Some("aliyun") if app.is_some() => {
            Err(DocumentError::new("alipayApp", "would not be used, as source is aliyun"))
        }
        Some("aliyun") => SecretName::alibaba_cloud_key(account_id)
            .map(SchemeSource::AlibabaCloud)
            .map_err(|_| document::no_id("accountId")),
        Some(_) => Err(DocumentError::new("source", "must be alipay or aliyun")),
    }
}
