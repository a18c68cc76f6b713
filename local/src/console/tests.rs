//! The lines of a life and the numbers of a day, of records that are made for it.

use std::time::Duration;

use shared::model::authorization::{
    Attempt, Attempts, Authorization, AuthorizationState, Callback, Issue, Lease, NewLink, PendingDelivery,
};
use shared::model::authorization_request::{AuthorizationRequest, MerchantRequest};
use shared::model::clock::UnixMillis;
use shared::model::consent::{Consent, DeliveryBody};
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::delivery_subject::DeliverySubject;
use shared::model::id::{AuthorizationId, OperationId, State};
use shared::model::identity::{Identity, OpenId};
use shared::model::notice::Notice;
use shared::model::random::OsRandom;

use super::day::{Day, Funnel};
use super::life::{LifeEvent, Next, events, next, unconcluded};

const NOW: UnixMillis = UnixMillis(1_795_305_600_000);
const SECOND: Duration = Duration::from_secs(1);

fn issued(business_id: &str, serial_no: &str) -> Authorization {
    let id = AuthorizationId::from_serial(business_id, serial_no);
    Authorization::issued(Issue {
        request: AuthorizationRequest::Merchant(MerchantRequest {
            business_id: business_id.to_owned(),
            merchant_id: "M1".to_owned(),
            serial_no: serial_no.to_owned(),
            user_id: "user-1".to_owned(),
        }),
        callback: Callback::OwnersDefault,
        state: State::generate(id, &OsRandom::default()).unwrap(),
        link: NewLink::AskedOf("east".to_owned()),
        now: NOW,
        lifetime: Duration::from_hours(24),
        retention: Duration::from_hours(24),
    })
}

fn subject() -> DeliverySubject {
    DeliverySubject::Consent(Consent {
        identity: Identity::new(OpenId::parse("open-1"), None).unwrap(),
        body: DeliveryBody::new("body").unwrap(),
        authorized_at: NOW + SECOND,
        code_digest: None,
    })
}

fn attempts(begun: u32, history: &[(u32, u32, DeliveryOutcome)]) -> Attempts {
    let attempt = |(number, secs, outcome): &(u32, u32, DeliveryOutcome)| {
        Attempt::new(*number, NOW + SECOND * *secs, *outcome)
    };
    Attempts { begun, history: history.iter().map(attempt).collect() }
}

fn pending(attempts: Attempts, due_secs: u32, lease: Option<Lease>) -> Authorization {
    let at = NOW + SECOND * due_secs;
    let delivery = Some(PendingDelivery { attempts, next_attempt_at: at, due_at: at, lease });
    let state = AuthorizationState::Authorized { subject: subject(), delivery };
    Authorization { state, ..issued("B1", "S1") }
}

const FAILED: DeliveryOutcome = DeliveryOutcome::Status(500);

#[test]
fn the_moments_of_a_life_are_in_order() {
    let waiting = issued("B1", "S1");
    let ends = waiting.link_ends_at();
    assert_eq!(events(&waiting), [(NOW, LifeEvent::Requested), (ends, LifeEvent::LinkEnds)]);
    let record = pending(attempts(1, &[(1, 2, FAILED)]), 17, None);
    let [requested, authorized, (_, LifeEvent::Attempted(first)), due] = events(&record)[..] else {
        panic!("four moments")
    };
    assert_eq!(requested, (NOW, LifeEvent::Requested));
    assert_eq!(authorized, (NOW + SECOND, LifeEvent::Authorized));
    assert_eq!((first.number, due), (1, (NOW + SECOND * 17, LifeEvent::NextAttempt)));
}

#[test]
fn what_comes_next_has_its_reason() {
    let failed = attempts(1, &[(1, 2, FAILED)]);
    let operation = OperationId::generate(&OsRandom::default()).unwrap();
    let lease = Some(Lease { operation, until: NOW + SECOND * 47 });
    let due = NOW + SECOND * 17;
    let over = |state| Authorization { state, ..issued("B1", "S1") };
    let nowhere = Authorization {
        callback: Callback::Nowhere,
        ..over(AuthorizationState::Authorized { subject: subject(), delivery: None })
    };
    for (record, secs, expected) in [
        (issued("B1", "S1"), 5, Next::Consent),
        (issued("B1", "S1"), 90_000, Next::Nothing),
        (nowhere, 5, Next::NoAddress),
        (pending(attempts(0, &[]), 1, None), 5, Next::Due(NOW + SECOND)),
        (pending(failed.clone(), 17, None), 5, Next::Again { at: due, after: FAILED, wait: SECOND * 15 }),
        (pending(failed.clone(), 17, lease.clone()), 20, Next::UnderWay(NOW + SECOND * 47)),
        (pending(failed.clone(), 17, lease), 50, Next::Again { at: due, after: FAILED, wait: SECOND * 15 }),
        (pending(attempts(2, &[(1, 2, FAILED)]), 17, None), 20, Next::Due(due)),
        (pending(failed.clone(), 17, None), 900, Next::Overdue(due)),
        (
            over(AuthorizationState::Delivered { subject: subject(), attempts: failed.clone() }),
            5,
            Next::Delivered,
        ),
        (over(AuthorizationState::Undeliverable { subject: subject(), attempts: failed }), 5, Next::GivenUp),
    ] {
        assert_eq!(next(&record, NOW + SECOND * secs), expected, "{record:?} after {secs} s");
    }
}

#[test]
fn an_attempt_that_was_never_concluded_is_named_since_the_last_resend() {
    for (begun, history, missing) in [
        (0, &[][..], &[][..]),
        (2, &[(1, 1, FAILED), (2, 2, FAILED)], &[]),
        (3, &[(1, 1, FAILED), (3, 2, FAILED)], &[2]),
        (2, &[(1, 1, FAILED), (2, 2, FAILED), (3, 3, FAILED), (2, 4, FAILED)], &[1]),
        (1, &[(1, 1, FAILED), (2, 2, FAILED)], &[]),
    ] {
        let record = pending(attempts(begun, history), 17, None);
        assert_eq!(unconcluded(&record), missing, "{begun} {history:?}");
    }
}

#[test]
fn a_day_counts_how_far_requests_came_and_how_attempts_ended() {
    let mut refused = issued("B2", "S1");
    refused.refused_at = Some(NOW);
    let history = [(1, 2, FAILED), (2, 4, DeliveryOutcome::Success)];
    let (notice, body) = (Notice::Expired, DeliveryBody::new("body").unwrap());
    let notice = Authorization {
        state: AuthorizationState::Undeliverable {
            subject: DeliverySubject::Notice { notice, body, noticed_at: NOW },
            attempts: attempts(1, &[(1, 3, DeliveryOutcome::Timeout)]),
        },
        ..issued("B1", "S1")
    };
    let delivered = AuthorizationState::Delivered { subject: subject(), attempts: attempts(2, &history) };
    let delivered = Authorization { state: delivered, ..issued("B1", "S2") };
    let records = [issued("B1", "S1"), refused, delivered, notice];
    let day = Day::from_records(&records, NOW + SECOND * 3);
    assert_eq!(day.funnel, Funnel { requested: 3, returned: 2, authorized: 1, delivered: 1 });
    assert_eq!(
        day.outcomes.into_iter().collect::<Vec<_>>(),
        [("success", (1, true)), ("timeout", (1, false))]
    );
    let all = Day::from_records(&records, NOW);
    let (owners, others) = all.greatest(1);
    let [(owner, funnel)] = owners[..] else { panic!("one owner") };
    assert_eq!((owner.to_string().as_str(), funnel.requested, others), ("B1", 2, 1));
}
