//! One request for one user's consent, from link to delivered openId: the record that is the source of truth.
//!
//! ```text
//! LINK_PENDING ──the platform's link──▶ ISSUED
//! ISSUED, EXCHANGE_UNKNOWN, EXCHANGING older than 30 s ──claim(code)──▶ EXCHANGING
//! EXCHANGING ──refused, or not sent──▶ ISSUED   EXCHANGING ──no answer──▶ EXCHANGE_UNKNOWN   (by the claim's holder)
//! any of these four ──settle──▶ AUTHORIZED ──SUCCESS──▶ DELIVERED
//!                                AUTHORIZED ──last failure──▶ UNDELIVERABLE ──resend──▶ AUTHORIZED
//! ```
//!
//! A person may be forgotten in any state, unless somebody is at work on the record
//! ([`forgotten`](crate::model::forgetting)); it keeps the state's name, and nothing leads out of it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::model::alipay_app_id::AlipayAppId;
use crate::model::authorization_request::AuthorizationRequest;
use crate::model::clock::UnixMillis;
use crate::model::consent::{Consent, DeliveryBody};
use crate::model::delivery_subject::DeliverySubject;
use crate::model::id::{AuthorizationId, OperationId, State, digest_of_parts, same_digest};
use crate::model::identity::Identity;
use crate::model::link_source::LinkSource;
use crate::model::notice::Notice;
use crate::model::owner::Owner;
use crate::model::short_fingerprint::ShortFingerprint;
use crate::model::terms::Terms;

pub use crate::model::authorization_state::{
    Attempt, Attempts, AuthorizationState, KEPT_ANSWERS, Lease, PendingDelivery, Status, Tombstone,
};

/// The greatest number of codes of one link that Alipay may refuse.
pub const MAX_REFUSED_CODES: u32 = 10;

/// The greatest number of codes that one link may try: each is remembered, so that none is sent twice. Those that
/// failed by a fault of ours or of the gateway are among them, so it is far above [`MAX_REFUSED_CODES`].
pub const MAX_CODES: usize = 50;

/// The time that a user has at least to come back once more, after an exchange has ended without telling who it was:
/// enough to read the page, and to log in to an app and consent again.
pub const RETRY_GRACE_PERIOD: Duration = Duration::from_mins(5);

/// The longest time that a link lives on after it has expired, whatever becomes of how many exchanges.
pub const LONGEST_EXTENSION: Duration = Duration::from_hours(1);

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
    /// The key that the request was verified with; `None` of a notice, and of what an earlier version recorded.
    pub verified_by: Option<ShortFingerprint>,
    /// The maker of the link, which alone may settle it.
    pub source: LinkSource,
    /// The address of the delivery.
    pub callback: Callback,
    /// Digest of the request's parameters, to tell a repetition from another request with the same serialNo. `None`
    /// once the link is no longer [open](AuthorizationState::is_open), as no repetition is given a link then.
    pub parameters_digest: Option<String>,
    /// Digest of the random half of the link's state; `None` of a notice, which no state leads to.
    pub state_digest: Option<String>,
    /// The time of the request, and of our own link.
    pub created_at: UnixMillis,
    /// The time of a platform's link; `None` for our own links and while the platform has not answered.
    pub linked_at: Option<UnixMillis>,
    /// The end of link and pages, unless a consent was at risk, see [`link_ends_at`](Self::link_ends_at). A settlement
    /// is never late.
    pub expires_at: UnixMillis,
    /// After an exchange that may have cost a consent: link and pages live until then, if they expire earlier.
    pub retry_until: Option<UnixMillis>,
    /// The record may be deleted from this time on.
    pub retain_until: UnixMillis,
    /// Digest of every code that was claimed and may have been sent, oldest first, [`MAX_CODES`] at most.
    pub codes: Vec<String>,
    /// The number of these that Alipay refused, [`MAX_REFUSED_CODES`] at most.
    pub refused_codes: u32,
    /// The first time that the page behind the link was opened, where that page is ours.
    pub opened_at: Option<UnixMillis>,
    /// The first time that a browser came back without a code while the link worked. It decides nothing: the user may
    /// come back and consent.
    pub refused_at: Option<UnixMillis>,
    /// What the owner's document said when the link was issued.
    pub terms: Terms,
    pub state: AuthorizationState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewLink {
    /// To an Alipay app of ours.
    Ours { app: AlipayAppId, link: Url },
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
            .field("retry_until", &self.retry_until)
            .field("retain_until", &self.retain_until)
            .field("codes", &self.codes.len())
            .field("refused_codes", &self.refused_codes)
            .field("opened_at", &self.opened_at)
            .field("refused_at", &self.refused_at)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Digest of what must be the same in a repetition of a request with the same serialNo.
fn parameters_digest(request: &AuthorizationRequest, callback: &Callback) -> String {
    request.digest(match callback {
        Callback::Explicit(url) => url,
        Callback::OwnersDefault | Callback::Nowhere => "",
    })
}

/// The end of a link that expires at `expires_at`. It comes later after an exchange that left the user time until
/// `retry_until`; with an exchange under way whose lease ends at `lease_until`, not before the user could try again if
/// that one told nothing; but never later than [`LONGEST_EXTENSION`] allows.
#[must_use]
pub fn link_end(
    expires_at: UnixMillis,
    retry_until: Option<UnixMillis>,
    lease_until: Option<UnixMillis>,
) -> UnixMillis {
    let after_lease = lease_until.map(|until| until + RETRY_GRACE_PERIOD);
    let wanted = retry_until.max(after_lease).unwrap_or(expires_at);
    expires_at.max(wanted.min(expires_at + LONGEST_EXTENSION))
}

impl Authorization {
    /// The record of a link that nobody has used yet: ISSUED, or LINK_PENDING if a platform is yet to be asked.
    #[must_use]
    pub fn issued(issue: Issue) -> Self {
        let (id, state_digest) = (issue.state.id().clone(), issue.state.digest());
        let (source, state) = match issue.link {
            NewLink::Ours { app, link } => (LinkSource::Alipay(app), AuthorizationState::Issued { link }),
            NewLink::AskedOf(platform) => {
                (LinkSource::Platform(platform), AuthorizationState::LinkPending { state: issue.state })
            }
        };
        Self {
            id,
            parameters_digest: Some(parameters_digest(&issue.request, &issue.callback)),
            state_digest: Some(state_digest),
            request: issue.request,
            verified_by: None,
            source,
            callback: issue.callback,
            created_at: issue.now,
            linked_at: None,
            expires_at: issue.now + issue.lifetime,
            retry_until: None,
            retain_until: issue.now + issue.lifetime + issue.retention,
            codes: Vec::new(),
            refused_codes: 0,
            opened_at: None,
            refused_at: None,
            terms: Terms::default(),
            state,
        }
    }

    /// Takes the terms that its link is issued under. A return address that the request asked for is one of the
    /// parameters that a repetition must have too.
    pub fn take_terms(&mut self, terms: Terms, asked_return_url: Option<&str>) {
        if let Some(url) = asked_return_url {
            self.parameters_digest =
                self.parameters_digest.as_ref().map(|digest| digest_of_parts(&[digest, url]));
        }
        self.terms = terms;
    }

    /// The record by which `notice` of this authorization is delivered, with `body`, due at `now`.
    #[must_use]
    pub fn notice_record(&self, notice: Notice, body: DeliveryBody, now: UnixMillis) -> Self {
        let subject = DeliverySubject::Notice { notice, body, noticed_at: now };
        let delivery =
            PendingDelivery { attempts: Attempts::default(), next_attempt_at: now, due_at: now, lease: None };
        Self {
            id: self.id.of_notice(notice),
            parameters_digest: None,
            state_digest: None,
            verified_by: None,
            created_at: now,
            linked_at: None,
            retry_until: None,
            codes: Vec::new(),
            refused_codes: 0,
            opened_at: None,
            refused_at: None,
            terms: Terms::default(),
            state: AuthorizationState::Authorized { subject, delivery: Some(delivery) },
            ..self.clone()
        }
    }

    /// True if its merchant wants to be told `notice` and can be.
    #[must_use]
    pub fn wants(&self, notice: Notice) -> bool {
        self.terms.want(notice) && self.callback != Callback::Nowhere
    }

    /// The time at which a sweep looks if the link has ended, for a merchant that wants to be told.
    #[must_use]
    pub fn watched_until(&self) -> Option<UnixMillis> {
        (self.subject().is_none() && self.wants(Notice::Expired)).then_some(self.expires_at)
    }

    /// The business or scheme that it belongs to.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.request.owner()
    }

    /// True if its link is of `app` and carries `state`, so that its users come back to us with both.
    #[must_use]
    pub fn is_led_to_by(&self, state: &State, app: &AlipayAppId) -> bool {
        self.source.alipay_app() == Some(app)
            && self.id == *state.id()
            && self.has_state_digest(&state.digest())
    }

    /// True if its link carries the state of this digest.
    #[must_use]
    pub fn has_state_digest(&self, digest: &str) -> bool {
        self.state_digest.as_deref().is_some_and(|own| same_digest(own, digest))
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
        self.state.is_open() && now < self.link_ends_at() && !self.tries_are_used_up()
    }

    /// The end of link and pages, see [`link_end`].
    #[must_use]
    pub fn link_ends_at(&self) -> UnixMillis {
        link_end(self.expires_at, self.retry_until, self.exchange().map(|lease| lease.until))
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
            | AuthorizationState::Undeliverable { .. }
            | AuthorizationState::Forgotten(_) => None,
        }
    }

    #[must_use]
    pub const fn exchange(&self) -> Option<&Lease> {
        match &self.state {
            AuthorizationState::Exchanging { lease, .. } => Some(lease),
            _ => None,
        }
    }

    /// What it tells its merchant, see [`AuthorizationState::subject`].
    #[must_use]
    pub const fn subject(&self) -> Option<&DeliverySubject> {
        self.state.subject()
    }

    /// The user's consent, once it was given and until it is forgotten; a notice has none.
    #[must_use]
    pub fn consent(&self) -> Option<&Consent> {
        self.subject().and_then(DeliverySubject::consent)
    }

    /// What it tells or told, if it is a notice beside an authorization's record.
    #[must_use]
    pub const fn notice(&self) -> Option<Notice> {
        self.state.notice()
    }

    /// What is left, if the person was forgotten.
    #[must_use]
    pub const fn tombstone(&self) -> Option<&Tombstone> {
        match &self.state {
            AuthorizationState::Forgotten(tombstone) => Some(tombstone),
            _ => None,
        }
    }

    /// The time at which the person was forgotten.
    #[must_use]
    pub fn forgotten_at(&self) -> Option<UnixMillis> {
        self.tombstone().map(|tombstone| tombstone.forgotten_at)
    }

    /// The time of the consent or of the notice, which is kept when the person is forgotten.
    #[must_use]
    pub fn authorized_at(&self) -> Option<UnixMillis> {
        match self.tombstone() {
            Some(tombstone) => tombstone.authorized_at,
            None => self.subject().map(DeliverySubject::recorded_at),
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
            AuthorizationState::Forgotten(tombstone) => Some(&tombstone.attempts),
            _ => None,
        }
    }

    /// The number of attempts that were begun since the settlement, or since the last resend.
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
