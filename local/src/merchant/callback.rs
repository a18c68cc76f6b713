//! `POST /callback`: verifies the raw bytes, records the callback, and answers `SUCCESS` or as the fault says.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use shared::model::clock::UnixMillis;
use tokio::time::sleep;

use super::signing::{SignType, md5_holds, rsa_holds, string_to_sign};
use super::{DemoMerchant, MerchantFault};
use crate::journal::{Direction, JournalEvent, Party, Title};

const SILENCE: Duration = Duration::from_mins(2);
const NONCES_KEPT: usize = 1_000;
const SIGNED_HEADERS: [&str; 4] = ["businessId", "nonce", "timestamp", "signType"];

/// One POST to `/callback`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceivedCallback {
    pub at: UnixMillis,
    /// The body's `serialNo`, or else its `requestId`.
    pub serial_no: Option<String>,
    pub open_id: Option<String>,
    pub alipay_user_id: Option<String>,
    /// What a notice says, which names nobody: `REFUSED` or `EXPIRED`.
    pub result: Option<String>,
    /// The headers in their order on the wire, with names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub signature_ok: bool,
    /// True if an earlier callback with this serialNo was answered with `SUCCESS`.
    pub repeat: bool,
}

pub(super) async fn callback(
    State(merchant): State<DemoMerchant>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = signed_text(&headers, &body).unwrap_or_default();
    let signature_ok = merchant.holds(&headers, &text);
    let meant =
        signature_ok && merchant.is_meant_by(&headers) && merchant.is_the_first_with_its_nonce(&headers);
    let fault = merchant.fault();
    let (status, answer) = match fault {
        MerchantFault::None | MerchantFault::Slow if meant => (StatusCode::OK, "SUCCESS"),
        MerchantFault::None | MerchantFault::Slow => (StatusCode::OK, "FAIL"),
        MerchantFault::ServerError => (StatusCode::INTERNAL_SERVER_ERROR, "out of order"),
        MerchantFault::Redirect => (StatusCode::FOUND, ""),
        MerchantFault::WrongText => (StatusCode::OK, "OK"),
        MerchantFault::Unchecked => (StatusCode::OK, "SUCCESS"),
        MerchantFault::Silence => (StatusCode::GATEWAY_TIMEOUT, ""),
    };
    let received = received(&headers, &body, signature_ok, merchant.clock.now());
    let mut event =
        JournalEvent::new(received.at, Party::Merchant, Direction::Received, Title::CallbackReceived);
    event.request = request_text(&received);
    event.answer = match fault {
        MerchantFault::Silence => String::new(),
        _ => format!("{status}\n\n{answer}"),
    };
    event.signed_text = Some(String::from_utf8_lossy(&text).into_owned());
    event.signature_ok = Some(signature_ok);
    event.serial_no.clone_from(&received.serial_no);
    event.fault = (fault != MerchantFault::None).then(|| fault.name());
    merchant.journal.record(event);
    let slow_delay = {
        let mut memory = merchant.memory();
        memory.ledger.record_callback(received, answer == "SUCCESS");
        memory.slow_delay
    };
    merchant.callbacks.send_modify(|seen| *seen += 1);
    match fault {
        MerchantFault::Slow => sleep(slow_delay).await,
        MerchantFault::Silence => sleep(SILENCE).await,
        _ => {}
    }
    match fault {
        MerchantFault::Redirect => {
            let elsewhere = format!("{}/elsewhere", merchant.config.own_origin);
            (status, [(header::LOCATION, elsewhere)]).into_response()
        }
        _ => (status, answer).into_response(),
    }
}

impl DemoMerchant {
    fn holds(&self, headers: &HeaderMap, text: &[u8]) -> bool {
        let Some(sign) = single(headers, "sign") else { return false };
        match SignType::named(single(headers, "signType")) {
            Some(SignType::Sha256Rsa) => rsa_holds(text, sign, &self.config.platform_public_key),
            Some(SignType::Md5) => md5_holds(text, sign, &self.config.md5_key),
            None => false,
        }
    }

    /// The signature covers the businessId and not the host: keys may be shared by businesses and by places.
    fn is_meant_by(&self, headers: &HeaderMap) -> bool {
        let own = self.config.own_origin.split("://").nth(1);
        single(headers, "businessId") == Some(&self.config.business_id) && single(headers, "host") == own
    }

    /// Whoever sends a callback again signs it anew; the same one again is somebody else's.
    fn is_the_first_with_its_nonce(&self, headers: &HeaderMap) -> bool {
        let Some(nonce) = single(headers, "nonce") else { return false };
        let nonces = &mut self.memory().nonces;
        if nonces.iter().any(|known| known == nonce) {
            return false;
        }
        nonces.push_front(nonce.to_owned());
        nonces.truncate(NONCES_KEPT);
        true
    }
}

/// The string to sign of a callback; `None` if a header that it covers came twice.
fn signed_text(headers: &HeaderMap, body: &[u8]) -> Option<Vec<u8>> {
    let sent = SIGNED_HEADERS.into_iter().filter(|name| headers.contains_key(*name));
    let pairs: Option<Vec<_>> = sent.map(|name| Some((name, single(headers, name)?))).collect();
    Some(string_to_sign(&pairs?, body))
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn received(headers: &HeaderMap, body: &[u8], signature_ok: bool, at: UnixMillis) -> ReceivedCallback {
    let fields: Value = serde_json::from_slice(body).unwrap_or_default();
    let field = |name: &str| fields[name].as_str().map(str::to_owned);
    let pairs = headers.iter();
    ReceivedCallback {
        at,
        serial_no: field("serialNo").or_else(|| field("requestId")),
        open_id: field("openId"),
        alipay_user_id: field("alipayUserId"),
        result: field("result"),
        headers: pairs
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: String::from_utf8_lossy(body).into_owned(),
        signature_ok,
        repeat: false,
    }
}

fn request_text(received: &ReceivedCallback) -> String {
    let headers: String = received.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    format!("POST /callback\n{headers}\n{}", received.body)
}
