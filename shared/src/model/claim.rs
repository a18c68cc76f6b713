//! Claims to exchange a code, or to make an attempt, alone.
//!
//! The stores make a claim by one conditional write; if it fails its condition, the functions here say why, from the
//! record that refused it.

use std::time::Duration;

use crate::model::alipay_app_id::AlipayAppId;
use crate::model::authorization::{Authorization, RETRY_GRACE_PERIOD, Status, link_end};
use crate::model::clock::UnixMillis;
use crate::model::id::{AuthorizationId, OperationId, State};
use crate::model::identity::AuthCode;

/// The time for which a claimed exchange keeps others away; longer than the function may run.
pub const EXCHANGE_LEASE: Duration = Duration::from_secs(30);

/// The time for which one attempt keeps other workers away; longer than a POST may take.
pub const ATTEMPT_LEASE: Duration = Duration::from_secs(30);

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
    /// The app that the code came back for, and whose key exchanges it: the one that the link was made with.
    pub app: AlipayAppId,
    /// Digest of the random half of the state that came back.
    pub state_digest: String,
    /// Digest of the code that came back.
    pub code_digest: String,
    pub operation: OperationId,
    pub now: UnixMillis,
}

impl ExchangeClaim {
    /// A claim for `code` of a user of `app`.
    #[must_use]
    pub fn new(
        app: &AlipayAppId,
        state: &State,
        code: &AuthCode,
        operation: OperationId,
        now: UnixMillis,
    ) -> Self {
        let (id, state_digest) = (state.id().clone(), state.digest());
        Self { id, app: app.clone(), state_digest, code_digest: code.digest(), operation, now }
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

    /// True if a user may have consented and we have not heard who: a code that Alipay refuses stands for no consent.
    const fn may_lose_a_consent(self) -> bool {
        match self {
            Self::RequestRefused | Self::NotSent | Self::Unknown => true,
            Self::CodeRefused => false,
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
    /// The link lives until then, though it expires earlier: the user has time to come back once more.
    pub retry_until: Option<UnixMillis>,
    /// The time of its end.
    pub at: UnixMillis,
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
            retry_until: if ending.may_lose_a_consent() {
                claimed.retry_until.max(Some(now + RETRY_GRACE_PERIOD))
            } else {
                claimed.retry_until
            },
            at: now,
        }
    }

    /// The end of the link of the record that stood as `claimed`, from now on.
    #[must_use]
    pub fn link_ends_at(&self, claimed: &Authorization) -> UnixMillis {
        link_end(claimed.expires_at, self.retry_until, None)
    }
}

/// The cause for which a code may not be exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimRefusal {
    /// There is no such authorization, the state's random half is not this one's, or the link was of another app, or a
    /// platform's: its users do not come back with these.
    UnknownState,
    /// The person was forgotten: nobody is recorded here any more.
    Forgotten,
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
    // The write was refused, but nothing stands against it any more: it may be tried again, as after a rival return.
    standing_refusal(old, claim).unwrap_or(ClaimRefusal::InProgress)
}

/// The cause for which a record that stands as `old` would refuse `claim`; `None` if it would not.
#[must_use]
pub fn standing_refusal(old: Option<&Authorization>, claim: &ExchangeClaim) -> Option<ClaimRefusal> {
    let ours = |old: &&Authorization| {
        old.source.alipay_app() == Some(&claim.app) && old.has_state_digest(&claim.state_digest)
    };
    let Some(old) = old.filter(ours) else {
        return Some(ClaimRefusal::UnknownState);
    };
    let in_progress = old.exchange().is_some_and(|lease| claim.now < lease.until);
    let refusal = if old.forgotten_at().is_some() {
        ClaimRefusal::Forgotten
    } else if old.consent().is_some() {
        ClaimRefusal::AlreadyAuthorized
    } else if in_progress {
        ClaimRefusal::InProgress
    } else if old.link_ends_at() <= claim.now {
        ClaimRefusal::Expired
    } else if old.codes.contains(&claim.code_digest) {
        ClaimRefusal::CodeSpent
    } else if old.tries_are_used_up() {
        ClaimRefusal::TooManyCodes
    } else {
        return None;
    };
    Some(refusal)
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
    if taken {
        AttemptRefusal::Taken
    } else if due.attempts.begun >= claim.attempts_allowed {
        AttemptRefusal::Exhausted
    } else if claim.now < due.next_attempt_at {
        AttemptRefusal::Early(due.next_attempt_at)
    } else {
        AttemptRefusal::Taken
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::model::authorization::{
        Attempts, AuthorizationState, Callback, Issue, LONGEST_EXTENSION, Lease, MAX_CODES,
        MAX_REFUSED_CODES, NewLink, PendingDelivery,
    };
    use crate::model::authorization_request::{AuthorizationRequest, MerchantRequest};
    use crate::model::consent::{Consent, DeliveryBody};
    use crate::model::delivery_subject::DeliverySubject;
    use crate::model::identity::{Identity, OpenId};
    use crate::model::link_source::LinkSource;

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
            link: NewLink::Ours { app: app(), link: link() },
            now: NOW,
            lifetime: SECOND * 60,
            retention: SECOND,
        })
    }

    fn app() -> AlipayAppId {
        AlipayAppId::parse("2021").unwrap()
    }

    fn link() -> Url {
        Url::parse("https://openauth.example/authorize").unwrap()
    }

    fn lease(until: UnixMillis) -> Lease {
        Lease { operation: OperationId::recorded("other".to_owned()), until }
    }

    fn subject() -> DeliverySubject {
        DeliverySubject::Consent(Consent {
            identity: Identity::new(OpenId::parse("o"), None).unwrap(),
            body: DeliveryBody::new("body").unwrap(),
            authorized_at: NOW,
            code_digest: None,
        })
    }

    fn due(delivery: PendingDelivery) -> Authorization {
        let state = AuthorizationState::Authorized { subject: subject(), delivery: Some(delivery) };
        Authorization { state, ..issued() }
    }

    #[test]
    fn the_first_reason_that_refuses_a_claim_counts() {
        let code = AuthCode::parse("codeA").unwrap();
        let mine = OperationId::recorded("mine".to_owned());
        let claim = ExchangeClaim::new(&app(), &state(), &code, mine, NOW);
        let late = ExchangeClaim { now: NOW + SECOND * 60, ..claim.clone() };
        let foreign = ExchangeClaim { state_digest: "0".repeat(64), ..claim.clone() };
        let authorized = AuthorizationState::Authorized { subject: subject(), delivery: None };
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
        let of_another_app = ExchangeClaim { app: AlipayAppId::parse("2022").unwrap(), ..claim.clone() };
        let of_a_platform = Authorization { source: LinkSource::Platform("p".to_owned()), ..issued() };
        for (old, claim, refusal) in [
            (None, &claim, ClaimRefusal::UnknownState),
            (Some(&of_a_platform), &claim, ClaimRefusal::UnknownState),
            (Some(&known), &foreign, ClaimRefusal::UnknownState),
            (Some(&known), &of_another_app, ClaimRefusal::UnknownState),
            (Some(&known), &late, ClaimRefusal::AlreadyAuthorized),
            (Some(&busy), &claim, ClaimRefusal::InProgress),
            (Some(&busy), &too_late, ClaimRefusal::Expired),
            (Some(&issued()), &late, ClaimRefusal::Expired),
            (Some(&spent), &claim, ClaimRefusal::CodeSpent),
            (Some(&spent_and_many), &claim, ClaimRefusal::CodeSpent),
            (Some(&many), &claim, ClaimRefusal::TooManyCodes),
            (Some(&refused), &claim, ClaimRefusal::TooManyCodes),
        ] {
            assert_eq!(standing_refusal(old, claim), Some(refusal));
        }
        // The link of the second would be over, but its user can try again.
        for (old, claim) in [(&issued(), &claim), (&busy, &late), (&busy, &retried)] {
            assert_eq!(standing_refusal(Some(old), claim), None);
            assert_eq!(claim_refusal(Some(old), claim), ClaimRefusal::InProgress);
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
    fn only_an_exchange_that_may_have_cost_a_consent_leaves_time_to_come_back() {
        let claimed = Authorization { codes: vec!["a".to_owned(), "b".to_owned()], ..issued() };
        let (mine, end) = (OperationId::recorded("mine".to_owned()), issued().expires_at);
        let first = EndedExchange::new(&claimed, &mine, ExchangeEnding::Unknown, NOW);
        assert_eq!((first.code_place, &first.holder), (1, &mine));
        let (early, last) = (end - RETRY_GRACE_PERIOD - SECOND, end - SECOND);
        let (soon, grace, hour) = (Some(last + SECOND * 60), RETRY_GRACE_PERIOD, LONGEST_EXTENSION);
        for (before, ending, now, ends_at) in [
            (None, ExchangeEnding::Unknown, last, last + grace),
            (None, ExchangeEnding::RequestRefused, last, last + grace),
            (None, ExchangeEnding::NotSent, last, last + grace),
            (None, ExchangeEnding::CodeRefused, last, end),
            // It lives that long anyhow.
            (None, ExchangeEnding::Unknown, early, end),
            // What an earlier exchange has left stays.
            (soon, ExchangeEnding::CodeRefused, last, last + SECOND * 60),
            (soon, ExchangeEnding::NotSent, last, last + grace),
            // However often somebody comes back, it ends.
            (None, ExchangeEnding::NotSent, end + hour - grace, end + hour),
            (None, ExchangeEnding::NotSent, end + hour - SECOND, end + hour),
            (Some(end + hour * 2), ExchangeEnding::CodeRefused, last, end + hour),
        ] {
            let claimed = Authorization { retry_until: before, ..issued() };
            let ended = EndedExchange::new(&claimed, &mine, ending, now);
            assert_eq!(ended.link_ends_at(&claimed), ends_at, "{before:?} {ending:?} {now:?}");
        }
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
            AuthorizationState::Delivered { subject: subject(), attempts: pending.attempts.clone() };
        let nowhere = AuthorizationState::Authorized { subject: subject(), delivery: None };
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
