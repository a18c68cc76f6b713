//! The record that each flow finds in the store, as DynamoDB writes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local::folder::{BUSINESS_ID, MERCHANT_ID};
use serde_json::{Value, json};
use shared::model::clock::{Clock as _, SystemClock, UnixMillis};
use shared::model::id::AuthorizationId;

/// The one serialNo that is returned for, delivered and asked after.
pub(crate) const SERIAL_NO: &str = "S-0123456789";

const OPEN_ID: &str = "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5";

/// Its record's id.
pub(crate) fn id() -> AuthorizationId {
    AuthorizationId::from_serial(BUSINESS_ID, SERIAL_NO)
}

/// The random half of the state that its link carries.
pub(crate) const STATE_SECRET: &str = "fedcba9876543210fedcba9876543210";

/// A link that a user has come back with.
pub(crate) fn exchanging() -> Value {
    let mut record = issued("https://merchant.example.com/alipay/openid");
    record["status"] = text("EXCHANGING");
    record["link"] = text(&format!(
        "https://openauth.alipay.com/oauth2/publicAppAuthorize.htm?app_id=2021000000000001&scope=auth_base&redirect_uri=\
         https%3A%2F%2Flinks.example.com%2Fv1%2Fopenapi%2Fauth%2Falipay%2Fcallback&state={}{STATE_SECRET}",
        id()
    ));
    record["exchangeBy"] = text("0123456789abcdef0123456789abcdef");
    record["exchangeUntil"] = time(now() + 30_000);
    record
}

/// A consent whose first attempt of a delivery to `callback` has begun.
pub(crate) fn being_delivered(callback: &str) -> Value {
    let mut record = issued(callback);
    settle(&mut record);
    record["status"] = text("AUTHORIZED");
    record["attempts"] = number(1);
    record["nextAttemptAt"] = time(now());
    record["deliveryBy"] = text("0123456789abcdef0123456789abcdef");
    record["deliveryUntil"] = time(now() + 30_000);
    record["outbox"] = text(&format!("due-{}", &id().as_str()[..1]));
    record["outboxAt"] = time(now() + 30_000);
    record
}

/// A consent that was delivered at once.
pub(crate) fn delivered() -> Value {
    let mut record = issued("https://merchant.example.com/alipay/openid");
    settle(&mut record);
    record["status"] = text("DELIVERED");
    record["attempts"] = number(1);
    let attempt = json!({"number": 1, "at": now(), "outcome": "success"});
    record["history"] = json!({"L": [text(&attempt.to_string())]});
    record
}

fn issued(callback: &str) -> Value {
    let day = 24 * 60 * 60 * 1_000;
    json!({
        "pk": text(&format!("authorization#{}", id())),
        "ttl": number((now() + 400 * day) / 1_000),
        "businessId": text(BUSINESS_ID),
        "merchantId": text(MERCHANT_ID),
        "serialNo": text(SERIAL_NO),
        "userId": text("user-0123456789abcdef0123456789abcdef"),
        "callback": text(&json!({"explicit": callback}).to_string()),
        "parametersDigest": text(&"5".repeat(64)),
        "stateDigest": text(&"7".repeat(64)),
        "status": text("ISSUED"),
        "createdAt": time(now()),
        "createdBy": text("0123456789abcdef0123456789abcdef"),
        "expiresAt": time(now() + day),
        "retainUntil": time(now() + 400 * day),
        "codes": {"L": []},
        "attempts": number(0),
        "history": {"L": []},
    })
}

fn settle(record: &mut Value) {
    let body = json!({
        "serialNo": SERIAL_NO,
        "userId": "user-0123456789abcdef0123456789abcdef",
        "merchantId": MERCHANT_ID,
        "businessId": BUSINESS_ID,
        "openId": OPEN_ID,
        "authTime": now(),
    });
    record["openId"] = text(OPEN_ID);
    record["authorizedAt"] = time(now());
    record["settledBy"] = text("0123456789abcdef0123456789abcdef");
    record["body"] = json!({"B": STANDARD.encode(body.to_string())});
}

fn text(text: &str) -> Value {
    json!({"S": text})
}

fn number(number: i64) -> Value {
    json!({"N": number.to_string()})
}

fn time(millis: i64) -> Value {
    number(millis)
}

fn now() -> i64 {
    let UnixMillis(now) = SystemClock.now();
    now
}
