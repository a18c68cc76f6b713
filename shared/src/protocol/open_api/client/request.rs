//! The signed question for a link.

use std::fmt;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde::Serialize;
use url::Url;

use crate::model::clock::UnixMillis;
use crate::model::random::{Random, RandomError, hex_128};
use crate::registry::Platform;

/// The content type of a request.
pub const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// What a link is wanted for.
#[derive(Clone, Copy)]
pub struct WantedLink<'a> {
    /// The caller's merchant; passed on unless the platform's document names ours there.
    pub merchant_id: &'a str,
    /// Ours for this authorization, unique at the platform.
    pub serial_no: &'a str,
    /// The merchant's name for the user.
    pub user_id: &'a str,
    /// Where the platform calls us back.
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
    /// Signs the question for `wanted`, with a nonce of 32 hex digits drawn from `random`: of no form that a platform
    /// could keep for its callbacks.
    ///
    /// # Errors
    /// When the operating system has no randomness, for the nonce or for the signature.
    pub fn sign(
        platform: &Platform,
        wanted: &WantedLink<'_>,
        random: &dyn Random,
        now: UnixMillis,
    ) -> Result<Self, RandomError> {
        let body = Body {
            merchant_id: platform.merchant_id.as_deref().unwrap_or(wanted.merchant_id),
            business_id: &platform.business_id,
            serial_no: wanted.serial_no,
            user_id: wanted.user_id,
            callback_url: wanted.callback_url,
        };
        let body =
            serde_json::to_vec(&body).unwrap_or_else(|error| unreachable!("always serialises: {error}"));
        let nonce = hex_128(random)?;
        let headers = platform.signer().sign(&platform.business_id, &nonce, now, &body)?;
        Ok(Self { url: platform.link_url.clone(), headers, body: body.into() })
    }

    /// Where to POST.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// The auth headers; [`CONTENT_TYPE`] goes with them.
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
    use serde_json::json;

    use super::*;
    use crate::model::random::OsRandom;
    use crate::secrets::Document as _;
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

    const WANTED: WantedLink<'static> = WantedLink {
        merchant_id: "M1",
        serial_no: "0123",
        user_id: "user \"1\"",
        callback_url: "https://us.example/back/0123",
    };
    const NOW: UnixMillis = UnixMillis(1_628_772_138_668);

    fn platform(merchant_id: Option<&str>) -> Platform {
        let document = json!({
            "baseUrl": "https://platform.example/p", "businessId": "B-there", "merchantId": merchant_id,
            "signType": "MD5", "md5Keys": ["a key of sixteen or more"],
        });
        Platform::parse(&document.to_string()).unwrap()
    }

    #[test]
    fn the_body_is_compact_and_in_the_order_of_the_document() {
        for (ours_there, merchant_id) in [(None, "M1"), (Some("M-there"), "M-there")] {
            let request = PlatformRequest::sign(&platform(ours_there), &WANTED, &Sevens, NOW).unwrap();
            let body = format!(
                r#"{{"merchantId":"{merchant_id}","businessId":"B-there","serialNo":"0123","userId":"user \"1\"","callbackUrl":"https://us.example/back/0123"}}"#
            );
            assert_eq!(request.body(), body);
            assert_eq!(request.url().as_str(), "https://platform.example/p/v1/openapi/auth/alipay/url");
        }
    }

    #[test]
    fn the_headers_are_ours_there_with_a_nonce_of_the_random_bits() {
        let request = PlatformRequest::sign(&platform(None), &WANTED, &Sevens, NOW).unwrap();
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
        let platform = platform(None);
        let nonces = [(); 2].map(|()| {
            PlatformRequest::sign(&platform, &WANTED, &OsRandom::default(), NOW).unwrap().headers()[1]
                .1
                .clone()
        });
        assert_ne!(nonces[0], nonces[1]);
        assert_eq!(PlatformRequest::sign(&platform, &WANTED, &Nothing, NOW).err(), Some(RandomError));
    }

    #[test]
    fn debug_shows_neither_headers_nor_body() {
        let request = PlatformRequest::sign(&platform(None), &WANTED, &Sevens, NOW).unwrap();
        assert_eq!(
            format!("{request:?}"),
            r#"PlatformRequest { url: "https://platform.example/p/v1/openapi/auth/alipay/url", .. }"#
        );
    }
}
