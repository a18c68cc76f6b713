//! Claims to exchange a code, or to make an attempt, alone.
//!
//! The stores make a claim by one conditional write; if it fails its condition, the functions here say why, from the
//! record that refused it.

use std::time::Duration;

use crate::model::authorization::{Authorization, RETRY_GRACE_PERIOD, Status};
use crate::model::clock::UnixMillis;
use crate::model::id::{AuthorizationId, OperationId, State, same_digest};
use crate::model::identity::AuthCode;
use crate::model::link_source::LinkSource;

/// The time for which a claimed exchange keeps others away; longer than the function may run.
pub const EXCHANGE_LEASE: Duration = Duration::from_secs(30);

/// True if a lease of `lease` still lasts for work that takes `work` at most, when `passed` has gone by since it was
/// asked for. A claim is dated before the wait for the store, so the wait is part of what has passed.
#[must_use]
pub fn lease_suffices(lease: Duration, passed: Duration, work: Duration) -> bool {
    passed.saturating_add(work) < lease
}

/// The claim of a browser's return to be the only one that exchanges its code.
#[derive(Clone, Debug)]
pub struct ExchangeClaim {
    pub id: AuthorizationId,
    /// Digest of the random half of the state that came back.
    pub state_digest: String,
    /// Digest of the code that came back.
    pub code_digest: String,
    pub operation: OperationId,
    pub now: UnixMillis,
}

impl ExchangeClaim {
    /// A claim for `code`.
    #[must_use]
    pub fn new(state: &State, code: &AuthCode, operation: OperationId, now: UnixMillis) -> Self {
        let (id, state_digest) = (state.id().clone(), state.digest());
        Self { id, state_digest, code_digest: code.digest(), operation, now }
    }
}

/// The way in which an exchange ended without naming a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeEnding {
    /// Alipay refused the code: back to ISSUED, with one try of the link used up.
    CodeRefused,
    /// Alipay refused our request, whatever the code was: back to ISSUED.
    RequestRefused,
    /// Nobody knows what became of the code: EXCHANGE_UNKNOWN.
    Unknown,
    /// No byte of the request was sent: back to ISSUED, and the code is forgotten, so that the same return works again.
    NotSent,
}

impl ExchangeEnding {
    /// The status that follows.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::CodeRefused | Self::RequestRefused | Self::NotSent => Status::Issued,
            Self::Unknown => Status::ExchangeUnknown,
        }
    }
}

/// An exchange that ended without naming a user, as its holder records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedExchange {
    pub id: AuthorizationId,
    /// The claim's operation.
    pub holder: OperationId,
    pub ending: ExchangeEnding,
    /// The place of the claim's code among the record's. Nobody adds one while the claim is held.
    pub code_place: usize,
    /// The end of the link from now on: the user has time to come back once more.
    pub expires_at: UnixMillis,
}

impl EndedExchange {
    /// The end at `now` of the claim by `holder`, by which the record stands as `claimed`.
    #[must_use]
    pub fn new(
        claimed: &Authorization,
        holder: &OperationId,
        ending: ExchangeEnding,
        now: UnixMillis,
    ) -> Self {
        Self {
            id: claimed.id.clone(),
            holder: holder.clone(),
            ending,
            code_place: claimed.codes.len().saturating_sub(1),
            expires_at: claimed.expires_at.max(now + RETRY_GRACE_PERIOD),
        }
    }
}

/// The cause for which a code may not be exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimRefusal {
    /// There is no such authorization, the state's random half is not this one's, or the link was a platform's: its
    /// users do not come back here.
    UnknownState,
    /// The user is known already.
    AlreadyAuthorized,
    /// Another return is at the gateway at this moment.
    InProgress,
    /// The link's time is over.
    Expired,
    /// This code was at the gateway before.
    CodeSpent,
    /// As many codes as one link may try were tried.
    TooManyCodes,
}

/// The cause for which a record that stood as `old` refused `claim`. The first one counts.
#[must_use]
pub fn claim_refusal(old: Option<&Authorization>, claim: &ExchangeClaim) -> ClaimRefusal {
    let ours = |old: &&Authorization| {
        old.source == LinkSource::Alipay && same_digest(&old.state_digest, &claim.state_digest)
    };
    let Some(old) = old.filter(ours) else {
        return ClaimRefusal::UnknownState;
    };
    let in_progress = old.exchange().is_some_and(|lease| claim.now < lease.until);
    match () {
        () if old.consent().is_some() => ClaimRefusal::AlreadyAuthorized,
        () if in_progress => ClaimRefusal::InProgress,
        () if old.link_ends_at() <= claim.now => ClaimRefusal::Expired,
        () if old.codes.contains(&claim.code_digest) => ClaimRefusal::CodeSpent,
        () if old.tries_are_used_up() => ClaimRefusal::TooManyCodes,
        () => ClaimRefusal::InProgress,
    }
}

/// The cause for which an attempt may not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptRefusal {
    /// Nothing is to be delivered, or another attempt than this one is next: the hint is of the past.
    Stale,
    /// It is this attempt's turn, but not before the moment given.
    Early(UnixMillis),
    /// Another worker has it.
    Taken,
    /// No attempt is left, and nobody is at work on the last one: it remains to give up.
    Exhausted,
}

/// The claim of a delivery worker to make one attempt alone.
#[derive(Clone, Debug)]
pub struct AttemptClaim {
    pub id: AuthorizationId,
    /// The number of attempts that were begun before this one.
    pub attempts_before: u32,
    /// The number of attempts that the schedule has.
    pub attempts_allowed: u32,
    pub operation: OperationId,
    pub now: UnixMillis,
    /// The end of the worker's lease.
    pub lease_until: UnixMillis,
}

/// The cause for which a record that stood as `old` refused `claim`. The first one counts.
#[must_use]
pub fn attempt_refusal(old: Option<&Authorization>, claim: &AttemptClaim) -> AttemptRefusal {
    let due = old.and_then(Authorization::pending_delivery);
    let Some(due) = due.filter(|due| due.attempts.begun == claim.attempts_before) else {
        return AttemptRefusal::Stale;
    };
    let taken = due.lease.as_ref().is_some_and(|lease| claim.now < lease.until);
    match () {
        () if taken => AttemptRefusal::Taken,
        () if due.attempts.begun >= claim.attempts_allowed => AttemptRefusal::Exhausted,
        () if claim.now < due.next_attempt_at => AttemptRefusal::Early(due.next_attempt_at),
        () => AttemptRefusal::Taken,
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::model::authorization::{
        Attempts, AuthorizationState, Callback, Issue, Lease, MAX_CODES, MAX_REFUSED_CODES, NewLink,
        PendingDelivery,
    };
    use crate::model::authorization_request::{AuthorizationRequest, MerchantRequest};
    use crate::model::consent::{Consent, DeliveryBody};
    use crate::model::identity::{Identity, OpenId};

    const NOW: UnixMillis = UnixMillis(1_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn state() -> State {
        State::parse(&"5".repeat(64)).unwrap()
    }

    fn issued() -> Authorization {
        Authorization::issued(Issue {
            request: AuthorizationRequest::Merchant(MerchantRequest {
                business_id: "B1".to_owned(),
                merchant_id: "M1".to_owned(),
                serial_no: "S1".to_owned(),
                user_id: "U1".to_owned(),
            }),
            callback: Callback::OwnersDefault,
            state: state(),
            link: NewLink::Ours(link()),
            now: NOW,
            lifetime: SECOND * 60,
            retention: SECOND,
        })
    }

    fn link() -> Url {
        Url::parse("https://openauth.example/authorize").unwrap()
    }

    fn lease(until: UnixMillis) -> Lease {
        Lease { operation: OperationId::recorded("other".to_owned()), until }
    }

    fn consent() -> Consent {
        Consent {
            identity: Identity::new(OpenId::parse("o").ok(), None).unwrap(),
            body: DeliveryBody::new("body").unwrap(),
            authorized_at: NOW,
            code_digest: None,
        }
    }

    fn due(delivery: PendingDelivery) -> Authorization {
        let state = AuthorizationState::Authorized { consent: consent(), delivery: Some(delivery) };
        Authorization { state, ..issued() }
    }

    #[test]
    fn the_first_reason_that_refuses_a_claim_counts() {
        let code = AuthCode::parse("codeA").unwrap();
        let mine = OperationId::recorded("mine".to_owned());
        let claim = ExchangeClaim::new(&state(), &code, mine, NOW);
        let late = ExchangeClaim { now: NOW + SECOND * 60, ..claim.clone() };
        let foreign = ExchangeClaim { state_digest: "0".repeat(64), ..claim.clone() };
        let authorized = AuthorizationState::Authorized { consent: consent(), delivery: None };
        let known = Authorization { state: authorized, ..issued() };
        let exchanging = AuthorizationState::Exchanging { link: link(), lease: lease(NOW + SECOND) };
        let busy = Authorization { state: exchanging, ..issued() };
        let spent = Authorization { codes: vec![code.digest()], ..issued() };
        let many = Authorization { codes: vec![String::new(); MAX_CODES], ..issued() };
        let refused = Authorization { refused_codes: MAX_REFUSED_CODES, ..issued() };
        let over = NOW + SECOND + RETRY_GRACE_PERIOD;
        let retried = ExchangeClaim { now: over - Duration::from_millis(1), ..claim.clone() };
        let too_late = ExchangeClaim { now: over, ..claim.clone() };
        let spent_and_many = Authorization { codes: vec![code.digest(); MAX_CODES], ..issued() };
        let of_a_platform = Authorization { source: LinkSource::Platform("p".to_owned()), ..issued() };
        for (old, claim, refusal) in [
            (None, &claim, ClaimRefusal::UnknownState),
            (Some(&of_a_platform), &claim, ClaimRefusal::UnknownState),
            (Some(&known), &foreign, ClaimRefusal::UnknownState),
            (Some(&known), &late, ClaimRefusal::AlreadyAuthorized),
            (Some(&busy), &claim, ClaimRefusal::InProgress),
            // Its link would be over, but the user can try again.
            (Some(&busy), &late, ClaimRefusal::InProgress),
            (Some(&busy), &retried, ClaimRefusal::InProgress),
            (Some(&busy), &too_late, ClaimRefusal::Expired),
            (Some(&issued()), &late, ClaimRefusal::Expired),
            (Some(&spent), &claim, ClaimRefusal::CodeSpent),
            (Some(&spent_and_many), &claim, ClaimRefusal::CodeSpent),
            (Some(&many), &claim, ClaimRefusal::TooManyCodes),
            (Some(&refused), &claim, ClaimRefusal::TooManyCodes),
            // Whatever refused it has passed: it may come again.
            (Some(&issued()), &claim, ClaimRefusal::InProgress),
        ] {
            assert_eq!(claim_refusal(old, claim), refusal);
        }
    }

    #[test]
    fn a_lease_suffices_for_work_that_ends_before_it() {
        for (passed, work, suffices) in [
            (0, 10, true),
            (19, 10, true),
            (20, 10, false),
            (31, 10, false),
            (0, 30, false),
            (3_600, 10, false),
        ] {
            assert_eq!(
                lease_suffices(SECOND * 30, SECOND * passed, SECOND * work),
                suffices,
                "{passed} {work}"
            );
        }
        assert!(!lease_suffices(SECOND * 30, Duration::MAX, SECOND));
    }

    #[test]
    fn an_exchange_that_told_nothing_leaves_time_to_come_back() {
        let claimed = Authorization { codes: vec!["a".to_owned(), "b".to_owned()], ..issued() };
        let mine = OperationId::recorded("mine".to_owned());
        let ended = |now| EndedExchange::new(&claimed, &mine, ExchangeEnding::Unknown, now);
        assert_eq!((ended(NOW).code_place, ended(NOW).holder), (1, mine.clone()));
        let last = NOW + SECOND * 59;
        let hour_link = Authorization { expires_at: NOW + SECOND * 3_600, ..claimed.clone() };
        let of_an_hour = EndedExchange::new(&hour_link, &mine, ExchangeEnding::CodeRefused, last);
        assert_eq!(ended(last).expires_at, last + RETRY_GRACE_PERIOD);
        assert_eq!(of_an_hour.expires_at, hour_link.expires_at, "a link that lives longer is as it was");
    }

    #[test]
    fn the_first_reason_that_refuses_an_attempt_counts() {
        let claim = AttemptClaim {
            id: issued().id,
            attempts_before: 1,
            attempts_allowed: 2,
            operation: OperationId::recorded("mine".to_owned()),
            now: NOW,
            lease_until: NOW + SECOND,
        };
        let pending = PendingDelivery {
            attempts: Attempts { begun: 1, history: Vec::new() },
            next_attempt_at: NOW,
            due_at: NOW,
            lease: None,
        };
        let later = PendingDelivery { next_attempt_at: NOW + SECOND, ..pending.clone() };
        let begun_twice = Attempts { begun: 2, history: Vec::new() };
        let leased = |until| PendingDelivery { lease: Some(lease(until)), ..pending.clone() };
        let last = AttemptClaim { attempts_allowed: 1, ..claim.clone() };
        let delivered =
            AuthorizationState::Delivered { consent: consent(), attempts: pending.attempts.clone() };
        let nowhere = AuthorizationState::Authorized { consent: consent(), delivery: None };
        for (old, claim, refusal) in [
            (None, &claim, AttemptRefusal::Stale),
            (Some(issued()), &claim, AttemptRefusal::Stale),
            (Some(Authorization { state: delivered, ..issued() }), &claim, AttemptRefusal::Stale),
            (
                Some(due(PendingDelivery { attempts: begun_twice, ..pending.clone() })),
                &claim,
                AttemptRefusal::Stale,
            ),
            (Some(Authorization { state: nowhere, ..issued() }), &claim, AttemptRefusal::Stale),
            (Some(due(leased(NOW + SECOND))), &last, AttemptRefusal::Taken),
            (Some(due(leased(NOW))), &last, AttemptRefusal::Exhausted),
            (Some(due(later.clone())), &last, AttemptRefusal::Exhausted),
            (Some(due(later)), &claim, AttemptRefusal::Early(NOW + SECOND)),
            (Some(due(pending.clone())), &claim, AttemptRefusal::Taken),
        ] {
            assert_eq!(attempt_refusal(old.as_ref(), claim), refusal);
        }
    }
}
