//! Forgetting a person: a record loses what says who it was about, and keeps what happened and when.
//!
//! What is left still holds the serialNo, so that it is used once, and answers a query. The callback address and the
//! way back go whole, because a merchant may have put its customer's name into either; the digest of the parameters
//! goes because a userId can be guessed by it.

use crate::model::authorization::{Attempts, Authorization, AuthorizationState, Callback, Tombstone};
use crate::model::clock::UnixMillis;
use crate::model::id::AuthorizationId;
use crate::model::notice::Notice;
use crate::model::terms::Terms;

/// What came of forgetting a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgetting {
    /// The person is forgotten, by this.
    Done,
    /// The person was forgotten before, at the time given.
    Before(UnixMillis),
    /// An exchange or an attempt is under way, until the time given at the latest. Nothing was changed.
    Busy(UnixMillis),
    /// There is no such record.
    NotFound,
}

impl Forgetting {
    /// The cause for which a record that stands as `old` is not forgotten at `now`.
    #[must_use]
    pub fn refused_by(old: Option<&Authorization>, now: UnixMillis) -> Self {
        let Some(old) = old else { return Self::NotFound };
        match old.forgotten_at() {
            Some(at) => Self::Before(at),
            // The write was refused, but nobody is at work any more: it may be tried again.
            None => Self::Busy(old.busy_until(now).unwrap_or(now)),
        }
    }
}

impl Authorization {
    /// The end of the exchange or attempt that is under way at `now`.
    #[must_use]
    pub fn busy_until(&self, now: UnixMillis) -> Option<UnixMillis> {
        let attempt = self.pending_delivery().and_then(|delivery| delivery.lease.as_ref());
        let until = attempt.or_else(|| self.exchange()).map(|lease| lease.until);
        until.filter(|until| now < *until)
    }

    /// The record once its person is forgotten at `now`.
    #[must_use]
    pub fn forgotten(&self, now: UnixMillis) -> Self {
        let tombstone = Tombstone {
            status: self.status_at(now),
            authorized_at: self.authorized_at(),
            notice: self.notice(),
            attempts: self.attempts().map(Attempts::without_answers).unwrap_or_default(),
            forgotten_at: now,
        };
        Self {
            request: self.request.without_person(),
            callback: Callback::Nowhere,
            parameters_digest: None,
            codes: Vec::new(),
            terms: Terms::default(),
            state: AuthorizationState::Forgotten(tombstone),
            ..self.clone()
        }
    }
}

impl AuthorizationId {
    /// Every record that may name the person of this authorization: its own, and those of its notices.
    #[must_use]
    pub fn with_its_notices(&self) -> [Self; 3] {
        [self.clone(), self.of_notice(Notice::Refused), self.of_notice(Notice::Expired)]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use url::Url;

    use super::*;
    use crate::model::alipay_app_id::AlipayAppId;
    use crate::model::attention::attention;
    use crate::model::authorization::{Attempt, Issue, Lease, NewLink, PendingDelivery, Status};
    use crate::model::authorization_request::{AuthorizationRequest, MerchantRequest, SchemeRequest};
    use crate::model::claim::{
        AttemptClaim, AttemptRefusal, ClaimRefusal, ExchangeClaim, attempt_refusal, standing_refusal,
    };
    use crate::model::consent::{Consent, DeliveryBody};
    use crate::model::delivery_outcome::DeliveryOutcome;
    use crate::model::delivery_subject::DeliverySubject;
    use crate::model::id::{OperationId, State};
    use crate::model::identity::{AuthCode, Identity, OpenId};
    use crate::model::owner::SchemeId;

    const NOW: UnixMillis = UnixMillis(1_795_305_600_000);
    const MINUTE: Duration = Duration::from_mins(1);

    fn state() -> State {
        State::parse(&"5".repeat(64)).unwrap()
    }

    fn app() -> AlipayAppId {
        AlipayAppId::parse("2021").unwrap()
    }

    fn link() -> Url {
        Url::parse("https://openauth.example/authorize?state=hush").unwrap()
    }

    fn issued() -> Authorization {
        let mut issued = Authorization::issued(Issue {
            request: AuthorizationRequest::Merchant(MerchantRequest {
                business_id: "B1".to_owned(),
                merchant_id: "M1".to_owned(),
                serial_no: "S1".to_owned(),
                user_id: "person-1".to_owned(),
            }),
            callback: Callback::Explicit("https://shop.example/cb?of=person-1".to_owned()),
            state: state(),
            link: NewLink::Ours { app: app(), link: link() },
            now: NOW,
            lifetime: MINUTE * 60,
            retention: MINUTE * 600,
        });
        let back = "https://shop.example/back?of=person-1";
        let terms = Terms { return_url: Some(back.to_owned()), notify_expired: true, ..Terms::default() };
        issued.take_terms(terms, Some(back));
        Authorization { codes: vec!["digest".to_owned()], ..issued }
    }

    fn lease(until: UnixMillis) -> Lease {
        Lease { operation: OperationId::recorded("worker".to_owned()), until }
    }

    fn subject() -> DeliverySubject {
        DeliverySubject::Consent(Consent {
            identity: Identity::new(OpenId::parse("person-1"), None).unwrap(),
            body: DeliveryBody::new("person-1").unwrap(),
            authorized_at: NOW,
            code_digest: Some("digest".to_owned()),
        })
    }

    fn attempts() -> Attempts {
        let refused = Attempt::new(1, NOW, DeliveryOutcome::Status(500));
        let answer = Some("no such customer: person-1".to_owned());
        Attempts { begun: 2, history: vec![Attempt { millis: Some(300), answer, ..refused }] }
    }

    fn due(lease: Option<Lease>) -> AuthorizationState {
        let delivery = PendingDelivery { attempts: attempts(), next_attempt_at: NOW, due_at: NOW, lease };
        AuthorizationState::Authorized { subject: subject(), delivery: Some(delivery) }
    }

    /// A record in each state, and the state's name once an hour has passed.
    fn records() -> Vec<(Authorization, Status)> {
        let lease = || lease(NOW + MINUTE);
        [
            (AuthorizationState::LinkPending { state: state() }, Status::LinkPending),
            (AuthorizationState::Issued { link: link() }, Status::Issued),
            (AuthorizationState::Exchanging { link: link(), lease: lease() }, Status::ExchangeUnknown),
            (AuthorizationState::ExchangeUnknown { link: link() }, Status::ExchangeUnknown),
            (AuthorizationState::Authorized { subject: subject(), delivery: None }, Status::Authorized),
            (due(None), Status::Authorized),
            (due(Some(lease())), Status::Authorized),
            (AuthorizationState::Delivered { subject: subject(), attempts: attempts() }, Status::Delivered),
            (
                AuthorizationState::Undeliverable { subject: subject(), attempts: attempts() },
                Status::Undeliverable,
            ),
        ]
        .map(|(state, status)| (Authorization { state, ..issued() }, status))
        .into()
    }

    #[test]
    fn what_is_left_says_what_happened_and_nothing_of_a_person() {
        let later = NOW + MINUTE * 60;
        for (record, status) in records() {
            let left = record.forgotten(later);
            let tombstone = left.tombstone().expect("a tombstone");
            assert_eq!((left.status(), tombstone.forgotten_at), (status, later));
            assert_eq!(left.authorized_at(), record.consent().map(|consent| consent.authorized_at));
            assert_eq!(left.attempts_begun(), record.attempts_begun());
            let outcomes = |record: &Authorization| {
                let told = |made: &Attempt| (made.number, made.at, made.millis, made.outcome);
                record.history().iter().map(told).collect::<Vec<_>>()
            };
            assert_eq!(outcomes(&left), outcomes(&record));
            assert_eq!((&left.id, left.created_at), (&record.id, record.created_at));
            assert_eq!((left.expires_at, left.retain_until), (record.expires_at, record.retain_until));
            let all = format!(
                "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
                left.request,
                left.callback,
                left.terms,
                left.codes,
                left.consent(),
                left.link(),
                left.state
            );
            for personal in ["person-1", "hush", "digest"] {
                assert!(!all.contains(personal), "{all}");
            }
            assert_eq!(left.parameters_digest, None);
            assert_eq!(left.forgotten(later + MINUTE).state.status(), status);
        }
    }

    #[test]
    fn nothing_is_left_of_a_phone_number() {
        let request = AuthorizationRequest::Scheme(SchemeRequest {
            account_id: "1001".to_owned(),
            scheme_id: SchemeId::parse("234").unwrap(),
            request_id: "R1".to_owned(),
            phone_tail: "1234".to_owned(),
            phone_hash: "hash".to_owned(),
            end_date: None,
        });
        let left = Authorization { request, ..issued() }.forgotten(NOW);
        let AuthorizationRequest::Scheme(request) = &left.request else { panic!("of another API") };
        assert_eq!((request.phone_tail.as_str(), request.phone_hash.as_str()), ("", ""));
        assert_eq!((request.account_id.as_str(), request.request_id.as_str()), ("1001", "R1"));
    }

    #[test]
    fn nothing_leads_on_from_a_record_whose_person_is_forgotten() {
        let code = AuthCode::parse("codeA").unwrap();
        let claim =
            ExchangeClaim::new(&app(), &state(), &code, OperationId::recorded("mine".to_owned()), NOW);
        let attempt = AttemptClaim {
            id: issued().id,
            attempts_before: 2,
            attempts_allowed: 9,
            operation: OperationId::recorded("mine".to_owned()),
            now: NOW + MINUTE * 2,
            lease_until: NOW + MINUTE * 3,
        };
        for (record, status) in records() {
            let left = record.forgotten(NOW + MINUTE);
            assert!(!left.link_works(NOW) && left.is_led_to_by(&state(), &app()), "{status}");
            assert_eq!((left.watched_until(), left.identity()), (None, None));
            assert_eq!(standing_refusal(Some(&left), &claim), Some(ClaimRefusal::Forgotten));
            assert_eq!(attempt_refusal(Some(&left), &attempt), AttemptRefusal::Stale);
            assert_eq!(attention(&left, NOW + MINUTE * 600), None);
        }
    }

    #[test]
    fn a_record_is_not_forgotten_under_somebodys_hands() {
        let exchanging = AuthorizationState::Exchanging { link: link(), lease: lease(NOW + MINUTE) };
        for state in [exchanging, due(Some(lease(NOW + MINUTE)))] {
            let record = Authorization { state, ..issued() };
            assert_eq!(Forgetting::refused_by(Some(&record), NOW), Forgetting::Busy(NOW + MINUTE));
            assert_eq!(record.busy_until(NOW + MINUTE), None);
            let left = record.forgotten(NOW + MINUTE);
            let before = Forgetting::Before(NOW + MINUTE);
            assert_eq!(Forgetting::refused_by(Some(&left), NOW + MINUTE * 2), before);
        }
        assert_eq!(Forgetting::refused_by(None, NOW), Forgetting::NotFound);
        assert_eq!(Forgetting::refused_by(Some(&issued()), NOW), Forgetting::Busy(NOW));
    }

    #[test]
    fn the_notices_of_an_authorization_come_after_it() {
        let id = issued().id;
        let [itself, refused, expired] = id.with_its_notices();
        assert_eq!((refused, expired), (id.of_notice(Notice::Refused), id.of_notice(Notice::Expired)));
        assert_eq!(itself, id);
    }
}
