//! The keys of our own links.

use crate::registry::fields::Fields;
use crate::secrets::{Document, DocumentError};
use crate::signing::link_token::LinkTokenKey;

/// `link-token`: what the tokens of our own links are signed and verified with.
///
/// `keys`: one or two texts of 32 bytes or more. The first signs; both verify, while one replaces the other.
#[derive(Debug)]
pub struct LinkToken {
    /// One or two.
    pub keys: Vec<LinkTokenKey>,
}

impl Document for LinkToken {
    fn parse(json: &str) -> Result<Self, DocumentError> {
        let mut fields = Fields::of(json)?;
        let keys = fields.secrets("keys", "a text of 32 bytes or more", LinkTokenKey::new)?;
        fields.finish()?;
        Ok(Self { keys })
    }
}
