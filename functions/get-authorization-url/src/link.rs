//! A link that was issued, and the log's fields of it.

use shared::model::id::AuthorizationId;

/// A link that was issued.
pub(crate) struct Link {
    pub(crate) url: String,
    pub(crate) by: IssuedBy,
}

/// The maker of a link, and what the link is known by there.
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
