//! A merchant's calls of the open API.

use std::sync::Arc;
use std::time::Duration;

use local::client::client_builder;
use local::merchant::signing::{SignType, sign_md5, sign_rsa, string_to_sign};
use rsa::RsaPrivateKey;
use serde_json::{Value, json};
use shared::model::clock::{Clock, UnixMillis};

use crate::business::{BUSINESSES, MERCHANT_ID};
use crate::journal::Told;
use crate::plan::Journey;

const LINK_PATH: &str = "/v1/openapi/auth/alipay/url";
const QUERY_PATH: &str = "/v1/openapi/auth/alipay/query";

/// The serialNo of an authorization.
#[must_use]
pub fn serial_no(journey: usize) -> String {
    format!("S{journey:05}")
}

/// The authorization of a serialNo.
#[must_use]
pub fn journey_of(serial_no: &str) -> Option<usize> {
    serial_no.strip_prefix('S')?.parse().ok()
}

/// A merchant's systems.
pub struct Caller {
    client: reqwest::Client,
    origin: String,
    private_key: RsaPrivateKey,
    md5_key: String,
    clock: Arc<dyn Clock>,
}

/// The answer to a request for a link.
pub enum LinkAnswer {
    Link(String),
    /// It has to be asked again; this is what came.
    Other(String),
}

impl Caller {
    /// Calls authlink at `origin`, and signs the time that `clock` tells.
    #[must_use]
    pub fn new(origin: String, private_key: RsaPrivateKey, md5_key: String, clock: Arc<dyn Clock>) -> Self {
        let client = client_builder(Duration::from_secs(5), Duration::from_secs(35)).build();
        Self { client: client.expect("a client"), origin, private_key, md5_key, clock }
    }

    /// Asks for the link of an authorization, with callbacks to `callback_url`.
    pub async fn link(&self, number: usize, journey: &Journey, callback_url: Option<&str>) -> LinkAnswer {
        let mut body = self.body(number, journey);
        body["userId"] = json!(format!("user-{number}"));
        if let Some(url) = callback_url {
            body["callbackUrl"] = json!(url);
        }
        match self.call(LINK_PATH, journey, &body).await {
            Err(error) => LinkAnswer::Other(error),
            Ok(answer) => match (answer["status"].as_i64(), answer["data"]["alipayAuthUrl"].as_str()) {
                (Some(0 | 8), Some(link)) => LinkAnswer::Link(link.to_owned()),
                (status, _) => LinkAnswer::Other(format!("status {}", status.unwrap_or(-1))),
            },
        }
    }

    /// Asks what became of an authorization.
    pub async fn query(&self, number: usize, journey: &Journey) -> Result<Told, String> {
        let answer = self.call(QUERY_PATH, journey, &self.body(number, journey)).await?;
        if answer["status"] != 0 {
            return Err(format!("status {}", answer["status"]));
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let data = &answer["data"];
        Ok(Told {
            state: text(&data["state"]),
            open_id: data["openId"].as_str().map(str::to_owned),
            delivery: text(&data["delivery"]["state"]),
            attempts: data["delivery"]["attempts"].as_array().map_or(0, Vec::len),
            overdue: data["delivery"]["nextAttemptAt"]
                .as_i64()
                .map(|at| self.clock.now().since(UnixMillis(at))),
        })
    }

    fn body(&self, number: usize, journey: &Journey) -> Value {
        let business = BUSINESSES[journey.business].id;
        json!({"merchantId": MERCHANT_ID, "businessId": business, "serialNo": serial_no(number)})
    }

    async fn call(&self, path: &str, journey: &Journey, body: &Value) -> Result<Value, String> {
        let sign_type = if journey.by_md5 { SignType::Md5 } else { SignType::Sha256Rsa };
        let (nonce, timestamp) = (format!("{:032x}", fastrand::u128(..)), self.clock.now().to_string());
        let headers = [
            ("businessId", BUSINESSES[journey.business].id),
            ("nonce", nonce.as_str()),
            ("timestamp", timestamp.as_str()),
            ("signType", sign_type.name()),
        ];
        let body = body.to_string();
        let text = string_to_sign(&headers, body.as_bytes());
        let sign = match sign_type {
            SignType::Sha256Rsa => sign_rsa(&text, &self.private_key),
            SignType::Md5 => sign_md5(&text, &self.md5_key),
        };
        let mut request = self.client.post(format!("{}{path}", self.origin)).header("sign", sign).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.map_err(|_| "no answer".to_owned())?;
        let http_status = answer.status().as_u16();
        let bytes = answer.bytes().await.map_err(|_| "no answer".to_owned())?;
        serde_json::from_slice(&bytes).map_err(|_| format!("HTTP {http_status}"))
    }
}
