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

use crate::egress::http_client::{HttpClient, HttpLimits};
use crate::egress::resolver::Reach;
use crate::egress::tls::bundled_roots;
use crate::egress::transport_error::TransportError;
use crate::model::alipay_app_id::AlipayAppId;
use crate::model::clock::UnixMillis;
use crate::model::identity::{AlipayUserId, AuthCode, Identity, OpenId};
use crate::model::random::RandomError;
use crate::protocol::alipay::app_keys::{AlipayKeys, KeysForAnswer, OwnCertificate, OwnKey};
use crate::protocol::alipay::raw_answer::{Envelope, Node, narrowed, widened};
use crate::signing::alipay_rsa2::{answer_verifies, sign_request};
use crate::signing::rsa::VerifyingKey;

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
    /// There is no whole answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// An HTTP status other than 200.
    #[error("http_{0}")]
    Status(u16),
    /// Not the JSON of a gateway's answer.
    #[error("malformed")]
    Malformed,
    /// The signature is wrong; and the refusal that the answer states, which nobody vouches for.
    #[error("signature")]
    Signature(Option<GatewayRefusal>),
    /// The answer names a certificate that is not in hand or not valid now, and no key in hand fits; and the refusal,
    /// not believed.
    #[error("certificate")]
    Certificate(Option<GatewayRefusal>),
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
            Self::Signature(stated) | Self::Certificate(stated) | Self::Unsigned(stated) => stated.as_ref(),
            _ => None,
        }
    }

    /// True if the gateway has let the time run out, for a connection or for its answer.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::Transport(error) if error.is_timeout())
    }

    /// True if it is certain that the code was not sent, so that it cannot have been spent.
    #[must_use]
    pub const fn never_sent(&self) -> bool {
        matches!(self, Self::Transport(error) if error.never_sent())
    }
}

/// Carries exchanges to Alipay: the network of the return's flow.
#[async_trait]
pub trait TokenExchange: Send + Sync {
    /// Sends `request`, once only, and gives the answer's body for [`read_answer`], 64 KiB at most.
    ///
    /// # Errors
    /// There is no answer. The code is unspent if it was [never sent](GatewayError::never_sent); otherwise that is
    /// unknown.
    async fn exchange(&self, request: ExchangeRequest) -> Result<Bytes, GatewayError>;

    /// The parameters in the query of the gateway's address. They are part of each request, and so of what is signed.
    fn address_parameters(&self) -> &[(String, String)];
}

/// A signed request for one code; consumed by being sent.
pub struct ExchangeRequest {
    certificates: Vec<(&'static str, String)>,
    form: String,
}

impl ExchangeRequest {
    /// Signs the exchange of `code` with our key of `app`, for a gateway whose address has
    /// `address_parameters`.
    ///
    /// # Errors
    /// The operating system has no randomness; the code is unspent then.
    pub fn sign(
        app: &AlipayAppId,
        code: &AuthCode,
        now: UnixMillis,
        own: &OwnKey,
        address_parameters: &[(String, String)],
    ) -> Result<Self, RandomError> {
        let timestamp = beijing_time(now);
        let mut form = vec![
            ("app_id", app.as_str()),
            ("method", "alipay.system.oauth.token"),
            ("format", "JSON"),
            ("sign_type", "RSA2"),
            ("timestamp", &timestamp),
            ("version", "1.0"),
            ("grant_type", "authorization_code"),
            ("code", code.reveal()),
        ];
        let certificates: Vec<_> = own.certificate.iter().flat_map(OwnCertificate::parameters).collect();
        let in_address = address_parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let all: Vec<_> =
            in_address.chain(certificates.iter().copied()).chain(form.iter().copied()).collect();
        let sign = sign_request(&all, &own.private_key)?;
        form.push(("sign", &sign));
        Ok(Self {
            certificates: certificates.into_iter().map(|(name, sn)| (name, sn.to_owned())).collect(),
            form: form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish(),
        })
    }

    /// What the address has besides the gateway's own parameters: the names of our certificate and of the roots, if
    /// the app has them.
    #[must_use]
    pub fn certificates(&self) -> &[(&'static str, String)] {
        &self.certificates
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
        let limits =
            HttpLimits { connect: CONNECT, total: timeout, idle: None, body_bytes: MAX_ANSWER_BYTES };
        Self { client: HttpClient::new(bundled_roots(), Reach::anywhere(), limits), gateway, parameters }
    }
}

#[async_trait]
impl TokenExchange for AlipayGateway {
    async fn exchange(&self, request: ExchangeRequest) -> Result<Bytes, GatewayError> {
        let mut address = self.gateway.clone();
        address.query_pairs_mut().extend_pairs(request.certificates());
        let post = Request::post(address.as_str())
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

/// Reads an answer that came at `now`: its signature over the node's raw bytes first, by one of Alipay's keys, then the
/// node.
#[must_use]
pub fn read_answer(body: &[u8], alipay: &AlipayKeys, now: UnixMillis) -> Exchange {
    let text = widened(body);
    let Ok(Envelope { response, error, mut signs, mut cert_sns }) = serde_json::from_str(&text) else {
        return Exchange::Unknown(GatewayError::Malformed);
    };
    signs.retain(|sign| !sign.is_empty());
    cert_sns.retain(|sn| !sn.is_empty());
    let nodes = || response.into_iter().chain(error).map(|node| node.get());
    let Some(first) = nodes().next() else {
        return Exchange::Unknown(GatewayError::Malformed);
    };
    let KeysForAnswer { named, others, has_ended } = alipay.keys_for_answer(&cert_sns, now);
    let signed_by = |keys: &[_]| nodes().find_map(|node| signed_text(node, &signs, keys));
    if let Some(node) = signed_by(&named) {
        return read_node(&node);
    }
    if let Some(node) = signed_by(&others) {
        if !cert_sns.is_empty() {
            let named = match (named.is_empty(), has_ended) {
                (false, _) => "whose key does not fit",
                (true, true) => "that is not in force",
                (true, false) => "that is not in hand",
            };
            tracing::warn!("Alipay names a certificate {named}; another key in hand fits");
        }
        return read_node(&node);
    }
    Exchange::Unknown(match stated_refusal(first) {
        stated if signs.is_empty() => GatewayError::Unsigned(stated),
        stated if named.is_empty() && !cert_sns.is_empty() => GatewayError::Certificate(stated),
        stated => GatewayError::Signature(stated),
    })
}

/// The text that one of `signs` is Alipay's over: `node` as it was sent or else, as in Alipay's Java SDK, with `\/`
/// read as `/`. It is the signed text that is read, because `\\/` says something else than the `\/` that it becomes.
fn signed_text<'n>(node: &'n str, signs: &[String], keys: &[&VerifyingKey]) -> Option<Cow<'n, str>> {
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
            let open_id = node.open_id.and_then(|id| OpenId::parse(&id));
            let user_id = node.user_id.and_then(|id| AlipayUserId::parse(&id));
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
