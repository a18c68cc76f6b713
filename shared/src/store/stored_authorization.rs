//! The flat form in which the stores keep an authorization, and the way back to a record.
//!
//! A store changes single fields under conditions, so it keeps them side by side. Only a combination that some state
//! has is read as a record; anything else is [`StoreError::Corrupt`], with its cause and without a value.

use bytes::Bytes;
use url::Url;

use crate::model::authorization::{
    Attempt, Attempts, Authorization, AuthorizationState, Callback, Lease, PendingDelivery, Status, Tombstone,
};
use crate::model::authorization_request::AuthorizationRequest;
use crate::model::clock::UnixMillis;
use crate::model::consent::{Consent, DeliveryBody};
use crate::model::delivery_subject::DeliverySubject;
use crate::model::id::{AuthorizationId, State};
use crate::model::identity::Identity;
use crate::model::link_source::LinkSource;
use crate::model::notice::Notice;
use crate::model::short_fingerprint::ShortFingerprint;
use crate::model::terms::Terms;
use crate::store::StoreError;

/// Every field that a record may have in some state; see [`Authorization`] and [`AuthorizationState`] for their
/// meaning.
#[derive(Clone)]
pub(super) struct StoredAuthorization {
    pub(super) id: AuthorizationId,
    pub(super) request: AuthorizationRequest,
    pub(super) verified_by: Option<ShortFingerprint>,
    pub(super) source: LinkSource,
    pub(super) callback: Callback,
    /// Empty where the record has none.
    pub(super) parameters_digest: String,
    /// Empty where the record has none.
    pub(super) state_digest: String,
    pub(super) pending_state: Option<State>,
    pub(super) link: Option<String>,
    pub(super) status: Status,
    pub(super) created_at: UnixMillis,
    pub(super) linked_at: Option<UnixMillis>,
    pub(super) expires_at: UnixMillis,
    pub(super) retry_until: Option<UnixMillis>,
    pub(super) retain_until: UnixMillis,
    pub(super) codes: Vec<String>,
    pub(super) refused_codes: u32,
    pub(super) opened_at: Option<UnixMillis>,
    pub(super) refused_at: Option<UnixMillis>,
    pub(super) terms: Terms,
    pub(super) notice: Option<Notice>,
    pub(super) exchange: Option<Lease>,
    pub(super) identity: Option<Identity>,
    pub(super) authorized_at: Option<UnixMillis>,
    pub(super) consent_code: Option<String>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) attempts: u32,
    pub(super) next_attempt_at: Option<UnixMillis>,
    pub(super) due_at: Option<UnixMillis>,
    pub(super) delivery: Option<Lease>,
    pub(super) history: Vec<Attempt>,
    pub(super) forgotten_at: Option<UnixMillis>,
}

/// The cause for which a stored record fits no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoSuchStateError {
    /// The state needs a field that the record does not have.
    #[error("a record that is {status} has no {field}")]
    Missing { status: Status, field: &'static str },
    /// The record has a field that the state does not.
    #[error("a record that is {status} has {field}")]
    Unexpected { status: Status, field: &'static str },
    /// A field that the state needs is of another form.
    #[error("a record that is {status} has another form of {field}")]
    Malformed { status: Status, field: &'static str },
}

impl From<NoSuchStateError> for StoreError {
    fn from(error: NoSuchStateError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl TryFrom<StoredAuthorization> for Authorization {
    type Error = NoSuchStateError;

    fn try_from(mut stored: StoredAuthorization) -> Result<Self, NoSuchStateError> {
        let state = stored.take_state()?;
        stored.take_watch();
        let (parameters_digest, state_digest) =
            (stored.take_parameters_digest(&state)?, stored.take_state_digest(&state)?);
        stored.nothing_is_left()?;
        Ok(Self {
            id: stored.id,
            request: stored.request,
            verified_by: stored.verified_by,
            source: stored.source,
            callback: stored.callback,
            parameters_digest,
            state_digest,
            created_at: stored.created_at,
            linked_at: stored.linked_at,
            expires_at: stored.expires_at,
            retry_until: stored.retry_until,
            retain_until: stored.retain_until,
            codes: stored.codes,
            refused_codes: stored.refused_codes,
            opened_at: stored.opened_at,
            refused_at: stored.refused_at,
            terms: stored.terms,
            state,
        })
    }
}

impl StoredAuthorization {
    /// Takes out of the record what its state has.
    fn take_state(&mut self) -> Result<AuthorizationState, NoSuchStateError> {
        if self.source.alipay_app().is_some() && self.linked_at.is_some() {
            return Err(self.unexpected("the time of a platform's link"));
        }
        if let Some(forgotten_at) = self.forgotten_at.take() {
            return Ok(AuthorizationState::Forgotten(self.take_tombstone(forgotten_at)));
        }
        Ok(match self.status {
            Status::LinkPending => {
                if self.source.alipay_app().is_some() {
                    return Err(self.unexpected("a link of our own"));
                }
                if self.linked_at.is_some() {
                    return Err(self.unexpected("the time of its link"));
                }
                let state = self.pending_state.take();
                AuthorizationState::LinkPending { state: self.required(state, "state")? }
            }
            Status::Issued => AuthorizationState::Issued { link: self.take_link()? },
            Status::Exchanging => {
                let lease = self.exchange.take();
                AuthorizationState::Exchanging {
                    link: self.take_link()?,
                    lease: self.required(lease, "lease of its exchange")?,
                }
            }
            Status::ExchangeUnknown => AuthorizationState::ExchangeUnknown { link: self.take_link()? },
            Status::Authorized => AuthorizationState::Authorized {
                subject: self.take_subject()?,
                delivery: self.take_pending_delivery()?,
            },
            Status::Delivered => AuthorizationState::Delivered {
                subject: self.take_subject()?,
                attempts: self.take_attempts(),
            },
            Status::Undeliverable => AuthorizationState::Undeliverable {
                subject: self.take_subject()?,
                attempts: self.take_attempts(),
            },
        })
    }

    fn take_tombstone(&mut self, forgotten_at: UnixMillis) -> Tombstone {
        let status = match self.status {
            // Its lease was over: nobody is forgotten during an exchange.
            Status::Exchanging => Status::ExchangeUnknown,
            status => status,
        };
        let (authorized_at, notice) = (self.authorized_at.take(), self.notice.take());
        Tombstone { status, authorized_at, notice, attempts: self.take_attempts(), forgotten_at }
    }

    fn take_link(&mut self) -> Result<Url, NoSuchStateError> {
        let link = self.link.take();
        let link = self.required(link, "link")?;
        Url::parse(&link).map_err(|_| NoSuchStateError::Malformed { status: self.status, field: "link" })
    }

    fn take_subject(&mut self) -> Result<DeliverySubject, NoSuchStateError> {
        let body = self.body.take().map(Bytes::from).and_then(DeliveryBody::new);
        let body = self.required(body, "body to deliver")?;
        let at = self.authorized_at.take();
        if let Some(notice) = self.notice.take() {
            let noticed_at = self.required(at, "time of its notice")?;
            return Ok(DeliverySubject::Notice { notice, body, noticed_at });
        }
        let identity = self.identity.take();
        Ok(DeliverySubject::Consent(Consent {
            identity: self.required(identity, "user")?,
            body,
            authorized_at: self.required(at, "time of its consent")?,
            code_digest: self.consent_code.take(),
        }))
    }

    /// An open link has it.
    fn take_parameters_digest(
        &mut self,
        state: &AuthorizationState,
    ) -> Result<Option<String>, NoSuchStateError> {
        if !state.is_open() {
            return Ok(None);
        }
        let digest = present(std::mem::take(&mut self.parameters_digest));
        self.required(digest, "digest of its parameters").map(Some)
    }

    /// Every record has it but that of a notice.
    fn take_state_digest(&mut self, state: &AuthorizationState) -> Result<Option<String>, NoSuchStateError> {
        if state.notice().is_some() {
            return Ok(None);
        }
        let digest = present(std::mem::take(&mut self.state_digest));
        self.required(digest, "digest of its state").map(Some)
    }

    /// A link whose end is to be told is due at its end; that time follows from the rest of the record.
    fn take_watch(&mut self) {
        let watched = !matches!(self.status, Status::Authorized | Status::Delivered | Status::Undeliverable);
        if watched && self.terms.want(Notice::Expired) {
            self.due_at = None;
        }
    }

    /// Only a record with a next attempt has a delivery at all.
    fn take_pending_delivery(&mut self) -> Result<Option<PendingDelivery>, NoSuchStateError> {
        let Some(next_attempt_at) = self.next_attempt_at.take() else { return Ok(None) };
        let due_at = self.due_at.take();
        Ok(Some(PendingDelivery {
            next_attempt_at,
            due_at: self.required(due_at, "time at which it is due")?,
            lease: self.delivery.take(),
            attempts: self.take_attempts(),
        }))
    }

    fn take_attempts(&mut self) -> Attempts {
        Attempts { begun: std::mem::take(&mut self.attempts), history: std::mem::take(&mut self.history) }
    }

    /// The fields of other states that are left.
    fn nothing_is_left(&self) -> Result<(), NoSuchStateError> {
        let left = [
            ("a state to ask with", self.pending_state.is_some()),
            ("a link", self.link.is_some()),
            ("a lease of an exchange", self.exchange.is_some()),
            ("a user", self.identity.is_some()),
            ("a time of consent", self.authorized_at.is_some()),
            ("a code of consent", self.consent_code.is_some()),
            ("a body to deliver", self.body.is_some()),
            ("a next attempt", self.next_attempt_at.is_some()),
            ("a time at which it is due", self.due_at.is_some()),
            ("a lease of an attempt", self.delivery.is_some()),
            ("attempts", self.attempts > 0 || !self.history.is_empty()),
            ("a notice", self.notice.is_some()),
            ("a digest of its parameters", !self.parameters_digest.is_empty()),
            ("a digest of a state", !self.state_digest.is_empty()),
        ];
        match left.into_iter().find(|(_, left)| *left) {
            Some((field, _)) => Err(self.unexpected(field)),
            None => Ok(()),
        }
    }

    fn required<T>(&self, field: Option<T>, name: &'static str) -> Result<T, NoSuchStateError> {
        field.ok_or(NoSuchStateError::Missing { status: self.status, field: name })
    }

    const fn unexpected(&self, field: &'static str) -> NoSuchStateError {
        NoSuchStateError::Unexpected { status: self.status, field }
    }
}

/// A text that is kept as an empty one where there is none.
fn present(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

impl From<Authorization> for StoredAuthorization {
    fn from(record: Authorization) -> Self {
        let (consent, delivery) = (record.consent(), record.pending_delivery());
        Self {
            pending_state: match &record.state {
                AuthorizationState::LinkPending { state } => Some(state.clone()),
                _ => None,
            },
            link: record.link().map(Url::to_string),
            status: record.status(),
            exchange: record.exchange().cloned(),
            identity: record.identity().cloned(),
            authorized_at: record.authorized_at(),
            forgotten_at: record.forgotten_at(),
            consent_code: consent.and_then(|consent| consent.code_digest.clone()),
            body: record.subject().map(|subject| subject.body().reveal().to_vec()),
            notice: record.notice(),
            attempts: record.attempts_begun(),
            history: record.history().to_vec(),
            next_attempt_at: record.next_attempt_at(),
            due_at: delivery.map(|delivery| delivery.due_at).or_else(|| record.watched_until()),
            delivery: delivery.and_then(|delivery| delivery.lease.clone()),
            id: record.id,
            request: record.request,
            verified_by: record.verified_by,
            source: record.source,
            callback: record.callback,
            parameters_digest: record.parameters_digest.unwrap_or_default(),
            state_digest: record.state_digest.unwrap_or_default(),
            created_at: record.created_at,
            linked_at: record.linked_at,
            expires_at: record.expires_at,
            retry_until: record.retry_until,
            retain_until: record.retain_until,
            codes: record.codes,
            refused_codes: record.refused_codes,
            opened_at: record.opened_at,
            refused_at: record.refused_at,
            terms: record.terms,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::alipay_app_id::AlipayAppId;
    use crate::model::authorization::{Issue, NewLink};
    use crate::model::authorization_request::MerchantRequest;
    use crate::model::delivery_outcome::DeliveryOutcome;
    use crate::model::id::OperationId;
    use crate::model::identity::OpenId;

    const NOW: UnixMillis = UnixMillis(1_000);

    fn new(link: NewLink) -> Authorization {
        Authorization::issued(Issue {
            request: AuthorizationRequest::Merchant(MerchantRequest {
                business_id: "B1".to_owned(),
                merchant_id: "M1".to_owned(),
                serial_no: "S1".to_owned(),
                user_id: "U1".to_owned(),
            }),
            callback: Callback::OwnersDefault,
            state: State::parse(&"5".repeat(64)).unwrap(),
            link,
            now: NOW,
            lifetime: Duration::from_secs(60),
            retention: Duration::from_secs(600),
        })
    }

    fn pending() -> Authorization {
        new(NewLink::AskedOf("up".to_owned()))
    }

    fn app() -> AlipayAppId {
        AlipayAppId::parse("2021").unwrap()
    }

    fn ours() -> NewLink {
        NewLink::Ours { app: app(), link: link() }
    }

    fn link() -> Url {
        Url::parse("https://openauth.example/authorize").unwrap()
    }

    fn lease() -> Lease {
        Lease { operation: OperationId::recorded("worker".to_owned()), until: NOW }
    }

    fn identity() -> Identity {
        Identity::new(OpenId::parse("open-1"), None).unwrap()
    }

    fn subject() -> DeliverySubject {
        DeliverySubject::Consent(Consent {
            identity: identity(),
            body: DeliveryBody::new("body").unwrap(),
            authorized_at: NOW,
            code_digest: Some("digest".to_owned()),
        })
    }

    fn attempts() -> Attempts {
        let timeout = Attempt::new(1, NOW, DeliveryOutcome::Timeout);
        Attempts { begun: 2, history: vec![timeout] }
    }

    fn delivery(lease: Option<Lease>) -> PendingDelivery {
        PendingDelivery { attempts: attempts(), next_attempt_at: NOW, due_at: NOW, lease }
    }

    fn in_state(state: AuthorizationState) -> Authorization {
        let (codes, new) = (vec!["digest".to_owned()], new(ours()));
        let parameters_digest = new.parameters_digest.clone().filter(|_| state.is_open());
        Authorization { state, codes, refused_codes: 1, parameters_digest, ..new }
    }

    /// A record in each state, with a delivery and without one.
    fn records() -> [Authorization; 9] {
        let authorized = |delivery| AuthorizationState::Authorized { subject: subject(), delivery };
        [
            pending(),
            in_state(AuthorizationState::Issued { link: link() }),
            in_state(AuthorizationState::Exchanging { link: link(), lease: lease() }),
            in_state(AuthorizationState::ExchangeUnknown { link: link() }),
            in_state(authorized(None)),
            in_state(authorized(Some(delivery(None)))),
            in_state(authorized(Some(delivery(Some(lease()))))),
            in_state(AuthorizationState::Delivered { subject: subject(), attempts: attempts() }),
            in_state(AuthorizationState::Undeliverable { subject: subject(), attempts: attempts() }),
        ]
    }

    #[test]
    fn a_record_in_each_state_is_read_as_it_was_stored() {
        for record in records() {
            assert_eq!(Authorization::try_from(StoredAuthorization::from(record.clone())), Ok(record));
        }
    }

    #[test]
    fn what_is_left_of_each_is_read_as_it_was_stored_and_has_nothing_of_the_person() {
        let fields: [(&str, Change); 8] = [
            ("a state to ask with", |stored| stored.pending_state = State::parse(&"5".repeat(64))),
            ("a link", |stored| stored.link = Some(link().into())),
            ("a lease of an exchange", |stored| stored.exchange = Some(lease())),
            ("a user", |stored| stored.identity = Some(identity())),
            ("a code of consent", |stored| stored.consent_code = Some("digest".to_owned())),
            ("a body to deliver", |stored| stored.body = Some(b"body".to_vec())),
            ("a next attempt", |stored| stored.next_attempt_at = Some(NOW)),
            ("a time at which it is due", |stored| stored.due_at = Some(NOW)),
        ];
        for record in records() {
            let left = record.forgotten(UnixMillis(NOW.0 + 60_000));
            assert_eq!(Authorization::try_from(StoredAuthorization::from(left.clone())), Ok(left.clone()));
            for (field, change) in fields {
                let unexpected = NoSuchStateError::Unexpected { status: left.status(), field };
                assert_eq!(changed(&left, change), Err(unexpected), "{record:?}");
            }
        }
    }

    #[test]
    fn a_notice_names_nobody_and_a_watched_link_is_due_at_its_end() {
        let terms = Terms { notify_expired: true, ..Terms::default() };
        let watched = Authorization { terms, opened_at: Some(NOW), ..new(ours()) };
        let notice = watched.notice_record(Notice::Expired, DeliveryBody::new("body").unwrap(), NOW);
        assert_eq!(StoredAuthorization::from(watched.clone()).due_at, Some(watched.expires_at));
        assert_ne!(notice.id, watched.id);
        let forgotten = notice.forgotten(NOW);
        assert_eq!((notice.notice(), notice.consent()), (Some(Notice::Expired), None));
        assert_eq!((forgotten.notice(), forgotten.authorized_at()), (Some(Notice::Expired), Some(NOW)));
        for record in [watched, notice, forgotten] {
            assert_eq!(Authorization::try_from(StoredAuthorization::from(record.clone())), Ok(record));
        }
    }

    #[test]
    fn a_notices_record_has_of_the_links_only_whose_it_is_and_where_it_goes() {
        let terms = Terms { notify_expired: true, ..Terms::default() };
        let link = Authorization {
            verified_by: ShortFingerprint::parse("01234567"),
            linked_at: Some(NOW),
            retry_until: Some(NOW),
            codes: vec!["digest".to_owned()],
            refused_codes: 2,
            opened_at: Some(NOW),
            refused_at: Some(NOW),
            terms,
            ..new(ours())
        };
        let (later, body) = (NOW + Duration::from_secs(60), DeliveryBody::new("body").unwrap());
        let notice = link.notice_record(Notice::Expired, body.clone(), later);
        let delivery = PendingDelivery {
            attempts: Attempts::default(),
            next_attempt_at: later,
            due_at: later,
            lease: None,
        };
        let subject = DeliverySubject::Notice { notice: Notice::Expired, body, noticed_at: later };
        let expected = Authorization {
            id: link.id.of_notice(Notice::Expired),
            request: link.request,
            verified_by: None,
            source: link.source,
            callback: link.callback,
            parameters_digest: None,
            state_digest: None,
            created_at: later,
            linked_at: None,
            expires_at: link.expires_at,
            retry_until: None,
            retain_until: link.retain_until,
            codes: Vec::new(),
            refused_codes: 0,
            opened_at: None,
            refused_at: None,
            terms: Terms::default(),
            state: AuthorizationState::Authorized { subject, delivery: Some(delivery) },
        };
        assert_eq!(notice, expected);
    }

    #[test]
    fn a_notice_with_what_a_consent_has_is_refused_and_an_open_link_with_a_notice() {
        let notice = new(ours()).notice_record(Notice::Refused, DeliveryBody::new("body").unwrap(), NOW);
        let rows: [(&str, Change); 3] = [
            ("a user", |stored| stored.identity = Some(identity())),
            ("a code of consent", |stored| stored.consent_code = Some("digest".to_owned())),
            ("a digest of a state", |stored| stored.state_digest = "digest".to_owned()),
        ];
        for (field, change) in rows {
            let unexpected = NoSuchStateError::Unexpected { status: Status::Authorized, field };
            assert_eq!(changed(&notice, change), Err(unexpected));
        }
        let missing = NoSuchStateError::Missing { status: Status::Authorized, field: "time of its notice" };
        assert_eq!(changed(&notice, |stored| stored.authorized_at = None), Err(missing));
        let unexpected = NoSuchStateError::Unexpected { status: Status::Issued, field: "a notice" };
        let noticed: Change = |stored| stored.notice = Some(Notice::Refused);
        assert_eq!(changed(&new(ours()), noticed), Err(unexpected));
    }

    #[test]
    fn the_digest_of_the_parameters_is_gone_once_the_user_is_known_or_forgotten() {
        let settled = in_state(AuthorizationState::Delivered { subject: subject(), attempts: attempts() });
        for record in [settled.forgotten(NOW), settled] {
            let read = changed(&record, |stored| stored.parameters_digest = "digest".to_owned());
            let field = "a digest of its parameters";
            assert_eq!(read, Err(NoSuchStateError::Unexpected { status: Status::Delivered, field }));
        }
    }

    type Change = fn(&mut StoredAuthorization);

    #[test]
    fn a_record_that_lacks_what_its_state_has_is_refused() {
        let [pending, issued, exchanging, unknown, _, due, _, delivered, undeliverable] = records();
        let rows: [(&Authorization, &str, Change); 17] = [
            (&pending, "digest of its parameters", |stored| stored.parameters_digest.clear()),
            (&issued, "digest of its parameters", |stored| stored.parameters_digest.clear()),
            (&delivered, "digest of its state", |stored| stored.state_digest.clear()),
            (&pending, "state", |stored| stored.pending_state = None),
            (&issued, "link", |stored| stored.link = None),
            (&exchanging, "link", |stored| stored.link = None),
            (&exchanging, "lease of its exchange", |stored| stored.exchange = None),
            (&unknown, "link", |stored| stored.link = None),
            (&due, "user", |stored| stored.identity = None),
            (&due, "time of its consent", |stored| stored.authorized_at = None),
            (&due, "body to deliver", |stored| stored.body = None),
            (&due, "body to deliver", |stored| stored.body = Some(Vec::new())),
            (&due, "time at which it is due", |stored| stored.due_at = None),
            (&delivered, "user", |stored| stored.identity = None),
            (&delivered, "body to deliver", |stored| stored.body = None),
            (&undeliverable, "body to deliver", |stored| stored.body = None),
            (&undeliverable, "time of its consent", |stored| stored.authorized_at = None),
        ];
        for (record, field, change) in rows {
            let missing = NoSuchStateError::Missing { status: record.status(), field };
            assert_eq!(changed(record, change), Err(missing), "{record:?}");
        }
    }

    #[test]
    fn a_record_that_has_what_its_state_has_not_is_refused() {
        let fields: [(&str, Change); 11] = [
            ("a state to ask with", |stored| stored.pending_state = State::parse(&"5".repeat(64))),
            ("a link", |stored| stored.link = Some(link().into())),
            ("a lease of an exchange", |stored| stored.exchange = Some(lease())),
            ("a user", |stored| stored.identity = Some(identity())),
            ("a time of consent", |stored| stored.authorized_at = Some(NOW)),
            ("a code of consent", |stored| stored.consent_code = Some("digest".to_owned())),
            ("a body to deliver", |stored| stored.body = Some(b"body".to_vec())),
            ("a next attempt", |stored| stored.next_attempt_at = Some(NOW)),
            ("a time at which it is due", |stored| stored.due_at = Some(NOW)),
            ("a lease of an attempt", |stored| stored.delivery = Some(lease())),
            ("attempts", |stored| stored.attempts = 1),
        ];
        let [pending, issued, exchanging, unknown, nowhere, _, _, delivered, undeliverable] = records();
        for (record, own) in [
            (&pending, &["a state to ask with"][..]),
            (&issued, &["a link"]),
            (&exchanging, &["a link", "a lease of an exchange"]),
            (&unknown, &["a link"]),
            // With a next attempt it is another state's record: one that is due.
            (
                &nowhere,
                &["a user", "a time of consent", "a code of consent", "a body to deliver", "a next attempt"],
            ),
            (
                &delivered,
                &["a user", "a time of consent", "a code of consent", "a body to deliver", "attempts"],
            ),
            (
                &undeliverable,
                &["a user", "a time of consent", "a code of consent", "a body to deliver", "attempts"],
            ),
        ] {
            for (field, change) in fields.iter().filter(|(field, _)| !own.contains(field)) {
                let unexpected = NoSuchStateError::Unexpected { status: record.status(), field };
                assert_eq!(changed(record, *change), Err(unexpected), "{record:?}");
            }
        }
    }

    #[test]
    fn a_pending_link_is_a_platforms_and_has_not_come() {
        let rows: [(&str, Change); 2] = [
            ("a link of our own", |stored| stored.source = LinkSource::Alipay(app())),
            ("the time of its link", |stored| stored.linked_at = Some(NOW)),
        ];
        for (field, change) in rows {
            let unexpected = NoSuchStateError::Unexpected { status: Status::LinkPending, field };
            assert_eq!(changed(&pending(), change), Err(unexpected));
        }
    }

    #[test]
    fn only_a_platforms_link_comes_later_than_its_request() {
        let field = "the time of a platform's link";
        let unexpected = NoSuchStateError::Unexpected { status: Status::Issued, field };
        assert_eq!(changed(&new(ours()), |stored| stored.linked_at = Some(NOW)), Err(unexpected));
    }

    #[test]
    fn a_cause_names_the_field_and_quotes_no_value() {
        let issued = new(ours());
        let error = changed(&issued, |stored| stored.link = Some("open-1".to_owned())).unwrap_err();
        assert_eq!(error, NoSuchStateError::Malformed { status: Status::Issued, field: "link" });
        let corrupt = StoreError::Corrupt("a record that is ISSUED has another form of link".to_owned());
        assert_eq!(StoreError::from(error), corrupt);
    }

    fn changed(record: &Authorization, change: Change) -> Result<Authorization, NoSuchStateError> {
        let mut stored = StoredAuthorization::from(record.clone());
        change(&mut stored);
        stored.try_into()
    }
}
