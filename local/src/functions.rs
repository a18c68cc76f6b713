//! The functions in this process, wired to the embedded store and to each other, and their end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alipay_auth_url::AlipayAuthUrl;
use authorization_query::AuthorizationQuery;
use futures_util::FutureExt as _;
use get_authorization_url::GetAuthorizationUrl;
use openid_callback::OpenIdCallback;
use openid_delivery::{OpenIdDelivery, PersonalData};
use shared::delivery::sender::HttpSender;
use shared::model::clock::{Clock, SystemClock};
use shared::model::random::{OsRandom, Random};
use shared::protocol::alibaba_cloud::AlibabaCloudClient;
use shared::protocol::alipay::gateway::{AlipayGateway, EXCHANGE_TIMEOUT};
use shared::protocol::open_api::MAX_BODY_BYTES;
use shared::protocol::open_api::client::transport::HttpPlatforms;
use shared::queue::in_process::InProcessQueue;
use shared::rate_limit::RateLimiter;
use shared::registry::DenyListCache;
use shared::runtime::config::Config;
use shared::runtime::start::StartError;
use shared::secrets::{SecretFolder, SecretSource};
use shared::store::scheme_links::SchemeLinks;
use shared::store::sqlite::SqliteStore;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::deliveries;
use crate::documents::vault::secrets_folder;
use crate::host::{self, Functions};
use crate::open_breakers;
use crate::server::{Bounds, serve};

/// The time for what is under way at a stop: a return may take as long as its function, an attempt less.
pub const STOP_WITHIN: Duration = Duration::from_secs(30);
/// The time for answers that are ready, to clients that do not read them; and for a head that is half read.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// The functions that run. When it is dropped they take nothing more; what was begun goes to its end.
pub(crate) struct Hosted {
    stop: CancellationToken,
    under_way: TaskTracker,
    port: JoinHandle<()>,
    delivering: JoinHandle<()>,
}

impl Hosted {
    /// Runs until a part stops by itself.
    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = &mut self.port => {}
            _ = &mut self.delivering => {}
        }
    }

    /// Takes nothing more, and lets requests, settlements and attempts end. The number of those that did not.
    pub(crate) async fn stop(mut self) -> usize {
        self.stop.cancel();
        self.under_way.close();
        let until = Instant::now() + STOP_WITHIN;
        while timeout_at(until, self.under_way.wait()).await.is_ok() {
            // Without an end: a client that asks for nothing is no reason to wait. One that asks meanwhile is.
            let all_closed = timeout(LAST_ANSWERS, &mut self.port).await.is_ok();
            if all_closed || self.under_way.is_empty() {
                return 0;
            }
        }
        self.under_way.len()
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What the functions share.
struct Backends {
    secrets: Arc<dyn SecretSource>,
    deny_list: DenyListCache,
    store: Arc<SqliteStore>,
    queue: InProcessQueue,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Backends {
    fn new(config: &Config, store: SqliteStore) -> Result<Self, StartError> {
        let (store, clock) = (Arc::new(store), Arc::new(SystemClock));
        Ok(Self {
            secrets: Arc::new(SecretFolder::new(secrets_folder(config)?)),
            deny_list: DenyListCache::new(store.clone(), clock.clone()),
            store,
            queue: InProcessQueue::new(clock.clone()),
            clock,
            random: Arc::new(OsRandom::default()),
        })
    }

    /// The functions that serve HTTP, which browsers call `origin`.
    fn http(&self, config: &Config, origin: &Url) -> Functions {
        Functions {
            auth_url: AlipayAuthUrl::new(alipay_auth_url::Deps {
                secrets: self.secrets.clone(),
                deny_list: self.deny_list.clone(),
                network: Arc::new(HttpPlatforms::new()),
                store: self.store.clone(),
                clock: self.clock.clone(),
                random: self.random.clone(),
                links: config.links(),
                callbacks: config.callbacks.clone(),
            }),
            authorization_url: GetAuthorizationUrl::new(get_authorization_url::Deps {
                secrets: self.secrets.clone(),
                deny_list: self.deny_list.clone(),
                store: SchemeLinks::new(self.store.clone()),
                rate_limiter: Arc::new(RateLimiter::new(self.store.clone(), self.clock.clone())),
                alibaba_cloud: Arc::new(AlibabaCloudClient::new()),
                clock: self.clock.clone(),
                random: self.random.clone(),
                links: config.links(),
                callbacks: config.callbacks.clone(),
            }),
            query: AuthorizationQuery::new(authorization_query::Deps {
                secrets: self.secrets.clone(),
                deny_list: self.deny_list.clone(),
                nonces: self.store.clone(),
                records: self.store.clone(),
                clock: self.clock.clone(),
                random: self.random.clone(),
                callbacks: config.callbacks.clone(),
            }),
            callback: OpenIdCallback::new(openid_callback::Deps {
                secrets: self.secrets.clone(),
                deny_list: self.deny_list.clone(),
                store: self.store.clone(),
                gateway: Arc::new(AlipayGateway::new(config.alipay.gateway.clone(), EXCHANGE_TIMEOUT)),
                hints: Arc::new(self.queue.clone()),
                keep_for: config.schedule.keeps_for(),
                clock: self.clock.clone(),
                random: self.random.clone(),
            }),
            origin: origin.clone(),
        }
    }

    fn delivery(&self, config: Config) -> OpenIdDelivery {
        let store = self.store.clone();
        OpenIdDelivery::new(openid_delivery::Deps {
            secrets: self.secrets.clone(),
            store: store.clone(),
            due: store.clone(),
            sender: Arc::new(HttpSender::by_system_resolver(config.callbacks.clone())),
            hints: Arc::new(self.queue.clone()),
            clock: self.clock.clone(),
            random: self.random.clone(),
            callbacks: config.callbacks,
            schedule: config.schedule,
            personal_data: config.personal_data.map(|kept_for| PersonalData { kept_for, store }),
        })
    }
}

/// Hosts all of them at `listener`, which browsers call `authlink`, with their records in `store`; the parties that
/// hang stand in `breakers_file`.
pub(crate) fn host_functions(
    listener: TcpListener,
    config: Config,
    authlink: &Url,
    store: SqliteStore,
    breakers_file: PathBuf,
) -> Result<Hosted, StartError> {
    let backends = Backends::new(&config, store)?;
    let functions = Arc::new(backends.http(&config, authlink));
    let (stop, under_way) = (CancellationToken::new(), TaskTracker::new());
    // A stop waits for it, as for what was begun.
    under_way.spawn(open_breakers::keep(functions.clone(), breakers_file, stop.clone()));
    let router = host::router(functions, config.public_url.as_ref(), under_way.clone());
    let bounds = Bounds::with_body_bytes(MAX_BODY_BYTES);
    let port = tokio::spawn(serve(listener, router, bounds, stop.clone(), under_way.clone()));
    let delivery = Arc::new(backends.delivery(config));
    let Backends { store, queue, clock, .. } = backends;
    let delivering = deliveries::run(delivery, queue, store, clock, under_way.clone());
    let delivering = tokio::spawn(stop.clone().run_until_cancelled_owned(delivering).map(drop));
    Ok(Hosted { stop, under_way, port, delivering })
}

#[cfg(test)]
mod tests;
