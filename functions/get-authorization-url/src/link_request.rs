//! A request for a link, once everything holds that does not depend on the link's maker.

use std::sync::Arc;

use shared::model::clock::UnixMillis;
use shared::model::end_date::EndDate;
use shared::model::owner::SchemeId;
use shared::registry::{AccessKey, Account, LinkToken, PhoneKey, Scheme, SchemeSource};
use shared::secrets::{SecretError, SecretName};
use shared::signing::alibaba_cloud::Call;

use crate::error::ApiError;
use crate::request::{self, LinkParameters};
use crate::{GetAuthorizationUrl, document};

/// A request for a link that may be granted.
pub(crate) struct LinkRequest {
    pub(crate) parameters: LinkParameters,
    pub(crate) scheme: Arc<Scheme>,
    pub(crate) end_date: Option<EndDate>,
    pub(crate) maker: LinkMaker,
}

/// The maker of a link, with the keys that it takes.
pub(crate) enum LinkMaker {
    /// We, for our own app at Alipay.
    Us { phone_key: Arc<PhoneKey>, link_token: Arc<LinkToken> },
    /// Alibaba Cloud, by the account's key of this name.
    AlibabaCloud { key: SecretName },
}

impl LinkRequest {
    /// Checks everything that does not depend on the link's maker.
    pub(crate) async fn check(
        function: &GetAuthorizationUrl,
        call: &Call<'_>,
        key: &AccessKey,
        account: &Account,
        now: UnixMillis,
    ) -> Result<Self, ApiError> {
        let parameters = LinkParameters::read(call)?;
        // At once, because each is a round trip when the process is new; what is wrong with the call is told first.
        let (scheme, phone_key, link_token) = tokio::join!(
            scheme(function, key, parameters.scheme_id),
            document(&function.phone_key, SecretName::phone_key()),
            document(&function.link_token, SecretName::link_token()),
        );
        let scheme = scheme?;
        let end_date = request::end_date(call, scheme.contract, now)?;
        if !account.identity_verified {
            return Err(ApiError::IdentityNotVerified);
        }
        let maker = match &scheme.source {
            SchemeSource::Alipay => LinkMaker::Us { phone_key: phone_key?, link_token: link_token? },
            SchemeSource::AlibabaCloud(key) => LinkMaker::AlibabaCloud { key: key.clone() },
        };
        Ok(Self { parameters, scheme, end_date, maker })
    }
}

/// The scheme, if it is the account's and approved.
async fn scheme(
    function: &GetAuthorizationUrl,
    key: &AccessKey,
    scheme_id: SchemeId,
) -> Result<Arc<Scheme>, ApiError> {
    let name = SecretName::scheme(scheme_id);
    let scheme = match function.schemes.get(&name).await {
        Err(SecretError::Absent) => return Err(ApiError::UnknownScheme),
        found => found.map_err(|error| ApiError::document(&name, error))?,
    };
    if scheme.account_id != key.account_id {
        return Err(ApiError::ForeignScheme);
    }
    if !scheme.passed {
        return Err(ApiError::SchemeNotPassed);
    }
    Ok(scheme)
}
