//! The capabilities that the functions need of a store, one to a trait: a function's traits are its IAM policy.
//!
//! Every change is one conditional write. It carries an operation id where a repeat of it must be told from somebody
//! else's write: if the condition fails and the record holds our id, an earlier try of ours had succeeded.

pub mod budget;
mod deny_list;
#[cfg(feature = "aws")]
pub mod dynamodb;
mod error;
mod forget;
mod found_link;
pub mod listing;
pub mod repeat;
pub mod scheme_links;
#[cfg(feature = "embedded")]
pub mod sqlite;
#[cfg(any(feature = "aws", feature = "embedded"))]
mod stored_authorization;

use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use crate::model::authorization::{Attempt, Authorization, Callback, Status};
use crate::model::claim::{AttemptClaim, AttemptRefusal, ClaimRefusal, EndedExchange, ExchangeClaim};
use crate::model::clock::UnixMillis;
use crate::model::consent::DeliveryBody;
use crate::model::id::{AuthorizationId, OperationId};
use crate::model::identity::Identity;
use crate::model::owner::Owner;
use crate::model::reservation::{Reservation, ReservationOutcome};

pub use self::deny_list::{ChangeDenyList, ReadDenyList};
pub use self::error::StoreError;
pub use self::forget::{ForgetDelivered, ForgetPersons, ForgottenSome};
pub use self::found_link::FoundLink;
pub use crate::model::nonce_use::NonceUse;

/// What came of recording a link request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Nonce and authorization are recorded.
    New,
    /// The nonce was used before; nothing is recorded.
    NonceUsed,
    /// The serialNo was used before; the nonce is consumed all the same. The earlier record, as it stands.
    SerialUsed(Box<Authorization>),
}

/// Records link requests (`alipay-auth-url`, `get-authorization-url`).
#[async_trait]
pub trait RecordLinks: Send + Sync {
    /// Consumes the nonce and records the authorization, in one transaction; the nonce is judged first.
    async fn record_link(&self, new: &Authorization, nonce: &NonceUse) -> Result<Recorded, StoreError>;
}

/// The outcome of recording a platform's link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Linked {
    /// The link is recorded.
    Ours,
    /// The record was no longer LINK_PENDING: a repetition of the request, or the platform's callback, was faster. The
    /// record as it stands.
    Before(Box<Authorization>),
}

impl Linked {
    /// The outcome when a record that stood as `old` did not take `link`: one that holds this very link took it from an
    /// earlier try of ours, whose answer was lost.
    fn refused_by(old: Option<Authorization>, link: &Url) -> Result<Self, StoreError> {
        match old {
            Some(old) if old.link() == Some(link) => Ok(Self::Ours),
            Some(old) => Ok(Self::Before(Box::new(old))),
            None => Err(StoreError::Corrupt("the record of a pending link is gone".to_owned())),
        }
    }
}

/// Records link requests whose links a platform makes (`alipay-auth-url`).
#[async_trait]
pub trait RecordPlatformLinks: RecordLinks {
    /// LINK_PENDING to ISSUED, with the platform's link; not if the person was forgotten.
    async fn record_platform_link(
        &self,
        id: &AuthorizationId,
        link: &Url,
        now: UnixMillis,
    ) -> Result<Linked, StoreError>;
}

#[async_trait]
pub trait ReadAuthorizations: Send + Sync {
    /// One record, as it stands after every write that was answered.
    async fn authorization(&self, id: &AuthorizationId) -> Result<Option<Authorization>, StoreError>;
}

/// Records notices beside the authorizations that they tell of (`openid-callback`, `openid-delivery`).
#[async_trait]
pub trait RecordNotices: ReadAuthorizations {
    /// Records `notice`, unless it is recorded already; then it stays as it stands. Whether it was recorded by this
    /// call; a repeat after an answer that was lost says no.
    async fn record_notice(&self, notice: &Authorization, by: &OperationId) -> Result<bool, StoreError>;
}

/// Consumes nonces of requests that record nothing (`get-authorization-url`, `authorization-query`).
#[async_trait]
pub trait UseNonces: Send + Sync {
    /// Consumes the nonce alone. Whether it was unused.
    async fn use_nonce(&self, nonce: &NonceUse) -> Result<bool, StoreError>;
}

/// Finds what a page shows of a link (`get-authorization-url`).
#[async_trait]
pub trait FindLinks: Send + Sync {
    /// The link of one authorization, as it stands after every write that was answered. It is read, and nothing else:
    /// an expired one is found as well, for as long as its record is kept.
    async fn link(&self, id: &AuthorizationId) -> Result<Option<FoundLink>, StoreError>;

    /// Records that the page was opened, unless it was before: the first time stays.
    async fn record_opening(&self, id: &AuthorizationId, now: UnixMillis) -> Result<(), StoreError>;
}

/// The outcome of a claim to exchange a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The claim is ours; the record as it now stands.
    Ours(Box<Authorization>),
    /// It is not. The record that refused, unless the state names none.
    Refused(ClaimRefusal, Option<Box<Authorization>>),
}

/// The user is known: what is written.
#[derive(Clone, Debug)]
pub struct Settlement {
    pub id: AuthorizationId,
    pub identity: Identity,
    /// Digest of the code that Alipay named the user for; `None` where a platform named the user.
    pub code_digest: Option<String>,
    pub body: DeliveryBody,
    /// False if there is no address to deliver to.
    pub deliver: bool,
    /// The record is kept until this time from now on.
    pub retain_until: UnixMillis,
    pub operation: OperationId,
    pub now: UnixMillis,
}

/// The outcome of a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The user is recorded, by this settlement.
    Recorded,
    /// The same user was recorded before.
    AlreadyRecorded,
    /// Another user was recorded before, and stays.
    Conflict,
    /// The person was forgotten, whoever it was: nobody is recorded here any more.
    Forgotten,
    /// There is no such authorization.
    NotFound,
}

/// Takes a consent from the browser's return, or a platform's callback, to the record (`openid-callback`).
#[async_trait]
pub trait RecordReturns: RecordNotices {
    /// Claims the exchange of one code, if the state is right, the link works, no exchange is under way and the code
    /// was never claimed for this authorization.
    async fn claim_exchange(&self, claim: &ExchangeClaim) -> Result<Claimed, StoreError>;

    /// Ends an exchange that named no user, if the claim is still its holder's. Whether it was.
    async fn end_exchange(&self, ended: &EndedExchange) -> Result<bool, StoreError>;

    /// Records that a browser came back without a code, unless one did before or the user is known or forgotten: the
    /// first time stays. Whether this call recorded it. Nothing else of the record changes.
    async fn record_refusal(&self, id: &AuthorizationId, now: UnixMillis) -> Result<bool, StoreError>;

    /// Records who the user is, on the one condition that nobody is recorded yet and nobody was forgotten. The store
    /// may drop the claimed codes with it: no code is claimed after a settlement.
    async fn settle(&self, settlement: &Settlement) -> Result<Settled, StoreError>;
}

/// The outcome of a claim to make an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptClaimed {
    /// The attempt is ours; the record as it now stands.
    Ours(Box<Authorization>),
    /// It is not.
    Refused(AttemptRefusal),
}

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterAttempt {
    /// The merchant answered SUCCESS: nothing more is due.
    Delivered {
        /// The person is forgotten from this time on; `None`: not before the record is.
        forget_at: Option<UnixMillis>,
    },
    /// Another attempt.
    Retry {
        /// The next attempt may begin from this time on.
        at: UnixMillis,
        /// The sweep takes it up at this time, unless a hint was faster.
        due_at: UnixMillis,
    },
    /// Given up: no attempt is left.
    Undeliverable {
        /// The time at which it was given up.
        at: UnixMillis,
    },
}

/// Delivers (`openid-delivery`).
#[async_trait]
pub trait RecordDeliveries: RecordNotices {
    /// Claims one attempt, if it is next, due and free. `due_at` stays: the sweep finds the record of a worker that
    /// died where it would have found it before.
    async fn claim_attempt(&self, claim: &AttemptClaim) -> Result<AttemptClaimed, StoreError>;

    /// Records what came of an attempt and what follows, if the lease is still `holder`'s. Whether it was.
    ///
    /// `history` is the whole history, this attempt the last in it: as long as the lease is `holder`'s nobody else
    /// changes it.
    async fn conclude_attempt(
        &self,
        id: &AuthorizationId,
        holder: &OperationId,
        history: &[Attempt],
        next: AfterAttempt,
    ) -> Result<bool, StoreError>;

    /// Takes back an attempt that was claimed and not made, so that it does not count, if the lease is still
    /// `holder`'s; the sweep takes it up at `due_at`, unless a hint was faster. Whether it was.
    async fn release_attempt(
        &self,
        id: &AuthorizationId,
        holder: &OperationId,
        due_at: UnixMillis,
    ) -> Result<bool, StoreError>;

    /// UNDELIVERABLE, for a record that has no attempt left and nobody at work on it at `now`: its last attempt was
    /// begun by a worker that died, or attempts were taken from the schedule. Whether `operation` gave it up.
    async fn give_up(
        &self,
        id: &AuthorizationId,
        attempts: u32,
        operation: &OperationId,
        now: UnixMillis,
    ) -> Result<bool, StoreError>;
}

/// A delivery that is due, or a link whose end is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub id: AuthorizationId,
    pub owner: Owner,
    /// The next attempt may be made since this time; postponing does not change it. `None`: nobody has consented, and a
    /// notice is wanted when the link has ended.
    pub next_attempt_at: Option<UnixMillis>,
    /// The sweep has to take it up since this time.
    pub due_at: UnixMillis,
}

/// A delivery that a sweep has taken up, as its record then stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenUp {
    /// The number of attempts that were begun.
    pub attempts: u32,
    /// The end of the lease of the last of them, if it was not concluded.
    pub lease_until: Option<UnixMillis>,
}

/// Finds what is due (`openid-delivery`'s sweep).
#[async_trait]
pub trait FindDue: Send + Sync {
    /// The deliveries that are due at `now`, longest overdue first, `limit` at most.
    async fn due(&self, now: UnixMillis, limit: u32) -> Result<Vec<Due>, StoreError>;

    /// Pushes `due_at` forward, so that a backlog is not queued twice; if it still stands as it was found. `None` if it
    /// did not; a repeat after an answer that was lost says so, too, and the record waits for `until`.
    async fn postpone(&self, due: &Due, until: UnixMillis) -> Result<Option<TakenUp>, StoreError>;

    /// Takes a link whose end was told out of what is due, if it still stands as it was found. Whether it did.
    async fn end_watch(&self, due: &Due) -> Result<bool, StoreError>;
}

#[async_trait]
pub trait Operate: ReadAuthorizations + ChangeDenyList + ForgetPersons {
    /// Every authorization that is UNDELIVERABLE, of one owner or of all.
    async fn undeliverable(&self, owner: Option<&Owner>) -> Result<Vec<AuthorizationId>, StoreError>;

    /// AUTHORIZED and due at `now`, with the same body, and attempts 0 unless it was AUTHORIZED before. Whether the
    /// operation did it: no, if the record has no openId, is in another state or has an attempt under way.
    async fn resend(&self, resend: &Resend) -> Result<bool, StoreError>;
}

/// A delivery to be made once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resend {
    pub id: AuthorizationId,
    /// The states that it may be in; others stay as they are.
    pub from: Vec<Status>,
    /// The address from now on, if it was wrong.
    pub to: Option<Callback>,
    pub operation: OperationId,
    pub now: UnixMillis,
}

/// Shares an account's rate among all instances.
#[async_trait]
pub trait ReserveRate: Send + Sync {
    /// Reserves a share of the account's rate behind all that is reserved already; time that is over by more than
    /// [`Reservation::tolerance`] is not made up for. A write that is repeated because its answer was lost may reserve
    /// twice: then one share is lost, and never more is admitted than was allowed.
    async fn reserve(&self, reservation: &Reservation) -> Result<ReservationOutcome, StoreError>;
}

/// Deletes what is over, for a store that does not do so by itself.
#[async_trait]
pub trait PurgeExpired: Send + Sync {
    /// Deletes some of what is over at `now` and was so at an earlier call, long enough before
    /// ([`crate::model::purge`]): nonces that are used up, records past their retention, and reservations. True if
    /// there may be more.
    async fn purge_expired(&self, now: UnixMillis) -> Result<bool, StoreError>;
}

/// Moves waits along with the clock, for a store of one machine.
#[async_trait]
pub trait MoveWaits: Send + Sync {
    /// The clock was set back by `by` and now says `now`: waits, leases and reservations that end later end earlier by
    /// as much. A wait that was begun before the clock had been ahead may end early.
    async fn clock_went_back(&self, by: Duration, now: UnixMillis) -> Result<(), StoreError>;
}
