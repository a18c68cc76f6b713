//! The keys of our own links.

use serde::Deserialize;

use crate::egress::callback_url::CallbackRules;
use crate::registry::document::{self, KeyTexts};
use crate::secrets::{Document, DocumentError};
use crate::signing::link_token::LinkTokenKey;

/// `link-token`: what the tokens of our own links are signed and verified with.
///
/// `keys`: one or two texts of 32 bytes or more. The first signs; both verify, while one replaces the other.
#[derive(Debug)]
pub struct LinkTokenKeys {
    /// One or two.
    pub keys: Vec<LinkTokenKey>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct LinkTokenKeysFields {
    keys: KeyTexts,
}

impl Document for LinkTokenKeys {
    fn parse_by(json: &str, _: &CallbackRules) -> Result<Self, DocumentError> {
        document::read::<LinkTokenKeysFields, _>(json, Self::try_from)
    }
}

impl TryFrom<LinkTokenKeysFields> for LinkTokenKeys {
    type Error = DocumentError;

    fn try_from(fields: LinkTokenKeysFields) -> Result<Self, DocumentError> {
        let form = "a text of 32 bytes or more";
        Ok(Self { keys: document::secrets("keys", fields.keys, form, LinkTokenKey::new)? })
    }
}
