//! The key that signs callbacks.

use crate::registry::fields::{Fields, key_error};
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

impl Document for CallbackKey {
    fn parse(json: &str) -> Result<Self, DocumentError> {
        let mut fields = Fields::of(json)?;
        let private_key = fields.key("privateKey", SigningKey::parse)?;
        if let Some(next) = fields.string("nextPrivateKey")? {
            SigningKey::parse(&next).map_err(|error| key_error("nextPrivateKey", &error))?;
        }
        fields.finish()?;
        Ok(Self { private_key })
    }
}
