//! `alipay.system.oauth.token`: an `auth_code` for the user's id.
//!
//! A code is spent by the first call that carries it, whether or not an answer comes back. So there are three outcomes
//! and no retry: Alipay named the user, Alipay refused, or nobody knows. An answer whose signature does not verify is
//! no answer.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use time::macros::{format_description, offset};
use time::{OffsetDateTime, UtcOffset};
use url::Url;

use crate::egress::client::{client_builder, read_bounded};
use crate::egress::transport_error::TransportError;
use crate::model::clock::UnixMillis;
use crate::model::identity::{AlipayUserId, AuthCode, Identity, OpenId};
use crate::model::random::RandomError;
use crate::signing::alipay_rsa2::{answer_verifies, sign_request};
use crate::signing::rsa::{SigningKey, VerifyingKey};

/// The time that the gateway has in all; below the function's time-out, which is below the claim's lease.
pub const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(8);

const MAX_ANSWER_BYTES: usize = 64 * 1024;
const BEIJING: UtcOffset = offset!(+8);

/// The outcome of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// Alipay named the user.
    Identified(Identity),
    /// Alipay refused, in a signed answer.
    Refused(GatewayRefusal),
    /// No answer that can be believed: whether the code was spent is unknown.
    Unknown(GatewayError),
}

/// Alipay's signed refusal, by its own codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayRefusal {
    /// The gateway's code, as `40002`.
    pub code: String,
    /// The method's code, as `isv.code-invalid`.
    pub sub_code: String,
}

impl GatewayRefusal {
    /// True if the user's code was at fault, rather than our request or configuration, which an operator must see.
    #[must_use]
    pub fn is_about_the_code(&self) -> bool {
        self.sub_code == "isv.code-invalid"
    }
}

/// The exchange has no answer that can be believed. It displays as the log's word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// Nothing within [`EXCHANGE_TIMEOUT`].
    #[error("timeout")]
    Timeout,
    /// No connection, or one that broke.
    #[error("connection")]
    Connection,
    /// An HTTP status other than 200.
    #[error("http_{0}")]
    Status(u16),
    /// Too long, or not the JSON of a gateway's answer.
    #[error("malformed")]
    Malformed,
    /// The signature is missing or wrong.
    #[error("signature")]
    Signature,
    /// Alipay says that it does not know itself (code 20000).
    #[error("unavailable")]
    Unavailable,
}

impl From<TransportError> for GatewayError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Timeout => Self::Timeout,
            TransportError::TooLong => Self::Malformed,
            TransportError::AddressRefused(_)
            | TransportError::Dns
            | TransportError::Connect
            | TransportError::Handshake
            | TransportError::Tls
            | TransportError::Broken
            | TransportError::CutOff
            | TransportError::NotSent => Self::Connection,
        }
    }
}

/// Carries exchanges to Alipay: the network of the return's flow.
#[async_trait]
pub trait TokenExchange: Send + Sync {
    /// Sends `request`, once only, and gives the answer's body for [`read_answer`], 64 KiB at most.
    ///
    /// # Errors
    /// There is no answer; it is unknown then if the code is spent.
    async fn exchange(&self, request: ExchangeRequest) -> Result<Bytes, GatewayError>;
}

/// A signed request for one code; consumed by being sent.
pub struct ExchangeRequest {
    form: String,
}

impl ExchangeRequest {
    /// Signs the exchange of `code` with the app's private key.
    ///
    /// # Errors
    /// The operating system has no randomness; the code is unspent then.
    pub fn sign(
        app_id: &str,
        code: &AuthCode,
        now: UnixMillis,
        key: &SigningKey,
    ) -> Result<Self, RandomError> {
        let timestamp = beijing_time(now);
        let mut parameters = vec![
            ("app_id", app_id),
            ("method", "alipay.system.oauth.token"),
            ("format", "JSON"),
            ("charset", "utf-8"),
            ("sign_type", "RSA2"),
            ("timestamp", &timestamp),
            ("version", "1.0"),
            ("grant_type", "authorization_code"),
            ("code", code.reveal()),
        ];
        let sign = sign_request(&parameters, key)?;
        parameters.push(("sign", &sign));
        Ok(Self { form: form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish() })
    }

    /// The form to post.
    #[must_use]
    pub fn into_form(self) -> String {
        self.form
    }
}

/// Alipay's gateway over HTTPS.
#[derive(Debug)]
pub struct AlipayGateway {
    client: reqwest::Client,
    gateway: Url,
}

impl AlipayGateway {
    /// A client for `gateway`, which has `timeout` for each exchange.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(gateway: Url, timeout: Duration) -> Result<Self, reqwest::Error> {
        // One connection per exchange: a kept one that the gateway has closed would cost the user's code.
        let client = client_builder(Duration::from_secs(3), timeout).pool_max_idle_per_host(0).build()?;
        Ok(Self { client, gateway })
    }
}

#[async_trait]
impl TokenExchange for AlipayGateway {
    async fn exchange(&self, request: ExchangeRequest) -> Result<Bytes, GatewayError> {
        let sent = self
            .client
            .post(self.gateway.clone())
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded;charset=utf-8")
            .body(request.into_form())
            .send()
            .await;
        let answer = match sent {
            Ok(answer) if answer.status() == http::StatusCode::OK => answer,
            Ok(answer) => return Err(GatewayError::Status(answer.status().as_u16())),
            Err(error) => return Err(TransportError::classify(&error).into()),
        };
        Ok(read_bounded(answer, MAX_ANSWER_BYTES).await.map_err(TransportError::from)?)
    }
}

/// Reads an answer: its signature over the raw node first, by one of Alipay's public keys, then the node.
#[must_use]
pub fn read_answer(body: &[u8], alipay_public_keys: &[VerifyingKey]) -> Exchange {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(body) else {
        return Exchange::Unknown(GatewayError::Malformed);
    };
    let (Some(node), Some(sign)) = (envelope.response.or(envelope.error), envelope.sign) else {
        return Exchange::Unknown(GatewayError::Signature);
    };
    if !answer_verifies(node.get(), &sign, alipay_public_keys) {
        return Exchange::Unknown(GatewayError::Signature);
    }
    let Ok(node) = serde_json::from_str::<Node>(node.get()) else {
        return Exchange::Unknown(GatewayError::Malformed);
    };
    match node {
        Node { code: Some(code), .. } if code == "20000" => Exchange::Unknown(GatewayError::Unavailable),
        Node { code: Some(code), sub_code, .. } if code != "10000" => {
            Exchange::Refused(GatewayRefusal { code, sub_code: sub_code.unwrap_or_default() })
        }
        // Of two ids one that is well-formed will do: the user has consented.
        Node { open_id, user_id, .. } => {
            let open_id = open_id.and_then(|id| OpenId::parse(&id).ok());
            let user_id = user_id.and_then(|id| AlipayUserId::parse(&id).ok());
            Identity::new(open_id, user_id)
                .map_or(Exchange::Unknown(GatewayError::Malformed), Exchange::Identified)
        }
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "alipay_system_oauth_token_response")]
    response: Option<&'a RawValue>,
    #[serde(borrow, rename = "error_response")]
    error: Option<&'a RawValue>,
    sign: Option<String>,
}

#[derive(Deserialize)]
struct Node {
    code: Option<String>,
    sub_code: Option<String>,
    open_id: Option<String>,
    user_id: Option<String>,
}

fn beijing_time(now: UnixMillis) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    OffsetDateTime::from_unix_timestamp(now.0.div_euclid(1_000))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .to_offset(BEIJING)
        .format(format)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timestamp_is_beijing_time() {
        assert_eq!(beijing_time(UnixMillis(1_628_772_138_668)), "2021-08-12 20:42:18");
    }
}
