//! `GET /p/s/web-call-minapp/auth-bao`: the page behind a link, which says who asks for what and leads into Alipay.
//!
//! Links are opened by more than their users: messengers preview them, scanners follow them. So opening one consumes
//! nothing and writes nothing, as often as it is done; only the consent at Alipay counts. Inside Alipay's app, where
//! the scanned code ends, there is nothing left to choose, and the page gives way to Alipay's own.

mod code;
mod device;
mod page;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use qrcode::types::QrError;
use shared::model::clock::{Clock, UnixMillis};
use shared::model::end_date::EndDate;
use shared::model::id::AuthorizationId;
use shared::model::owner::{Owner, SchemeId};
use shared::model::scope::Scope;
use shared::protocol::alipay::authorize::LinkSettings;
use shared::registry::{LinkToken, Scheme};
use shared::secrets::{KeyCheck, SecretCache, SecretError, SecretName};
use shared::signing::link_token::{TokenError, verify};
use shared::store::{FindLinks, FoundLink, StoreError};
use shared::telemetry::{Alarm, RequestLog};
use shared::web::client_info::client_info;
use shared::web::language::Language;
use url::Url;

use self::code::Code;
use self::device::Device;

/// The documented path of the links.
pub const PATH: &str = "/p/s/web-call-minapp/auth-bao";

/// Longer queries are none of ours.
const MAX_QUERY_BYTES: usize = 4 * 1024;

/// The capabilities of this page.
pub(crate) struct Landing {
    /// The keys that the tokens are verified with.
    pub(crate) keys: Arc<SecretCache<LinkToken>>,
    /// Finds the record of a link.
    pub(crate) links: Arc<dyn FindLinks>,
    /// Finds the merchant.
    pub(crate) merchants: Arc<dyn Merchants>,
    /// The settings that links are made by, with the address that browsers call us by.
    pub(crate) settings: LinkSettings,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
}

/// The merchant that asks for an authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Merchant {
    /// The name that its users know.
    pub(crate) name: String,
    /// The scope, which says whether Alipay asks the user.
    pub(crate) scope: Scope,
}

/// Finds the merchant of a scheme.
#[async_trait]
pub(crate) trait Merchants: Send + Sync {
    /// The merchant of the scheme, or `None` if there is no such scheme any more.
    async fn merchant(&self, scheme_id: SchemeId) -> Result<Option<Merchant>, SecretError>;
}

#[async_trait]
impl Merchants for SecretCache<Scheme> {
    async fn merchant(&self, scheme_id: SchemeId) -> Result<Option<Merchant>, SecretError> {
        match self.get(&SecretName::scheme(scheme_id)).await {
            Ok(scheme) => Ok(Some(Merchant { name: scheme.merchant_name.clone(), scope: scheme.scope })),
            Err(SecretError::Absent) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The page's address for a token, in the documented form. `public_url` has no slash at its end.
pub(crate) fn address(public_url: &str, token: &str) -> String {
    format!("{public_url}{PATH}?page=commauth/index&token={token}&_env=prod")
}

/// The outcome that a visitor meets.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// Alipay's own page.
    Redirect(Url),
    /// The question, and a way into Alipay.
    Ask(Ask),
    /// The link's time is over.
    Expired,
    /// The token is none of ours.
    Forged,
    /// A user has consented.
    Used,
    /// The record, its link or its scheme is there no more.
    Gone,
    /// We failed; the page may be asked for again.
    Unavailable,
}

/// The question to a user.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ask {
    merchant: Merchant,
    end_date: Option<EndDate>,
    /// Alipay's page.
    link: Url,
    /// For a device without the app: the code of this page, for the device that has it.
    code: Option<Code>,
}

/// The cause of a page that cannot be shown; for the log only.
#[derive(Debug, thiserror::Error)]
enum LandingError {
    #[error("the keys of link tokens: {0}")]
    Keys(SecretError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the scheme {scheme_id}: {error}")]
    Scheme { scheme_id: SchemeId, error: SecretError },
    #[error("neither the settings nor the request say what browsers call us")]
    NoPublicUrl,
    #[error("our own address is too long for a code: {0}")]
    Code(#[from] QrError),
}

impl LandingError {
    /// The alarm that it raises; none if somebody asks for many schemes that there are not.
    const fn alarm(&self) -> Option<Alarm> {
        match self {
            Self::Keys(error) | Self::Scheme { error, .. } => error.alarm(),
            Self::Store(error) => Some(error.alarm()),
            Self::NoPublicUrl | Self::Code(_) => Some(Alarm::Unavailable),
        }
    }
}

/// Answers one request for [`PATH`], whatever its method: there is nothing that a method could change.
pub(crate) async fn show(page: &Landing, request: &Request<Bytes>) -> Response<Bytes> {
    let began = page.clock.now();
    let token = token(request.uri().query().unwrap_or_default());
    let verified = match &token {
        Some(token) => verify_token(page, token, began).await,
        None => Ok(Err(TokenError::Forged)),
    };
    let (outcome, reference) = match (verified, token) {
        (Ok(Ok(id)), Some(token)) => (open(page, request, &id, &token).await, Some(id)),
        (Ok(Err(TokenError::Expired(id))), _) => (Ok(Outcome::Expired), Some(id)),
        (Ok(_), _) => (Ok(Outcome::Forged), None),
        (Err(trouble), _) => (Err(trouble), None),
    };
    let reference = reference.as_ref().map(AuthorizationId::as_str);
    let outcome = outcome.unwrap_or_else(|trouble| {
        match trouble.alarm() {
            Some(alarm) => {
                tracing::error!(reference, %trouble, alarm = alarm.as_str(), "a landing page failed");
            }
            None => tracing::warn!(reference, %trouble, "a landing page failed"),
        }
        Outcome::Unavailable
    });
    let answer = page::answer(&outcome, Language::preferred(request.headers()), reference);
    RequestLog {
        route: "landing",
        outcome: Some(page::log_reason(&outcome)),
        http_status: answer.status().as_u16(),
        reference,
        ..RequestLog::default()
    }
    .write(&*page.clock, began);
    answer
}

/// The query's one token.
fn token(query: &str) -> Option<String> {
    if query.len() > MAX_QUERY_BYTES {
        return None;
    }
    let mut tokens = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "token");
    match (tokens.next(), tokens.next()) {
        (Some((_, token)), None) => Some(token.into_owned()),
        _ => None,
    }
}

/// The authorization of a token. The keys may have changed a moment ago, so a token that none of them signed is checked
/// once more with the newest.
async fn verify_token(
    page: &Landing,
    token: &str,
    now: UnixMillis,
) -> Result<Result<AuthorizationId, TokenError>, LandingError> {
    let name = SecretName::link_token();
    let known = page.keys.get(&name).await.map_err(LandingError::Keys)?;
    let check = |keys: &Arc<LinkToken>| match verify(token, &keys.keys, now) {
        forged @ Err(TokenError::Forged) => KeyCheck::NoKeyFits(forged),
        said => KeyCheck::Decided(said),
    };
    Ok(page.keys.check_keys(&name, &known, check).await)
}

/// The outcome for a visitor with a token of ours.
async fn open(
    page: &Landing,
    request: &Request<Bytes>,
    id: &AuthorizationId,
    token: &str,
) -> Result<Outcome, LandingError> {
    let Some(found) = page.links.link(id).await? else { return Ok(Outcome::Gone) };
    if found.is_used() {
        return Ok(Outcome::Used);
    }
    if page.clock.now() >= found.expires_at {
        return Ok(Outcome::Expired);
    }
    let FoundLink { link: Some(link), owner: Owner::Scheme(scheme_id), end_date, .. } = found else {
        return Ok(Outcome::Gone);
    };
    let merchant = page.merchants.merchant(scheme_id).await;
    let Some(merchant) = merchant.map_err(|error| LandingError::Scheme { scheme_id, error })? else {
        return Ok(Outcome::Gone);
    };
    let code = match Device::of(request.headers()) {
        Device::AlipayApp => return Ok(Outcome::Redirect(link)),
        Device::Phone => None,
        Device::Desktop => {
            let origin = &client_info(request).origin;
            let public_url = page.settings.public_url(origin.as_ref()).ok_or(LandingError::NoPublicUrl)?;
            Some(Code::of(&address(public_url, token))?)
        }
    };
    Ok(Outcome::Ask(Ask { merchant, end_date, link, code }))
}

#[cfg(test)]
mod tests;
