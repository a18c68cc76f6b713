//! Who is let in: whoever knows the token of the address, by this port's own names, and from no other origin.
//!
//! The page acts with an operator's credentials, and every other page that is open in the same browser can send
//! requests to this port. A name that another site has pointed at 127.0.0.1 is told by `Host`, a form or an image of
//! another site by `Origin` and `Sec-Fetch-Site`, and what sends none of these does not know the token.

use std::net::SocketAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use shared::model::id::same_digest;

const SITE: &str = "sec-fetch-site";

/// The headers of every answer. The policy of referrers lets a form of our own name its origin, and tells the token to
/// nobody else.
const HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'",
    ),
    ("referrer-policy", "same-origin"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// The check before every route.
pub(super) struct Gate {
    token: String,
    hosts: [String; 2],
    may_write: bool,
}

impl Gate {
    pub(super) fn new(token: String, address: SocketAddr, may_write: bool) -> Self {
        let hosts = [format!("127.0.0.1:{}", address.port()), format!("localhost:{}", address.port())];
        Self { token, hosts, may_write }
    }

    /// The path of a request behind the token.
    ///
    /// # Errors
    /// The status that a request is refused with: 404 without the token, as any path that does not exist.
    pub(super) fn admit(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Uri, StatusCode> {
        let host = text(headers, &HOST).filter(|host| self.hosts.iter().any(|known| known == host));
        let Some(host) = host else { return Err(StatusCode::FORBIDDEN) };
        let reads = method == Method::GET || method == Method::HEAD;
        let own = format!("http://{host}");
        let origins_fit = headers.get_all(ORIGIN).iter().all(|origin| origin.as_bytes() == own.as_bytes());
        let sites_fit = headers.get_all(SITE).iter().all(|site| site == "same-origin" || site == "none");
        // A browser names the origin of every form that it sends.
        let is_told = reads || headers.contains_key(ORIGIN);
        if !(origins_fit && sites_fit && is_told) {
            return Err(StatusCode::FORBIDDEN);
        }
        let inside = self.behind_token(uri).ok_or(StatusCode::NOT_FOUND)?;
        if reads || (method == Method::POST && self.may_write) {
            Ok(inside)
        } else {
            Err(StatusCode::FORBIDDEN)
        }
    }

    fn behind_token(&self, uri: &Uri) -> Option<Uri> {
        let (token, rest) = uri.path().strip_prefix('/')?.split_once('/')?;
        if !same_digest(token, &self.token) {
            return None;
        }
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("/{rest}{query}").parse().ok()
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Puts the headers on that every answer has, whatever it is.
pub(super) fn seal(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn admitted(
        may_write: bool,
        method: Method,
        path: &str,
        headers: &[(&'static str, &'static str)],
    ) -> Result<String, u16> {
        let gate = Gate::new(TOKEN.to_owned(), ([127, 0, 0, 1], 9_000).into(), may_write);
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let uri = path.parse().unwrap();
        gate.admit(&method, &uri, &headers).map(|uri| uri.to_string()).map_err(|status| status.as_u16())
    }

    #[test]
    fn the_token_opens_every_path_and_nothing_else_does() {
        let read = |path: &str| admitted(false, Method::GET, path, &[("host", "127.0.0.1:9000")]);
        assert_eq!(read(&format!("/{TOKEN}/")), Ok("/".to_owned()));
        assert_eq!(read(&format!("/{TOKEN}/day?owner=B1")), Ok("/day?owner=B1".to_owned()));
        let (short, other) = (&TOKEN[1..], TOKEN.replace('f', "e"));
        for path in [
            "/".to_owned(),
            "/day".to_owned(),
            format!("/{TOKEN}"),
            format!("/{short}/"),
            format!("/{other}/"),
            format!("/{TOKEN}0/"),
            format!("//{TOKEN}/"),
            format!("/day/{TOKEN}/"),
        ] {
            assert_eq!(read(&path), Err(404), "{path}");
        }
    }

    #[test]
    fn another_host_or_origin_is_refused_even_with_the_token() {
        let path = format!("/{TOKEN}/");
        let own = ("host", "127.0.0.1:9000");
        for (headers, admits) in [
            (&[own][..], true),
            (&[("host", "localhost:9000")], true),
            (&[("host", "localhost:9000"), ("origin", "http://localhost:9000")], true),
            (&[own, ("origin", "http://127.0.0.1:9000"), (SITE, "same-origin")], true),
            (&[own, (SITE, "none")], true),
            (&[], false),
            (&[("host", "127.0.0.1")], false),
            (&[("host", "127.0.0.1:9001")], false),
            (&[("host", "evil.example:9000")], false),
            (&[own, ("origin", "http://localhost:9000")], false),
            (&[own, ("origin", "https://127.0.0.1:9000")], false),
            (&[own, ("origin", "http://evil.example")], false),
            (&[own, ("origin", "null")], false),
            (&[own, (SITE, "cross-site")], false),
            (&[own, (SITE, "same-site")], false),
        ] {
            assert_eq!(admitted(true, Method::GET, &path, headers).is_ok(), admits, "{headers:?}");
        }
    }

    #[test]
    fn only_what_may_write_takes_a_form_and_only_from_a_page_of_its_own() {
        let (path, own) = (format!("/{TOKEN}/resend"), ("host", "127.0.0.1:9000"));
        let of_us = [own, ("origin", "http://127.0.0.1:9000")];
        for (may_write, method, headers, admits) in [
            (true, Method::POST, &of_us[..], true),
            (true, Method::POST, &[own], false),
            (false, Method::POST, &of_us, false),
            (true, Method::PUT, &of_us, false),
            (true, Method::DELETE, &of_us, false),
            (false, Method::HEAD, &[own], true),
        ] {
            let admitted = admitted(may_write, method.clone(), &path, headers);
            assert_eq!(admitted.is_ok(), admits, "{may_write} {method} {headers:?}");
        }
    }
}
