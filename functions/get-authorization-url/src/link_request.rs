//! A request for a link, once everything holds that does not depend on the link's maker.

use std::sync::Arc;

use shared::model::alipay_app_id::AlipayAppId;
use shared::model::clock::UnixMillis;
use shared::model::deny_list::PartyKind;
use shared::model::end_date::EndDate;
use shared::model::owner::SchemeId;
use shared::model::short_fingerprint::ShortFingerprint;
use shared::registry::{Account, LinkTokenKeys, PhoneKey, Scheme, SchemeSource};
use shared::secrets::{SecretError, SecretName};
use shared::signing::alibaba_cloud::Call;

use crate::authenticate::Caller;
use crate::error::ApiError;
use crate::request::{self, LinkParameters};
use crate::{GetAuthorizationUrl, document};

/// A request for a link that may be granted.
pub(crate) struct LinkRequest {
    /// The secret that it is signed with.
    pub(crate) verified_by: ShortFingerprint,
    pub(crate) parameters: LinkParameters,
    pub(crate) scheme: Arc<Scheme>,
    pub(crate) end_date: Option<EndDate>,
    pub(crate) maker: LinkMaker,
}

/// The maker of a link, with the keys that it takes.
pub(crate) enum LinkMaker {
    /// We, for an app of ours at Alipay.
    Us(AlipayLinkKeys),
    /// Alibaba Cloud, by the account's key of this name.
    AlibabaCloud { key: SecretName },
}

/// The app that a link of ours is for, and the keys that it takes.
pub(crate) struct AlipayLinkKeys {
    pub(crate) app: AlipayAppId,
    pub(crate) phone_key: Arc<PhoneKey>,
    pub(crate) link_token: Arc<LinkTokenKeys>,
}

impl LinkRequest {
    /// Checks the request, and finds who makes its link with which keys.
    pub(crate) async fn check(
        function: &GetAuthorizationUrl,
        call: &Call<'_>,
        caller: &Caller<'_>,
        account: &Account,
        now: UnixMillis,
    ) -> Result<Self, ApiError> {
        let parameters = LinkParameters::read(call)?;
        // At once, because each is a round trip when the process is new; what is wrong with the call is told first.
        let (scheme, phone_key, link_token) = tokio::join!(
            scheme(function, caller, parameters.scheme_id),
            document(&function.phone_key, SecretName::phone_key()),
            document(&function.link_token, SecretName::link_token()),
        );
        let scheme = scheme?;
        let end_date = request::end_date(call, scheme.contract, now)?;
        if !account.identity_verified {
            return Err(ApiError::IdentityNotVerified);
        }
        let maker = match &scheme.source {
            SchemeSource::Alipay(app) => {
                let app = app.as_ref().unwrap_or(&function.links.default_app).clone();
                LinkMaker::Us(AlipayLinkKeys { app, phone_key: phone_key?, link_token: link_token? })
            }
            SchemeSource::AlibabaCloud(key) => LinkMaker::AlibabaCloud { key: key.clone() },
        };
        Ok(Self { verified_by: caller.secret.short(), parameters, scheme, end_date, maker })
    }
}

/// The scheme, if it is the account's, approved and not on the deny list.
async fn scheme(
    function: &GetAuthorizationUrl,
    caller: &Caller<'_>,
    scheme_id: SchemeId,
) -> Result<Arc<Scheme>, ApiError> {
    let name = SecretName::scheme(scheme_id);
    let scheme = match function.schemes.get(&name).await {
        Err(SecretError::Absent) => return Err(ApiError::UnknownScheme),
        found => found.map_err(|error| ApiError::document(&name, error))?,
    };
    if scheme.account_id != caller.key.account_id {
        return Err(ApiError::ForeignScheme);
    }
    if !scheme.passed || caller.denied.denies(PartyKind::Scheme, &scheme_id.to_string()) {
        return Err(ApiError::SchemeNotPassed);
    }
    Ok(scheme)
}
