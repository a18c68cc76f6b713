//! What a POST tells that may be repeated nowhere: it names a user.

use shared::model::authorization::Authorization;
use shared::model::authorization_request::AuthorizationRequest;

/// The values that a merchant's answer might repeat, and that must be masked.
pub(crate) fn confidential_values(authorization: &Authorization) -> Vec<&str> {
    let mut values = match &authorization.request {
        AuthorizationRequest::Merchant(request) => vec![request.user_id.as_str(), &request.serial_no],
        AuthorizationRequest::Scheme(request) => vec![request.phone_tail.as_str(), &request.request_id],
    };
    let identity = authorization.identity();
    values.extend(identity.and_then(|identity| identity.open_id()).map(|id| id.reveal()));
    values.extend(identity.and_then(|identity| identity.user_id()).map(|id| id.reveal()));
    values
}
