//! One request for one user's consent, from link to delivered openId: the record that is the source of truth.
//!
//! ```text
//! LINK_PENDING ──the platform's link──▶ ISSUED
//! ISSUED, EXCHANGE_UNKNOWN, EXCHANGING older than 30 s ──claim(code)──▶ EXCHANGING
//! EXCHANGING ──refused, or not sent──▶ ISSUED   EXCHANGING ──no answer──▶ EXCHANGE_UNKNOWN   (by the claim's holder)
//! any of these four ──settle──▶ AUTHORIZED ──SUCCESS──▶ DELIVERED
//!                                AUTHORIZED ──last failure──▶ UNDELIVERABLE ──redrive──▶ AUTHORIZED
//! ```

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::model::authorization_request::AuthorizationRequest;
use crate::model::clock::UnixMillis;
use crate::model::consent::Consent;
use crate::model::id::{AuthorizationId, OperationId, State};
use crate::model::identity::Identity;
use crate::model::link_source::LinkSource;
use crate::model::owner::Owner;

pub use crate::model::authorization_state::{
    Attempt, Attempts, AuthorizationState, Lease, PendingDelivery, Status,
};

/// The greatest number of codes of one link that Alipay may refuse.
pub const MAX_REFUSED_CODES: u32 = 10;

/// The greatest number of codes that one link may try: each is remembered, so that none is sent twice. Those that
/// failed by a fault of ours or of the gateway are among them, so it is far above [`MAX_REFUSED_CODES`].
pub const MAX_CODES: usize = 50;

/// The time that a user has at least to come back once more, after an exchange has ended without telling who it was:
/// enough to read the page, and to log in to an app and consent again.
pub const RETRY_GRACE_PERIOD: Duration = Duration::from_mins(5);

/// The address that the openId is delivered to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Callback {
    /// The address of the request, frozen. It was acceptable when the link was asked for and is judged again before
    /// each POST.
    Explicit(String),
    /// The owner's own default address, as it is at each attempt.
    #[serde(rename = "business_default")]
    OwnersDefault,
    /// No address was given and the owner had none: the openId is kept, not delivered.
    Nowhere,
}

/// The record of one authorization.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    pub id: AuthorizationId,
    /// The request that began it.
    pub request: AuthorizationRequest,
    /// The maker of the link, which alone may settle it.
    pub source: LinkSource,
    /// The address of the delivery.
    pub callback: Callback,
    /// Digest of the request's parameters, to tell a repetition from another request with the same serialNo.
    pub parameters_digest: String,
    /// Digest of the state's random half.
    pub state_digest: String,
    /// The time of the request, and of our own link.
    pub created_at: UnixMillis,
    /// The time of a platform's link; `None` for our own links and while the platform has not answered.
    pub linked_at: Option<UnixMillis>,
    /// The end of link and pages while no exchange is under way, see [`link_ends_at`](Self::link_ends_at). A settlement
    /// is never late.
    pub expires_at: UnixMillis,
    /// The record may be deleted from this time on.
    pub retain_until: UnixMillis,
    /// Digest of every code that was claimed and may have been sent, oldest first, [`MAX_CODES`] at most.
    pub codes: Vec<String>,
    /// The number of these that Alipay refused, [`MAX_REFUSED_CODES`] at most.
    pub refused_codes: u32,
    pub state: AuthorizationState,
}

/// The link of a new authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewLink {
    /// To our own Alipay app.
    Ours(Url),
    /// Yet to be asked of the platform of this name.
    AskedOf(String),
}

/// The parts of a new authorization.
#[derive(Clone, Debug)]
pub struct Issue {
    /// The request that it answers.
    pub request: AuthorizationRequest,
    /// The address of the delivery.
    pub callback: Callback,
    /// The state that the link carries; it names the authorization.
    pub state: State,
    /// The link.
    pub link: NewLink,
    /// The time of the request.
    pub now: UnixMillis,
    /// The time that the link works.
    pub lifetime: Duration,
    /// The time that the record is kept once the link has ended.
    pub retention: Duration,
}

/// Without the body, which names the user, and the link, which carries the state.
impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("id", &self.id)
            .field("source", &self.source)
            .field("created_at", &self.created_at)
            .field("linked_at", &self.linked_at)
            .field("expires_at", &self.expires_at)
            .field("retain_until", &self.retain_until)
            .field("codes", &self.codes.len())
            .field("refused_codes", &self.refused_codes)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Authorization {
    /// The record of a link that nobody has used yet: ISSUED, or LINK_PENDING if a platform is yet to be asked.
    #[must_use]
    pub fn issued(issue: Issue) -> Self {
        let address = match &issue.callback {
            Callback::Explicit(url) => url.as_str(),
            Callback::OwnersDefault | Callback::Nowhere => "",
        };
        let (id, state_digest) = (issue.state.id().clone(), issue.state.digest());
        let (source, state) = match issue.link {
            NewLink::Ours(link) => (LinkSource::Alipay, AuthorizationState::Issued { link }),
            NewLink::AskedOf(platform) => {
                (LinkSource::Platform(platform), AuthorizationState::LinkPending { state: issue.state })
            }
        };
        Self {
            id,
            parameters_digest: issue.request.digest(address),
            state_digest,
            request: issue.request,
            source,
            callback: issue.callback,
            created_at: issue.now,
            linked_at: None,
            expires_at: issue.now + issue.lifetime,
            retain_until: issue.now + issue.lifetime + issue.retention,
            codes: Vec::new(),
            refused_codes: 0,
            state,
        }
    }

    /// The business or scheme that it belongs to.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.request.owner()
    }

    /// The name of its state.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.state.status()
    }

    /// The name of its state for whoever looks at `now`, see [`AuthorizationState::status_at`].
    #[must_use]
    pub fn status_at(&self, now: UnixMillis) -> Status {
        self.state.status_at(now)
    }

    /// True while the link still leads to a consent.
    #[must_use]
    pub fn link_works(&self, now: UnixMillis) -> bool {
        self.consent().is_none() && now < self.link_ends_at() && !self.tries_are_used_up()
    }

    /// The end of link and pages. With an exchange under way it does not come before the user could try again if that
    /// one told nothing.
    #[must_use]
    pub fn link_ends_at(&self) -> UnixMillis {
        self.exchange().map_or(self.expires_at, |lease| self.expires_at.max(lease.until + RETRY_GRACE_PERIOD))
    }

    /// True if no further code may be tried on the link.
    #[must_use]
    pub const fn tries_are_used_up(&self) -> bool {
        self.refused_codes >= MAX_REFUSED_CODES || self.codes.len() >= MAX_CODES
    }

    /// The link; gone once the user is known.
    #[must_use]
    pub const fn link(&self) -> Option<&Url> {
        match &self.state {
            AuthorizationState::Issued { link }
            | AuthorizationState::Exchanging { link, .. }
            | AuthorizationState::ExchangeUnknown { link } => Some(link),
            AuthorizationState::LinkPending { .. }
            | AuthorizationState::Authorized { .. }
            | AuthorizationState::Delivered { .. }
            | AuthorizationState::Undeliverable { .. } => None,
        }
    }

    /// The exchange under way.
    #[must_use]
    pub const fn exchange(&self) -> Option<&Lease> {
        match &self.state {
            AuthorizationState::Exchanging { lease, .. } => Some(lease),
            _ => None,
        }
    }

    /// The user's consent, once it was given.
    #[must_use]
    pub const fn consent(&self) -> Option<&Consent> {
        match &self.state {
            AuthorizationState::Authorized { consent, .. }
            | AuthorizationState::Delivered { consent, .. }
            | AuthorizationState::Undeliverable { consent, .. } => Some(consent),
            AuthorizationState::LinkPending { .. }
            | AuthorizationState::Issued { .. }
            | AuthorizationState::Exchanging { .. }
            | AuthorizationState::ExchangeUnknown { .. } => None,
        }
    }

    /// True if it was the code of this digest that Alipay named the recorded user for.
    #[must_use]
    pub fn was_settled_by_code(&self, digest: &str) -> bool {
        self.consent().is_some_and(|consent| consent.code_digest.as_deref() == Some(digest))
    }

    /// The user, once known.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.consent().map(|consent| &consent.identity)
    }

    /// The delivery that is due.
    #[must_use]
    pub const fn pending_delivery(&self) -> Option<&PendingDelivery> {
        match &self.state {
            AuthorizationState::Authorized { delivery, .. } => delivery.as_ref(),
            _ => None,
        }
    }

    /// The time from which the next attempt of the delivery may begin.
    #[must_use]
    pub fn next_attempt_at(&self) -> Option<UnixMillis> {
        self.pending_delivery().map(|delivery| delivery.next_attempt_at)
    }

    /// The attempts of its delivery: those that were made if it is over, those so far if it is not.
    #[must_use]
    pub fn attempts(&self) -> Option<&Attempts> {
        match &self.state {
            AuthorizationState::Authorized { delivery, .. } => {
                delivery.as_ref().map(|delivery| &delivery.attempts)
            }
            AuthorizationState::Delivered { attempts, .. }
            | AuthorizationState::Undeliverable { attempts, .. } => Some(attempts),
            _ => None,
        }
    }

    /// The number of attempts that were begun since the settlement, or since the last redrive.
    #[must_use]
    pub fn attempts_begun(&self) -> u32 {
        self.attempts().map_or(0, |attempts| attempts.begun)
    }

    /// The attempts that were concluded, oldest first.
    #[must_use]
    pub fn history(&self) -> &[Attempt] {
        self.attempts().map_or(&[], |attempts| &attempts.history)
    }

    /// True if `operation` holds the exchange under way.
    #[must_use]
    pub fn exchange_is_held_by(&self, operation: &OperationId) -> bool {
        self.exchange().is_some_and(|lease| lease.operation == *operation)
    }

    /// True if `operation` holds the attempt under way.
    #[must_use]
    pub fn attempt_is_held_by(&self, operation: &OperationId) -> bool {
        let lease = self.pending_delivery().and_then(|delivery| delivery.lease.as_ref());
        lease.is_some_and(|lease| lease.operation == *operation)
    }
}
