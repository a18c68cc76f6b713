//! A callback address that authlink may POST to, checked when the link is asked for and again before every POST.
//!
//! Only the parsed form is checked, never the text (`web_url` says why). Where a *name* leads is not
//! known here: that is checked when it is resolved, in [`crate::egress::resolver`].

use std::fmt;

use url::Url;

use crate::egress::web_url::{self, HostRefusal, UrlError, has_scheme};
use crate::model::delivery_outcome::{AddressRefusal, DeliveryOutcome};

/// The longest callback address, in characters; as given, and as stored.
pub const MAX_CALLBACK_URL_CHARS: usize = 2_048;

/// The rules of a deployment for callback addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackRules {
    /// The ports that callbacks may go to.
    pub ports: Vec<u16>,
    /// Origins that are exempt from the rules on scheme, port, name and address: for local runs only.
    pub dangerous_origins: Vec<Origin>,
}

impl Default for CallbackRules {
    /// Port 443 alone, no exemption.
    fn default() -> Self {
        Self { ports: vec![443], dangerous_origins: Vec::new() }
    }
}

impl CallbackRules {
    /// True if `url` belongs to one of the dangerous origins.
    #[must_use]
    pub fn exempts(&self, url: &CallbackUrl) -> bool {
        self.dangerous_origins.iter().any(|dangerous| dangerous.is_of(&url.url))
    }
}

/// The address of the callbacks for one authorization.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CallbackUrl {
    url: Url,
}

impl CallbackUrl {
    /// Takes `text` as a URL, with `https://` in front if it names no scheme, and holds it against `rules`.
    ///
    /// The dot at the end of a name is dropped. What [`as_str`](Self::as_str) then gives, parses to the same again.
    ///
    /// # Errors
    /// By cause; the form of the text comes before the rules.
    pub fn parse(text: &str, rules: &CallbackRules) -> Result<Self, CallbackUrlError> {
        let url = Self { url: read(text)? };
        url.check(rules)?;
        Ok(url)
    }

    /// Holds an address that was accepted before against the rules of today.
    ///
    /// # Errors
    /// [`NotHttps`](CallbackUrlError::NotHttps), [`Port`](CallbackUrlError::Port),
    /// [`LocalName`](CallbackUrlError::LocalName) or [`NotPublic`](CallbackUrlError::NotPublic).
    pub fn check(&self, rules: &CallbackRules) -> Result<(), CallbackUrlError> {
        if rules.exempts(self) {
            return Ok(());
        }
        if self.url.scheme() != "https" {
            return Err(CallbackUrlError::NotHttps);
        }
        if !rules.ports.contains(&self.port()) {
            return Err(CallbackUrlError::Port(self.port()));
        }
        Ok(web_url::check_host(&self.url)?)
    }

    /// The form to store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// The parsed form.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// The port, named or not; 0 if the scheme has none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }
}

impl fmt::Display for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The flaw of a callback address. It displays as a clause whose subject is the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CallbackUrlError {
    /// More than [`MAX_CALLBACK_URL_CHARS`], as given or as it would be stored.
    #[error("is longer than {MAX_CALLBACK_URL_CHARS} characters")]
    TooLong,
    /// White space, a control character, a backslash, or a symbol that would have to be percent-encoded.
    #[error("holds a character that a URL cannot have")]
    BadCharacter,
    /// It does not parse, or its host is no name that DNS and TLS could be asked for.
    #[error("is not a URL")]
    NotAUrl,
    /// User name or password before an `@`, be they empty.
    #[error("must not hold a user name or password")]
    Userinfo,
    /// A `#`: what follows it stays in a browser, so the POST would go to another address than the one that is meant.
    #[error("must not hold a fragment (#…), which is never sent to a server")]
    Fragment,
    /// Another scheme than https.
    #[error("must begin with https://")]
    NotHttps,
    /// A port that the deployment does not allow.
    #[error("names port {0}, which is not allowed")]
    Port(u16),
    /// A name without a dot, or one that by convention leads to the machine itself or stays inside a network.
    #[error("must name a public host")]
    LocalName,
    /// An address that is not public, in whatever spelling.
    #[error("must lead to a public address ({})", .0.as_str())]
    NotPublic(AddressRefusal),
}

/// Scheme, host and port, such as `http://127.0.0.1:8789`; or with any port, `http://127.0.0.1:*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    origin: url::Origin,
    any_port: bool,
}

impl Origin {
    /// Parses an origin, written with its scheme.
    ///
    /// # Errors
    /// [`OriginError`] unless `text` is a URL of http or https and nothing beyond host and port.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let (any_port, text) = text.strip_suffix(":*").map_or((false, text), |host| (true, host));
        let url = read(text).map_err(|_| OriginError)?;
        if any_port && url.port().is_some() {
            return Err(OriginError);
        }
        let bare = url.path() == "/" && url.query().is_none();
        if has_scheme(text) && matches!(url.scheme(), "http" | "https") && bare {
            Ok(Self { origin: url.origin(), any_port })
        } else {
            Err(OriginError)
        }
    }

    /// True if `url` is of this origin.
    #[must_use]
    pub fn is_of(&self, url: &Url) -> bool {
        match (&self.origin, url.origin()) {
            (url::Origin::Tuple(scheme, host, _), url::Origin::Tuple(its, of, _)) if self.any_port => {
                (scheme, host) == (&its, &of)
            }
            (origin, its) => *origin == its,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin.ascii_serialization())?;
        if self.any_port { f.write_str(":*") } else { Ok(()) }
    }
}

/// The text is more, less or other than an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("an origin is http:// or https:// with a host and perhaps a port or :* for any, nothing else")]
pub struct OriginError;

fn read(text: &str) -> Result<Url, CallbackUrlError> {
    if text.chars().count() > MAX_CALLBACK_URL_CHARS {
        return Err(CallbackUrlError::TooLong);
    }
    let with_scheme = if has_scheme(text) { text.to_owned() } else { format!("https://{text}") };
    let url = web_url::parse(&with_scheme)?;
    if url.fragment().is_some() {
        return Err(CallbackUrlError::Fragment);
    }
    if url.as_str().len() > MAX_CALLBACK_URL_CHARS {
        return Err(CallbackUrlError::TooLong);
    }
    Ok(url)
}

impl From<UrlError> for CallbackUrlError {
    fn from(error: UrlError) -> Self {
        match error {
            UrlError::BadCharacter => Self::BadCharacter,
            UrlError::NotAUrl => Self::NotAUrl,
            UrlError::Userinfo => Self::Userinfo,
        }
    }
}

impl From<HostRefusal> for CallbackUrlError {
    fn from(refusal: HostRefusal) -> Self {
        match refusal {
            HostRefusal::LocalName => Self::LocalName,
            HostRefusal::NotPublic(refusal) => Self::NotPublic(refusal),
        }
    }
}

/// The outcome of a delivery to an address that the rules refuse: nothing is sent.
impl From<CallbackUrlError> for DeliveryOutcome {
    fn from(error: CallbackUrlError) -> Self {
        match error {
            CallbackUrlError::NotPublic(refusal) => Self::AddressRefused(refusal),
            CallbackUrlError::TooLong
            | CallbackUrlError::BadCharacter
            | CallbackUrlError::NotAUrl
            | CallbackUrlError::Userinfo
            | CallbackUrlError::Fragment
            | CallbackUrlError::NotHttps
            | CallbackUrlError::Port(_)
            | CallbackUrlError::LocalName => Self::UrlRefused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AddressRefusal::*;
    use CallbackUrlError::*;

    fn stored(text: &str, rules: &CallbackRules) -> Result<String, CallbackUrlError> {
        CallbackUrl::parse(text, rules).map(|url| url.as_str().to_owned())
    }

    #[test]
    fn acceptable_addresses_are_stored_in_a_form_that_parses_to_itself() {
        let rows = [
            ("www.xn---xn--7mz-rs30a.info", "https://www.xn---xn--7mz-rs30a.info/"),
            ("https://www.xn---xn--7mz-rs30a.info", "https://www.xn---xn--7mz-rs30a.info/"),
            ("example.com/x", "https://example.com/x"),
            ("example.com:443/x", "https://example.com/x"),
            ("HTTPS://Example.COM/X", "https://example.com/X"),
            ("example.com?next=http://10.0.0.1/", "https://example.com/?next=http://10.0.0.1/"),
            ("https://example.com/a/../b?c=%20&d=@", "https://example.com/b?c=%20&d=@"),
            ("https://example.com./x", "https://example.com/x"),
            ("https://a_b.example.com/", "https://a_b.example.com/"),
            ("https://例子.测试/回调", "https://xn--fsqu00a.xn--0zwm56d/%E5%9B%9E%E8%B0%83"),
            ("https://ｅxample.com/", "https://example.com/"),
            ("https://example.com/{id}|`^", "https://example.com/%7Bid%7D|%60^"),
            ("https://8.8.8.8/x", "https://8.8.8.8/x"),
            ("https://[2001:4860:4860::8888]/x", "https://[2001:4860:4860::8888]/x"),
            ("https://localhost.example.com/", "https://localhost.example.com/"),
            ("https://my.local.com/.local", "https://my.local.com/.local"),
        ];
        let rules = CallbackRules::default();
        for (text, form) in rows {
            assert_eq!(stored(text, &rules).as_deref(), Ok(form), "{text}");
            assert_eq!(stored(form, &rules).as_deref(), Ok(form), "{form}");
        }
    }

    #[test]
    fn the_parts_are_those_of_the_parsed_form() {
        let rules = CallbackRules { ports: vec![443, 8443], ..CallbackRules::default() };
        let url = CallbackUrl::parse("Example.com:8443/x", &rules).unwrap();
        assert_eq!((url.url().host_str(), url.port()), (Some("example.com"), 8443));
        assert_eq!((url.url().path(), url.to_string().as_str()), ("/x", "https://example.com:8443/x"));
    }

    #[test]
    fn what_is_not_acceptable_is_refused_by_cause() {
        let rows = [
            ("", NotAUrl),
            ("https://", NotAUrl),
            ("https:///example.com/", NotAUrl),
            ("//example.com/", NotAUrl),
            ("/x", NotAUrl),
            ("https:example.com", NotAUrl),
            ("javascript:alert(1)", NotAUrl),
            ("https://example.com:99999/", NotAUrl),
            ("https://a..example.com/", NotAUrl),
            ("https://localhost../", NotAUrl),
            ("https://-a.example.com/", NotAUrl),
            ("https://a!b.example.com/", NotAUrl),
            ("https://xn--a.com/", NotAUrl),
            ("https://256.256.256.256/", NotAUrl),
            ("https://1.2.3.4.5/", NotAUrl),
            ("https://[::1%25eth0]/", NotAUrl),
            ("https://[::1/", NotAUrl),
            (" https://example.com/", BadCharacter),
            ("https://exam\tple.com/", BadCharacter),
            ("https://example.com/\r\nHost:x", BadCharacter),
            ("https://example.com/a b", BadCharacter),
            ("https://example.com/\u{7f}", BadCharacter),
            ("https://example.com/\u{3000}", BadCharacter),
            ("https://example\u{200b}.com/", BadCharacter),
            ("https://127。0。0。1/", BadCharacter),
            ("https:\\\\example.com\\", BadCharacter),
            ("https://user@example.com/", Userinfo),
            ("https://user:word@example.com/", Userinfo),
            ("https://@example.com/", Userinfo),
            ("https://:@example.com/", Userinfo),
            ("https://example.com@10.0.0.1/", Userinfo),
            ("mailto:a@example.com", Userinfo),
            ("https://example.com/#/alipay/callback", Fragment),
            ("https://example.com/x#", Fragment),
            ("example.com#", Fragment),
            ("http://example.com/#x", Fragment),
            ("http://example.com/", NotHttps),
            ("ftp://example.com/", NotHttps),
            ("http://127.0.0.1:8789/", NotHttps),
            ("https://example.com:444/", Port(444)),
            ("example.com:80", Port(80)),
            ("https://example.com:0/", Port(0)),
            ("https://localhost/", LocalName),
            ("https://LOCALHOST./", LocalName),
            ("https://%6cocalhost/", LocalName),
            ("https://a.localhost/", LocalName),
            ("https://printer.local/", LocalName),
            ("https://ip-10-0-0-1.ec2.internal/", LocalName),
            ("https://nas.home.arpa./", LocalName),
            ("https://intranet/", LocalName),
            ("https://127.0.0.1/", NotPublic(Loopback)),
            ("https://127.0.0.1./", NotPublic(Loopback)),
            ("https://127.1/", NotPublic(Loopback)),
            ("https://2130706433/", NotPublic(Loopback)),
            ("https://0x7f.0.0.1/", NotPublic(Loopback)),
            ("https://0177.0.0.1/", NotPublic(Loopback)),
            ("https://１２７.0.0.1/", NotPublic(Loopback)),
            ("https://%31%32%37.0.0.1/", NotPublic(Loopback)),
            ("https://0/", NotPublic(ThisNetwork)),
            ("https://0xa9fea9fe/", NotPublic(LinkLocal)),
            ("169.254.169.254/latest", NotPublic(LinkLocal)),
            ("https://[::1]/", NotPublic(Loopback)),
            ("https://[::ffff:127.0.0.1]/", NotPublic(Mapped)),
            ("https://[::ffff:8.8.8.8]/", NotPublic(Mapped)),
            ("https://[64:ff9b::10.0.0.1]/", NotPublic(Nat64)),
            ("https://[64:ff9b:1::8.8.8.8]/", NotPublic(Nat64)),
            ("https://[fd00:ec2::254]/", NotPublic(UniqueLocal)),
        ];
        for (text, error) in rows {
            assert_eq!(stored(text, &CallbackRules::default()), Err(error), "{text:?}");
        }
    }

    #[test]
    fn the_length_counts_as_given_and_as_stored() {
        let rules = CallbackRules::default();
        let of = |path_chars: usize, c: &str| format!("https://example.com/{}", c.repeat(path_chars));
        assert_eq!(stored(&of(2_028, "a"), &rules), Ok(of(2_028, "a")));
        assert_eq!(stored(&of(2_029, "a"), &rules), Err(TooLong));
        assert_eq!(stored(&of(300, "回"), &rules), Err(TooLong));
    }

    #[test]
    fn a_dangerous_origin_is_exempt_and_nothing_beside_it() {
        let dangerous_origins =
            ["http://127.0.0.1:8789", "https://localhost"].map(|text| Origin::parse(text).unwrap()).to_vec();
        let rules = CallbackRules { dangerous_origins, ..CallbackRules::default() };
        let rows = [
            ("http://127.0.0.1:8789/x", Ok("http://127.0.0.1:8789/x")),
            ("http://127.1:8789/x", Ok("http://127.0.0.1:8789/x")),
            ("localhost/x", Ok("https://localhost/x")),
            ("https://localhost.:443/x", Ok("https://localhost/x")),
            ("https://127.0.0.1:8789/x", Err(Port(8789))),
            ("http://127.0.0.1:8790/x", Err(NotHttps)),
            ("http://127.0.0.2:8789/x", Err(NotHttps)),
            ("http://localhost/x", Err(NotHttps)),
            ("https://127.0.0.1/x", Err(NotPublic(Loopback))),
            ("http://user@127.0.0.1:8789/x", Err(Userinfo)),
            ("http://127.0.0.1:8789/a b", Err(BadCharacter)),
        ];
        for (text, result) in rows {
            assert_eq!(stored(text, &rules).as_deref(), result.as_ref().copied(), "{text}");
        }
        let url = CallbackUrl::parse("http://127.0.0.1:8789/x", &rules).unwrap();
        assert_eq!(url.check(&CallbackRules::default()), Err(NotHttps));
    }

    #[test]
    fn an_origin_of_any_port_exempts_the_ports_of_its_scheme_and_host_alone() {
        let dangerous_origins =
            ["http://127.0.0.1:*", "https://[::1]:*"].map(|text| Origin::parse(text).unwrap()).to_vec();
        let rules = CallbackRules { dangerous_origins, ..CallbackRules::default() };
        for (text, result) in [
            ("http://127.0.0.1/x", Ok("http://127.0.0.1/x")),
            ("http://127.0.0.1:9000/x", Ok("http://127.0.0.1:9000/x")),
            ("https://[::1]:9000/x", Ok("https://[::1]:9000/x")),
            ("https://127.0.0.1:9000/x", Err(Port(9000))),
            ("http://127.0.0.2:9000/x", Err(NotHttps)),
            ("http://[::1]:9000/x", Err(NotHttps)),
            ("http://10.0.0.1/x", Err(NotHttps)),
            ("http://127.0.0.1.example.com/x", Err(NotHttps)),
        ] {
            assert_eq!(stored(text, &rules).as_deref(), result.as_ref().copied(), "{text}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port_and_nothing_else() {
        let rows = [
            ("http://127.0.0.1:8789", Ok("http://127.0.0.1:8789")),
            ("http://LOCALHOST:80/", Ok("http://localhost")),
            ("https://[::1]:8443", Ok("https://[::1]:8443")),
            ("http://127.0.0.1:*", Ok("http://127.0.0.1:*")),
            ("http://[::1]:*", Ok("http://[::1]:*")),
            ("http://127.0.0.1:8789:*", Err(OriginError)),
            ("http://127.0.0.1:*/x", Err(OriginError)),
            ("http://*:*", Err(OriginError)),
            (":*", Err(OriginError)),
            ("127.0.0.1:*", Err(OriginError)),
            ("127.0.0.1:8789", Err(OriginError)),
            ("ftp://127.0.0.1", Err(OriginError)),
            ("http://127.0.0.1/x", Err(OriginError)),
            ("http://127.0.0.1?x", Err(OriginError)),
            ("http://127.0.0.1#", Err(OriginError)),
            ("http://@127.0.0.1", Err(OriginError)),
            ("http://127.0.0.1 ", Err(OriginError)),
            ("http://*", Err(OriginError)),
            ("", Err(OriginError)),
        ];
        for (text, result) in rows {
            let origin = Origin::parse(text).map(|origin| origin.to_string());
            assert_eq!(origin.as_deref(), result.as_ref().copied(), "{text}");
        }
    }
}
