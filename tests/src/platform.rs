//! A fake of another platform of the open API, which answers as scripted and records its requests, and the platform's
//! callbacks, signed by the demo merchant's code.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use shared::model::clock::{ManualClock, UnixMillis};
use shared::model::id::AuthorizationId;
use shared::protocol::open_api::client::request::PlatformRequest;
use shared::protocol::open_api::client::transport::{PlatformError, Platforms};

use crate::keys;
use crate::request::{Key, LinkCall};

/// Our business id at the platform.
pub const OURS_THERE: &str = "us-there";
/// The key that we share with it.
pub const SHARED_KEY: &str = "a key that both of us have";

/// A request that a platform got.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    pub url: String,
    pub headers: HashMap<String, String>,
    pub bytes: Bytes,
    /// The bytes as JSON.
    pub body: Value,
}

/// Platforms that answer as scripted.
#[derive(Default)]
pub struct ScriptedPlatforms {
    answers: Mutex<VecDeque<Result<Bytes, PlatformError>>>,
    asked: Mutex<Vec<ReceivedRequest>>,
    takes: Mutex<Option<(Arc<ManualClock>, Duration)>>,
}

impl ScriptedPlatforms {
    /// The next request gets this answer.
    pub fn answer(&self, body: impl Into<Bytes>) {
        self.answers.lock().unwrap().push_back(Ok(body.into()));
    }

    /// The next request gets none.
    pub fn no_answer(&self, reason: impl Into<PlatformError>) {
        self.answers.lock().unwrap().push_back(Err(reason.into()));
    }

    /// The next request is granted.
    pub fn grant(&self, link: &str) {
        let data = json!({"alipayAuthUrl": link});
        self.answer(json!({"status": 0, "message": "success", "data": data}).to_string());
    }

    /// The next request is refused, without a link.
    pub fn refuse(&self, status: i64, message: &str) {
        self.answer(json!({"status": status, "message": message, "data": {}}).to_string());
    }

    /// From now on each answer takes this long, by `clock`.
    pub fn takes(&self, clock: &Arc<ManualClock>, time: Duration) {
        *self.takes.lock().unwrap() = Some((clock.clone(), time));
    }

    /// Every request since the last look, in order.
    pub fn asked(&self) -> Vec<ReceivedRequest> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

#[async_trait]
impl Platforms for ScriptedPlatforms {
    async fn post(&self, request: &PlatformRequest) -> Result<Bytes, PlatformError> {
        let headers = request.headers().iter().map(|(name, value)| (name.to_string(), value.clone()));
        self.asked.lock().unwrap().push(ReceivedRequest {
            url: request.url().to_string(),
            headers: headers.collect(),
            body: serde_json::from_slice(&request.body()).expect("JSON"),
            bytes: request.body(),
        });
        if let Some((clock, time)) = &*self.takes.lock().unwrap() {
            clock.advance(*time);
        }
        self.answers.lock().unwrap().pop_front().expect("an answer to give")
    }
}

/// The document of a platform that takes SHA256-RSA.
pub fn by_rsa() -> Value {
    json!({
        "baseUrl": "https://platform.example/open",
        "businessId": OURS_THERE,
        "merchantId": "our-shop-there",
        "privateKey": keys::private_pem(keys::app()),
        "publicKeys": [keys::public_pem(keys::platform())],
    })
}

/// The document of a platform that takes MD5.
pub fn by_md5() -> Value {
    json!({
        "baseUrl": "https://other.example",
        "businessId": OURS_THERE,
        "signType": "MD5",
        "md5Keys": [SHARED_KEY],
    })
}

/// The body of a callback of the platform's.
pub fn callback_body(serial_no: &str, open_id: &str) -> Value {
    json!({
        "serialNo": serial_no,
        "userId": "user-1",
        "merchantId": "our-shop-there",
        "businessId": OURS_THERE,
        "openId": open_id,
        "authTime": 1_795_305_600_000_i64,
    })
}

/// The callback of the platform [`by_rsa`] for the authorization `id`, to the address that has this state.
pub fn callback(state: &str, id: &AuthorizationId, open_id: &str, now: UnixMillis) -> LinkCall {
    let mut call = LinkCall::with_body(&callback_body(id.as_str(), open_id), now);
    call.path = format!("{}/{state}", openid_callback::PATH);
    call.business_id = OURS_THERE.to_owned();
    call.nonce = format!("authlink-{}", call.nonce);
    call.key = Key::Rsa(keys::platform());
    call
}

/// The state in the callback address of a request.
pub fn state_asked_with(asked: &ReceivedRequest) -> String {
    let address = asked.body["callbackUrl"].as_str().expect("an address");
    let (path, state) = address.rsplit_once('/').expect("a path");
    assert_eq!(path, format!("https://links.example.com{}", openid_callback::PATH));
    state.to_owned()
}
