//! Our app at Alipay.

use secrecy::SecretString;
use serde::Deserialize;

use crate::registry::document::{self, Field, KeyTexts};
use crate::secrets::{Document, DocumentError};
use crate::signing::rsa::{SigningKey, VerifyingKey};

/// `alipay-app/<appId>`: our app at Alipay.
///
/// `privateKey`: ours, that requests to the gateway are signed with. `alipayPublicKeys`: one or two of Alipay's, that
/// answers are verified with; none of them may be the public half of ours.
#[derive(Debug)]
pub struct AlipayApp {
    /// Signs our requests.
    pub private_key: SigningKey,
    /// Verify Alipay's answers.
    pub alipay_public_keys: Vec<VerifyingKey>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct AlipayAppFields {
    private_key: Field<SecretString>,
    alipay_public_keys: KeyTexts,
}

impl Document for AlipayApp {
    fn parse(json: &str) -> Result<Self, DocumentError> {
        document::read::<AlipayAppFields, _>(json)
    }
}

impl TryFrom<AlipayAppFields> for AlipayApp {
    type Error = DocumentError;

    fn try_from(fields: AlipayAppFields) -> Result<Self, DocumentError> {
        let private_key = fields.private_key.required("privateKey")?;
        let private_key = document::key("privateKey", &private_key, SigningKey::parse)?;
        let alipay_public_keys =
            document::keys("alipayPublicKeys", fields.alipay_public_keys, VerifyingKey::parse)?;
        if alipay_public_keys.is_empty() {
            return Err(DocumentError("needs alipayPublicKeys".to_owned()));
        }
        document::no_own_key("alipayPublicKeys", &alipay_public_keys, &private_key)?;
        Ok(Self { private_key, alipay_public_keys })
    }
}
