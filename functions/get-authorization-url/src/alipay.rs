//! The source `alipay`: the link leads by our own page to our own app at Alipay, and its authorization is recorded in
//! the transaction that consumes the nonce.

use bytes::Bytes;
use http::Request;
use shared::model::authorization::{Authorization, Callback, Issue, NewLink};
use shared::model::authorization_request::{AuthorizationRequest, SchemeRequest};
use shared::model::id::{AuthorizationId, State};
use shared::registry::{LinkToken, PhoneKey};
use shared::signing::link_token;
use shared::store::{NonceUse, Recorded};
use shared::web::client_info::client_info;

use crate::error::ApiError;
use crate::link::{IssuedBy, Link};
use crate::link_request::LinkRequest;
use crate::request_id::RequestId;
use crate::{GetAuthorizationUrl, landing};

/// Records the authorization and makes its link.
pub(crate) async fn issue(
    function: &GetAuthorizationUrl,
    request: &Request<Bytes>,
    link_request: &LinkRequest,
    (phone_key, link_token): (&PhoneKey, &LinkToken),
    request_id: &RequestId,
    nonce: &NonceUse,
) -> Result<Link, ApiError> {
    let LinkRequest { parameters, scheme, end_date, .. } = link_request;
    let links = &function.links;
    let origin = &client_info(request).origin;
    let public_url = links.public_url(origin.as_ref()).ok_or(ApiError::NoPublicUrl)?;
    let state = State::generate(AuthorizationId::generate(&*function.random)?, &*function.random)?;
    let authorize = links.authorize_link(public_url, scheme.scope, &state);
    let new = Authorization::issued(Issue {
        request: AuthorizationRequest::Scheme(SchemeRequest {
            account_id: scheme.account_id.clone(),
            scheme_id: parameters.scheme_id,
            request_id: request_id.to_string(),
            phone_tail: parameters.phone.tail().to_owned(),
            phone_hash: parameters.phone.hash(&phone_key.0),
            end_date: *end_date,
        }),
        callback: match scheme.callback_url {
            Some(_) => Callback::OwnersDefault,
            None => Callback::Nowhere,
        },
        state,
        link: NewLink::Ours(authorize),
        now: nonce.used_at,
        lifetime: scheme.link_lifetime,
        retention: links.retention,
    });
    let token = link_token::issue(&link_token.keys[0], &new.id, new.expires_at);
    match function.store.record_link(&new, nonce).await? {
        Recorded::New => Ok(Link { url: landing::address(public_url, &token), by: IssuedBy::Us(new.id) }),
        // The id is random: only a repetition finds it taken.
        Recorded::NonceUsed | Recorded::SerialUsed(_) => Err(ApiError::NonceUsed),
    }
}
