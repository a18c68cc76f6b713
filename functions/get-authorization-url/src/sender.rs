//! Who calls, and whether its account may.

use std::sync::Arc;

use shared::model::clock::UnixMillis;
use shared::rate_limit::Admission;
use shared::registry::{AccessKey, Account};
use shared::secrets::{KeyCheck, SecretError, SecretName};
use shared::signing::alibaba_cloud::{Call, SignatureError, is_fresh};

use crate::error::Refusal;
use crate::{GetAuthorizationUrl, document};

/// Who sent the call: known, at this time, and rightly signed.
pub(crate) async fn verify(
    function: &GetAuthorizationUrl,
    call: &Call<'_>,
    now: UnixMillis,
) -> Result<Arc<AccessKey>, Refusal> {
    if call.has_security_token() {
        return Err(Refusal::TemporaryCredentials);
    }
    let name = SecretName::access_key(call.access_key_id()?).map_err(|_| Refusal::UnknownAccessKey)?;
    let key = match function.access_keys.get(&name).await {
        Err(SecretError::Absent) => return Err(Refusal::UnknownAccessKey),
        // Without the name, which may be a secret in the wrong place.
        Err(SecretError::Unavailable { reason, .. }) => return Err(Refusal::Keys(reason)),
        found => found.map_err(|error| Refusal::document(name.clone(), error))?,
    };
    let timestamp = call.timestamp()?;
    if !is_fresh(timestamp, now) {
        return Err(Refusal::OutOfWindow(now.since(timestamp).max(timestamp.since(now))));
    }
    let check = |key: &Arc<AccessKey>| match call.verify(&key.secrets) {
        Ok(()) => KeyCheck::Decided(Ok(Arc::clone(key))),
        Err(SignatureError::Incomplete(flaw)) => KeyCheck::Decided(Err(Refusal::Incomplete(flaw))),
        Err(SignatureError::Mismatch(mismatch)) => {
            KeyCheck::NoKeyFits(Err(Refusal::Mismatch(call.protocol(), mismatch)))
        }
    };
    function.access_keys.check_keys(&name, &key, check).await
}

/// The account, in good order and within its allowance.
pub(crate) async fn admit(function: &GetAuthorizationUrl, key: &AccessKey) -> Result<Arc<Account>, Refusal> {
    let account = document(&function.accounts, key.account.clone()).await?;
    if account.suspended {
        return Err(Refusal::Suspended);
    }
    if !account.subscribed {
        return Err(Refusal::NotSubscribed);
    }
    if !key.enabled {
        return Err(Refusal::KeyDisabled);
    }
    if !key.may_get_authorization_url {
        return Err(Refusal::NoPermission);
    }
    match function.allowance.admit(&key.account_id, account.requests_per_second).await {
        Admission::Admitted => Ok(account),
        Admission::Over { retry_after } => Err(Refusal::OverAllowance { retry_after }),
    }
}
