//! The links of others that authlink hands on: another platform's, or Alibaba Cloud's.
//!
//! Our caller sends its users there by our word. So a link leads to a public web address, by what the parser finds in
//! it, and holds nothing that another parser could read differently.

use url::Url;

use crate::egress::web_url::{self, HostRefusal, UrlError};
use crate::model::delivery_outcome::AddressRefusal;

/// The longest link, in characters.
pub const MAX_LINK_CHARS: usize = 2_048;

/// The reason that a link is not handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThirdPartyLinkError {
    /// More than [`MAX_LINK_CHARS`].
    #[error("link_too_long")]
    TooLong,
    /// Something else than printable ASCII, or a backslash.
    #[error("link_bad_character")]
    BadCharacter,
    /// It does not parse, or names no scheme or no host.
    #[error("link_not_a_url")]
    NotAUrl,
    /// User name or password before an `@`, be they empty.
    #[error("link_userinfo")]
    Userinfo,
    /// Neither http nor https.
    #[error("link_scheme")]
    Scheme,
    /// Port 0.
    #[error("link_port")]
    Port,
    /// A name without a dot, or one that stays on a machine or inside a network.
    #[error("link_local_name")]
    LocalName,
    #[error("link_not_public")]
    NotPublic(AddressRefusal),
}

/// Reads a link. With `loopback_allowed` it may also lead to this machine, by address or as `localhost`.
///
/// # Errors
/// [`ThirdPartyLinkError`], by cause.
pub(crate) fn parse(text: &str, loopback_allowed: bool) -> Result<Url, ThirdPartyLinkError> {
    if text.chars().count() > MAX_LINK_CHARS {
        return Err(ThirdPartyLinkError::TooLong);
    }
    if !text.is_ascii() {
        return Err(ThirdPartyLinkError::BadCharacter);
    }
    let url = web_url::parse(text)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ThirdPartyLinkError::Scheme);
    }
    if url.port() == Some(0) {
        return Err(ThirdPartyLinkError::Port);
    }
    if !(loopback_allowed && web_url::is_this_machine(&url)) {
        web_url::check_host(&url)?;
    }
    // The parser may have percent-encoded.
    if url.as_str().len() > MAX_LINK_CHARS { Err(ThirdPartyLinkError::TooLong) } else { Ok(url) }
}

impl From<UrlError> for ThirdPartyLinkError {
    fn from(error: UrlError) -> Self {
        match error {
            UrlError::BadCharacter => Self::BadCharacter,
            UrlError::NotAUrl => Self::NotAUrl,
            UrlError::Userinfo => Self::Userinfo,
        }
    }
}

impl From<HostRefusal> for ThirdPartyLinkError {
    fn from(refusal: HostRefusal) -> Self {
        match refusal {
            HostRefusal::LocalName => Self::LocalName,
            HostRefusal::NotPublic(refusal) => Self::NotPublic(refusal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ThirdPartyLinkError::*;

    fn read(text: &str, loopback_allowed: bool) -> Result<String, ThirdPartyLinkError> {
        parse(text, loopback_allowed).map(String::from)
    }

    #[test]
    fn a_link_is_handed_on_as_it_is_understood() {
        for (text, link) in [
            ("https://abc.com", "https://abc.com/"),
            ("http://abc.com:8080/a?b=c%2Fd&e#/f", "http://abc.com:8080/a?b=c%2Fd&e#/f"),
            ("HTTPS://ABC.com./x", "https://abc.com/x"),
            ("https://8.8.8.8/", "https://8.8.8.8/"),
            (
                "https://openauth.alipay.com/oauth2/publicAppAuthorize.htm?app_id=1&redirect_uri=https%3A%2F%2Fa.com%2F&state=0aF%3D",
                "https://openauth.alipay.com/oauth2/publicAppAuthorize.htm?app_id=1&redirect_uri=https%3A%2F%2Fa.com%2F&state=0aF%3D",
            ),
        ] {
            assert_eq!(read(text, false).as_deref(), Ok(link), "{text}");
            assert_eq!(read(link, false).as_deref(), Ok(link), "{link}");
        }
    }

    #[test]
    fn what_leads_nowhere_public_is_refused_by_cause() {
        for (text, refusal) in [
            ("", NotAUrl),
            ("abc.com", NotAUrl),
            ("https://", NotAUrl),
            ("https:abc.com", NotAUrl),
            ("https://a..com/", NotAUrl),
            ("javascript:alert(1)", NotAUrl),
            ("javascript://abc.com/%0aalert(1)", Scheme),
            ("alipays://platformapi/startapp?appId=1", Scheme),
            ("ftp://abc.com/", Scheme),
            ("https://abc.com:0/", Port),
            ("https://user@abc.com/", Userinfo),
            ("https://@abc.com/", Userinfo),
            ("https://abc.com\\@evil.com/", BadCharacter),
            ("https://abc.com/a b", BadCharacter),
            ("https://abc.com/\n", BadCharacter),
            (" https://abc.com/", BadCharacter),
            ("https://例子.com/", BadCharacter),
            ("https://localhost/", LocalName),
            ("https://intranet/", LocalName),
            ("https://nas.local/", LocalName),
            ("http://127.0.0.1/", NotPublic(AddressRefusal::Loopback)),
            ("http://2130706433/", NotPublic(AddressRefusal::Loopback)),
            ("http://[::1]/", NotPublic(AddressRefusal::Loopback)),
            ("http://10.0.0.1/", NotPublic(AddressRefusal::Private)),
            ("http://169.254.169.254/", NotPublic(AddressRefusal::LinkLocal)),
        ] {
            assert_eq!(read(text, false), Err(refusal), "{text:?}");
        }
    }

    #[test]
    fn a_platform_on_this_machine_may_name_this_machine_and_no_other() {
        for text in
            ["http://127.0.0.1:8788/x", "http://[::1]:8788/x", "http://localhost:8788/x", "https://abc.com/"]
        {
            assert_eq!(read(text, true).as_deref(), Ok(text));
        }
        for (text, refusal) in [
            ("http://10.0.0.1/", NotPublic(AddressRefusal::Private)),
            ("http://intranet/", LocalName),
            ("http://[::ffff:127.0.0.1]/", NotPublic(AddressRefusal::Mapped)),
            ("http://user@127.0.0.1/", Userinfo),
            ("http://127.0.0.1:0/", Port),
        ] {
            assert_eq!(read(text, true), Err(refusal), "{text}");
        }
    }

    #[test]
    fn the_length_counts_as_given_and_as_handed_on() {
        let of = |path_chars: usize, c: &str| format!("https://abc.com/{}", c.repeat(path_chars));
        assert_eq!(read(&of(2_032, "a"), false), Ok(of(2_032, "a")));
        assert_eq!(read(&of(2_033, "a"), false), Err(TooLong));
        assert_eq!(read(&of(700, "{"), false), Err(TooLong));
    }
}
