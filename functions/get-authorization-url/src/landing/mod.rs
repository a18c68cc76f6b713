//! `GET /p/s/web-call-minapp/auth-bao`: the page behind a link, which says who asks for what and leads into Alipay.
//!
//! Links are opened by more than their users: messengers preview them, scanners follow them. So opening one consumes
//! nothing, as often as it is done; only the consent at Alipay counts. The first opening of a link that works is noted
//! in its record, and a page is shown whether it could be noted or not. Inside Alipay's app, where
//! the scanned code ends, there is nothing left to choose, and the page gives way to Alipay's own.

mod device;
mod outcome;
mod page;
mod qr_code;
mod query;

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use qrcode::types::QrError;
use shared::model::authorization::LONGEST_EXTENSION;
use shared::model::clock::{Clock, UnixMillis};
use shared::model::id::AuthorizationId;
use shared::model::owner::{Owner, SchemeId};
use shared::protocol::alipay::authorize::LinkSettings;
use shared::registry::{LinkTokenKeys, Scheme};
use shared::secrets::{KeyCheck, SecretCache, SecretError, SecretName};
use shared::signing::link_token::{TokenError, issue_short, verify, verify_short};
use shared::store::budget::StoreBudget;
use shared::store::{FindLinks, FoundLink, StoreError};
use shared::telemetry::{Alarm, Metric, RequestLog};
use shared::web::client_info::client_info;
use shared::web::language::Language;

pub use self::device::Device;
use self::outcome::{Ask, LinkMerchant, Outcome};
use self::qr_code::QrDrawing;
use self::query::{LandingQuery, SHORT, Token};

/// The documented path of the links.
pub const PATH: &str = "/p/s/web-call-minapp/auth-bao";

/// The capabilities of this page.
pub(crate) struct Landing {
    /// The keys that the tokens are verified with.
    pub(crate) keys: Arc<SecretCache<LinkTokenKeys>>,
    /// Finds the record of a link.
    pub(crate) links: Arc<dyn FindLinks>,
    /// The merchants that ask, by their schemes.
    pub(crate) schemes: Arc<SecretCache<Scheme>>,
    /// The settings that links are made by, with the address that browsers call us by.
    pub(crate) settings: LinkSettings,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The page's address for a token, in the documented form. `public_url` has no slash at its end.
pub(crate) fn address(public_url: &str, token: &str) -> String {
    format!("{public_url}{PATH}?page=commauth/index&token={token}&_env=prod")
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
    /// The alarm that it raises; none for what anybody can bring about, or where the cache has raised it.
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
    let (began, now) = (page.clock.monotonic(), page.clock.now());
    let query = request.uri().query().unwrap_or_default();
    let asked = LandingQuery::read(query);
    let verified = match Token::read(query) {
        Some(token) => verify_token(page, &token, now).await,
        None => Ok(Err(TokenError::Forged)),
    };
    let (outcome, reference) = match verified {
        Ok(Ok(id)) => (open(page, request, &id, asked).await, Some(id)),
        Ok(Err(TokenError::Expired(id))) => (Ok(Outcome::Expired(LinkMerchant::default())), Some(id)),
        Ok(Err(TokenError::Forged)) => (Ok(Outcome::Forged), None),
        Err(error) => (Err(error), None),
    };
    let reference = reference.as_ref().map(AuthorizationId::as_str);
    let outcome = outcome.unwrap_or_else(|error| {
        match error.alarm() {
            Some(alarm) => {
                tracing::error!(reference, %error, alarm = alarm.as_str(), "a landing page failed");
            }
            None => tracing::warn!(reference, %error, "a landing page failed"),
        }
        Outcome::Unavailable
    });
    let answer = page::answer(&outcome, Language::preferred(request.headers()), reference);
    RequestLog {
        route: "landing",
        outcome: Some(outcome.as_str()),
        http_status: answer.status().as_u16(),
        reference,
        // Not again by a page that asks for itself.
        counts: (asked.times == 0 && outcome.leads_on()).then_some(Metric::PagesOpened),
        ..RequestLog::default()
    }
    .write(&*page.clock, began);
    answer
}

/// The authorization of a token. The keys may have changed a moment ago, so a token that none of them signed is checked
/// once more with the newest. The time in a token was fixed when it was issued; as long as its link may live on for a
/// user whose consent was at risk, the record decides.
async fn verify_token(
    page: &Landing,
    token: &Token,
    now: UnixMillis,
) -> Result<Result<AuthorizationId, TokenError>, LandingError> {
    let name = SecretName::link_token();
    let known = page.keys.get(&name).await.map_err(LandingError::Keys)?;
    let read = |keys: &LinkTokenKeys| match token {
        Token::Long(token) => verify(token, &keys.keys, now - LONGEST_EXTENSION),
        Token::Short(token) => verify_short(token, &keys.keys),
    };
    let check = |keys: &Arc<LinkTokenKeys>| match read(keys) {
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
    asked: LandingQuery,
) -> Result<Outcome, LandingError> {
    let budget = StoreBudget::for_request(&*page.clock);
    let Some(found) = budget.wait(page.links.link(id)).await? else { return Ok(Outcome::Gone) };
    // A business's link has no token.
    let Owner::Scheme(scheme_id) = found.owner else { return Ok(Outcome::Gone) };
    let link_merchant = LinkMerchant::from_terms(&found.terms);
    if found.is_used() {
        let is_first_look = asked.times == 0;
        return Ok(if is_first_look {
            Outcome::Used(link_merchant)
        } else {
            Outcome::Authorized(link_merchant)
        });
    }
    let left = found.ends_at.since(page.clock.now());
    if left.is_zero() {
        return Ok(Outcome::Expired(link_merchant));
    }
    let FoundLink { link: Some(link), end_date, opened_at, .. } = found else { return Ok(Outcome::Gone) };
    let Some(scheme) = scheme(page, scheme_id).await? else { return Ok(Outcome::Gone) };
    let device = Device::from_headers(request.headers());
    if device.may_have_the_app() && opened_at.is_none() {
        record_opening(page, id, &budget).await;
    }
    let keys = page.keys.get(&SecretName::link_token()).await.map_err(LandingError::Keys)?;
    if device == Device::AlipayApp {
        return Ok(Outcome::Redirect(link));
    }
    let (token, asked) = (issue_short(&keys.keys[0], id), asked.about(opened_at));
    let LinkMerchant { merchant, return_url } = link_merchant;
    let (merchant, scope) = (merchant.unwrap_or_else(|| scheme.merchant_name.clone()), scheme.scope);
    let ask = Ask { merchant, scope, return_url, end_date, link, code: None, left, token, asked };
    Ok(match device {
        Device::WeChat => Outcome::InWeChat(ask),
        Device::Desktop if opened_at.is_some() && !asked.opened_before => Outcome::Scanned(ask),
        Device::Desktop => Outcome::Ask(Ask { code: Some(code(page, request, &ask.token)?), ..ask }),
        Device::AlipayApp | Device::Phone => Outcome::Ask(ask),
    })
}

/// The code by which another device opens the same link.
fn code(page: &Landing, request: &Request<Bytes>, token: &str) -> Result<QrDrawing, LandingError> {
    let origin = &client_info(request).origin;
    let public_url = page.settings.public_url(origin.as_ref()).ok_or(LandingError::NoPublicUrl)?;
    Ok(QrDrawing::new(&format!("{public_url}{PATH}?{SHORT}={token}"))?)
}

/// The scheme of a record, which may be there no more.
async fn scheme(page: &Landing, scheme_id: SchemeId) -> Result<Option<Arc<Scheme>>, LandingError> {
    match page.schemes.get_recorded(&SecretName::scheme(scheme_id)).await {
        Ok(scheme) => Ok(Some(scheme)),
        Err(SecretError::Absent) => Ok(None),
        Err(error) => Err(LandingError::Scheme { scheme_id, error }),
    }
}

/// Records the first opening. Nobody waits for a second try: a time that is lost is not missed.
async fn record_opening(page: &Landing, id: &AuthorizationId, budget: &StoreBudget<'_>) {
    if let Err(error) = budget.wait(page.links.record_opening(id, page.clock.now())).await {
        tracing::warn!(reference = %id, %error, "an opening was not recorded");
    }
}

#[cfg(test)]
mod tests;
