//! Link requests to authlink.

use serde_json::json;
use shared::model::clock::UnixMillis;

use super::DemoMerchant;
use super::call::{Call, CallAnswer};
use super::signing::SignType;
use crate::journal::{Direction, JournalEvent, Party, Title};
use crate::keys::random_hex;

const PATH: &str = "/v1/openapi/auth/alipay/url";

impl DemoMerchant {
    /// Requests a link under a new serialNo, with callbacks to this merchant, and records it in the journal.
    pub async fn request_link(&self, sign_type: SignType, user_id: &str) -> Call {
        let now = self.clock.now();
        let serial_no = format!("S{now}{}", random_hex::<4>());
        let body = json!({
            "merchantId": self.config.merchant_id, "businessId": self.config.business_id, "serialNo": serial_no,
            "userId": user_id, "callbackUrl": format!("{}/callback", self.config.own_origin),
        });
        let request = self.sign(PATH, &serial_no, body.to_string(), sign_type, now);
        self.memory().ledger.record_request(&serial_no, user_id, sign_type, now);
        let answer = self.send(&request).await;
        if let Some(link) = answer.as_ref().ok().and_then(CallAnswer::link) {
            self.memory().ledger.set_link(&serial_no, link);
        }
        let call = Call { request, answer };
        self.record(&call, now);
        call
    }

    fn record(&self, call: &Call, now: UnixMillis) {
        let mut event = JournalEvent::new(now, Party::Merchant, Direction::Sent, Title::LinkRequested);
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
