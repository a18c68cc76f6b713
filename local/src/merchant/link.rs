//! Asking authlink for a link.

use std::fmt;

use rsa::rand_core::{OsRng, RngCore as _};
use serde::Serialize;
use serde_json::Value;
use shared::clock::UnixMillis;
use shared::http::{ReadError, read_bounded};

use super::DemoMerchant;
use super::signing::{SignType, sign_md5, sign_rsa, string_to_sign};
use crate::journal::{Direction, Event, Party, Title};

const PATH: &str = "/v1/openapi/auth/alipay/url";
const ANSWER_LIMIT_BYTES: usize = 64 * 1024;

/// A request for a link, and what came back.
#[derive(Debug)]
pub struct LinkCall {
    pub request: LinkRequest,
    pub answer: Result<LinkAnswer, LinkError>,
}

/// A request for a link as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRequest {
    pub serial_no: String,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// What was signed, without any key.
    pub signed_text: String,
}

/// What authlink answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkAnswer {
    pub http_status: u16,
    pub body: String,
}

impl LinkAnswer {
    /// The link in it; `None` in a refusal.
    #[must_use]
    pub fn link(&self) -> Option<String> {
        let answer: Value = serde_json::from_str(&self.body).ok()?;
        answer["data"]["alipayAuthUrl"].as_str().map(str::to_owned)
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum LinkError {
    /// MD5 was asked for and the merchant has no MD5 key; nothing was sent.
    NoMd5Key,
    /// authlink could not be reached or broke off.
    Unreachable(reqwest::Error),
    /// The answer was longer than 64 KiB.
    TooLong,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMd5Key => f.write_str("this merchant has no MD5 key"),
            Self::Unreachable(error) => write!(f, "authlink did not answer: {error}"),
            Self::TooLong => f.write_str("authlink's answer is too long"),
        }
    }
}

impl std::error::Error for LinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable(error) => Some(error),
            Self::NoMd5Key | Self::TooLong => None,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    merchant_id: &'a str,
    business_id: &'a str,
    serial_no: &'a str,
    user_id: &'a str,
    callback_url: String,
}

impl DemoMerchant {
    /// Asks for a link under a fresh serialNo, with callbacks to this merchant, and notes it in the journal.
    pub async fn request_link(&self, sign_type: SignType, user_id: &str) -> LinkCall {
        let now = self.clock.now();
        let mut request = self.unsigned_request(sign_type, user_id, now);
        let text = request.signed_text.as_bytes();
        let sign = match (sign_type, &self.config.md5_key) {
            (SignType::Sha256Rsa, _) => sign_rsa(text, &self.config.rsa_private_key),
            (SignType::Md5, Some(key)) => sign_md5(text, key),
            (SignType::Md5, None) => return LinkCall { request, answer: Err(LinkError::NoMd5Key) },
        };
        request.headers.push(("sign", sign));
        self.memory().ledger.ask(&request.serial_no, user_id, sign_type, now);
        let answer = self.send(&request).await;
        if let Some(link) = answer.as_ref().ok().and_then(LinkAnswer::link) {
            self.memory().ledger.set_link(&request.serial_no, link);
        }
        let call = LinkCall { request, answer };
        self.note(&call, now);
        call
    }

    fn unsigned_request(&self, sign_type: SignType, user_id: &str, now: UnixMillis) -> LinkRequest {
        let config = &self.config;
        let serial_no = format!("S{now}{}", random_hex::<4>());
        let body = Body {
            merchant_id: &config.merchant_id,
            business_id: &config.business_id,
            serial_no: &serial_no,
            user_id,
            callback_url: format!("{}/callback", config.own_origin),
        };
        let body = serde_json::to_string(&body).unwrap_or_else(|error| unreachable!("strings only: {error}"));
        let (nonce, timestamp) = (random_hex::<16>(), now.to_string());
        let auth = [
            ("businessId", config.business_id.as_str()),
            ("nonce", &nonce),
            ("timestamp", &timestamp),
            ("signType", sign_type.name()),
        ];
        let text = string_to_sign(&auth, body.as_bytes());
        let content_type = ("Content-Type", "application/json; charset=utf-8");
        let headers = [content_type].into_iter().chain(auth);
        LinkRequest {
            url: format!("{}{PATH}", config.authlink_origin),
            headers: headers.map(|(name, value)| (name, value.to_owned())).collect(),
            signed_text: String::from_utf8_lossy(&text).into_owned(),
            serial_no,
            body,
        }
    }

    async fn send(&self, wanted: &LinkRequest) -> Result<LinkAnswer, LinkError> {
        let mut request = self.client.post(&wanted.url).body(wanted.body.clone());
        for (name, value) in &wanted.headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.map_err(LinkError::Unreachable)?;
        let http_status = answer.status().as_u16();
        let body = read_bounded(answer, ANSWER_LIMIT_BYTES).await.map_err(|error| match error {
            ReadError::TooLong { .. } => LinkError::TooLong,
            ReadError::Broken(error) => LinkError::Unreachable(error),
        })?;
        Ok(LinkAnswer { http_status, body: String::from_utf8_lossy(&body).into_owned() })
    }

    fn note(&self, call: &LinkCall, now: UnixMillis) {
        let mut event = Event::new(now, Party::Merchant, Direction::Sent, Title::LinkRequested);
        let request = &call.request;
        let headers: String =
            request.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        event.request = format!("POST {}\n{headers}\n{}", request.url, request.body);
        event.answer = match &call.answer {
            Ok(answer) => format!("{}\n\n{}", answer.http_status, answer.body),
            Err(error) => error.to_string(),
        };
        event.signed_text = Some(request.signed_text.clone());
        event.serial_no = Some(request.serial_no.clone());
        self.journal.record(event);
    }
}

fn random_hex<const BYTES: usize>() -> String {
    let mut bytes = [0; BYTES];
    OsRng.fill_bytes(&mut bytes);
    hex::encode(bytes)
}
