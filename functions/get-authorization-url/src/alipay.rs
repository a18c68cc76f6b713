//! The source `alipay`: the link leads by our own page to an app of ours at Alipay, and its authorization is recorded
//! in the transaction that consumes the nonce.

use bytes::Bytes;
use http::Request;
use shared::model::authorization::{Authorization, Callback, Issue, NewLink};
use shared::model::authorization_request::{AuthorizationRequest, SchemeRequest};
use shared::model::id::{AuthorizationId, State};
use shared::model::request_id::RequestId;
use shared::signing::link_token;
use shared::store::budget::StoreBudget;
use shared::store::{NonceUse, Recorded};
use shared::web::client_info::client_info;

use crate::error::ApiError;
use crate::link::{IssuedBy, Link};
use crate::link_request::{AlipayLinkKeys, LinkRequest};
use crate::{GetAuthorizationUrl, landing};

/// Records the authorization and makes its link.
pub(crate) async fn issue(
    function: &GetAuthorizationUrl,
    request: &Request<Bytes>,
    (link_request, ours): (&LinkRequest, &AlipayLinkKeys),
    request_id: &RequestId,
    nonce: &NonceUse,
    budget: &StoreBudget<'_>,
) -> Result<Link, ApiError> {
    let (scheme, links) = (&link_request.scheme, &function.links);
    let origin = &client_info(request).origin;
    let public_url = links.public_url(origin.as_ref()).ok_or(ApiError::NoPublicUrl)?;
    let state = State::generate(AuthorizationId::generate(&*function.random)?, &*function.random)?;
    let authorize = links.authorize_link(&ours.app, public_url, scheme.scope, &state);
    let mut new = Authorization::issued(Issue {
        request: AuthorizationRequest::Scheme(recorded(link_request, ours, request_id)),
        callback: match scheme.callback_url {
            Some(_) => Callback::OwnersDefault,
            None => Callback::Nowhere,
        },
        state,
        link: NewLink::Ours { app: ours.app.clone(), link: authorize },
        now: nonce.used_at,
        lifetime: scheme.link_lifetime,
        retention: links.retention,
    });
    new.take_terms(scheme.users.of_own(&function.callbacks), None);
    new.verified_by = Some(link_request.verified_by);
    let token = link_token::issue(&ours.link_token.keys[0], &new.id, new.expires_at);
    match budget.wait(function.store.record_link(&new, nonce)).await? {
        Recorded::New => Ok(Link { url: landing::address(public_url, &token), by: IssuedBy::Us(new.id) }),
        // The id is random: only a repetition finds it taken.
        Recorded::NonceUsed | Recorded::SerialUsed(_) => Err(ApiError::NonceUsed),
    }
}

/// The request as its record holds it.
fn recorded(link_request: &LinkRequest, ours: &AlipayLinkKeys, request_id: &RequestId) -> SchemeRequest {
    let LinkRequest { parameters, scheme, end_date, .. } = link_request;
    SchemeRequest {
        account_id: scheme.account_id.clone(),
        scheme_id: parameters.scheme_id,
        request_id: request_id.to_string(),
        phone_tail: parameters.phone.tail().to_owned(),
        phone_hash: parameters.phone.hash(&ours.phone_key.0),
        end_date: *end_date,
    }
}
