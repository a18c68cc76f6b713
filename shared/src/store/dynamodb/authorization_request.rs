//! A request as attributes of its authorization's item, and back.

use crate::model::authorization_request::{AuthorizationRequest, MerchantRequest, SchemeRequest};
use crate::model::owner::{Owner, SchemeId};
use crate::store::StoreError;
use crate::store::dynamodb::attribute::{Item, Reader, text};
use crate::store::dynamodb::schema::{END_DATE, FORGOTTEN_AT, OWNER};

/// Adds the attributes of `requested`, the owner among them.
pub(super) fn write(requested: &AuthorizationRequest, item: &mut Item) {
    let mut put = |name: &'static str, value: &str| item.insert(name.into(), text(value));
    put(OWNER, &requested.owner().to_string());
    match requested {
        AuthorizationRequest::Merchant(request) => {
            put("merchantId", &request.merchant_id);
            put("serialNo", &request.serial_no);
            put("userId", &request.user_id);
        }
        AuthorizationRequest::Scheme(request) => {
            put("accountId", &request.account_id);
            put("requestId", &request.request_id);
            put("phoneTail", &request.phone_tail);
            put("phoneHash", &request.phone_hash);
            if let Some(end_date) = request.end_date {
                put(END_DATE, &end_date.to_string());
            }
        }
    }
}

/// Reads them; the kind of owner decides which they are.
pub(super) fn read(item: &Reader<'_>) -> Result<AuthorizationRequest, StoreError> {
    match item.owner()? {
        Owner::Business(business_id) => Ok(AuthorizationRequest::Merchant(MerchantRequest {
            business_id,
            merchant_id: item.text("merchantId")?,
            serial_no: item.text("serialNo")?,
            user_id: of_person(item, "userId")?,
        })),
        Owner::Scheme(scheme_id) => scheme(scheme_id, item),
    }
}

fn scheme(scheme_id: SchemeId, item: &Reader<'_>) -> Result<AuthorizationRequest, StoreError> {
    Ok(AuthorizationRequest::Scheme(SchemeRequest {
        account_id: item.text("accountId")?,
        scheme_id,
        request_id: item.text("requestId")?,
        phone_tail: of_person(item, "phoneTail")?,
        phone_hash: of_person(item, "phoneHash")?,
        end_date: item.end_date()?,
    }))
}

/// What says who it is: gone, if the person was forgotten.
fn of_person(item: &Reader<'_>, name: &'static str) -> Result<String, StoreError> {
    if item.0.contains_key(FORGOTTEN_AT) { Ok(String::new()) } else { item.text(name) }
}
