//! Reads a URL that somebody else wrote, and checks the host that it leads to.
//!
//! Only the parsed form is checked, never the text: a host has too many spellings (percent signs, full-width
//! digits, octal numbers, trailing dots) for text to tell where a connection would go. Text is looked at only for what
//! the parser would pass over in silence.

use std::net::IpAddr;

use rustls::pki_types::DnsName;
use url::{Host, Url};

use crate::egress::ip_ranges;
use crate::model::delivery_outcome::AddressRefusal;

/// The flaw of a text that is not a URL that could be requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlError {
    /// White space, a control character, a backslash, or a symbol that would have to be percent-encoded.
    BadCharacter,
    /// It does not parse, names no scheme, or its host is no name that DNS and TLS could be asked for.
    NotAUrl,
    /// User name or password before an `@`, be they empty.
    Userinfo,
}

/// The reason that a host cannot be a public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostRefusal {
    /// A name without a dot, or one that by convention leads to the machine itself or stays inside a network.
    LocalName,
    /// An address that is not public, in whatever spelling.
    NotPublic(AddressRefusal),
}

/// Parses a text of any scheme that names a host. The dot at the end of the host's name is dropped.
pub(crate) fn parse(text: &str) -> Result<Url, UrlError> {
    // The parser drops tabs and line breaks, and takes a backslash for a slash.
    if !text.chars().all(may_stand_in_a_url) {
        return Err(UrlError::BadCharacter);
    }
    let (_, rest) = text.split_once("://").ok_or(UrlError::NotAUrl)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // The parser drops an empty user name, and skips slashes until it finds a host.
    if authority.contains('@') {
        return Err(UrlError::Userinfo);
    }
    if authority.is_empty() {
        return Err(UrlError::NotAUrl);
    }
    let mut url = Url::parse(text).map_err(|_| UrlError::NotAUrl)?;
    normalize_name(&mut url)?;
    // What cannot be requested is refused now, not when it is used.
    let requested = url.as_str().split('#').next().unwrap_or_default();
    http::Uri::try_from(requested).map_err(|_| UrlError::NotAUrl)?;
    Ok(url)
}

/// Accepts public addresses, and names that may lead to one.
pub(crate) fn check_host(url: &Url) -> Result<(), HostRefusal> {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip_ranges::check(IpAddr::V4(ip)).map_err(HostRefusal::NotPublic),
        Some(Host::Ipv6(ip)) => ip_ranges::check(IpAddr::V6(ip)).map_err(HostRefusal::NotPublic),
        Some(Host::Domain(name)) if !is_local(name) => Ok(()),
        Some(Host::Domain(_)) | None => Err(HostRefusal::LocalName),
    }
}

/// True if the host is this machine, by address or as `localhost`.
#[must_use]
pub fn is_this_machine(url: &Url) -> bool {
    is_loopback(url) || url.host() == Some(Host::Domain("localhost"))
}

/// True if the host is an address literal of this machine. What a name leads to is for a resolver to say.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(_)) | None => false,
    }
}

/// True if a request there is protected on its way: https, or http to this very machine.
pub(crate) fn is_carried_safely(url: &Url) -> bool {
    url.port() != Some(0) && (url.scheme() == "https" || url.scheme() == "http" && is_loopback(url))
}

/// ASCII without white space, controls and the backslash; letters and digits of any script.
fn may_stand_in_a_url(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_graphic() && c != '\\' } else { c.is_alphanumeric() }
}

/// True if `://` follows a scheme, and is not part of a query.
pub(crate) fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

/// Takes the dot off a name's end, and makes sure that what is left could stand in DNS and in a certificate.
fn normalize_name(url: &mut Url) -> Result<(), UrlError> {
    let Some(Host::Domain(name)) = url.host() else { return Ok(()) };
    let name = name.strip_suffix('.').unwrap_or(name).to_owned();
    if name.ends_with('.') || DnsName::try_from(name.as_str()).is_err() {
        return Err(UrlError::NotAUrl);
    }
    url.set_host(Some(&name)).map_err(|_| UrlError::NotAUrl)
}

/// Names that never lead to a merchant: RFC 6761, RFC 6762, RFC 8375, ICANN's `.internal`, and names without a dot.
fn is_local(name: &str) -> bool {
    !name.contains('.') || LOCAL_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

const LOCAL_ENDINGS: [&str; 4] = [".localhost", ".local", ".internal", ".home.arpa"];
