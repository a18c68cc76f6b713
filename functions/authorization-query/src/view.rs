//! The view that a business has of its authorization: a pure function of the record and the time.
//!
//! A moment that the record does not have is left out.

use serde::Serialize;
use shared::model::authorization::{Authorization, Callback, Lease, Status};
use shared::model::authorization_request::MerchantRequest;
use shared::model::clock::UnixMillis;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::id::AuthorizationId;
use shared::model::link_source::LinkSource;

use crate::history::{AttemptEntry, rounds};

/// The answer's `data`. It names the user, and so has no `Debug`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    serial_no: String,
    merchant_id: String,
    business_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    pub(crate) reference: AuthorizationId,
    state: &'static str,
    expires_at: UnixMillis,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tries_used_up: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alipay_user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forgotten_at: Option<UnixMillis>,
    delivery: Delivery,
    timeline: Vec<TimelineEntry>,
}

impl View {
    /// The view at `now` of `record`, which `request` asked for.
    pub(crate) fn new(record: &Authorization, request: &MerchantRequest, now: UnixMillis) -> Self {
        let (identity, forgotten_at) = (record.identity(), record.forgotten_at());
        let rounds = rounds_of(record);
        Self {
            serial_no: request.serial_no.clone(),
            merchant_id: request.merchant_id.clone(),
            business_id: request.business_id.clone(),
            user_id: forgotten_at.is_none().then(|| request.user_id.clone()),
            reference: record.id.clone(),
            state: record.status_at(now).as_str(),
            expires_at: record.link_ends_at(),
            tries_used_up: record.authorized_at().is_none() && record.tries_are_used_up(),
            open_id: identity.and_then(|user| user.open_id()).map(|id| id.reveal().to_owned()),
            alipay_user_id: identity.and_then(|user| user.user_id()).map(|id| id.reveal().to_owned()),
            auth_time: record.authorized_at(),
            forgotten_at,
            delivery: Delivery::new(record, &rounds, now),
            timeline: timeline(record, &rounds, now),
        }
    }
}

fn lease_of(record: &Authorization) -> Option<&Lease> {
    record.pending_delivery().and_then(|delivery| delivery.lease.as_ref())
}

fn rounds_of(record: &Authorization) -> Vec<Vec<AttemptEntry<'_>>> {
    let held = lease_of(record).is_some();
    record.attempts().map_or_else(Vec::new, |attempts| rounds(attempts, held))
}

/// The delivery of an authorization, in the words of the answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    state: DeliveryState,
    attempts: Vec<AttemptView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<UnixMillis>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum DeliveryState {
    None,
    NoAddress,
    Pending,
    Delivered,
    Undeliverable,
}

impl DeliveryState {
    fn new(record: &Authorization) -> Self {
        match record.status() {
            Status::LinkPending | Status::Issued | Status::Exchanging | Status::ExchangeUnknown => Self::None,
            // Whatever was to be delivered is gone.
            Status::Authorized if record.forgotten_at().is_some() => Self::None,
            Status::Authorized if record.callback == Callback::Nowhere => Self::NoAddress,
            Status::Authorized => Self::Pending,
            Status::Delivered => Self::Delivered,
            Status::Undeliverable => Self::Undeliverable,
        }
    }
}

impl Delivery {
    /// That of `record`, as it is told at `now`.
    #[must_use]
    pub fn from_record(record: &Authorization, now: UnixMillis) -> Self {
        Self::new(record, &rounds_of(record), now)
    }

    fn new(record: &Authorization, rounds: &[Vec<AttemptEntry<'_>>], now: UnixMillis) -> Self {
        let (state, lease) = (DeliveryState::new(record), lease_of(record));
        let mut attempts: Vec<_> = rounds.iter().flatten().map(AttemptView::new).collect();
        if lease.is_some_and(|lease| now < lease.until)
            && let Some(last) = attempts.last_mut()
        {
            last.outcome = UNDER_WAY;
        }
        // While an attempt was begun and not concluded, nobody knows when the next one comes.
        let known = state == DeliveryState::Pending && lease.is_none();
        Self { state, attempts, next_attempt_at: record.next_attempt_at().filter(|_| known) }
    }
}

/// The outcome of an attempt whose worker still has its time.
const UNDER_WAY: &str = "under_way";

/// The outcome of an attempt whose worker died or was too slow: the merchant may have been told, or not.
const UNFINISHED: &str = "unfinished";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttemptView {
    number: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<UnixMillis>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_millis: Option<u32>,
    /// The beginning of the answer, as the record keeps it: masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl AttemptView {
    fn new(attempt: &AttemptEntry<'_>) -> Self {
        match attempt {
            AttemptEntry::Begun(number) => Self {
                number: *number,
                time: None,
                outcome: UNFINISHED,
                http_status: None,
                duration_millis: None,
                detail: None,
            },
            AttemptEntry::Concluded(attempt) => Self {
                number: attempt.number,
                time: Some(attempt.at),
                outcome: attempt.outcome.told(),
                http_status: attempt.outcome.http_status(),
                duration_millis: attempt.millis,
                detail: attempt.answer.clone(),
            },
        }
    }
}

#[derive(Serialize)]
struct TimelineEntry {
    event: HistoryEvent,
    time: UnixMillis,
}

#[derive(Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum HistoryEvent {
    Requested,
    LinkIssued,
    Refused,
    Expired,
    Authorized,
    AttemptFailed,
    Delivered,
    Undeliverable,
}

/// The events whose moment is known, in their order.
fn timeline(record: &Authorization, rounds: &[Vec<AttemptEntry<'_>>], now: UnixMillis) -> Vec<TimelineEntry> {
    let linked_at = match &record.source {
        LinkSource::Alipay(_) => Some(record.created_at),
        LinkSource::Platform(_) => record.linked_at,
    };
    let authorized_at = record.authorized_at();
    let unknown_until = authorized_at.or_else(|| record.forgotten_at()).unwrap_or(now);
    let expired_at = Some(record.link_ends_at()).filter(|end| *end <= unknown_until);
    let mut happened: Vec<_> = [
        (HistoryEvent::Requested, Some(record.created_at)),
        (HistoryEvent::LinkIssued, linked_at),
        (HistoryEvent::Refused, record.refused_at),
        (HistoryEvent::Expired, expired_at),
        (HistoryEvent::Authorized, authorized_at),
    ]
    .into_iter()
    .filter_map(|(event, time)| Some(TimelineEntry { event, time: time? }))
    .collect();
    let current = rounds.len().saturating_sub(1);
    for (index, round) in rounds.iter().enumerate() {
        let (mut last, mut delivered) = (None, false);
        for attempt in round {
            if let AttemptEntry::Concluded(attempt) = attempt {
                delivered = attempt.outcome == DeliveryOutcome::Success;
                let event = if delivered { HistoryEvent::Delivered } else { HistoryEvent::AttemptFailed };
                happened.push(TimelineEntry { event, time: attempt.at });
                last = Some(attempt.at);
            }
        }
        // A round that ended otherwise than by SUCCESS, and was begun anew, had been given up.
        let given_up = !delivered && (index < current || record.status() == Status::Undeliverable);
        happened.extend(
            last.filter(|_| given_up).map(|time| TimelineEntry { event: HistoryEvent::Undeliverable, time }),
        );
    }
    happened
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use shared::model::alipay_app_id::AlipayAppId;
    use shared::model::authorization::{
        Attempt, Attempts, AuthorizationState, Issue, NewLink, PendingDelivery,
    };
    use shared::model::authorization_request::AuthorizationRequest;
    use shared::model::consent::{Consent, DeliveryBody};
    use shared::model::delivery_subject::DeliverySubject;
    use shared::model::id::{OperationId, State};
    use shared::model::identity::{AlipayUserId, Identity, OpenId};

    use super::*;

    fn request() -> MerchantRequest {
        MerchantRequest {
            business_id: "B1".to_owned(),
            merchant_id: "M1".to_owned(),
            serial_no: "S1".to_owned(),
            user_id: "user-1".to_owned(),
        }
    }

    fn new_record(link: NewLink) -> Authorization {
        Authorization::issued(Issue {
            request: AuthorizationRequest::Merchant(request()),
            callback: Callback::OwnersDefault,
            state: State::parse(&"5".repeat(64)).unwrap(),
            link,
            now: UnixMillis(1_000),
            lifetime: Duration::from_secs(60),
            retention: Duration::from_secs(600),
        })
    }

    fn issued() -> Authorization {
        let app = AlipayAppId::parse("2021").unwrap();
        new_record(NewLink::Ours { app, link: "https://openauth.example/authorize".parse().unwrap() })
    }

    fn of_a_platform() -> Authorization {
        new_record(NewLink::AskedOf("up".to_owned()))
    }

    fn consent() -> Consent {
        Consent {
            identity: Identity::new(OpenId::parse("open-1"), None).unwrap(),
            body: DeliveryBody::new("body").unwrap(),
            authorized_at: UnixMillis(2_000),
            code_digest: None,
        }
    }

    fn subject() -> DeliverySubject {
        DeliverySubject::Consent(consent())
    }

    fn in_state(state: AuthorizationState) -> Authorization {
        Authorization { state, ..issued() }
    }

    fn authorized(delivery: Option<PendingDelivery>) -> Authorization {
        in_state(AuthorizationState::Authorized { subject: subject(), delivery })
    }

    /// Due at the given time, after so many attempts that were begun.
    fn due(next_attempt_at: i64, begun: u32, history: Vec<Attempt>) -> PendingDelivery {
        PendingDelivery {
            attempts: Attempts { begun, history },
            next_attempt_at: UnixMillis(next_attempt_at),
            due_at: UnixMillis(next_attempt_at),
            lease: None,
        }
    }

    fn delivered(begun: u32, history: Vec<Attempt>) -> Authorization {
        let attempts = Attempts { begun, history };
        in_state(AuthorizationState::Delivered { subject: subject(), attempts })
    }

    fn undeliverable(begun: u32, history: Vec<Attempt>) -> Authorization {
        let attempts = Attempts { begun, history };
        in_state(AuthorizationState::Undeliverable { subject: subject(), attempts })
    }

    fn attempt(number: u32, at: i64, outcome: DeliveryOutcome) -> Attempt {
        Attempt::new(number, UnixMillis(at), outcome)
    }

    fn lease(until: i64) -> Option<Lease> {
        Some(Lease { operation: OperationId::recorded("worker".to_owned()), until: UnixMillis(until) })
    }

    /// The view at the given time, without the fields that are the same in every row.
    fn told(record: &Authorization, now: i64) -> Value {
        let mut told = serde_json::to_value(View::new(record, &request(), UnixMillis(now))).unwrap();
        let fields = told.as_object_mut().unwrap();
        let (state, delivery) = (fields["state"].take(), fields["delivery"].take());
        let happened = fields["timeline"].as_array().unwrap();
        let timeline: Vec<_> = happened.iter().map(|one| json!([one["event"], one["time"]])).collect();
        json!([state, delivery, timeline])
    }

    #[test]
    fn each_state_is_told_with_its_delivery_and_what_happened() {
        let not_before_the_user = json!({"state": "NONE", "attempts": []});
        let ours = || json!([["REQUESTED", 1_000], ["LINK_ISSUED", 1_000]]);
        let expired = json!([["REQUESTED", 1_000], ["LINK_ISSUED", 1_000], ["EXPIRED", 61_000]]);
        let none = &not_before_the_user;
        let link = || issued().link().unwrap().clone();
        let exchange = lease(33_000).expect("a lease");
        let exchanging = in_state(AuthorizationState::Exchanging { link: link(), lease: exchange });
        let unknown = in_state(AuthorizationState::ExchangeUnknown { link: link() });
        for (record, now, state, timeline) in [
            (issued(), 60_999, "ISSUED", ours()),
            (issued(), 61_000, "ISSUED", expired.clone()),
            (exchanging, 2_000, "EXCHANGING", ours()),
            (unknown, 61_000, "EXCHANGE_UNKNOWN", expired),
        ] {
            assert_eq!(told(&record, now), json!([state, none, timeline]));
        }
        let linked = Authorization {
            state: AuthorizationState::Issued { link: link() },
            linked_at: Some(UnixMillis(1_500)),
            ..of_a_platform()
        };
        let late = Consent { authorized_at: UnixMillis(61_000), ..consent() };
        let late = AuthorizationState::Authorized {
            subject: DeliverySubject::Consent(late),
            delivery: Some(due(2_000, 0, Vec::new())),
        };
        for (record, now, expected) in [
            (of_a_platform(), 1_000, json!(["LINK_PENDING", none, [["REQUESTED", 1_000]]])),
            (
                of_a_platform(),
                61_000,
                json!(["LINK_PENDING", none, [["REQUESTED", 1_000], ["EXPIRED", 61_000]]]),
            ),
            (linked, 2_000, json!(["ISSUED", none, [["REQUESTED", 1_000], ["LINK_ISSUED", 1_500]]])),
            (
                in_state(late),
                62_000,
                json!([
                    "AUTHORIZED",
                    {"state": "PENDING", "attempts": [], "nextAttemptAt": 2_000},
                    [["REQUESTED", 1_000], ["LINK_ISSUED", 1_000], ["EXPIRED", 61_000], ["AUTHORIZED", 61_000]],
                ]),
            ),
        ] {
            assert_eq!(told(&record, now), expected);
        }
    }

    #[test]
    fn a_delivery_is_told_attempt_by_attempt() {
        let known = [["REQUESTED", "1000"], ["LINK_ISSUED", "1000"], ["AUTHORIZED", "2000"]];
        let after = |events: &[(&str, i64)]| {
            let known = known.iter().map(|[event, time]| json!([event, time.parse::<i64>().unwrap()]));
            let events = events.iter().map(|(event, time)| json!([event, time]));
            known.chain(events).collect::<Vec<_>>()
        };
        let failure = DeliveryOutcome::Status(500);
        let failed = |number, at| attempt(number, at, failure);
        let failed_as = |number: u32, at: i64| json!({"number": number, "time": at, "outcome": "status", "httpStatus": 500});
        let unfinished = |number: u32| json!({"number": number, "outcome": "unfinished"});
        let under_way = |number: u32| json!({"number": number, "outcome": "under_way"});
        let held = |begun, history| {
            authorized(Some(PendingDelivery { lease: lease(33_000), ..due(2_000, begun, history) }))
        };
        for (what, record, now, state, delivery, events) in [
            (
                "due, also when the link's time is over",
                authorized(Some(due(2_000, 0, Vec::new()))),
                61_000,
                "AUTHORIZED",
                json!({"state": "PENDING", "attempts": [], "nextAttemptAt": 2_000}),
                &[][..],
            ),
            (
                "nowhere to deliver to",
                Authorization { callback: Callback::Nowhere, ..authorized(None) },
                3_000,
                "AUTHORIZED",
                json!({"state": "NO_ADDRESS", "attempts": []}),
                &[],
            ),
            (
                "the first attempt is under way",
                held(1, Vec::new()),
                3_000,
                "AUTHORIZED",
                json!({"state": "PENDING", "attempts": [under_way(1)]}),
                &[],
            ),
            (
                "its worker had its time",
                held(1, Vec::new()),
                33_000,
                "AUTHORIZED",
                json!({"state": "PENDING", "attempts": [unfinished(1)]}),
                &[],
            ),
            (
                "another worker went on",
                authorized(Some(due(9_000, 2, vec![failed(2, 4_000)]))),
                5_000,
                "AUTHORIZED",
                json!({"state": "PENDING", "attempts": [unfinished(1), failed_as(2, 4_000)], "nextAttemptAt": 9_000}),
                &[("ATTEMPT_FAILED", 4_000)],
            ),
            (
                "delivered",
                delivered(
                    2,
                    vec![
                        attempt(1, 3_000, DeliveryOutcome::Timeout),
                        attempt(2, 4_000, DeliveryOutcome::Success),
                    ],
                ),
                5_000,
                "DELIVERED",
                json!({"state": "DELIVERED", "attempts": [
                    {"number": 1, "time": 3_000, "outcome": "timeout"},
                    {"number": 2, "time": 4_000, "outcome": "success", "httpStatus": 200},
                ]}),
                &[("ATTEMPT_FAILED", 3_000), ("DELIVERED", 4_000)],
            ),
            (
                "given up after the last attempt",
                undeliverable(
                    1,
                    vec![Attempt { millis: Some(300), answer: Some("no".to_owned()), ..failed(1, 3_000) }],
                ),
                5_000,
                "UNDELIVERABLE",
                json!({"state": "UNDELIVERABLE", "attempts": [{
                    "number": 1, "time": 3_000, "outcome": "status", "httpStatus": 500,
                    "durationMillis": 300, "detail": "no",
                }]}),
                &[("ATTEMPT_FAILED", 3_000), ("UNDELIVERABLE", 3_000)],
            ),
            (
                "given up when the last attempt's worker had died",
                undeliverable(2, vec![failed(1, 3_000)]),
                5_000,
                "UNDELIVERABLE",
                json!({"state": "UNDELIVERABLE", "attempts": [failed_as(1, 3_000), unfinished(2)]}),
                &[("ATTEMPT_FAILED", 3_000), ("UNDELIVERABLE", 3_000)],
            ),
            (
                "given up when every worker had died, nobody knows when",
                undeliverable(1, Vec::new()),
                5_000,
                "UNDELIVERABLE",
                json!({"state": "UNDELIVERABLE", "attempts": [unfinished(1)]}),
                &[],
            ),
            (
                "resent",
                authorized(Some(due(9_000, 0, vec![failed(1, 3_000)]))),
                5_000,
                "AUTHORIZED",
                json!({"state": "PENDING", "attempts": [failed_as(1, 3_000)], "nextAttemptAt": 9_000}),
                &[("ATTEMPT_FAILED", 3_000), ("UNDELIVERABLE", 3_000)],
            ),
            (
                "resent, and the first attempt is under way again",
                held(1, vec![failed(1, 3_000)]),
                5_000,
                "AUTHORIZED",
                json!({"state": "PENDING", "attempts": [failed_as(1, 3_000), under_way(1)]}),
                &[("ATTEMPT_FAILED", 3_000), ("UNDELIVERABLE", 3_000)],
            ),
            (
                "resent and delivered",
                delivered(1, vec![failed(1, 3_000), attempt(1, 4_000, DeliveryOutcome::Success)]),
                5_000,
                "DELIVERED",
                json!({"state": "DELIVERED", "attempts": [
                    failed_as(1, 3_000), {"number": 1, "time": 4_000, "outcome": "success", "httpStatus": 200},
                ]}),
                &[("ATTEMPT_FAILED", 3_000), ("UNDELIVERABLE", 3_000), ("DELIVERED", 4_000)],
            ),
        ] {
            assert_eq!(told(&record, now), json!([state, delivery, after(events)]), "{what}");
        }
    }

    #[test]
    fn of_a_person_who_is_forgotten_it_tells_what_happened_and_when() {
        let attempts = vec![attempt(1, 3_000, DeliveryOutcome::Status(500))];
        let made = json!([{"number": 1, "time": 3_000, "outcome": "status", "httpStatus": 500}]);
        for (record, state, delivery, made) in [
            (issued(), "ISSUED", "NONE", json!([])),
            (authorized(None), "AUTHORIZED", "NONE", json!([])),
            (authorized(Some(due(9_000, 1, attempts.clone()))), "AUTHORIZED", "NONE", made.clone()),
            (delivered(1, attempts.clone()), "DELIVERED", "DELIVERED", made.clone()),
            (undeliverable(1, attempts), "UNDELIVERABLE", "UNDELIVERABLE", made),
        ] {
            let left = record.forgotten(UnixMillis(5_000));
            let told = serde_json::to_value(View::new(&left, &request(), UnixMillis(90_000))).unwrap();
            assert_eq!((&told["state"], &told["forgottenAt"]), (&json!(state), &json!(5_000)));
            assert_eq!(told["delivery"], json!({"state": delivery, "attempts": made}));
            assert_eq!(told.get("authTime").is_some(), state != "ISSUED");
            for absent in ["userId", "openId", "alipayUserId"] {
                assert!(told.get(absent).is_none(), "{told}");
            }
            // Its link had not ended by then.
            assert!(!told["timeline"].to_string().contains("EXPIRED"), "{told}");
        }
    }

    #[test]
    fn what_is_absent_is_left_out_and_the_two_ids_are_not_passed_off_as_each_other() {
        let text = |record: &Authorization| {
            serde_json::to_string(&View::new(record, &request(), UnixMillis(2_000))).unwrap()
        };
        let requested = r#""serialNo":"S1","merchantId":"M1","businessId":"B1","userId":"user-1""#;
        let reference = "5".repeat(32);
        assert_eq!(
            text(&issued()),
            format!(
                r#"{{{requested},"reference":"{reference}","state":"ISSUED","expiresAt":61000,"delivery":{{"state":"NONE","attempts":[]}},"timeline":[{{"event":"REQUESTED","time":1000}},{{"event":"LINK_ISSUED","time":1000}}]}}"#
            )
        );
        let open_id = OpenId::parse("open-1");
        let user_id = || AlipayUserId::parse("2088");
        for (identity, expected) in [
            (Identity::new(open_id.clone(), None), r#""openId":"open-1","authTime":2000,"#),
            (Identity::new(None, user_id()), r#""alipayUserId":"2088","authTime":2000,"#),
            (
                Identity::new(open_id, user_id()),
                r#""openId":"open-1","alipayUserId":"2088","authTime":2000,"#,
            ),
        ] {
            let subject =
                DeliverySubject::Consent(Consent { identity: identity.expect("an id"), ..consent() });
            let told = text(&in_state(AuthorizationState::Authorized { subject, delivery: None }));
            let told = told.split_once(r#""expiresAt":61000,"#).expect("expiresAt").1;
            assert!(told.starts_with(&format!(r#"{expected}"delivery""#)), "{told}");
        }
    }
}
