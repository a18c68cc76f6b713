//! A store with writes that fail, done or not, or take their time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use shared::model::authorization::{Attempt, Authorization};
use shared::model::claim::{AttemptClaim, EndedExchange, ExchangeClaim};
use shared::model::clock::{ManualClock, UnixMillis};
use shared::model::id::{AuthorizationId, OperationId};
use shared::store::sqlite::SqliteStore;
use shared::store::{
    AfterAttempt, AttemptClaimed, Claimed, Linked, NonceUse, ReadAuthorizations, RecordDeliveries,
    RecordLinks, RecordNotices, RecordPlatformLinks, RecordReturns, Recorded, Settled, Settlement,
    StoreError,
};
use url::Url;

/// The failure of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It succeeds.
    None,
    /// It is not done.
    NotDone,
    /// It is done, but its answer is lost.
    AnswerLost,
    /// It is not done, which takes this long to find out.
    NotDoneAfter(Duration),
}

/// A store whose next writes fail as given.
pub struct FlakyStore {
    inner: SqliteStore,
    failures: Mutex<Vec<Failure>>,
    claims_take: Mutex<Vec<Duration>>,
    clock: Arc<ManualClock>,
}

impl FlakyStore {
    /// The writes fail in this order, each once; those after them succeed.
    pub fn new(inner: SqliteStore, failures: &[Failure]) -> Self {
        let failures = Mutex::new(failures.iter().rev().copied().collect());
        let clock = Arc::new(ManualClock::at(UnixMillis(0)));
        Self { inner, failures, claims_take: Mutex::default(), clock }
    }

    /// What takes time takes it by `clock`; so do the first claims, in this order.
    pub fn by(self, clock: &Arc<ManualClock>, claims_take: &[Duration]) -> Self {
        let claims_take = Mutex::new(claims_take.iter().rev().copied().collect());
        Self { claims_take, clock: clock.clone(), ..self }
    }

    /// The time between a claim's being asked for and its answer.
    fn wait_for_claim(&self) {
        if let Some(wait) = self.claims_take.lock().unwrap().pop() {
            self.clock.advance(wait);
        }
    }

    async fn run<T>(
        &self,
        doing: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let failure = self.failures.lock().unwrap().pop();
        let away = Err(StoreError::Unavailable("injected".to_owned()));
        match failure {
            None | Some(Failure::None) => doing.await,
            Some(Failure::NotDone) => away,
            Some(Failure::AnswerLost) => doing.await.and(away),
            Some(Failure::NotDoneAfter(wait)) => {
                self.clock.advance(wait);
                away
            }
        }
    }
}

#[async_trait]
impl RecordLinks for FlakyStore {
    async fn record_link(&self, new: &Authorization, nonce: &NonceUse) -> Result<Recorded, StoreError> {
        self.inner.record_link(new, nonce).await
    }
}

#[async_trait]
impl RecordPlatformLinks for FlakyStore {
    async fn record_platform_link(
        &self,
        id: &AuthorizationId,
        link: &Url,
        now: UnixMillis,
    ) -> Result<Linked, StoreError> {
        self.run(self.inner.record_platform_link(id, link, now)).await
    }
}

#[async_trait]
impl ReadAuthorizations for FlakyStore {
    async fn authorization(&self, id: &AuthorizationId) -> Result<Option<Authorization>, StoreError> {
        self.inner.authorization(id).await
    }
}

#[async_trait]
impl RecordNotices for FlakyStore {
    async fn record_notice(&self, notice: &Authorization, by: &OperationId) -> Result<bool, StoreError> {
        self.run(self.inner.record_notice(notice, by)).await
    }
}

#[async_trait]
impl RecordReturns for FlakyStore {
    async fn claim_exchange(&self, claim: &ExchangeClaim) -> Result<Claimed, StoreError> {
        let claimed = self.inner.claim_exchange(claim).await;
        self.wait_for_claim();
        claimed
    }

    async fn end_exchange(&self, ended: &EndedExchange) -> Result<bool, StoreError> {
        self.inner.end_exchange(ended).await
    }

    async fn record_refusal(&self, id: &AuthorizationId, now: UnixMillis) -> Result<bool, StoreError> {
        self.run(self.inner.record_refusal(id, now)).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<Settled, StoreError> {
        self.run(self.inner.settle(settlement)).await
    }
}

#[async_trait]
impl RecordDeliveries for FlakyStore {
    async fn claim_attempt(&self, claim: &AttemptClaim) -> Result<AttemptClaimed, StoreError> {
        let claimed = self.run(self.inner.claim_attempt(claim)).await;
        self.wait_for_claim();
        claimed
    }

    async fn conclude_attempt(
        &self,
        id: &AuthorizationId,
        holder: &OperationId,
        history: &[Attempt],
        next: AfterAttempt,
    ) -> Result<bool, StoreError> {
        self.run(self.inner.conclude_attempt(id, holder, history, next)).await
    }

    async fn release_attempt(
        &self,
        id: &AuthorizationId,
        holder: &OperationId,
        due_at: UnixMillis,
    ) -> Result<bool, StoreError> {
        self.inner.release_attempt(id, holder, due_at).await
    }

    async fn give_up(
        &self,
        id: &AuthorizationId,
        attempts: u32,
        operation: &OperationId,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        self.inner.give_up(id, attempts, operation, now).await
    }
}
