//! A link that was issued, and what the log says of it.

use shared::model::id::AuthorizationId;

/// A link that was issued.
pub(crate) struct Link {
    pub(crate) url: String,
    pub(crate) by: IssuedBy,
}

/// Who made a link, and what it is known by there.
pub(crate) enum IssuedBy {
    Us(AuthorizationId),
    AlibabaCloud { request_id: Option<String> },
}

impl Link {
    pub(crate) fn reference(&self) -> Option<&str> {
        match &self.by {
            IssuedBy::Us(id) => Some(id.as_str()),
            IssuedBy::AlibabaCloud { .. } => None,
        }
    }

    pub(crate) fn upstream_code(&self) -> Option<&str> {
        match self.by {
            IssuedBy::Us(_) => None,
            IssuedBy::AlibabaCloud { .. } => Some("OK"),
        }
    }

    pub(crate) fn upstream_request_id(&self) -> Option<&str> {
        match &self.by {
            IssuedBy::Us(_) => None,
            IssuedBy::AlibabaCloud { request_id } => request_id.as_deref(),
        }
    }
}
