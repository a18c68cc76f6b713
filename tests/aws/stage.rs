//! The functions on AWS: the table, the queue and, where a test is about keys, Secrets Manager, each through the proxy.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use openid_delivery::{DeliveryError, PersonalData, Step, deliver};
use shared::model::clock::ManualClock;
use shared::queue::Hint;
use shared::queue::sqs::SqsQueue;
use shared::rate_limit::RateLimiter;
use shared::secrets::SecretSource;
use shared::store::dynamodb::DynamoStore;
use shared::store::scheme_links::SchemeLinks;
use shared::web::client_info::ClientInfo;
use tests::world::{Shown, World};

use crate::account::Account;
use crate::queue::Queue;
use crate::vault::Vault;

/// One run of authlink on an account of its own.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) account: Account,
    pub(crate) queue: Queue,
    store: DynamoStore,
    keys_on_aws: bool,
    origin: World,
}

impl Stage {
    /// Authlink on an empty table and an empty queue; its keys are in memory.
    pub(crate) async fn new() -> Self {
        Self::set(false).await
    }

    /// The same, with its keys in Secrets Manager.
    pub(crate) async fn with_secrets_manager() -> Self {
        Self::set(true).await
    }

    async fn set(keys_on_aws: bool) -> Self {
        let account = Account::new().await;
        if keys_on_aws {
            Vault::new(&account).create_all().await;
        }
        let (store, queue) = (account.table().await, Queue::in_account(&account).await);
        let origin = World::new();
        let world = origin.another_process();
        let mut stage = Self { world, account, queue, store, keys_on_aws, origin };
        stage.world = stage.another_process();
        stage
    }

    /// Another process with the same table, queue, parties and time, which has fetched no key yet.
    pub(crate) fn another_process(&self) -> World {
        self.another_process_by(self.origin.clock.clone())
    }

    /// The same, by a clock of its own.
    pub(crate) fn another_process_by(&self, clock: Arc<ManualClock>) -> World {
        self.wire(self.origin.another_process_by(clock))
    }

    fn wire(&self, mut world: World) -> World {
        world = world.with_store(Arc::new(self.store.clone()));
        let store = Arc::new(self.store.clone());
        world.operated = store.clone();
        // A slow machine must not make requests pass unlimited; tests of this time-out set their own.
        let rate_limiter = RateLimiter::new(store.clone(), world.clock.clone());
        let rate_limiter = Arc::new(rate_limiter.with_timeout(Duration::from_mins(1)));
        let hints = Arc::new(SqsQueue::new(&self.account.sdk, self.queue.url.clone()));
        world.deps.query.nonces = store.clone();
        world.deps.authorization_url.store = SchemeLinks::new(store);
        world.deps.authorization_url.rate_limiter = rate_limiter;
        world.deps.callback.hints = hints.clone();
        world.deps.delivery.hints = hints;
        world.take_deny_list_from(Arc::new(self.store.clone()));
        if self.keys_on_aws {
            let source: Arc<dyn SecretSource> = Arc::new(Vault::source(&self.account));
            world.take_secrets_from(&source);
        }
        world
    }

    /// Has personal data end so long after the delivery.
    pub(crate) fn end_personal_data_after(&mut self, kept_for: Duration) {
        let store = Arc::new(self.store.clone());
        self.world.deps.delivery.personal_data = Some(PersonalData { kept_for, store });
        self.world.rebuild();
    }

    /// The page of a desktop that opens a link of `GetAuthorizationUrl`.
    pub(crate) async fn open(&self, link: &str) -> Shown {
        let origin = "https://links.example.com/".parse().ok();
        let request = Request::builder()
            .uri(link)
            .extension(ClientInfo { source_ip: None, origin })
            .body(Bytes::new())
            .expect("a request");
        Shown::read(&self.world.authorization_url.handle(&request).await)
    }

    /// Follows every hint that is on the queue now.
    pub(crate) async fn drain(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for hint in self.queue.take_hints().await {
            steps.push(self.deliver(&hint).await.expect("the store answers"));
        }
        steps
    }

    /// Follows one hint.
    pub(crate) async fn deliver(&self, hint: &Hint) -> Result<Step, DeliveryError> {
        deliver(&self.world.delivery, hint).await
    }

    /// Sweeps, then follows every hint that is on the queue. How many were queued, and what came of each.
    pub(crate) async fn sweep_and_drain(&self) -> (u32, Vec<Step>) {
        let queued = openid_delivery::sweep(&self.world.delivery).await.expect("the store answers");
        (queued, self.drain().await)
    }
}
