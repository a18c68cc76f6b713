//! The caller: known and rightly signed, of an account that may call.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http::header::HOST;
use shared::egress::web_url::is_this_machine;
use shared::model::clock::UnixMillis;
use shared::model::deny_list::{DenyList, KeyFingerprint, PartyKind};
use shared::protocol::alipay::authorize::LinkSettings;
use shared::rate_limit::Admission;
use shared::registry::{AccessKey, Account};
use shared::secrets::{KeyCheck, SecretError, SecretName};
use shared::signing::alibaba_cloud::{Call, Protocol, SignatureError, is_fresh};
use shared::store::budget::StoreBudget;
use shared::web::client_info::client_info;
use url::Url;

use crate::error::ApiError;
use crate::{GetAuthorizationUrl, document};

/// The caller of a call that is rightly signed.
pub(crate) struct Caller<'c> {
    /// The id of its access key.
    id: &'c str,
    pub(crate) key: Arc<AccessKey>,
    /// The secret that it signed with.
    pub(crate) secret: KeyFingerprint,
    /// The list where its access key, its account or a scheme may be.
    pub(crate) denied: Arc<DenyList>,
}

/// The caller of a call that is known, fresh and rightly signed. A secret on the deny list is none of the key's.
pub(crate) async fn verify<'c>(
    function: &GetAuthorizationUrl,
    call: &'c Call<'_>,
    budget: &StoreBudget<'_>,
    now: UnixMillis,
) -> Result<Caller<'c>, ApiError> {
    if call.has_security_token() {
        return Err(ApiError::TemporaryCredentials);
    }
    let id = call.access_key_id()?;
    let name = SecretName::access_key(id).map_err(|_| ApiError::UnknownAccessKey)?;
    let (found, denied) =
        tokio::join!(function.access_keys.get(&name), budget.wait(function.deny_list.current()));
    let key = match found {
        Err(SecretError::Absent) => return Err(ApiError::UnknownAccessKey),
        found => found.map_err(|error| ApiError::document(&name, error))?,
    };
    let denied = denied?;
    let timestamp = call.timestamp()?;
    if !is_fresh(timestamp, now) {
        return Err(ApiError::OutOfWindow(timestamp.distance(now)));
    }
    let is_denied = |secret: &KeyFingerprint| denied.denies_key(PartyKind::AccessKey, id, secret);
    let check = |key: &Arc<AccessKey>| match call.verify(&key.secrets_without(is_denied)) {
        Ok(secret) => KeyCheck::Decided(Ok((Arc::clone(key), secret))),
        Err(SignatureError::Incomplete(flaw)) => KeyCheck::Decided(Err(ApiError::Incomplete(flaw))),
        Err(SignatureError::Mismatch(mismatch)) => {
            KeyCheck::NoKeyFits(Err(ApiError::Mismatch(call.protocol(), mismatch)))
        }
    };
    let (key, secret) = function.access_keys.check_keys(&name, &key, check).await?;
    Ok(Caller { id, key, secret, denied })
}

/// True if a call is not signed for another host than ours: a signature of V3 covers `Host`, so that one which somebody
/// else was sent is of no use here. Where no public address is set, any host is as good as ours.
pub(crate) fn is_for_us(call: &Call<'_>, request: &Request<Bytes>, settings: &LinkSettings) -> bool {
    let (Protocol::V3, Some(public_url)) = (call.protocol(), &settings.public_url) else { return true };
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let Some(sent) = signed_address(host, public_url.scheme()) else { return false };
    // API Gateway names the domain that a request arrived at, and no port.
    let arrived_there =
        client_info(request).origin.as_ref().is_some_and(|domain| domain.host() == sent.host());
    arrived_there || is_address(&sent, public_url)
}

/// The address of a client that sends `host`; nothing if `host` holds more than a name and a port.
fn signed_address(host: &str, scheme: &str) -> Option<Url> {
    let sent = Url::parse(&format!("{scheme}://{host}/")).ok()?;
    (sent.username().is_empty() && sent.password().is_none() && sent.path() == "/").then_some(sent)
}

/// True if `sent` leads to `ours`. The names of one machine for itself are one.
fn is_address(sent: &Url, ours: &Url) -> bool {
    let same_host = sent.host() == ours.host() || is_this_machine(sent) && is_this_machine(ours);
    same_host && sent.port_or_known_default() == ours.port_or_known_default()
}

/// The account, in good order and within its rate limit.
pub(crate) async fn admit(
    function: &GetAuthorizationUrl,
    caller: &Caller<'_>,
    budget: &StoreBudget<'_>,
) -> Result<Arc<Account>, ApiError> {
    let Caller { id, key, denied, .. } = caller;
    let account = document(&function.accounts, key.account.clone()).await?;
    if account.suspended || denied.denies(PartyKind::Account, &key.account_id) {
        return Err(ApiError::Suspended);
    }
    if !account.subscribed {
        return Err(ApiError::NotSubscribed);
    }
    if !key.enabled || denied.denies(PartyKind::AccessKey, id) {
        return Err(ApiError::KeyDisabled);
    }
    if !key.may_get_authorization_url {
        return Err(ApiError::NoPermission);
    }
    let admission = function.rate_limiter.admit(&key.account_id, account.requests_per_second);
    match budget.count(admission).await {
        Admission::Admitted => Ok(account),
        Admission::Over { retry_after } => Err(ApiError::OverRateLimit { retry_after }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_ours_in_every_spelling_that_a_client_sends() {
        for (host, ours, is_ours) in [
            ("links.example.com", "https://links.example.com/", true),
            ("LINKS.example.com", "https://links.example.com/stage", true),
            ("links.example.com:443", "https://links.example.com/", true),
            ("links.example.com:8443", "https://links.example.com/", false),
            ("links.example.com", "https://links.example.com:8443/", false),
            ("links.example.com.evil.example", "https://links.example.com/", false),
            ("evil.example", "https://links.example.com/", false),
            ("x@links.example.com", "https://links.example.com/", false),
            ("links.example.com/path", "https://links.example.com/", false),
            ("", "https://links.example.com/", false),
            ("localhost:8080", "http://127.0.0.1:8080/", true),
            ("127.0.0.1:8081", "http://127.0.0.1:8080/", false),
        ] {
            let ours = Url::parse(ours).unwrap();
            let sent = signed_address(host, ours.scheme());
            assert_eq!(sent.is_some_and(|sent| is_address(&sent, &ours)), is_ours, "{host} {ours}");
        }
    }
}
