//! Facts about a request that the host knows and its sender cannot write.

use std::net::IpAddr;

use url::Url;

/// The client of a request as the host knows it; an extension of the request.
#[derive(Clone, Debug, Default)]
pub struct ClientInfo {
    /// The address that connected to the gateway, or to the edge in front of it; never taken from a header that
    /// anybody can write.
    pub source_ip: Option<IpAddr>,
    /// Scheme and authority that the request arrived at, and that browsers can come back to.
    pub origin: Option<Url>,
}

/// The client of `request`; nothing is known of one without the extension.
#[must_use]
pub fn client_info<B>(request: &http::Request<B>) -> &ClientInfo {
    static UNKNOWN: ClientInfo = ClientInfo { source_ip: None, origin: None };
    request.extensions().get().unwrap_or(&UNKNOWN)
}
