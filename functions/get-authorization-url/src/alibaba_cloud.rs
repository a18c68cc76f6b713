//! The source `aliyun`: Alibaba Cloud makes the link, asked with the account's own key there, once everything that we
//! check ourselves holds.
//!
//! Nothing is recorded but the nonce: Alibaba Cloud calls nobody back for such a link, so there is no return that could
//! settle an authorization and no openId to deliver. The nonce is consumed before the call is made, whatever comes of
//! that: the same call must not ask twice.

use std::time::Duration;

use shared::egress::transport_error::TransportError;
use shared::protocol::alibaba_cloud::{self, AlibabaCloudError, AlibabaCloudLink};
use shared::secrets::SecretName;
use shared::store::NonceUse;
use shared::telemetry::Alarm;

use crate::error::ApiError;
use crate::link::{IssuedBy, Link};
use crate::link_request::LinkRequest;
use crate::{GetAuthorizationUrl, Times, document};

/// The time after a call came in within which Alibaba Cloud may be asked: later, the function's time could end before
/// its answer.
pub const ASK_WITHIN: Duration = Duration::from_secs(17);

/// Asks Alibaba Cloud for the link, with the key of this name.
pub(crate) async fn ask(
    function: &GetAuthorizationUrl,
    link_request: &LinkRequest,
    key: &SecretName,
    nonce: &NonceUse,
    times: &Times<'_>,
) -> Result<Link, ApiError> {
    let key = document(&function.alibaba_cloud_keys, key.clone()).await?;
    if times.arrived.passed(&*function.clock) > ASK_WITHIN {
        return Err(ApiError::TooLate);
    }
    let credential = key.credential();
    let Some(permit) = function.breakers.ask(credential.endpoint.as_str()) else {
        tracing::warn!(account = %link_request.scheme.account_id, "Alibaba Cloud hangs and is not asked");
        return Err(AlibabaCloudError::from(TransportError::Paused).into());
    };
    if !times.budget.wait(function.nonces.use_nonce(nonce)).await? {
        return Err(ApiError::NonceUsed);
    }
    let question = alibaba_cloud::AuthorizationUrlRequest {
        phone: &link_request.parameters.phone,
        scheme_id: link_request.parameters.scheme_id,
        end_date: link_request.end_date,
    };
    let answer = alibaba_cloud::get_authorization_url(
        &*function.alibaba_cloud,
        &credential,
        &question,
        &*function.clock,
        &*function.random,
    )
    .await;
    permit.report(answer.as_ref().is_err_and(AlibabaCloudError::is_timeout));
    let AlibabaCloudLink { url, request_id } =
        answer.inspect_err(|failure| log_failure(link_request, failure))?;
    Ok(Link { url: url.into(), by: IssuedBy::AlibabaCloud { request_id } })
}

/// Raises the alarm of a failure that an operator has to mend.
fn log_failure(link_request: &LinkRequest, failure: &AlibabaCloudError) {
    if failure.is_ours_to_mend() {
        let (account, scheme_id) = (&link_request.scheme.account_id, link_request.parameters.scheme_id);
        tracing::error!(account, %scheme_id, error = %failure, alarm = Alarm::Upstream.as_str(), "Alibaba Cloud gave no link");
    }
}
