//! What may stand in front of the API: a content delivery network or a firewall that names the viewer's address in one
//! header, and proves by a secret in another that the request came through it.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::{HeaderMap, HeaderName};
use secrecy::{ExposeSecret as _, SecretString};

/// The header that holds the secret.
pub const SECRET_HEADER: HeaderName = HeaderName::from_static("x-authlink-edge-secret");

/// CloudFront's header, unless another is named.
pub const CLOUDFRONT_ADDRESS_HEADER: HeaderName = HeaderName::from_static("cloudfront-viewer-address");

/// The settings of what stands in front.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The header that names the viewer's address.
    pub address_header: HeaderName,
    /// The secrets that are accepted: two while one replaces the other.
    pub secrets: Vec<SecretString>,
    /// Whether requests that did not come through it are refused.
    pub only: bool,
}

/// The way of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Past the edge: its sender is whoever connected.
    Direct,
    /// Through the edge, which says who its sender is, if that can be read.
    Edge(Option<IpAddr>),
}

impl Edge {
    /// The way of a request with these headers, out of which the secret is taken.
    pub fn via(&self, headers: &mut HeaderMap) -> Via {
        // Several would be somebody's beside the edge's own.
        let shown: Vec<_> = headers.get_all(SECRET_HEADER).iter().cloned().collect();
        headers.remove(SECRET_HEADER);
        let [shown] = shown.as_slice() else { return Via::Direct };
        // All of them are compared, so that the time says nothing of which one fits.
        let fits = |secret: &SecretString| {
            verify_slices_are_equal(secret.expose_secret().as_bytes(), shown.as_bytes()).is_ok()
        };
        if self.secrets.iter().filter(|secret| fits(secret)).count() == 0 {
            return Via::Direct;
        }
        let mut named = headers.get_all(&self.address_header).iter();
        match (named.next().and_then(|value| value.to_str().ok()), named.next()) {
            (Some(text), None) => Via::Edge(self.address(text.trim())),
            _ => Via::Edge(None),
        }
    }

    /// The address in a header's value. CloudFront's ends with a port, of IPv6 without brackets around the address;
    /// any other is an address alone.
    fn address(&self, text: &str) -> Option<IpAddr> {
        if self.address_header != CLOUDFRONT_ADDRESS_HEADER {
            return text.parse().ok();
        }
        let bracketed = text.parse().ok().map(|address: SocketAddr| address.ip());
        bracketed.or_else(|| {
            let (address, port) = text.rsplit_once(':')?;
            port.parse::<u16>().ok().and_then(|_| address.parse().ok())
        })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn edge(address_header: &'static str) -> Edge {
        Edge {
            address_header: HeaderName::from_static(address_header),
            secrets: ["first-secret-of-16", "second-secret-of-16"].map(SecretString::from).to_vec(),
            only: false,
        }
    }

    fn via(edge: &Edge, headers: &[(&'static str, &str)]) -> (Via, HeaderMap) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).expect("a header"));
        }
        (edge.via(&mut map), map)
    }

    #[test]
    fn an_address_is_believed_only_beside_the_secret() {
        let viewer = ("cloudfront-viewer-address", "203.0.113.7:46532");
        let here = Via::Edge(Some([203, 0, 113, 7].into()));
        for (secrets, expected) in [
            (&["first-secret-of-16"][..], here),
            (&["second-secret-of-16"], here),
            (&[], Via::Direct),
            (&[""], Via::Direct),
            (&["first-secret-of-1"], Via::Direct),
            (&["first-secret-of-16 "], Via::Direct),
            (&["first-secret-of-16,second-secret-of-16"], Via::Direct),
            (&["a-guess-of-16-bytes", "first-secret-of-16"], Via::Direct),
        ] {
            let mut headers: Vec<_> =
                secrets.iter().map(|secret| ("x-authlink-edge-secret", *secret)).collect();
            headers.push(viewer);
            let (found, left) = via(&edge("cloudfront-viewer-address"), &headers);
            assert_eq!(found, expected, "{secrets:?}");
            assert!(!left.contains_key(SECRET_HEADER), "nobody after us sees it");
        }
    }

    #[test]
    fn an_address_that_cannot_be_read_is_nobodys() {
        let secret = ("x-authlink-edge-secret", "first-secret-of-16");
        for (header, values, expected) in [
            ("cloudfront-viewer-address", &["203.0.113.7:46532"][..], Some("203.0.113.7")),
            ("cloudfront-viewer-address", &["2001:db8::7:46532"], Some("2001:db8::7")),
            ("cloudfront-viewer-address", &["[2001:db8::7]:46532"], Some("2001:db8::7")),
            ("cloudfront-viewer-address", &["203.0.113.7"], None),
            ("cloudfront-viewer-address", &["203.0.113.7:65536"], None),
            ("cloudfront-viewer-address", &["x:1"], None),
            ("cloudfront-viewer-address", &[], None),
            ("cloudfront-viewer-address", &["203.0.113.7:1", "198.51.100.1:1"], None),
            ("x-real-ip", &["203.0.113.7"], Some("203.0.113.7")),
            ("x-real-ip", &["2001:db8::7"], Some("2001:db8::7")),
            ("x-real-ip", &["203.0.113.7:46532"], None),
            ("x-real-ip", &["203.0.113.7, 198.51.100.1"], None),
        ] {
            let mut headers = vec![secret];
            headers.extend(values.iter().map(|value| (header, *value)));
            let expected = expected.map(|address| address.parse().expect("an address"));
            let (found, _) = via(&edge(header), &headers);
            assert_eq!(found, Via::Edge(expected), "{header}: {values:?}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert!(!format!("{:?}", edge("x-real-ip")).contains("secret-of-16"));
    }
}
