//! V3 from the caller's side: a call to Alibaba Cloud, signed as its official SDKs sign theirs.
//!
//! The string to sign is made by the code that verifies ([`crate::signing::alibaba_cloud::v3`]), from the request as it
//! goes out, so the two sides cannot differ; known answers of the official SDKs hold both.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request};
use url::{Position, Url};

use crate::model::clock::UnixMillis;
use crate::signing::alibaba_cloud::error::IncompleteSignatureError;
use crate::signing::alibaba_cloud::freshness;
use crate::signing::alibaba_cloud::parameters::{Parameters, query_string};
use crate::signing::alibaba_cloud::secret::AccessKeySecret;
use crate::signing::alibaba_cloud::v3::{ALGORITHM, CONTENT_SHA256, hex_hash, string_to_sign};

/// A call to be made: `POST /` with every parameter in the query and an empty body.
///
/// It has no `Debug`, because its parameters are personal data of a user.
pub struct OutgoingCall<'a> {
    /// The gateway: scheme, host and port; its path is `/`.
    pub endpoint: &'a Url,
    /// The action, such as `GetAuthorizationUrl`.
    pub action: &'a str,
    /// The version of the action, such as `2017-05-25`.
    pub version: &'a str,
    /// The action's parameters, decoded.
    pub parameters: &'a [(&'a str, &'a str)],
    /// The time of signing; the other side allows [`crate::signing::alibaba_cloud::WINDOW`] either way.
    pub at: UnixMillis,
    /// New for every call; of printable ASCII, 128 characters at most.
    pub nonce: &'a str,
}

impl OutgoingCall<'_> {
    /// The request to send as it is, with an absolute target, `Host`, and an `Authorization` that is marked as
    /// sensitive.
    ///
    /// # Errors
    /// [`http::Error`] if a part of the call cannot stand in a request's target or headers.
    pub fn sign(&self, access_key_id: &str, secret: &AccessKeySecret) -> Result<Request<Bytes>, http::Error> {
        let endpoint = &self.endpoint[..Position::BeforePath];
        let host = &self.endpoint[Position::BeforeHost..Position::AfterPort];
        let query =
            query_string(self.parameters.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let mut request = Request::post(format!("{endpoint}/?{query}"))
            .header(HOST, host)
            .header(ACCEPT, "application/json")
            .header("x-acs-action", self.action)
            .header("x-acs-version", self.version)
            .header("x-acs-date", freshness::format(self.at))
            .header("x-acs-signature-nonce", self.nonce)
            .header(CONTENT_SHA256, &hex_hash(b"")[..])
            .body(Bytes::new())?;
        let value = authorization(&request, access_key_id, secret)
            .unwrap_or_else(|error| unreachable!("each header was set once: {error}"));
        let mut value = HeaderValue::try_from(value)?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        Ok(request)
    }
}

/// The `Authorization` of a request that has everything else: it signs `host`, `content-type` and every `x-acs-*`
/// header, as far as they are there. `x-acs-content-sha256` has to be the body's.
///
/// # Errors
/// [`IncompleteSignatureError::SignedHeaderNotOnce`] if one of these headers is repeated.
pub fn authorization(
    request: &Request<Bytes>,
    access_key_id: &str,
    secret: &AccessKeySecret,
) -> Result<String, IncompleteSignatureError> {
    let is_signed = |name: &&str| *name == HOST || *name == CONTENT_TYPE || name.starts_with("x-acs-");
    let mut names: Vec<_> = request.headers().keys().map(|name| name.as_str()).filter(is_signed).collect();
    names.sort_unstable();
    let parameters = Parameters::read(request);
    let string = string_to_sign(&names, request, &parameters, &hex_hash(request.body()))?;
    let (names, signature) = (names.join(";"), hex::encode(secret.v3_tag(&string)));
    Ok(format!("{ALGORITHM} Credential={access_key_id},SignedHeaders={names},Signature={signature}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::alibaba_cloud::Call;

    fn signed(endpoint: &str, phone: &str) -> Request<Bytes> {
        let call = OutgoingCall {
            endpoint: &Url::parse(endpoint).expect("a URL"),
            action: "GetAuthorizationUrl",
            version: "2017-05-25",
            parameters: &[("PhoneNo", phone), ("SchemeId", "234")],
            at: UnixMillis(1_795_314_529_000),
            nonce: "fixed-nonce-0002",
        };
        call.sign("testAccessKeyId", &secret()).expect("a request")
    }

    fn secret() -> AccessKeySecret {
        AccessKeySecret::new("testAccessKeySecret").expect("a secret")
    }

    #[test]
    fn a_call_of_ours_is_what_the_verifier_accepts() {
        for phone in ["13900001234", "+86 139~*/中文%!'()&=#"] {
            let request = signed("https://dypnsapi.aliyuncs.com", phone);
            let call = Call::read(&request);
            assert_eq!(call.verify(&[secret()]), Ok(*secret().fingerprint()), "{phone}");
            assert_eq!(call.parameter("PhoneNo"), Ok(Some(phone)));
            assert_eq!(call.action(), Some("GetAuthorizationUrl"));
            assert_eq!(call.version(), Some("2017-05-25"));
            assert_eq!(call.access_key_id(), Ok("testAccessKeyId"));
            assert_eq!(call.timestamp(), Ok(UnixMillis(1_795_314_529_000)));
            assert_eq!(call.nonce(), Ok("fixed-nonce-0002"));
        }
    }

    #[test]
    fn the_host_has_the_port_that_the_address_has() {
        for (endpoint, host, target) in [
            ("https://a.example", "a.example", "https://a.example/?PhoneNo=1&SchemeId=234"),
            ("https://a.example:443/", "a.example", "https://a.example/?PhoneNo=1&SchemeId=234"),
            ("http://127.0.0.1:8787", "127.0.0.1:8787", "http://127.0.0.1:8787/?PhoneNo=1&SchemeId=234"),
            ("http://[::1]:80/", "[::1]", "http://[::1]/?PhoneNo=1&SchemeId=234"),
        ] {
            let request = signed(endpoint, "1");
            assert_eq!(request.headers()[HOST], host);
            assert_eq!(request.uri().to_string(), target);
        }
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_not_sent_and_the_signature_is_not_shown() {
        let endpoint = Url::parse("https://a.example").expect("a URL");
        let call = OutgoingCall {
            endpoint: &endpoint,
            action: "A",
            version: "v",
            parameters: &[],
            at: UnixMillis(0),
            nonce: "a\nb",
        };
        assert!(call.sign("k", &secret()).is_err());
        let request = signed("https://a.example", "1");
        assert_eq!(format!("{:?}", request.headers()[AUTHORIZATION]), "Sensitive");
    }

    #[test]
    fn a_repeated_header_is_not_signed() {
        let request = Request::get("/").header("x-acs-z", "1").header("x-acs-z", "2").body(Bytes::new());
        let error = authorization(&request.expect("a request"), "k", &secret());
        assert_eq!(error, Err(IncompleteSignatureError::SignedHeaderNotOnce));
    }
}
