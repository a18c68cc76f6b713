//! What the host knows of a request besides what its sender wrote.

use std::net::IpAddr;

use url::Url;

/// What the host knows of a request besides what the sender wrote; an extension of the request.
#[derive(Clone, Debug, Default)]
pub struct ClientInfo {
    /// Who connected, by the gateway's word; never by a header, which anybody can write.
    pub source_ip: Option<IpAddr>,
    /// Where the request arrived: scheme and authority that browsers can come back to.
    pub origin: Option<Url>,
}

/// How `request` arrived; nothing is known of one that no host has marked.
#[must_use]
pub fn client_info<B>(request: &http::Request<B>) -> &ClientInfo {
    static UNKNOWN: ClientInfo = ClientInfo { source_ip: None, origin: None };
    request.extensions().get().unwrap_or(&UNKNOWN)
}
