//! A user's consent: the user, the time, and the bytes that tell the merchant of it.

use std::fmt;

use bytes::Bytes;

use crate::model::clock::UnixMillis;
use crate::model::identity::Identity;

/// A consent as a record holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    pub identity: Identity,
    pub body: DeliveryBody,
    /// The time of its record.
    pub authorized_at: UnixMillis,
    /// Digest of the code that Alipay named the user for; `None` where a platform named the user.
    pub code_digest: Option<String>,
}

/// The bytes of a delivery, the same on every attempt and never empty. They name the user, so `Debug` masks them.
#[derive(Clone, PartialEq, Eq)]
pub struct DeliveryBody(Bytes);

impl DeliveryBody {
    /// `None` if there are no bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Option<Self> {
        Some(bytes.into()).filter(|bytes| !bytes.is_empty()).map(Self)
    }

    /// The bytes, for the merchant and the record only.
    #[must_use]
    pub const fn reveal(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Debug for DeliveryBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeliveryBody({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_bytes_and_shows_none_of_them() {
        assert_eq!(DeliveryBody::new(Vec::new()), None);
        let body = DeliveryBody::new("open-1").expect("bytes");
        assert_eq!(
            (body.reveal().as_ref(), format!("{body:?}").as_str()),
            (&b"open-1"[..], "DeliveryBody(6 bytes)")
        );
    }
}
