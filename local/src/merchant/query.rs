//! Queries of a serialNo's authorization.

use serde::Serialize;

use super::DemoMerchant;
use super::call::{Call, MerchantCallError};
use super::signing::SignType;

const PATH: &str = "/v1/openapi/auth/alipay/query";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    merchant_id: &'a str,
    business_id: &'a str,
    serial_no: &'a str,
}

impl DemoMerchant {
    /// Queries the authorization of one of this merchant's serialNos.
    pub async fn query(&self, sign_type: SignType, serial_no: &str) -> Call {
        let body =
            Body { merchant_id: &self.config.merchant_id, business_id: &self.config.business_id, serial_no };
        let body = serde_json::to_string(&body).unwrap_or_else(|error| unreachable!("strings only: {error}"));
        match self.sign(PATH, serial_no, body, sign_type, self.clock.now()) {
            Ok(request) => Call { answer: self.send(&request).await, request },
            Err(request) => Call { request: *request, answer: Err(MerchantCallError::NoMd5Key) },
        }
    }
}
