//! The businesses of the storm, and where each has its openIds delivered.

use serde_json::{Value, json};

/// The merchant that every business asks for.
pub const MERCHANT_ID: &str = "storm";

/// A place that deliveries go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// A merchant that answers by the plan.
    Plain,
    /// The same, and at times nobody listens.
    Sleeper,
    /// Its certificate is by an unknown authority.
    UnknownAuthority,
    /// It speaks no TLS where it is expected.
    PlainTextForTls,
    /// An address that is not public.
    NotPublic,
    /// A port that is not allowed.
    PortNotAllowed,
}

/// A caller of the open API.
#[derive(Clone, Copy, Debug)]
pub struct Business {
    pub id: &'static str,
    /// It has no RSA key, and its callbacks are signed by MD5.
    pub md5_only: bool,
    /// Its links live a minute.
    pub short_links: bool,
    /// Requests name this site.
    pub named_at: Option<Site>,
    /// The document names this site, until it is calm; then [`Site::Plain`].
    pub default_at: Option<Site>,
}

const USUAL: Business =
    Business { id: "", md5_only: false, short_links: false, named_at: Some(Site::Plain), default_at: None };

const fn by_default(id: &'static str, site: Site) -> Business {
    Business { id, named_at: None, default_at: Some(site), ..USUAL }
}

/// Every business.
pub const BUSINESSES: [Business; 24] = [
    Business { id: "b00", ..USUAL },
    Business { id: "b01", ..USUAL },
    Business { id: "b02", ..USUAL },
    Business { id: "b03", ..USUAL },
    Business { id: "b04", ..USUAL },
    Business { id: "b05", ..USUAL },
    Business { id: "b06", ..USUAL },
    Business { id: "b07", ..USUAL },
    Business { id: "b08", ..USUAL },
    Business { id: "b09", ..USUAL },
    Business { id: "b10", ..USUAL },
    Business { id: "md5-0", md5_only: true, ..USUAL },
    Business { id: "md5-1", md5_only: true, ..USUAL },
    Business { id: "minute-0", short_links: true, ..USUAL },
    Business { id: "minute-1", short_links: true, ..USUAL },
    Business { id: "minute-2", short_links: true, ..USUAL },
    Business { id: "sleeper-0", named_at: Some(Site::Sleeper), ..USUAL },
    Business { id: "sleeper-1", named_at: Some(Site::Sleeper), ..USUAL },
    by_default("default-0", Site::Plain),
    by_default("default-1", Site::Plain),
    by_default("authority", Site::UnknownAuthority),
    by_default("plain-text", Site::PlainTextForTls),
    by_default("private", Site::NotPublic),
    by_default("port", Site::PortNotAllowed),
];

impl Business {
    /// Its document, where its default address is `default_url`.
    #[must_use]
    pub fn document(&self, public_key: &str, md5_key: &str, default_url: Option<&str>) -> Value {
        let mut document = json!({"merchantIds": [MERCHANT_ID], "md5Keys": [md5_key]});
        if !self.md5_only {
            document["publicKeys"] = json!([public_key]);
        }
        if self.short_links {
            document["linkLifetimeSecs"] = json!(60);
        }
        if let Some(url) = default_url {
            document["defaultCallbackUrl"] = json!(url);
        }
        document
    }
}
