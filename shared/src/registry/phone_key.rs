//! The key that hides phone numbers.

use std::fmt;

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::egress::callback_url::CallbackRules;
use crate::registry::document::{self, Field};
use crate::secrets::{Document, DocumentError};

const MIN_KEY_BYTES: usize = 32;

/// `phone-key`: `key`, 32 bytes or more, that phone numbers are hashed with. It is never rotated: equal numbers
/// have equal hashes under one key only.
pub struct PhoneKey(pub hmac::Key);

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct PhoneKeyFields {
    key: Field<SecretString>,
}

impl Document for PhoneKey {
    fn parse_by(json: &str, _: &CallbackRules) -> Result<Self, DocumentError> {
        document::read::<PhoneKeyFields, _>(json, Self::try_from)
    }
}

impl TryFrom<PhoneKeyFields> for PhoneKey {
    type Error = DocumentError;

    fn try_from(fields: PhoneKeyFields) -> Result<Self, DocumentError> {
        let key = fields.key.required("key")?;
        let key = key.expose_secret().as_bytes();
        if key.len() < MIN_KEY_BYTES {
            return Err(DocumentError::new("key", format!("must have {MIN_KEY_BYTES} bytes or more")));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key)))
    }
}

impl fmt::Debug for PhoneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneKey(…)")
    }
}
