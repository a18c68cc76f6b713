//! Forgetting a person: of one authorization, and of the notices beside it.

use std::fmt;

use serde_json::{Value, json};
use shared::model::authorization::Authorization;
use shared::model::clock::{Clock as _, SystemClock, UnixMillis};
use shared::model::forgetting::Forgetting;
use shared::model::id::AuthorizationId;
use shared::store::StoreError;

use super::local_time::local;
use super::place::Records;
use super::refusal::{OperatorRefusal, StepError, with_audit};
use super::{Opened, Place, audit, question, summary};

#[derive(Clone, Copy)]
pub struct ForgetOptions {
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
    pub yes: bool,
}

pub struct Forgotten {
    record: Authorization,
    /// The time at which the authorization's person was forgotten, if that has happened.
    at: Option<UnixMillis>,
    /// The records that this changed, the authorization's and its notices', or would have changed.
    records: u32,
    dry_run: bool,
}

impl Forgotten {
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut told = json!({
            "reference": self.record.id,
            "state": self.record.status().as_str(),
            "forgottenAt": self.at,
            "done": if self.dry_run { 0 } else { self.records },
        });
        if self.dry_run {
            told["wouldDo"] = self.records.into();
        }
        told
    }
}

impl fmt::Display for Forgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.record.id)?;
        match (self.dry_run, self.records, self.at) {
            (true, would, _) => write!(f, "would forget {would}; nothing was done"),
            (false, 0, Some(at)) => write!(f, "was forgotten before, at {}", local(at)),
            (false, _, _) => write!(f, "forgotten; what happened and when is kept"),
        }
    }
}

/// Asks, and forgets; the same again changes nothing. What was changed has its audit line even if the rest failed.
///
/// # Errors
/// There is no such authorization, somebody is at work on it, the store fails, or the question was answered by no.
pub async fn forget(
    place: &Place,
    opened: &Opened,
    id: &AuthorizationId,
    options: ForgetOptions,
) -> Result<Forgotten, StepError> {
    let records = &*opened.records;
    let record =
        records.authorization(id).await?.ok_or_else(|| OperatorRefusal::NoSuchAuthorization(id.clone()))?;
    if options.dry_run {
        let (at, would) = (record.forgotten_at(), left(records, id).await?);
        return Ok(Forgotten { record, at, records: would, dry_run: true });
    }
    if record.forgotten_at().is_none() {
        question::confirm(&what(&record, place), options.yes)?;
    }
    let mut done = 0;
    let forgotten = forget_all(records, id, SystemClock.now(), &mut done).await;
    let audited = if forgotten.is_ok() || done > 0 {
        let details = json!({"reference": id, "done": done, "ended": forgotten.is_ok()});
        audit::note(place.folder(), &place.name(), "forget", &details)
    } else {
        Ok(())
    };
    let at = with_audit(forgotten, done.into(), audited)?;
    Ok(Forgotten { record, at: Some(at), records: done, dry_run: false })
}

fn what(record: &Authorization, place: &Place) -> String {
    format!(
        "{} at {} is {}. What says who it was goes for good, and nothing is delivered any more. Forget 1?",
        summary::callers_name(record),
        place.name(),
        record.status()
    )
}

/// The records of `id` that still say who it is about.
async fn left(records: &dyn Records, id: &AuthorizationId) -> Result<u32, StoreError> {
    let mut left = 0;
    for id in id.with_its_notices() {
        let record = records.authorization(&id).await?;
        left += u32::from(record.is_some_and(|record| record.forgotten_at().is_none()));
    }
    Ok(left)
}

/// Forgets the person of `id` at `now`, and adds each record that this changed to `done`. The time at which the person
/// was forgotten. The authorization comes first: no notice is recorded for it from then on.
///
/// # Errors
/// There is no such authorization, somebody is at work on it or on a notice, or the store fails.
async fn forget_all(
    records: &dyn Records,
    id: &AuthorizationId,
    now: UnixMillis,
    done: &mut u32,
) -> Result<UnixMillis, StepError> {
    let [itself, notices @ ..] = id.with_its_notices();
    let at = match records.forget(&itself, now).await? {
        Forgetting::Done => {
            *done += 1;
            now
        }
        Forgetting::Before(at) => at,
        Forgetting::Busy(_) => return Err(OperatorRefusal::RecordInUse.into()),
        Forgetting::NotFound => return Err(OperatorRefusal::NoSuchAuthorization(id.clone()).into()),
    };
    for notice in notices {
        match records.forget(&notice, now).await? {
            Forgetting::Done => *done += 1,
            Forgetting::Before(_) | Forgetting::NotFound => {}
            Forgetting::Busy(_) => return Err(OperatorRefusal::NoticeInUse.into()),
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use shared::egress::callback_url::CallbackRules;
    use shared::model::alipay_app_id::AlipayAppId;
    use shared::model::authorization::{Authorization, Callback, Issue, NewLink};
    use shared::model::authorization_request::{AuthorizationRequest, MerchantRequest};
    use shared::model::claim::{AttemptClaim, ExchangeClaim};
    use shared::model::consent::DeliveryBody;
    use shared::model::id::{OperationId, State};
    use shared::model::identity::AuthCode;
    use shared::model::notice::Notice;
    use shared::runtime::start::StartError;
    use shared::store::sqlite::SqliteStore;
    use shared::store::{
        AttemptClaimed, Claimed, NonceUse, RecordDeliveries as _, RecordLinks as _, RecordNotices as _,
        RecordReturns as _, Recorded,
    };

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_305_600_000);
    const MINUTE: Duration = Duration::from_mins(1);

    fn by(name: &str) -> OperationId {
        OperationId::recorded(name.to_owned())
    }

    fn app() -> AlipayAppId {
        AlipayAppId::parse("2021").unwrap()
    }

    fn state() -> State {
        State::parse(&"5".repeat(64)).unwrap()
    }

    async fn issued() -> (SqliteStore, Authorization, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("authlink.db")).unwrap();
        let new = Authorization::issued(Issue {
            request: AuthorizationRequest::Merchant(MerchantRequest {
                business_id: "B1".to_owned(),
                merchant_id: "M1".to_owned(),
                serial_no: "S1".to_owned(),
                user_id: "U1".to_owned(),
            }),
            callback: Callback::OwnersDefault,
            state: state(),
            link: NewLink::Ours { app: app(), link: "https://openauth.example/authorize".parse().unwrap() },
            now: NOW,
            lifetime: MINUTE * 60,
            retention: MINUTE * 600,
        });
        let (space, nonce) = ("B1".to_owned(), "nonce-1".to_owned());
        let nonce = NonceUse { space, nonce, used_at: NOW, until: NOW + MINUTE, operation: by("issuer") };
        assert_eq!(store.record_link(&new, &nonce).await, Ok(Recorded::New));
        (store, new, folder)
    }

    /// What came of it, and the records that it changed.
    async fn all_of(
        store: &SqliteStore,
        id: &AuthorizationId,
        now: UnixMillis,
    ) -> (Result<UnixMillis, String>, u32) {
        let mut done = 0;
        let forgotten = forget_all(store, id, now, &mut done).await;
        (forgotten.map_err(|error| StartError::from(error).to_string()), done)
    }

    #[tokio::test]
    async fn an_authorization_is_forgotten_with_its_notices_and_once() {
        let (store, new, _kept) = issued().await;
        let body = || DeliveryBody::new("U1").unwrap();
        for notice in [Notice::Refused, Notice::Expired] {
            assert_eq!(
                store.record_notice(&new.notice_record(notice, body(), NOW), &by("n")).await,
                Ok(true)
            );
        }
        assert_eq!(left(&store, &new.id).await.unwrap(), 3);
        assert_eq!(all_of(&store, &new.id, NOW).await, (Ok(NOW), 3));
        assert_eq!(left(&store, &new.id).await.unwrap(), 0);
        assert_eq!(all_of(&store, &new.id, NOW + MINUTE).await, (Ok(NOW), 0));
        let unknown = AuthorizationId::from_serial("B1", "nobody");
        assert!(matches!(all_of(&store, &unknown, NOW).await, (Err(_), 0)));
    }

    #[tokio::test]
    async fn who_is_at_work_is_waited_for() {
        let (store, new, _kept) = issued().await;
        let notice = new.notice_record(Notice::Refused, DeliveryBody::new("U1").unwrap(), NOW);
        assert_eq!(store.record_notice(&notice, &by("n")).await, Ok(true));
        let code = AuthCode::parse("codeA").unwrap();
        let claimed =
            store.claim_exchange(&ExchangeClaim::new(&app(), &state(), &code, by("return"), NOW)).await;
        assert!(matches!(claimed, Ok(Claimed::Ours(_))));
        let (Err(busy), 0) = all_of(&store, &new.id, NOW).await else { panic!("somebody is at work") };
        assert!(busy.starts_with("an exchange or an attempt is under way; run the same again"), "{busy}");

        let later = NOW + MINUTE;
        let claim = AttemptClaim {
            id: notice.id.clone(),
            attempts_before: 0,
            attempts_allowed: 3,
            operation: by("worker"),
            now: later,
            lease_until: later + MINUTE,
        };
        assert!(matches!(store.claim_attempt(&claim).await, Ok(AttemptClaimed::Ours(_))));
        let (Err(busy), 1) = all_of(&store, &new.id, later).await else { panic!("a notice is delivered") };
        assert!(busy.starts_with("it is forgotten, and a notice of it is being delivered"), "{busy}");
        assert_eq!(all_of(&store, &new.id, later + MINUTE).await, (Ok(later), 1));
    }

    /// A lease that is held by the wall clock, as the command goes by that.
    #[tokio::test]
    async fn what_was_forgotten_before_it_failed_has_its_audit_line() {
        let (store, new, kept) = issued().await;
        let notice = new.notice_record(Notice::Refused, DeliveryBody::new("U1").unwrap(), NOW);
        assert_eq!(store.record_notice(&notice, &by("n")).await, Ok(true));
        let claim = AttemptClaim {
            id: notice.id.clone(),
            attempts_before: 0,
            attempts_allowed: 3,
            operation: by("worker"),
            now: NOW,
            lease_until: SystemClock.now() + MINUTE,
        };
        assert!(matches!(store.claim_attempt(&claim).await, Ok(AttemptClaimed::Ours(_))));
        let place = Place::Folder(kept.path().to_owned());
        let opened = Opened { records: Arc::new(store), callbacks: CallbackRules::default() };
        let options = |dry_run| ForgetOptions { dry_run, yes: true };
        let would = forget(&place, &opened, &new.id, options(true)).await.unwrap();
        assert_eq!((&would.to_json()["done"], &would.to_json()["wouldDo"]), (&0.into(), &2.into()));
        assert!(would.to_string().ends_with("would forget 2; nothing was done"), "{would}");
        let audit = kept.path().join("audit.jsonl");
        assert!(!audit.exists(), "nothing was changed");
        assert!(forget(&place, &opened, &new.id, options(false)).await.is_err());
        let line: Value = serde_json::from_str(&std::fs::read_to_string(audit).unwrap()).unwrap();
        assert_eq!(line["details"], json!({"reference": new.id, "done": 1, "ended": false}));
    }
}
