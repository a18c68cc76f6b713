//! Signed calls of authlink's open API and their answers.

use rsa::RsaPrivateKey;
use serde_json::Value;
use shared::model::clock::UnixMillis;

use super::DemoMerchant;
use super::signing::{SignType, sign_md5, sign_rsa, string_to_sign};
use crate::client::{ReadError, read_bounded};
use crate::keys::random_hex;

const ANSWER_LIMIT_BYTES: usize = 64 * 1024;

/// A call and its answer.
#[derive(Debug)]
pub struct Call {
    pub request: CallRequest,
    pub answer: Result<CallAnswer, MerchantCallError>,
}

/// A call as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRequest {
    /// The authorization's serialNo.
    pub serial_no: String,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// The string to sign, without any key.
    pub signed_text: String,
}

/// An answer of authlink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallAnswer {
    pub http_status: u16,
    pub body: String,
}

impl CallAnswer {
    /// Reads what came, 64 KiB at most.
    ///
    /// # Errors
    /// There is no answer, or it is too long.
    pub async fn read(answer: reqwest::Result<reqwest::Response>) -> Result<Self, MerchantCallError> {
        let answer = answer.map_err(MerchantCallError::Unreachable)?;
        let http_status = answer.status().as_u16();
        let body = read_bounded(answer, ANSWER_LIMIT_BYTES).await.map_err(|error| match error {
            ReadError::TooLong { .. } => MerchantCallError::TooLong,
            ReadError::Broken(error) => MerchantCallError::Unreachable(error),
        })?;
        Ok(Self { http_status, body: String::from_utf8_lossy(&body).into_owned() })
    }

    /// True if the answer's `status` is 0.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        let answer: Option<Value> = serde_json::from_str(&self.body).ok();
        answer.is_some_and(|answer| answer["status"] == 0)
    }

    /// The link in it; `None` in a refusal.
    #[must_use]
    pub fn link(&self) -> Option<String> {
        let answer: Value = serde_json::from_str(&self.body).ok()?;
        answer["data"]["alipayAuthUrl"].as_str().map(str::to_owned)
    }
}

/// A call without an answer.
#[derive(Debug, thiserror::Error)]
pub enum MerchantCallError {
    /// authlink could not be reached, or the connection broke.
    #[error("authlink did not answer: {0}")]
    Unreachable(#[source] reqwest::Error),
    /// The answer was longer than 64 KiB.
    #[error("authlink's answer is too long")]
    TooLong,
}

impl DemoMerchant {
    /// The call of `path` with this body, signed.
    pub(super) fn sign(
        &self,
        path: &str,
        serial_no: &str,
        body: String,
        sign_type: SignType,
        now: UnixMillis,
    ) -> CallRequest {
        let config = &self.config;
        let url = format!("{}{path}", config.authlink_origin);
        let signer = match sign_type {
            SignType::Sha256Rsa => Signer::Rsa(&config.rsa_private_key),
            SignType::Md5 => Signer::Md5(&config.md5_key),
        };
        sign(url, &config.business_id, serial_no, body, signer, now)
    }

    pub(super) async fn send(&self, call: &CallRequest) -> Result<CallAnswer, MerchantCallError> {
        send(&self.client, call).await
    }
}

/// The key that a call is signed with.
#[derive(Clone, Copy)]
pub enum Signer<'a> {
    Rsa(&'a RsaPrivateKey),
    Md5(&'a str),
}

/// A call of `url` with this body, signed.
pub fn sign(
    url: String,
    business_id: &str,
    serial_no: &str,
    body: String,
    signer: Signer<'_>,
    now: UnixMillis,
) -> CallRequest {
    let sign_type = match signer {
        Signer::Rsa(_) => SignType::Sha256Rsa,
        Signer::Md5(_) => SignType::Md5,
    };
    let (nonce, timestamp) = (random_hex::<16>(), now.to_string());
    let auth = [
        ("businessId", business_id),
        ("nonce", &nonce),
        ("timestamp", &timestamp),
        ("signType", sign_type.name()),
    ];
    let text = string_to_sign(&auth, body.as_bytes());
    let content_type = ("Content-Type", "application/json; charset=utf-8");
    let sign = match signer {
        Signer::Rsa(key) => sign_rsa(&text, key),
        Signer::Md5(key) => sign_md5(&text, key),
    };
    let headers = [content_type].into_iter().chain(auth).chain([("sign", sign.as_str())]);
    CallRequest {
        url,
        headers: headers.map(|(name, value)| (name, value.to_owned())).collect(),
        signed_text: String::from_utf8_lossy(&text).into_owned(),
        serial_no: serial_no.to_owned(),
        body,
    }
}

/// Sends a call, once.
///
/// # Errors
/// There is no answer, or it is too long.
pub async fn send(client: &reqwest::Client, call: &CallRequest) -> Result<CallAnswer, MerchantCallError> {
    let mut request = client.post(&call.url).body(call.body.clone());
    for (name, value) in &call.headers {
        request = request.header(*name, value);
    }
    CallAnswer::read(request.send().await).await
}
