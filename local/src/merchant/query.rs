//! Queries of a serialNo's authorization.

use serde_json::json;

use super::DemoMerchant;
use super::call::Call;
use super::signing::SignType;

const PATH: &str = "/v1/openapi/auth/alipay/query";

impl DemoMerchant {
    /// Queries the authorization of one of this merchant's serialNos.
    pub async fn query(&self, sign_type: SignType, serial_no: &str) -> Call {
        let body = json!({
            "merchantId": self.config.merchant_id, "businessId": self.config.business_id, "serialNo": serial_no,
        });
        let request = self.sign(PATH, serial_no, body.to_string(), sign_type, self.clock.now());
        Call { answer: self.send(&request).await, request }
    }
}
