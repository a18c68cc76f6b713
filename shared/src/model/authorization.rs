//! One request for one user's consent, from link to delivered openId: the record that is the source of truth.
//!
//! ```text
//! LINK_PENDING ──the platform's link──▶ ISSUED
//! ISSUED, EXCHANGE_UNKNOWN, EXCHANGING older than 30 s ──claim(code)──▶ EXCHANGING
//! EXCHANGING ──refused──▶ ISSUED      EXCHANGING ──no answer──▶ EXCHANGE_UNKNOWN   (both only by the claim's holder)
//! any of these four ──settle──▶ AUTHORIZED ──SUCCESS──▶ DELIVERED
//!                                AUTHORIZED ──last failure──▶ UNDELIVERABLE ──redrive──▶ AUTHORIZED
//! ```

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::authorization_request::AuthorizationRequest;
use crate::model::clock::UnixMillis;
use crate::model::delivery_outcome::DeliveryOutcome;
use crate::model::id::{AuthorizationId, OperationId, State};
use crate::model::identity::Identity;
use crate::model::link_source::LinkSource;
use crate::model::owner::Owner;

/// How many codes one authorization may try.
pub const MAX_CODES: usize = 10;

/// Where an authorization stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// A platform is to make the link, and has not answered with it yet.
    LinkPending,
    /// The link is out; the user has not come back, or came back with a code that Alipay refused.
    Issued,
    /// A code is at Alipay's gateway.
    Exchanging,
    /// The gateway gave no answer that could be believed: the user has to authorize again.
    ExchangeUnknown,
    /// The user is known; the delivery is due, or there is nowhere to deliver to.
    Authorized,
    /// The merchant answered SUCCESS.
    Delivered,
    /// Every attempt failed; a redrive sets it due again.
    Undeliverable,
}

impl Status {
    /// The name in records and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LinkPending => "LINK_PENDING",
            Self::Issued => "ISSUED",
            Self::Exchanging => "EXCHANGING",
            Self::ExchangeUnknown => "EXCHANGE_UNKNOWN",
            Self::Authorized => "AUTHORIZED",
            Self::Delivered => "DELIVERED",
            Self::Undeliverable => "UNDELIVERABLE",
        }
    }

    /// Reads a name as [`Status::as_str`] gives it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::LinkPending,
            Self::Issued,
            Self::Exchanging,
            Self::ExchangeUnknown,
            Self::Authorized,
            Self::Delivered,
            Self::Undeliverable,
        ]
        .into_iter()
        .find(|status| status.as_str() == name)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the openId is to be delivered.
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

/// One POST to the merchant and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// 1 for the first. A number that is missing from a record was claimed and never concluded: the worker died.
    pub number: u32,
    /// When the attempt was concluded.
    pub at: UnixMillis,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: DeliveryOutcome,
}

/// A right to act on a record alone, until a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub operation: OperationId,
    /// When it ends by itself.
    pub until: UnixMillis,
}

/// The record.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The primary key.
    pub id: AuthorizationId,
    /// What was asked for, and by whom.
    pub requested: AuthorizationRequest,
    /// Who makes the link, and alone may settle it.
    pub source: LinkSource,
    /// Where to deliver.
    pub callback: Callback,
    /// Digest of the request's parameters, to tell a repetition from another request with the same serialNo.
    pub parameters_digest: String,
    /// Digest of the state's random half.
    pub state_digest: String,
    /// The state itself while a platform is still to be asked, so that it is asked the same each time.
    pub pending_state: Option<State>,
    /// The link, for a repetition of the request; gone once the user is known.
    pub link: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// When it was asked for, and our own link was issued.
    pub created_at: UnixMillis,
    /// When a platform's link came.
    pub linked_at: Option<UnixMillis>,
    /// When link and pages stop working. A settlement is never late.
    pub expires_at: UnixMillis,
    /// When the record may be deleted.
    pub retain_until: UnixMillis,
    /// Digest of every code that was claimed, oldest first, [`MAX_CODES`] at most.
    pub codes: Vec<String>,
    /// The exchange under way, if the status is EXCHANGING.
    pub exchange: Option<Lease>,
    /// Who the user is, once known.
    pub identity: Option<Identity>,
    /// When the user became known.
    pub authorized_at: Option<UnixMillis>,
    /// The bytes to deliver.
    pub body: Option<Vec<u8>>,
    /// How many attempts were begun.
    pub attempts: u32,
    /// When the next attempt may begin; no attempt is ever early.
    pub next_attempt_at: Option<UnixMillis>,
    /// When the sweep takes the record up, unless a hint was faster.
    pub due_at: Option<UnixMillis>,
    /// The attempt under way.
    pub delivery: Option<Lease>,
    /// The attempts that were concluded, oldest first.
    pub history: Vec<Attempt>,
}

/// The link of a new authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewLink {
    /// To our own Alipay app.
    Ours(String),
    /// Yet to be asked of the platform of this name.
    AskedOf(String),
}

/// What a new authorization is made of.
#[derive(Clone, Debug)]
pub struct Issue {
    /// What was asked for, and by whom.
    pub requested: AuthorizationRequest,
    /// Where to deliver.
    pub callback: Callback,
    /// The state that the link carries; it names the authorization.
    pub state: State,
    /// The link.
    pub link: NewLink,
    /// When it is asked for.
    pub now: UnixMillis,
    /// How long the link works.
    pub lifetime: Duration,
    /// How long the record is kept once the link has ended.
    pub retention: Duration,
}

/// Without the body, which names the user, and the link, which carries the state.
impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("id", &self.id)
            .field("source", &self.source)
            .field("status", &self.status)
            .field("created_at", &self.created_at)
            .field("linked_at", &self.linked_at)
            .field("expires_at", &self.expires_at)
            .field("retain_until", &self.retain_until)
            .field("codes", &self.codes.len())
            .field("exchange", &self.exchange)
            .field("identity", &self.identity)
            .field("authorized_at", &self.authorized_at)
            .field("attempts", &self.attempts)
            .field("next_attempt_at", &self.next_attempt_at)
            .field("due_at", &self.due_at)
            .field("delivery", &self.delivery)
            .field("history", &self.history)
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
        let (status, source, link, pending_state) = match issue.link {
            NewLink::Ours(link) => (Status::Issued, LinkSource::Alipay, Some(link), None),
            NewLink::AskedOf(platform) => {
                (Status::LinkPending, LinkSource::Platform(platform), None, Some(issue.state.clone()))
            }
        };
        Self {
            id: issue.state.id().clone(),
            parameters_digest: issue.requested.digest(address),
            state_digest: issue.state.digest(),
            requested: issue.requested,
            source,
            callback: issue.callback,
            pending_state,
            link,
            status,
            created_at: issue.now,
            linked_at: None,
            expires_at: issue.now + issue.lifetime,
            retain_until: issue.now + issue.lifetime + issue.retention,
            codes: Vec::new(),
            exchange: None,
            identity: None,
            authorized_at: None,
            body: None,
            attempts: 0,
            next_attempt_at: None,
            due_at: None,
            delivery: None,
            history: Vec::new(),
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.requested.owner()
    }

    /// Whether the link still leads to a consent.
    #[must_use]
    pub fn link_works(&self, now: UnixMillis) -> bool {
        self.identity.is_none() && now < self.expires_at && self.codes.len() < MAX_CODES
    }
}
