//! The caller: known and rightly signed, of an account that may call.

use std::sync::Arc;

use shared::model::clock::UnixMillis;
use shared::rate_limit::Admission;
use shared::registry::{AccessKey, Account};
use shared::secrets::{KeyCheck, SecretError, SecretName};
use shared::signing::alibaba_cloud::{Call, SignatureError, is_fresh};

use crate::error::ApiError;
use crate::{GetAuthorizationUrl, document};

/// The access key of a call that is known, fresh and rightly signed.
pub(crate) async fn verify(
    function: &GetAuthorizationUrl,
    call: &Call<'_>,
    now: UnixMillis,
) -> Result<Arc<AccessKey>, ApiError> {
    if call.has_security_token() {
        return Err(ApiError::TemporaryCredentials);
    }
    let name = SecretName::access_key(call.access_key_id()?).map_err(|_| ApiError::UnknownAccessKey)?;
    let key = match function.access_keys.get(&name).await {
        Err(SecretError::Absent) => return Err(ApiError::UnknownAccessKey),
        // Without the name, which may be a secret in the wrong place.
        Err(SecretError::Unavailable { reason, .. }) => return Err(ApiError::Keys(reason)),
        found => found.map_err(|error| ApiError::document(name.clone(), error))?,
    };
    let timestamp = call.timestamp()?;
    if !is_fresh(timestamp, now) {
        return Err(ApiError::OutOfWindow(now.since(timestamp).max(timestamp.since(now))));
    }
    let check = |key: &Arc<AccessKey>| match call.verify(&key.secrets) {
        Ok(()) => KeyCheck::Decided(Ok(Arc::clone(key))),
        Err(SignatureError::Incomplete(flaw)) => KeyCheck::Decided(Err(ApiError::Incomplete(flaw))),
        Err(SignatureError::Mismatch(mismatch)) => {
            KeyCheck::NoKeyFits(Err(ApiError::Mismatch(call.protocol(), mismatch)))
        }
    };
    function.access_keys.check_keys(&name, &key, check).await
}

/// The account, in good order and within its rate limit.
pub(crate) async fn admit(function: &GetAuthorizationUrl, key: &AccessKey) -> Result<Arc<Account>, ApiError> {
    let account = document(&function.accounts, key.account.clone()).await?;
    if account.suspended {
        return Err(ApiError::Suspended);
    }
    if !account.subscribed {
        return Err(ApiError::NotSubscribed);
    }
    if !key.enabled {
        return Err(ApiError::KeyDisabled);
    }
    if !key.may_get_authorization_url {
        return Err(ApiError::NoPermission);
    }
    match function.rate_limiter.admit(&key.account_id, account.requests_per_second).await {
        Admission::Admitted => Ok(account),
        Admission::Over { retry_after } => Err(ApiError::OverRateLimit { retry_after }),
    }
}
