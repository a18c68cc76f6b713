//! The body that is delivered: built once, at settlement, and sent with the same bytes on every attempt.

use serde::Serialize;

use super::authorization::Authorization;
use super::identity::Identity;
use crate::clock::UnixMillis;

/// The JSON delivered for an authorization of the open API: compact, `serialNo` first.
///
/// `openId` is absent when Alipay named the user by `alipayUserId` only; the two are never passed off as each other.
#[must_use]
pub fn delivery_body(authorization: &Authorization, identity: &Identity, now: UnixMillis) -> Vec<u8> {
    let body = Body {
        serial_no: &authorization.serial_no,
        user_id: &authorization.user_id,
        merchant_id: &authorization.merchant_id,
        business_id: &authorization.business_id,
        open_id: identity.open_id().map(|id| id.reveal()),
        alipay_user_id: identity.user_id().map(|id| id.reveal()),
        auth_time: now,
    };
    serde_json::to_vec(&body)
        .unwrap_or_else(|error| unreachable!("strings and a number always serialise: {error}"))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    serial_no: &'a str,
    user_id: &'a str,
    merchant_id: &'a str,
    business_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alipay_user_id: Option<&'a str>,
    auth_time: UnixMillis,
}
