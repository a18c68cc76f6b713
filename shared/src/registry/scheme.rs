//! A scheme: under which terms an account asks users for their consent.

use std::time::Duration;

use serde::Deserialize;

use crate::model::scope::Scope;
use crate::registry::access_key::account;
use crate::registry::document::{self, Field, LinkTerms};
use crate::secrets::{Document, DocumentError, SecretName};

const MAX_MERCHANT_NAME_CHARACTERS: usize = 64;

/// `scheme/<SchemeId>`: a scheme of an account.
///
/// | field | required | value |
/// |---|---|---|
/// | `accountId` | yes | whose scheme it is |
/// | `merchantName` | yes | who asks, as the link's page says it: 1 to 64 characters |
/// | `passed` | no, true | false: `SchemeNotPassed` |
/// | `contract` | no, false | true: of the contract type, which needs an `EndDate` |
/// | `callbackUrl` | no | where to deliver; links that are issued while there is none are not delivered, their openId is kept |
/// | `linkLifetimeSecs` | no, 86400 | 60 to 2592000 |
/// | `scope` | no, `auth_base` | `auth_base` or `auth_user` |
/// | `source` | no, `alipay` | who makes the links: `alipay`, our own app at Alipay; `aliyun`, Alibaba Cloud, by the account's `aliyun/<accountId>` |
///
/// With `aliyun`, `callbackUrl`, `linkLifetimeSecs` and `scope` say nothing of new links; links that were issued before
/// the source was changed keep to them.
#[derive(Debug)]
pub struct Scheme {
    /// The id of its account.
    pub account_id: String,
    /// The name of the party that asks, as the user reads it.
    pub merchant_name: String,
    /// True if it was approved.
    pub passed: bool,
    /// True if it is of the contract type.
    pub contract: bool,
    /// The address of deliveries; checked at each attempt.
    pub callback_url: Option<String>,
    /// The lifetime of its links.
    pub link_lifetime: Duration,
    /// The scope that its users are asked for.
    pub scope: Scope,
    /// The maker of its links.
    pub source: SchemeSource,
}

/// The maker of a scheme's links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemeSource {
    /// Our own app at Alipay.
    Alipay,
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
}

impl Document for Scheme {
    fn parse(json: &str) -> Result<Self, DocumentError> {
        document::read::<SchemeFields, _>(json)
    }
}

impl TryFrom<SchemeFields> for Scheme {
    type Error = DocumentError;

    fn try_from(fields: SchemeFields) -> Result<Self, DocumentError> {
        let merchant_name = fields.merchant_name.required("merchantName")?.trim().to_owned();
        if !(1..=MAX_MERCHANT_NAME_CHARACTERS).contains(&merchant_name.chars().count()) {
            return Err(DocumentError("merchantName must have 1 to 64 characters".to_owned()));
        }
        let terms = LinkTerms::new(fields.link_lifetime_secs, fields.scope)?;
        let account_id = account(fields.account_id)?.0;
        let source = source(fields.source.optional().as_deref(), &account_id)?;
        Ok(Self {
            account_id,
            merchant_name,
            passed: fields.passed.or(true),
            contract: fields.contract.or(false),
            callback_url: document::callback_address("callbackUrl", fields.callback_url)?,
            link_lifetime: terms.lifetime,
            scope: terms.scope,
            source,
        })
    }
}

fn source(name: Option<&str>, account_id: &str) -> Result<SchemeSource, DocumentError> {
    match name {
        None | Some("alipay") => Ok(SchemeSource::Alipay),
        Some("aliyun") => SecretName::alibaba_cloud_key(account_id)
            .map(SchemeSource::AlibabaCloud)
            .map_err(|bad| DocumentError(format!("accountId: {bad}"))),
        Some(_) => Err(DocumentError("source must be alipay or aliyun".to_owned())),
    }
}
