//! A process that dies at a chosen moment between two writes.

use std::sync::Mutex;

use async_trait::async_trait;
use shared::model::authorization::{Attempt, Authorization};
use shared::model::claim::{AttemptClaim, ExchangeClaim};
use shared::model::clock::UnixMillis;
use shared::model::id::{AuthorizationId, OperationId};
use shared::store::sqlite::SqliteStore;
use shared::store::{
    AfterAttempt, AttemptClaimed, Claimed, Due, FindDue, Linked, NonceUse, ReadAuthorizations,
    RecordDeliveries, RecordLinks, RecordPlatformLinks, RecordReturns, Recorded, Settled, Settlement,
    StoreError,
};
use tokio::sync::Notify;
use url::Url;

/// When to die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Just before this write.
    Before(Write),
    /// Just after this write, before anyone learns of it.
    After(Write),
}

/// The writes of a journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    Link,
    LinkCame,
    ClaimExchange,
    EndExchange,
    Settle,
    ClaimAttempt,
    ConcludeAttempt,
    GiveUp,
    Postpone,
}

/// A store of a process that dies at a moment: from then on nothing comes back from it.
pub struct MortalStore {
    inner: SqliteStore,
    moment: Mutex<Option<Moment>>,
    death: Notify,
}

impl MortalStore {
    /// The store of a process that dies at `moment`.
    pub fn new(inner: SqliteStore, moment: Moment) -> Self {
        Self { inner, moment: Mutex::new(Some(moment)), death: Notify::new() }
    }

    /// Runs `doing` until the process dies, and drops it then.
    pub async fn until_death<T>(&self, doing: impl Future<Output = T>) {
        tokio::select! {
            biased;
            () = self.death.notified() => {}
            _ = doing => panic!("it did not die at {:?}", self.moment.lock().unwrap()),
        }
    }

    async fn run<T>(
        &self,
        write: Write,
        doing: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.die_at(Moment::Before(write)).await;
        let done = doing.await;
        self.die_at(Moment::After(write)).await;
        done
    }

    async fn die_at(&self, moment: Moment) {
        if *self.moment.lock().unwrap() == Some(moment) {
            self.death.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl RecordLinks for MortalStore {
    async fn record_link(&self, new: &Authorization, nonce: &NonceUse) -> Result<Recorded, StoreError> {
        self.run(Write::Link, self.inner.record_link(new, nonce)).await
    }
}

#[async_trait]
impl RecordPlatformLinks for MortalStore {
    async fn record_platform_link(
        &self,
        id: &AuthorizationId,
        link: &Url,
        now: UnixMillis,
    ) -> Result<Linked, StoreError> {
        self.run(Write::LinkCame, self.inner.record_platform_link(id, link, now)).await
    }
}

#[async_trait]
impl ReadAuthorizations for MortalStore {
    async fn authorization(&self, id: &AuthorizationId) -> Result<Option<Authorization>, StoreError> {
        self.inner.authorization(id).await
    }
}

#[async_trait]
impl RecordReturns for MortalStore {
    async fn claim_exchange(&self, claim: &ExchangeClaim) -> Result<Claimed, StoreError> {
        self.run(Write::ClaimExchange, self.inner.claim_exchange(claim)).await
    }

    async fn exchange_refused(&self, id: &AuthorizationId, holder: &OperationId) -> Result<bool, StoreError> {
        self.run(Write::EndExchange, self.inner.exchange_refused(id, holder)).await
    }

    async fn exchange_unknown(&self, id: &AuthorizationId, holder: &OperationId) -> Result<bool, StoreError> {
        self.run(Write::EndExchange, self.inner.exchange_unknown(id, holder)).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<Settled, StoreError> {
        self.run(Write::Settle, self.inner.settle(settlement)).await
    }
}

#[async_trait]
impl RecordDeliveries for MortalStore {
    async fn claim_attempt(&self, claim: &AttemptClaim) -> Result<AttemptClaimed, StoreError> {
        self.run(Write::ClaimAttempt, self.inner.claim_attempt(claim)).await
    }

    async fn conclude_attempt(
        &self,
        id: &AuthorizationId,
        holder: &OperationId,
        attempt: &Attempt,
        next: AfterAttempt,
    ) -> Result<bool, StoreError> {
        self.run(Write::ConcludeAttempt, self.inner.conclude_attempt(id, holder, attempt, next)).await
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
impl FindDue for MortalStore {
    async fn due(&self, now: UnixMillis, limit: u32) -> Result<Vec<Due>, StoreError> {
        self.inner.due(now, limit).await
    }

    async fn postpone(&self, due: &Due, until: UnixMillis) -> Result<bool, StoreError> {
        self.run(Write::Postpone, self.inner.postpone(due, until)).await
    }
}
