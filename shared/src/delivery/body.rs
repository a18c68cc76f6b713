//! The body that is delivered: built once, at settlement, and sent with the same bytes on every attempt.

use serde::Serialize;

use crate::model::authorization::Authorization;
use crate::model::authorization_request::AuthorizationRequest;
use crate::model::clock::UnixMillis;
use crate::model::consent::DeliveryBody;
use crate::model::end_date::EndDate;
use crate::model::id::AuthorizationId;
use crate::model::identity::Identity;
use crate::model::notice::Notice;
use crate::model::owner::SchemeId;

/// The JSON delivered for an authorization: compact, what its caller knows it by first (`serialNo`, or the `requestId`
/// of `GetAuthorizationUrl`).
///
/// `openId` is absent when Alipay named the user by `alipayUserId` only; the two are never passed off as each other.
#[must_use]
pub fn delivery_body(authorization: &Authorization, identity: &Identity, now: UnixMillis) -> DeliveryBody {
    let user = User {
        open_id: identity.open_id().map(|id| id.reveal()),
        alipay_user_id: identity.user_id().map(|id| id.reveal()),
        auth_time: now,
    };
    body(authorization, Payload::User(user))
}

/// The JSON delivered for a link that has named nobody: what its caller knows it by, `result`, and since when it is so.
#[must_use]
pub fn notice_body(authorization: &Authorization, notice: Notice, since: UnixMillis) -> DeliveryBody {
    body(authorization, Payload::Nobody(Nobody { result: notice.as_str(), result_time: since }))
}

fn body(authorization: &Authorization, told: Payload<'_>) -> DeliveryBody {
    let json = match &authorization.request {
        AuthorizationRequest::Merchant(request) => serde_json::to_vec(&OfMerchant {
            serial_no: &request.serial_no,
            user_id: &request.user_id,
            merchant_id: &request.merchant_id,
            business_id: &request.business_id,
            told,
        }),
        AuthorizationRequest::Scheme(request) => serde_json::to_vec(&OfScheme {
            request_id: &request.request_id,
            biz_id: &authorization.id,
            scheme_id: request.scheme_id,
            phone_tail: &request.phone_tail,
            end_date: request.end_date,
            told,
        }),
    };
    let json = json.unwrap_or_else(|error| unreachable!("strings and numbers always serialise: {error}"));
    DeliveryBody::new(json).unwrap_or_else(|| unreachable!("an object has braces at least"))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfMerchant<'a> {
    serial_no: &'a str,
    user_id: &'a str,
    merchant_id: &'a str,
    business_id: &'a str,
    #[serde(flatten)]
    told: Payload<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfScheme<'a> {
    request_id: &'a str,
    biz_id: &'a AuthorizationId,
    scheme_id: SchemeId,
    phone_tail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_date: Option<EndDate>,
    #[serde(flatten)]
    told: Payload<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Payload<'a> {
    User(User<'a>),
    Nobody(Nobody),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    open_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alipay_user_id: Option<&'a str>,
    auth_time: UnixMillis,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Nobody {
    result: &'static str,
    result_time: UnixMillis,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::authorization::{Callback, Issue, NewLink};
    use crate::model::authorization_request::{MerchantRequest, SchemeRequest};
    use crate::model::id::State;
    use crate::model::identity::{AlipayUserId, OpenId};

    fn body(requested: AuthorizationRequest, identity: &Identity) -> String {
        let authorization = Authorization::issued(Issue {
            request: requested,
            callback: Callback::OwnersDefault,
            state: State::parse(&"5".repeat(64)).unwrap(),
            link: NewLink::AskedOf("up".to_owned()),
            now: UnixMillis(0),
            lifetime: Duration::ZERO,
            retention: Duration::ZERO,
        });
        let body = delivery_body(&authorization, identity, UnixMillis(7));
        String::from_utf8(body.reveal().to_vec()).unwrap()
    }

    fn scheme(end_date: Option<EndDate>) -> AuthorizationRequest {
        AuthorizationRequest::Scheme(SchemeRequest {
            account_id: "1001".to_owned(),
            scheme_id: SchemeId::parse("234").unwrap(),
            request_id: "8906582E-6722-4E2A-9C3B-000000000001".to_owned(),
            phone_tail: "1234".to_owned(),
            phone_hash: "hash".to_owned(),
            end_date,
        })
    }

    #[test]
    fn each_api_has_its_fields_in_its_order() {
        let by_open_id = Identity::new(OpenId::parse("open-1"), None).unwrap();
        let by_user_id = Identity::new(None, AlipayUserId::parse("2088")).unwrap();
        let merchant = AuthorizationRequest::Merchant(MerchantRequest {
            business_id: "B1".to_owned(),
            merchant_id: "M1".to_owned(),
            serial_no: "S1".to_owned(),
            user_id: "U1".to_owned(),
        });
        let id = "5".repeat(32);
        for (requested, identity, expected) in [
            (
                merchant,
                &by_open_id,
                r#"{"serialNo":"S1","userId":"U1","merchantId":"M1","businessId":"B1","openId":"open-1","authTime":7}"#
                    .to_owned(),
            ),
            (
                scheme(EndDate::parse("2026-12-28")),
                &by_open_id,
                format!(
                    r#"{{"requestId":"8906582E-6722-4E2A-9C3B-000000000001","bizId":"{id}","schemeId":234,"phoneTail":"1234","endDate":"2026-12-28","openId":"open-1","authTime":7}}"#
                ),
            ),
            (
                scheme(None),
                &by_user_id,
                format!(
                    r#"{{"requestId":"8906582E-6722-4E2A-9C3B-000000000001","bizId":"{id}","schemeId":234,"phoneTail":"1234","alipayUserId":"2088","authTime":7}}"#
                ),
            ),
        ] {
            assert_eq!(body(requested, identity), expected);
        }
    }
}
