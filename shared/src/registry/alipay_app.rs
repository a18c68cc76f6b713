//! Our app at Alipay.

use crate::registry::fields::Fields;
use crate::secrets::{Document, DocumentError};
use crate::signing::rsa::{SigningKey, VerifyingKey};

/// `alipay-app/<appId>`: our app at Alipay.
///
/// `privateKey`: ours, that requests to the gateway are signed with. `alipayPublicKeys`: one or two of Alipay's, that
/// answers are verified with.
#[derive(Debug)]
pub struct AlipayApp {
    /// Signs our requests.
    pub private_key: SigningKey,
    /// Verify Alipay's answers.
    pub alipay_public_keys: Vec<VerifyingKey>,
}

impl Document for AlipayApp {
    fn parse(json: &str) -> Result<Self, DocumentError> {
        let mut fields = Fields::of(json)?;
        let private_key = fields.key("privateKey", SigningKey::parse)?;
        let alipay_public_keys = fields.keys("alipayPublicKeys", VerifyingKey::parse)?;
        fields.finish()?;
        if alipay_public_keys.is_empty() {
            return Err(DocumentError("needs alipayPublicKeys".to_owned()));
        }
        Ok(Self { private_key, alipay_public_keys })
    }
}
