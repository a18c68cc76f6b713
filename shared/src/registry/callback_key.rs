//! The key that signs callbacks.

use secrecy::SecretString;
use serde::Deserialize;

use crate::egress::callback_url::CallbackRules;
use crate::registry::document::{self, Field};
use crate::secrets::{Document, DocumentError};
use crate::signing::rsa::SigningKey;

/// `callback-key`: what callbacks are signed with, but for businesses that only have an MD5 key.
///
/// `privateKey` signs. While it is being replaced, `nextPrivateKey` may hold its successor: it is parsed, so that a key
/// that could not sign is noticed before it has to.
#[derive(Debug)]
pub struct CallbackKey {
    /// Signs callbacks.
    pub private_key: SigningKey,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct CallbackKeyFields {
    private_key: Field<SecretString>,
    next_private_key: Field<SecretString>,
}

impl Document for CallbackKey {
    fn parse_by(json: &str, _: &CallbackRules) -> Result<Self, DocumentError> {
        document::read::<CallbackKeyFields, _>(json, Self::try_from)
    }
}

impl TryFrom<CallbackKeyFields> for CallbackKey {
    type Error = DocumentError;

    fn try_from(fields: CallbackKeyFields) -> Result<Self, DocumentError> {
        let private_key = fields.private_key.required("privateKey")?;
        let private_key = document::key("privateKey", &private_key, SigningKey::parse)?;
        if let Some(next) = fields.next_private_key.optional() {
            document::key("nextPrivateKey", &next, SigningKey::parse)?;
        }
        Ok(Self { private_key })
    }
}
