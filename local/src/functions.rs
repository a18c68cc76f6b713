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
use shared::runtime::config::{Config, SecretsFrom};
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
use crate::hanging;
use crate::host::{self, Functions};
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

/// Hosts all of them at `listener`, which browsers call `authlink`, with their records in `store`; the parties that
/// hang stand in `hanging_file`.
pub(crate) fn host_functions(
    listener: TcpListener,
    config: Config,
    authlink: &Url,
    store: SqliteStore,
    hanging_file: PathBuf,
) -> Result<Hosted, StartError> {
    let SecretsFrom::Folder(secrets) = &config.secrets else {
        return Err(StartError::new("a local run takes its keys from AUTHLINK_SECRETS_DIR".to_owned()));
    };
    let (store, public_url) = (Arc::new(store), config.public_url.clone());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(OsRandom::default());
    let queue = InProcessQueue::new(clock.clone());
    let secrets: Arc<dyn SecretSource> = Arc::new(SecretFolder::new(secrets));
    let deny_list = DenyListCache::new(store.clone(), clock.clone());
    let functions = Functions {
        auth_url: AlipayAuthUrl::new(alipay_auth_url::Deps {
            secrets: secrets.clone(),
            deny_list: deny_list.clone(),
            network: Arc::new(HttpPlatforms::new()),
            store: store.clone(),
            clock: clock.clone(),
            random: random.clone(),
            links: config.links(),
            callbacks: config.callbacks.clone(),
        }),
        authorization_url: GetAuthorizationUrl::new(get_authorization_url::Deps {
            secrets: secrets.clone(),
            deny_list: deny_list.clone(),
            store: SchemeLinks::new(store.clone()),
            rate_limiter: Arc::new(RateLimiter::new(store.clone(), clock.clone())),
            alibaba_cloud: Arc::new(AlibabaCloudClient::new()),
            clock: clock.clone(),
            random: random.clone(),
            links: config.links(),
            callbacks: config.callbacks.clone(),
        }),
        query: AuthorizationQuery::new(authorization_query::Deps {
            secrets: secrets.clone(),
            deny_list: deny_list.clone(),
            nonces: store.clone(),
            records: store.clone(),
            clock: clock.clone(),
            random: random.clone(),
            callbacks: config.callbacks.clone(),
        }),
        callback: OpenIdCallback::new(openid_callback::Deps {
            secrets: secrets.clone(),
            deny_list: deny_list.clone(),
            store: store.clone(),
            gateway: Arc::new(AlipayGateway::new(config.alipay.gateway, EXCHANGE_TIMEOUT)),
            hints: Arc::new(queue.clone()),
            keep_for: config.schedule.keeps_for(),
            clock: clock.clone(),
            random: random.clone(),
        }),
        origin: authlink.clone(),
    };
    let delivery = OpenIdDelivery::new(openid_delivery::Deps {
        secrets,
        store: store.clone(),
        due: store.clone(),
        sender: Arc::new(HttpSender::by_system_resolver(config.callbacks.clone())),
        hints: Arc::new(queue.clone()),
        clock: clock.clone(),
        random,
        callbacks: config.callbacks,
        schedule: config.schedule,
        personal_data: config.personal_data.map(|kept_for| PersonalData { kept_for, store: store.clone() }),
    });
    let (stop, under_way) = (CancellationToken::new(), TaskTracker::new());
    let functions = Arc::new(functions);
    // A stop waits for it, as for what was begun.
    under_way.spawn(hanging::keep(functions.clone(), hanging_file, stop.clone()));
    let router = host::router(functions, public_url.as_ref(), under_way.clone());
    let bounds = Bounds::with_body_bytes(MAX_BODY_BYTES);
    let port = tokio::spawn(serve(listener, router, bounds, stop.clone(), under_way.clone()));
    let delivering = deliveries::run(Arc::new(delivery), queue, store, clock, under_way.clone());
    let delivering = tokio::spawn(stop.clone().run_until_cancelled_owned(delivering).map(drop));
    Ok(Hosted { stop, under_way, port, delivering })
}

#[cfg(test)]
mod tests;
