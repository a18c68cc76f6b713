//! Fakes of the parties around the functions, which answer as scripted and record their requests.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderName;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::sha2::{Digest as _, Sha256};
use serde_json::{Value, json};
use shared::delivery::response::AttemptResult;
use shared::delivery::sender::CallbackSender;
use shared::egress::callback_url::CallbackUrl;
use shared::egress::transport_error::TransportError;
use shared::model::alipay_app_id::AlipayAppId;
use shared::model::clock::UnixMillis;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::identity::{Identity, OpenId};
use shared::model::random::{Random, RandomError};
use shared::protocol::alipay::gateway::{
    Exchange, ExchangeRequest, GatewayError, GatewayRefusal, TokenExchange,
};
use shared::secrets::{AbsentError, FetchError, SecretName, SecretSource, SecretValue};
use tokio::sync::{oneshot, watch};

use crate::keys;

/// A gateway that answers as scripted; a test can hold an answer back.
#[derive(Default)]
pub struct ScriptedGateway {
    answers: Mutex<VecDeque<Scripted>>,
    codes: watch::Sender<Vec<String>>,
}

enum Scripted {
    Now(Exchange),
    Body(Bytes),
    Later(oneshot::Receiver<Exchange>),
}

impl ScriptedGateway {
    /// The next exchange gets this answer.
    pub fn answer(&self, exchange: Exchange) {
        self.answers.lock().unwrap().push_back(Scripted::Now(exchange));
    }

    /// The next exchange gets these bytes.
    pub fn answer_with(&self, body: impl Into<Bytes>) {
        self.answers.lock().unwrap().push_back(Scripted::Body(body.into()));
    }

    /// The next exchange waits for what is sent here.
    pub fn answer_later(&self) -> oneshot::Sender<Exchange> {
        let (let_go, wait) = oneshot::channel();
        self.answers.lock().unwrap().push_back(Scripted::Later(wait));
        let_go
    }

    /// Every code that was sent, in order.
    pub fn codes(&self) -> Vec<String> {
        self.codes.borrow().clone()
    }

    /// Waits until `count` codes were sent.
    pub async fn asked(&self, count: usize) {
        let mut codes = self.codes.subscribe();
        let asked = codes.wait_for(|codes| codes.len() >= count);
        tokio::time::timeout(Duration::from_secs(10), asked)
            .await
            .expect("the gateway is asked")
            .expect("lives");
    }
}

#[async_trait]
impl TokenExchange for ScriptedGateway {
    async fn exchange(&self, request: ExchangeRequest) -> Result<Bytes, GatewayError> {
        let form = request.into_form();
        let code =
            url::form_urlencoded::parse(form.as_bytes()).find(|(name, _)| name == "code").expect("a code").1;
        self.codes.send_modify(|codes| codes.push(code.into_owned()));
        let scripted = self.answers.lock().unwrap().pop_front().expect("an answer to give");
        said(match scripted {
            Scripted::Now(exchange) => exchange,
            Scripted::Body(body) => return Ok(body),
            Scripted::Later(wait) => {
                wait.await.unwrap_or(Exchange::Unknown(GatewayError::Transport(TransportError::Broken)))
            }
        })
    }

    fn address_parameters(&self) -> &[(String, String)] {
        &[]
    }
}

/// The answer of Alipay that is read as `exchange`.
fn said(exchange: Exchange) -> Result<Bytes, GatewayError> {
    let node = match exchange {
        Exchange::Identified(identity) => json!({
            "open_id": identity.open_id().map(|id| id.reveal()),
            "user_id": identity.user_id().map(|id| id.reveal()),
        }),
        Exchange::Refused(refusal) => json!({"code": refusal.code, "sub_code": refusal.sub_code}),
        Exchange::Unknown(GatewayError::Unavailable(refusal)) => {
            json!({"code": refusal.code, "sub_code": refusal.sub_code})
        }
        Exchange::Unknown(GatewayError::Malformed) => return Ok(Bytes::from_static(b"<html>")),
        Exchange::Unknown(GatewayError::Signature(stated)) => {
            return Ok(signed(keys::foreign(), &unbelieved(stated)));
        }
        Exchange::Unknown(GatewayError::Unsigned(stated)) => {
            let node = unbelieved(stated);
            return Ok(Bytes::from(format!(r#"{{"error_response":{node}}}"#)));
        }
        Exchange::Unknown(reason) => return Err(reason),
    };
    Ok(signed(keys::alipay(), &node))
}

/// The node of an answer that is not to be believed: the refusal that it states, or a user.
fn unbelieved(stated: Option<GatewayRefusal>) -> Value {
    match stated {
        Some(refusal) => json!({"code": refusal.code, "sub_code": refusal.sub_code}),
        None => json!({"open_id": "forged"}),
    }
}

/// An answer of the gateway, signed by `key`.
pub fn signed(key: &RsaPrivateKey, node: &Value) -> Bytes {
    let node = node.to_string();
    let signature = key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(&node)).expect("signs");
    let sign = STANDARD.encode(signature);
    Bytes::from(format!(r#"{{"alipay_system_oauth_token_response":{node},"sign":"{sign}"}}"#))
}

/// Alipay names this user.
pub fn identified(open_id: &str) -> Exchange {
    Exchange::Identified(Identity::new(OpenId::parse(open_id), None).expect("an id"))
}

/// Alipay refuses the code.
pub fn code_invalid() -> Exchange {
    Exchange::Refused(GatewayRefusal { code: "40002".to_owned(), sub_code: "isv.code-invalid".to_owned() })
}

/// One POST that a merchant got.
#[derive(Clone, Debug)]
pub struct Posted {
    pub url: String,
    pub headers: HashMap<String, String>,
    pub body: Bytes,
    pub at: UnixMillis,
}

/// A merchant that answers as scripted, and otherwise SUCCESS.
#[derive(Default)]
pub struct ScriptedMerchant {
    answers: Mutex<VecDeque<AttemptResult>>,
    posts: Mutex<Vec<Posted>>,
}

impl ScriptedMerchant {
    /// The next POST gets this answer.
    pub fn answer(&self, answer: impl Into<AttemptResult>) {
        self.answers.lock().unwrap().push_back(answer.into());
    }

    /// Every POST, in order.
    pub fn posts(&self) -> Vec<Posted> {
        self.posts.lock().unwrap().clone()
    }
}

#[async_trait]
impl CallbackSender for ScriptedMerchant {
    async fn post(
        &self,
        url: &CallbackUrl,
        headers: Vec<(HeaderName, String)>,
        body: Bytes,
        now: UnixMillis,
    ) -> AttemptResult {
        let headers = headers.into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect();
        self.posts.lock().unwrap().push(Posted { url: url.as_str().to_owned(), headers, body, at: now });
        self.answers.lock().unwrap().pop_front().unwrap_or_else(|| DeliveryOutcome::Success.into())
    }
}

/// A merchant who answers SUCCESS once it is let.
#[derive(Default)]
pub struct HeldMerchant {
    posts: watch::Sender<usize>,
    may_answer: watch::Sender<bool>,
}

impl HeldMerchant {
    /// The number of POSTs that have come.
    pub fn posts(&self) -> usize {
        *self.posts.borrow()
    }

    /// Waits until `count` POSTs have come.
    pub async fn posted(&self, count: usize) {
        let _ = self.posts.subscribe().wait_for(|posts| *posts >= count).await;
    }

    /// Lets it answer, from now on at once.
    pub fn let_go(&self) {
        self.may_answer.send_replace(true);
    }
}

#[async_trait]
impl CallbackSender for HeldMerchant {
    async fn post(
        &self,
        _: &CallbackUrl,
        _: Vec<(HeaderName, String)>,
        _: Bytes,
        _: UnixMillis,
    ) -> AttemptResult {
        self.posts.send_modify(|posts| *posts += 1);
        let _ = self.may_answer.subscribe().wait_for(|may_answer| *may_answer).await;
        DeliveryOutcome::Success.into()
    }
}

/// Secrets in memory, which can be changed, deleted and made unavailable.
#[derive(Clone, Default)]
pub struct InMemorySecrets(Arc<Mutex<Vault>>);

#[derive(Default)]
struct Vault {
    documents: HashMap<String, (u32, String)>,
    unavailable: bool,
    failures: HashMap<String, FetchError>,
    fetches: HashMap<String, u32>,
}

impl InMemorySecrets {
    /// Sets a document; a new version.
    pub fn set(&self, name: &str, document: &Value) {
        let mut vault = self.0.lock().unwrap();
        let version = vault.documents.get(name).map_or(1, |(version, _)| version + 1);
        vault.documents.insert(name.to_owned(), (version, document.to_string()));
    }

    /// Deletes a document.
    pub fn delete(&self, name: &str) {
        self.0.lock().unwrap().documents.remove(name);
    }

    /// Makes every fetch fail, or not.
    pub fn set_unavailable(&self, unavailable: bool) {
        self.0.lock().unwrap().unavailable = unavailable;
    }

    /// Makes every fetch of one document fail in this way, or not.
    pub fn fail(&self, name: &str, failure: Option<FetchError>) {
        let mut vault = self.0.lock().unwrap();
        match failure {
            Some(failure) => vault.failures.insert(name.to_owned(), failure),
            None => vault.failures.remove(name),
        };
    }

    /// The number of fetches of a document.
    pub fn fetches(&self, name: &str) -> u32 {
        self.0.lock().unwrap().fetches.get(name).copied().unwrap_or_default()
    }
}

#[async_trait]
impl SecretSource for InMemorySecrets {
    async fn fetch(&self, name: &SecretName) -> Result<SecretValue, FetchError> {
        let mut vault = self.0.lock().unwrap();
        *vault.fetches.entry(name.to_string()).or_default() += 1;
        if vault.unavailable {
            return Err(FetchError::Unavailable("told to".to_owned()));
        }
        if let Some(failure) = vault.failures.get(name.as_str()) {
            return Err(failure.clone());
        }
        let (version, document) =
            vault.documents.get(name.as_str()).cloned().ok_or(FetchError::Absent(AbsentError::NotFound))?;
        Ok(SecretValue { version: version.to_string(), document: document.into() })
    }

    async fn names(&self, kind: &str) -> Result<HashSet<SecretName>, FetchError> {
        let vault = self.0.lock().unwrap();
        let business = |name: &String| SecretName::business(name.strip_prefix("business/")?).ok();
        let access_key = |name: &String| SecretName::access_key(name.strip_prefix("access-key/")?).ok();
        let app = |name: &String| {
            AlipayAppId::parse(name.strip_prefix("alipay-app/")?).map(|app| SecretName::alipay_app(&app))
        };
        Ok(match kind {
            "alipay-app" => vault.documents.keys().filter_map(app).collect(),
            "business" => vault.documents.keys().filter_map(business).collect(),
            "access-key" => vault.documents.keys().filter_map(access_key).collect(),
            _ => HashSet::new(),
        })
    }
}

/// Bytes that never repeat, from a counter; a single byte, as jitter takes it, is set by the test.
#[derive(Default)]
pub struct CountingRandom {
    count: Mutex<u64>,
    single_byte: Mutex<u8>,
}

impl CountingRandom {
    /// Sets the value of every single byte.
    pub fn set_single_byte(&self, byte: u8) {
        *self.single_byte.lock().unwrap() = byte;
    }
}

/// Randomness that ends: after so many draws there is none.
pub struct Ending {
    left: Mutex<usize>,
    random: CountingRandom,
}

impl Ending {
    /// Ends after `draws`.
    #[must_use]
    pub fn after(draws: usize) -> Self {
        Self { left: Mutex::new(draws), random: CountingRandom::default() }
    }
}

impl Random for Ending {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        let mut left = self.left.lock().unwrap();
        *left = left.checked_sub(1).ok_or(RandomError)?;
        self.random.fill(bytes)
    }
}

impl Random for CountingRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        if let [byte] = bytes {
            *byte = *self.single_byte.lock().unwrap();
            return Ok(());
        }
        let mut count = self.count.lock().unwrap();
        *count += 1;
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = count.to_be_bytes()[index % 8];
        }
        Ok(())
    }
}
