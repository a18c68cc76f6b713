//! New documents of each kind, from the options that a command has for it.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use shared::runtime::start::StartError;

use crate::bounded::text;
use crate::documents::{DocumentKind, NewKey};

/// A document that a command makes.
pub(super) struct Draft {
    pub(super) fields: Value,
    /// The keys of it that were made.
    pub(super) keys: Vec<NewKey>,
    /// What is left to do, besides giving the keys away.
    pub(super) told: Vec<String>,
}

impl Draft {
    const fn without_keys(fields: Value) -> Self {
        Self { fields, keys: Vec::new(), told: Vec::new() }
    }
}

/// Arguments that make a document.
pub(super) trait DocumentArgs {
    const KIND: DocumentKind;

    fn id(&self) -> &str;

    /// The Alipay app that it names.
    fn alipay_app(&self) -> Option<&str> {
        None
    }

    /// Makes it; nothing is kept yet. `folder` has what earlier commands have made.
    ///
    /// # Errors
    /// A key cannot be read or made.
    fn make(self, folder: &Path) -> Result<Draft, StartError>;
}

#[derive(Args)]
pub(super) struct NewBusiness {
    /// The businessId
    id: String,
    /// A merchant that it may ask for; can be repeated
    #[arg(long, required = true)]
    merchant_id: Vec<String>,
    /// Its RSA public key; without it and --md5 a pair is made
    #[arg(long, value_name = "FILE", conflicts_with = "md5")]
    public_key: Option<PathBuf>,
    /// Make a shared MD5 key
    #[arg(long)]
    md5: bool,
    /// The address of callbacks for requests that name none
    #[arg(long, value_name = "URL")]
    default_callback_url: Option<String>,
    /// The Alipay app of its links, which `app add` has made; the deployment's unless said
    #[arg(long, value_name = "ID")]
    alipay_app: Option<String>,
}

impl DocumentArgs for NewBusiness {
    const KIND: DocumentKind = DocumentKind::Business;

    fn id(&self) -> &str {
        &self.id
    }

    fn alipay_app(&self) -> Option<&str> {
        self.alipay_app.as_deref()
    }

    fn make(self, _: &Path) -> Result<Draft, StartError> {
        let (field, key, made) = match (self.md5, &self.public_key) {
            (true, _) => ("md5Keys", None, Some(NewKey::shared::<16>())),
            (false, Some(file)) => ("publicKeys", Some(text(file)?), None),
            (false, None) => ("publicKeys", None, Some(NewKey::theirs()?)),
        };
        let key = key.as_ref().or_else(|| made.as_ref().map(|made| &made.in_document));
        let mut fields = json!({"merchantIds": self.merchant_id});
        fields[field] = key.map(|key| key.as_str()).into_iter().collect();
        set(&mut fields, "defaultCallbackUrl", self.default_callback_url);
        set(&mut fields, "alipayApp", self.alipay_app);
        let told =
            vec!["give to the business: the public half of callback-key, to verify callbacks".to_owned()];
        Ok(Draft { fields, keys: made.into_iter().collect(), told })
    }
}

#[derive(Args)]
pub(super) struct NewScheme {
    /// The SchemeId, a number
    id: String,
    /// The account that it belongs to
    #[arg(long)]
    account_id: String,
    /// Who asks, as the link's page says it
    #[arg(long)]
    merchant_name: String,
    /// The address of callbacks
    #[arg(long, value_name = "URL")]
    callback_url: Option<String>,
    /// Of the contract type, which needs an EndDate
    #[arg(long)]
    contract: bool,
    /// The Alipay app of its links, which `app add` has made; the deployment's unless said
    #[arg(long, value_name = "ID")]
    alipay_app: Option<String>,
}

impl DocumentArgs for NewScheme {
    const KIND: DocumentKind = DocumentKind::Scheme;

    fn id(&self) -> &str {
        &self.id
    }

    fn alipay_app(&self) -> Option<&str> {
        self.alipay_app.as_deref()
    }

    fn make(self, _: &Path) -> Result<Draft, StartError> {
        let mut fields = json!({"accountId": self.account_id, "merchantName": self.merchant_name});
        set(&mut fields, "callbackUrl", self.callback_url);
        set(&mut fields, "alipayApp", self.alipay_app);
        if self.contract {
            fields["contract"] = true.into();
        }
        Ok(Draft::without_keys(fields))
    }
}

#[derive(Args)]
pub(super) struct NewAccessKey {
    /// The AccessKeyId
    id: String,
    /// The account that it belongs to
    #[arg(long)]
    account_id: String,
}

impl DocumentArgs for NewAccessKey {
    const KIND: DocumentKind = DocumentKind::AccessKey;

    fn id(&self) -> &str {
        &self.id
    }

    fn make(self, _: &Path) -> Result<Draft, StartError> {
        let secret = NewKey::shared::<15>();
        let fields = json!({
            "secrets": [*secret.in_document], "accountId": self.account_id,
            "permissions": ["dypns:GetAuthorizationUrl"],
        });
        Ok(Draft { fields, keys: vec![secret], told: Vec::new() })
    }
}

#[derive(Args)]
pub(super) struct NewAccount {
    /// The accountId
    id: String,
    /// The requests that it may send in a second
    #[arg(long)]
    requests_per_second: Option<u32>,
}

impl DocumentArgs for NewAccount {
    const KIND: DocumentKind = DocumentKind::Account;

    fn id(&self) -> &str {
        &self.id
    }

    fn make(self, _: &Path) -> Result<Draft, StartError> {
        let mut fields = json!({});
        if let Some(rate) = self.requests_per_second {
            fields["requestsPerSecond"] = rate.into();
        }
        Ok(Draft::without_keys(fields))
    }
}

#[derive(Args)]
pub(super) struct NewPlatform {
    /// The platform's name
    id: String,
    /// Its address
    #[arg(long, value_name = "URL")]
    base_url: String,
    /// Our businessId there
    #[arg(long)]
    business_id: String,
    /// Our merchantId there; the caller's own unless said
    #[arg(long)]
    merchant_id: Option<String>,
    /// Its RSA public key, for its callbacks
    #[arg(long, value_name = "FILE")]
    public_key: PathBuf,
}

impl DocumentArgs for NewPlatform {
    const KIND: DocumentKind = DocumentKind::Platform;

    fn id(&self) -> &str {
        &self.id
    }

    fn make(self, _: &Path) -> Result<Draft, StartError> {
        let ours = NewKey::ours()?;
        let mut fields = json!({
            "baseUrl": self.base_url, "businessId": self.business_id, "privateKey": *ours.in_document,
            "publicKeys": [*text(&self.public_key)?],
        });
        set(&mut fields, "merchantId", self.merchant_id);
        Ok(Draft { fields, keys: vec![ours], told: Vec::new() })
    }
}

fn set(fields: &mut Value, name: &str, value: Option<String>) {
    if let (Some(value), Some(fields)) = (value, fields.as_object_mut()) {
        fields.insert(name.to_owned(), value.into());
    }
}
