//! `alipay.system.oauth.token`: an `auth_code` for the user's id.
//!
//! A code is spent by the first call that carries it, whether or not an answer comes back. So there are three outcomes
//! and no retry: Alipay named the user, Alipay refused, or nobody knows. An answer whose signature does not verify is
//! no answer.

use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use time::macros::{format_description, offset};
use time::{OffsetDateTime, UtcOffset};
use url::Url;

use crate::egress::client::bundled_roots;
use crate::egress::http_client::{HttpClient, Limits};
use crate::egress::resolver::Reach;
use crate::egress::transport_error::TransportError;
use crate::model::clock::UnixMillis;
use crate::model::identity::{AlipayUserId, AuthCode, Identity, OpenId};
use crate::model::random::RandomError;
use crate::protocol::alipay::raw_answer::{Envelope, Node, narrowed, widened};
use crate::signing::alipay_rsa2::{answer_verifies, sign_request};
use crate::signing::rsa::{SigningKey, VerifyingKey};

pub use crate::protocol::alipay::refusal::{Fault, GatewayRefusal};

/// The time that the gateway has in all; below the function's time-out, which is below the claim's lease.
pub const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(8);

const CONNECT: Duration = Duration::from_secs(3);
const MAX_ANSWER_BYTES: usize = 64 * 1024;
const BEIJING: UtcOffset = offset!(+8);
/// The charset of what we send and want sent. The gateway looks for it in the address alone, and answers in GBK if it
/// is not there.
const CHARSET: (&str, &str) = ("charset", "utf-8");

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

/// The exchange has no answer that can be believed. It displays as the log's word for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// Nothing within [`EXCHANGE_TIMEOUT`].
    #[error("timeout")]
    Timeout,
    /// There is no connection: no byte of the request was sent, and the code cannot have been spent.
    #[error("unreachable")]
    Unreachable,
    /// A connection that broke.
    #[error("connection")]
    Connection,
    /// An HTTP status other than 200.
    #[error("http_{0}")]
    Status(u16),
    /// Too long, or not the JSON of a gateway's answer.
    #[error("malformed")]
    Malformed,
    /// The signature is wrong; and the refusal that the answer states, which nobody vouches for.
    #[error("signature")]
    Signature(Option<GatewayRefusal>),
    /// There is no signature, as under refusals of an app that Alipay does not find: and the refusal, not believed.
    #[error("unsigned")]
    Unsigned(Option<GatewayRefusal>),
    /// Alipay says that it does not know itself (code 20000).
    #[error("unavailable")]
    Unavailable(GatewayRefusal),
}

impl GatewayError {
    /// The refusal by Alipay's codes that the answer stated, though nobody vouches for it.
    #[must_use]
    pub const fn unverified(&self) -> Option<&GatewayRefusal> {
        match self {
            Self::Signature(stated) | Self::Unsigned(stated) => stated.as_ref(),
            _ => None,
        }
    }
}

impl From<TransportError> for GatewayError {
    fn from(error: TransportError) -> Self {
        match error {
            never_sent if never_sent.never_sent() => Self::Unreachable,
            TransportError::Timeout => Self::Timeout,
            TransportError::TooLong => Self::Malformed,
            _ => Self::Connection,
        }
    }
}

/// Carries exchanges to Alipay: the network of the return's flow.
#[async_trait]
pub trait TokenExchange: Send + Sync {
    /// Sends `request`, once only, and gives the answer's body for [`read_answer`], 64 KiB at most.
    ///
    /// # Errors
    /// There is no answer. The code is unspent after [`GatewayError::Unreachable`]; otherwise that is unknown.
    async fn exchange(&self, request: ExchangeRequest) -> Result<Bytes, GatewayError>;

    /// The parameters in the query of the gateway's address. They are part of each request, and so of what is signed.
    fn address_parameters(&self) -> &[(String, String)];
}

/// A signed request for one code; consumed by being sent.
pub struct ExchangeRequest {
    form: String,
}

impl ExchangeRequest {
    /// Signs the exchange of `code` with the app's private key, for a gateway whose address has `address_parameters`.
    ///
    /// # Errors
    /// The operating system has no randomness; the code is unspent then.
    pub fn sign(
        app_id: &str,
        code: &AuthCode,
        now: UnixMillis,
        key: &SigningKey,
        address_parameters: &[(String, String)],
    ) -> Result<Self, RandomError> {
        let timestamp = beijing_time(now);
        let mut form = vec![
            ("app_id", app_id),
            ("method", "alipay.system.oauth.token"),
            ("format", "JSON"),
            ("sign_type", "RSA2"),
            ("timestamp", &timestamp),
            ("version", "1.0"),
            ("grant_type", "authorization_code"),
            ("code", code.reveal()),
        ];
        let in_address = address_parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let sign = sign_request(&in_address.chain(form.iter().copied()).collect::<Vec<_>>(), key)?;
        form.push(("sign", &sign));
        Ok(Self { form: form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish() })
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
    client: HttpClient,
    gateway: Url,
    parameters: Vec<(String, String)>,
}

impl AlipayGateway {
    /// A client for `gateway`, which has `timeout` for each exchange. A charset in its query gives way to ours.
    #[must_use]
    pub fn new(mut gateway: Url, timeout: Duration) -> Self {
        let (charset, ours) = CHARSET;
        let mut parameters: Vec<(String, String)> =
            gateway.query_pairs().into_owned().filter(|(name, _)| name != charset).collect();
        parameters.push((charset.to_owned(), ours.to_owned()));
        gateway.query_pairs_mut().clear().extend_pairs(&parameters);
        // One connection per exchange: a kept one that the gateway has closed would cost the user's code.
        let limits = Limits { connect: CONNECT, total: timeout, idle: None, body_bytes: MAX_ANSWER_BYTES };
        Self { client: HttpClient::new(bundled_roots(), Reach::anywhere(), limits), gateway, parameters }
    }
}

#[async_trait]
impl TokenExchange for AlipayGateway {
    async fn exchange(&self, request: ExchangeRequest) -> Result<Bytes, GatewayError> {
        let post = Request::post(self.gateway.as_str())
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded;charset=utf-8")
            .body(request.into_form().into())
            .map_err(|_| TransportError::NotSent)?;
        let answer = self.client.send(post).await?;
        if answer.status() != http::StatusCode::OK {
            return Err(GatewayError::Status(answer.status().as_u16()));
        }
        Ok(answer.read().await?)
    }

    fn address_parameters(&self) -> &[(String, String)] {
        &self.parameters
    }
}

/// Reads an answer: its signature over the node's raw bytes first, by one of Alipay's public keys, then the node.
#[must_use]
pub fn read_answer(body: &[u8], alipay_public_keys: &[VerifyingKey]) -> Exchange {
    let text = widened(body);
    let Ok(Envelope { response, error, mut signs }) = serde_json::from_str(&text) else {
        return Exchange::Unknown(GatewayError::Malformed);
    };
    signs.retain(|sign| !sign.is_empty());
    let nodes = || response.into_iter().chain(error).map(|node| node.get());
    let Some(first) = nodes().next() else {
        return Exchange::Unknown(GatewayError::Malformed);
    };
    match nodes().find_map(|node| signed_text(node, &signs, alipay_public_keys)) {
        Some(node) => read_node(&node),
        None if signs.is_empty() => Exchange::Unknown(GatewayError::Unsigned(stated_refusal(first))),
        None => Exchange::Unknown(GatewayError::Signature(stated_refusal(first))),
    }
}

/// The text that one of `signs` is Alipay's over: `node` as it was sent or else, as in Alipay's Java SDK, with `\/`
/// read as `/`. It is the signed text that is read, because `\\/` says something else than the `\/` that it becomes.
fn signed_text<'n>(node: &'n str, signs: &[String], keys: &[VerifyingKey]) -> Option<Cow<'n, str>> {
    let verifies = |text: &str| signs.iter().any(|sign| answer_verifies(&narrowed(text), sign, keys));
    if verifies(node) {
        return Some(node.into());
    }
    let unescaped = node.replace("\\/", "/");
    (unescaped != node && verifies(&unescaped)).then(|| unescaped.into())
}

fn read_node(node: &str) -> Exchange {
    let Ok(node) = serde_json::from_str::<Node>(node) else {
        return Exchange::Unknown(GatewayError::Malformed);
    };
    match refusal(&node) {
        Some(refusal) if refusal.code == "20000" => Exchange::Unknown(GatewayError::Unavailable(refusal)),
        Some(refusal) => Exchange::Refused(refusal),
        // Of two ids one that is well-formed will do: the user has consented.
        None => {
            let open_id = node.open_id.and_then(|id| OpenId::parse(&id).ok());
            let user_id = node.user_id.and_then(|id| AlipayUserId::parse(&id).ok());
            Identity::new(open_id, user_id)
                .map_or(Exchange::Unknown(GatewayError::Malformed), Exchange::Identified)
        }
    }
}

fn refusal(node: &Node) -> Option<GatewayRefusal> {
    let code = node.code.as_deref().filter(|code| *code != "10000")?;
    Some(GatewayRefusal::new(code, node.sub_code.as_deref().unwrap_or_default()))
}

fn stated_refusal(node: &str) -> Option<GatewayRefusal> {
    refusal(&serde_json::from_str(node).ok()?)
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
