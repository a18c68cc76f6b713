//! A store whose process crashes at a chosen point between two writes.

use std::sync::Mutex;

use async_trait::async_trait;
use shared::model::authorization::{Attempt, Authorization};
use shared::model::claim::{AttemptClaim, EndedExchange, ExchangeClaim};
use shared::model::clock::UnixMillis;
use shared::model::id::{AuthorizationId, OperationId};
use shared::store::sqlite::SqliteStore;
use shared::store::{
    AfterAttempt, AttemptClaimed, Claimed, Due, FindDue, Linked, NonceUse, ReadAuthorizations,
    RecordDeliveries, RecordLinks, RecordNotices, RecordPlatformLinks, RecordReturns, Recorded, Settled,
    Settlement, StoreError, TakenUp,
};
use tokio::sync::Notify;
use url::Url;

/// The point of the crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// Just before this write.
    Before(Write),
    /// Just after this write, before anyone learns of it.
    After(Write),
}

/// The writes of a journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    Link,
    PlatformLink,
    ClaimExchange,
    EndExchange,
    Settle,
    ClaimAttempt,
    ConcludeAttempt,
    ReleaseAttempt,
    GiveUp,
    Postpone,
}

/// A store of a process that crashes: from that point on no call of it returns.
pub struct CrashingStore {
    inner: SqliteStore,
    point: Mutex<Option<CrashPoint>>,
    crash: Notify,
}

impl CrashingStore {
    /// The store of a process that crashes at `point`.
    pub fn new(inner: SqliteStore, point: CrashPoint) -> Self {
        Self { inner, point: Mutex::new(Some(point)), crash: Notify::new() }
    }

    /// Runs `doing` until the process crashes, and drops it then.
    pub async fn until_crash<T>(&self, doing: impl Future<Output = T>) {
        tokio::select! {
            biased;
            () = self.crash.notified() => {}
            _ = doing => panic!("it did not crash at {:?}", self.point.lock().unwrap()),
        }
    }

    async fn run<T>(
        &self,
        write: Write,
        doing: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.crash_at(CrashPoint::Before(write)).await;
        let done = doing.await;
        self.crash_at(CrashPoint::After(write)).await;
        done
    }

    async fn crash_at(&self, point: CrashPoint) {
        if *self.point.lock().unwrap() == Some(point) {
            self.crash.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl RecordLinks for CrashingStore {
    async fn record_link(&self, new: &Authorization, nonce: &NonceUse) -> Result<Recorded, StoreError> {
        self.run(Write::Link, self.inner.record_link(new, nonce)).await
    }
}

#[async_trait]
impl RecordPlatformLinks for CrashingStore {
    async fn record_platform_link(
        &self,
        id: &AuthorizationId,
        link: &Url,
        now: UnixMillis,
    ) -> Result<Linked, StoreError> {
        self.run(Write::PlatformLink, self.inner.record_platform_link(id, link, now)).await
    }
}

#[async_trait]
impl ReadAuthorizations for CrashingStore {
    async fn authorization(&self, id: &AuthorizationId) -> Result<Option<Authorization>, StoreError> {
        self.inner.authorization(id).await
    }
}

#[async_trait]
impl RecordNotices for CrashingStore {
    async fn record_notice(&self, notice: &Authorization, by: &OperationId) -> Result<bool, StoreError> {
        self.inner.record_notice(notice, by).await
    }
}

#[async_trait]
impl RecordReturns for CrashingStore {
    async fn claim_exchange(&self, claim: &ExchangeClaim) -> Result<Claimed, StoreError> {
        self.run(Write::ClaimExchange, self.inner.claim_exchange(claim)).await
    }

    async fn end_exchange(&self, ended: &EndedExchange) -> Result<bool, StoreError> {
        self.run(Write::EndExchange, self.inner.end_exchange(ended)).await
    }

    async fn record_refusal(&self, id: &AuthorizationId, now: UnixMillis) -> Result<bool, StoreError> {
        self.inner.record_refusal(id, now).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<Settled, StoreError> {
        self.run(Write::Settle, self.inner.settle(settlement)).await
    }
}

#[async_trait]
impl RecordDeliveries for CrashingStore {
    async fn claim_attempt(&self, claim: &AttemptClaim) -> Result<AttemptClaimed, StoreError> {
        self.run(Write::ClaimAttempt, self.inner.claim_attempt(claim)).await
    }

    async fn conclude_attempt(
        &self,
        id: &AuthorizationId,
        holder: &OperationId,
        history: &[Attempt],
        next: AfterAttempt,
    ) -> Result<bool, StoreError> {
        self.run(Write::ConcludeAttempt, self.inner.conclude_attempt(id, holder, history, next)).await
    }

    async fn release_attempt(
        &self,
        id: &AuthorizationId,
        holder: &OperationId,
        due_at: UnixMillis,
    ) -> Result<bool, StoreError> {
        self.run(Write::ReleaseAttempt, self.inner.release_attempt(id, holder, due_at)).await
    }

    async fn give_up(
        &self,
        id: &AuthorizationId,
        attempts: u32,
        operation: &OperationId,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        self.run(Write::GiveUp, self.inner.give_up(id, attempts, operation, now)).await
    }
}

#[async_trait]
impl FindDue for CrashingStore {
    async fn due(&self, now: UnixMillis, limit: u32) -> Result<Vec<Due>, StoreError> {
        self.inner.due(now, limit).await
    }

    async fn postpone(&self, due: &Due, until: UnixMillis) -> Result<Option<TakenUp>, StoreError> {
        self.run(Write::Postpone, self.inner.postpone(due, until)).await
    }

    async fn end_watch(&self, due: &Due) -> Result<bool, StoreError> {
        self.inner.end_watch(due).await
    }
}
