//! The key that hides phone numbers.

use std::fmt;

use aws_lc_rs::hmac;

use crate::registry::fields::Fields;
use crate::secrets::{Document, DocumentError};

const MIN_KEY_BYTES: usize = 32;

/// `phone-key`: `key`, 32 bytes or more, that phone numbers are hashed with. It is never rotated: equal numbers
/// have equal hashes under one key only.
pub struct PhoneKey(pub hmac::Key);

impl Document for PhoneKey {
    fn parse(json: &str) -> Result<Self, DocumentError> {
        let mut fields = Fields::of(json)?;
        let key = zeroize::Zeroizing::new(fields.required_string("key")?);
        fields.finish()?;
        if key.len() < MIN_KEY_BYTES {
            return Err(DocumentError(format!("key must have {MIN_KEY_BYTES} bytes or more")));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes())))
    }
}

impl fmt::Debug for PhoneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneKey(…)")
    }
}
