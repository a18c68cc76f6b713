//! The signed request for a link.

use std::fmt;

use bytes::Bytes;
use http::HeaderName;
use serde::Serialize;
use url::Url;

use crate::model::clock::UnixMillis;
use crate::model::random::{Random, RandomError, hex_128};
use crate::signing::open_api::Signer;

/// The address of a platform, and the business that authlink is there.
#[derive(Clone, Copy, Debug)]
pub struct Credential<'a> {
    /// The address of its link requests.
    pub link_url: &'a Url,
    /// Our businessId there.
    pub business_id: &'a str,
    /// Our merchantId there; `None` passes the caller's own on.
    pub merchant_id: Option<&'a str>,
    /// The key that requests are signed with.
    pub signer: Signer<'a>,
}

/// The parameters of a link request.
#[derive(Clone, Copy)]
pub struct LinkParameters<'a> {
    /// The caller's merchant; passed on unless the credential names ours there.
    pub merchant_id: &'a str,
    /// Ours for this authorization, unique at the platform.
    pub serial_no: &'a str,
    /// The merchant's name for the user.
    pub user_id: &'a str,
    /// The address that the platform calls back.
    pub callback_url: &'a str,
}

/// A signed request, good for one sending: its nonce is used then.
#[derive(Clone)]
pub struct PlatformRequest {
    url: Url,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
}

impl PlatformRequest {
    /// Signs the request for `wanted`, with a nonce of 32 hex digits drawn from `random`: of no form that a platform
    /// could keep for its callbacks.
    ///
    /// # Errors
    /// The operating system has no randomness, for the nonce or for the signature.
    pub fn sign(
        credential: &Credential<'_>,
        wanted: &LinkParameters<'_>,
        random: &dyn Random,
        now: UnixMillis,
    ) -> Result<Self, RandomError> {
        let body = Body {
            merchant_id: credential.merchant_id.unwrap_or(wanted.merchant_id),
            business_id: credential.business_id,
            serial_no: wanted.serial_no,
            user_id: wanted.user_id,
            callback_url: wanted.callback_url,
        };
        let body =
            serde_json::to_vec(&body).unwrap_or_else(|error| unreachable!("always serialises: {error}"));
        let nonce = hex_128(random)?;
        let headers = credential.signer.sign(credential.business_id, &nonce, now, &body)?;
        Ok(Self { url: credential.link_url.clone(), headers, body: body.into() })
    }

    /// The address to POST to.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// The auth headers.
    #[must_use]
    pub fn headers(&self) -> &[(HeaderName, String)] {
        &self.headers
    }

    /// The bytes that were signed.
    #[must_use]
    pub fn body(&self) -> Bytes {
        self.body.clone()
    }
}

impl fmt::Debug for PlatformRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlatformRequest").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    merchant_id: &'a str,
    business_id: &'a str,
    serial_no: &'a str,
    user_id: &'a str,
    callback_url: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::random::OsRandom;
    use crate::signing::md5::Md5Key;
    use crate::signing::open_api::{BUSINESS_ID, NONCE, SIGN, SIGN_TYPE, TIMESTAMP};

    struct Sevens;

    impl Random for Sevens {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            bytes.fill(0x77);
            Ok(())
        }
    }

    struct Nothing;

    impl Random for Nothing {
        fn fill(&self, _: &mut [u8]) -> Result<(), RandomError> {
            Err(RandomError)
        }
    }

    const WANTED: LinkParameters<'static> = LinkParameters {
        merchant_id: "M1",
        serial_no: "0123",
        user_id: "user \"1\"",
        callback_url: "https://us.example/back/0123",
    };
    const NOW: UnixMillis = UnixMillis(1_628_772_138_668);

    fn signed(merchant_id: Option<&str>, random: &dyn Random) -> Result<PlatformRequest, RandomError> {
        let key = Md5Key::new("a key of sixteen or more").unwrap();
        let credential = Credential {
            link_url: &Url::parse("https://platform.example/p/v1/openapi/auth/alipay/url").unwrap(),
            business_id: "B-there",
            merchant_id,
            signer: Signer::Md5(&key),
        };
        PlatformRequest::sign(&credential, &WANTED, random, NOW)
    }

    #[test]
    fn the_body_is_compact_and_in_the_order_of_the_document() {
        for (ours_there, merchant_id) in [(None, "M1"), (Some("M-there"), "M-there")] {
            let request = signed(ours_there, &Sevens).unwrap();
            let body = format!(
                r#"{{"merchantId":"{merchant_id}","businessId":"B-there","serialNo":"0123","userId":"user \"1\"","callbackUrl":"https://us.example/back/0123"}}"#
            );
            assert_eq!(request.body(), body);
            assert_eq!(request.url().as_str(), "https://platform.example/p/v1/openapi/auth/alipay/url");
        }
    }

    #[test]
    fn the_headers_are_ours_there_with_a_nonce_of_the_random_bits() {
        let request = signed(None, &Sevens).unwrap();
        let header = |name: &HeaderName| {
            request.headers().iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
        };
        assert_eq!(header(&BUSINESS_ID), Some("B-there"));
        assert_eq!(header(&NONCE), Some("7".repeat(32).as_str()));
        assert_eq!(header(&TIMESTAMP), Some("1628772138668"));
        assert_eq!(header(&SIGN_TYPE), Some("MD5"));
        assert_eq!(header(&SIGN).map(str::len), Some(32));
        assert_eq!(request.headers().len(), 5);
    }

    #[test]
    fn two_signings_differ_in_the_nonce_and_without_randomness_there_is_none() {
        let nonces = [(); 2].map(|()| signed(None, &OsRandom::default()).unwrap().headers()[1].1.clone());
        assert_ne!(nonces[0], nonces[1]);
        assert_eq!(signed(None, &Nothing).err(), Some(RandomError));
    }

    #[test]
    fn debug_shows_neither_headers_nor_body() {
        let request = signed(None, &Sevens).unwrap();
        assert_eq!(
            format!("{request:?}"),
            r#"PlatformRequest { url: "https://platform.example/p/v1/openapi/auth/alipay/url", .. }"#
        );
    }
}
