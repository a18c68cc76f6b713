//! A scheme: under which terms an account asks users for their consent.

use std::time::Duration;

use crate::model::scope::Scope;
use crate::registry::access_key::account;
use crate::registry::fields::{Fields, LinkTerms};
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
    /// Whose it is.
    pub account_id: String,
    /// Who asks, for the user's eyes.
    pub merchant_name: String,
    /// Whether it was approved.
    pub passed: bool,
    /// Whether it is of the contract type.
    pub contract: bool,
    /// Where to deliver; judged at each attempt.
    pub callback_url: Option<String>,
    /// How long its links work.
    pub link_lifetime: Duration,
    /// What its users are asked for.
    pub scope: Scope,
    /// Who makes its links.
    pub source: SchemeSource,
}

/// Who makes a scheme's links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemeSource {
    /// Our own app at Alipay.
    Alipay,
    /// Alibaba Cloud: the name of the document with the account's key there.
    Aliyun(SecretName),
}

impl Document for Scheme {
    fn parse(json: &str) -> Result<Self, DocumentError> {
        let mut fields = Fields::of(json)?;
        let merchant_name = fields.required_string("merchantName")?.trim().to_owned();
        if !(1..=MAX_MERCHANT_NAME_CHARACTERS).contains(&merchant_name.chars().count()) {
            return Err(DocumentError("merchantName must have 1 to 64 characters".to_owned()));
        }
        let terms = LinkTerms::take(&mut fields)?;
        let account_id = account(&mut fields)?.0;
        let source = source(fields.string("source")?.as_deref(), &account_id)?;
        let scheme = Self {
            account_id,
            merchant_name,
            passed: fields.boolean("passed")?.unwrap_or(true),
            contract: fields.boolean("contract")?.unwrap_or(false),
            callback_url: fields.string("callbackUrl")?.filter(|url| !url.is_empty()),
            link_lifetime: terms.lifetime,
            scope: terms.scope,
            source,
        };
        fields.finish()?;
        Ok(scheme)
    }
}

fn source(name: Option<&str>, account_id: &str) -> Result<SchemeSource, DocumentError> {
    match name {
        None | Some("alipay") => Ok(SchemeSource::Alipay),
        Some("aliyun") => SecretName::aliyun(account_id)
            .map(SchemeSource::Aliyun)
            .map_err(|bad| DocumentError(format!("accountId: {bad}"))),
        Some(_) => Err(DocumentError("source must be alipay or aliyun".to_owned())),
    }
}
