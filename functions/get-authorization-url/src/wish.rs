//! What a link is asked for, once everything holds that does not depend on who makes it. The two keys of our own links
//! come along, because they are had at the same time as the scheme, which says whether they are needed.

use std::sync::Arc;

use shared::model::clock::UnixMillis;
use shared::model::end_date::EndDate;
use shared::model::owner::SchemeId;
use shared::registry::{AccessKey, Account, LinkToken, PhoneKey, Scheme};
use shared::secrets::{SecretError, SecretName};
use shared::signing::alibaba_cloud::Call;

use crate::error::Refusal;
use crate::wire::{self, Wanted};
use crate::{GetAuthorizationUrl, document};

/// What a link is asked for by a call that may be granted.
pub(crate) struct Wish {
    pub(crate) wanted: Wanted,
    pub(crate) scheme: Arc<Scheme>,
    pub(crate) end_date: Option<EndDate>,
    pub(crate) phone_key: Result<Arc<PhoneKey>, Refusal>,
    pub(crate) link_token: Result<Arc<LinkToken>, Refusal>,
}

/// Everything that does not depend on who makes the link.
pub(crate) async fn check(
    function: &GetAuthorizationUrl,
    call: &Call<'_>,
    key: &AccessKey,
    account: &Account,
    now: UnixMillis,
) -> Result<Wish, Refusal> {
    let wanted = Wanted::read(call)?;
    // At once, because each is a round trip when the process is new; what is wrong with the call is told first.
    let (scheme, phone_key, link_token) = tokio::join!(
        scheme(function, key, wanted.scheme_id),
        document(&function.phone_key, SecretName::phone_key()),
        document(&function.link_token, SecretName::link_token()),
    );
    let scheme = scheme?;
    let end_date = wire::end_date(call, scheme.contract, now)?;
    if !account.identity_verified {
        return Err(Refusal::IdentityNotVerified);
    }
    Ok(Wish { wanted, scheme, end_date, phone_key, link_token })
}

/// The scheme, if it is the account's and approved.
async fn scheme(
    function: &GetAuthorizationUrl,
    key: &AccessKey,
    scheme_id: SchemeId,
) -> Result<Arc<Scheme>, Refusal> {
    let name = SecretName::scheme(scheme_id);
    let scheme = match function.schemes.get(&name).await {
        Err(SecretError::Absent) => return Err(Refusal::UnknownScheme),
        found => found.map_err(|error| Refusal::document(name, error))?,
    };
    if scheme.account_id != key.account_id {
        return Err(Refusal::ForeignScheme);
    }
    if !scheme.passed {
        return Err(Refusal::SchemeNotPassed);
    }
    Ok(scheme)
}
