//! A store with writes that fail, done or not.

use std::sync::Mutex;

use async_trait::async_trait;
use shared::model::authorization::{Attempt, Authorization};
use shared::model::claim::{AttemptClaim, ExchangeClaim};
use shared::model::clock::UnixMillis;
use shared::model::id::{AuthorizationId, OperationId};
use shared::store::sqlite::SqliteStore;
use shared::store::{
    AfterAttempt, AttemptClaimed, Claimed, Linked, NonceUse, ReadAuthorizations, RecordDeliveries,
    RecordLinks, RecordPlatformLinks, RecordReturns, Recorded, Settled, Settlement, StoreError,
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
}

/// A store whose next writes fail as given.
pub struct FlakyStore {
    inner: SqliteStore,
    failures: Mutex<Vec<Failure>>,
}

impl FlakyStore {
    /// The writes fail in this order, each once; those after them succeed.
    pub fn new(inner: SqliteStore, failures: &[Failure]) -> Self {
        Self { inner, failures: Mutex::new(failures.iter().rev().copied().collect()) }
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
impl RecordReturns for FlakyStore {
    async fn claim_exchange(&self, claim: &ExchangeClaim) -> Result<Claimed, StoreError> {
        self.inner.claim_exchange(claim).await
    }

    async fn exchange_refused(&self, id: &AuthorizationId, holder: &OperationId) -> Result<bool, StoreError> {
        self.inner.exchange_refused(id, holder).await
    }

    async fn exchange_unknown(&self, id: &AuthorizationId, holder: &OperationId) -> Result<bool, StoreError> {
        self.inner.exchange_unknown(id, holder).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<Settled, StoreError> {
        self.run(self.inner.settle(settlement)).await
    }
}

#[async_trait]
impl RecordDeliveries for FlakyStore {
    async fn claim_attempt(&self, claim: &AttemptClaim) -> Result<AttemptClaimed, StoreError> {
        self.run(self.inner.claim_attempt(claim)).await
    }

    async fn conclude_attempt(
        &self,
        id: &AuthorizationId,
        holder: &OperationId,
        attempt: &Attempt,
        next: AfterAttempt,
    ) -> Result<bool, StoreError> {
        self.run(self.inner.conclude_attempt(id, holder, attempt, next)).await
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
