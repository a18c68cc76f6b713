//! The whole on one machine: the functions, the delivery loop, the emulator of Alipay and the demo merchant, each party
//! on a port of its own. Tests start it the same way as `cargo run`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alipay_auth_url::AlipayAuthUrl;
use authorization_query::AuthorizationQuery;
use axum::Router;
use get_authorization_url::GetAuthorizationUrl;
use openid_callback::OpenIdCallback;
use openid_delivery::OpenIdDelivery;
use shared::delivery::sender::HttpSender;
use shared::model::clock::{Clock, SystemClock};
use shared::model::random::{OsRandom, Random};
use shared::protocol::alibaba_cloud::AlibabaCloudClient;
use shared::protocol::alipay::gateway::{AlipayGateway, EXCHANGE_TIMEOUT};
use shared::protocol::open_api::client::transport::HttpPlatforms;
use shared::queue::in_process::InProcessQueue;
use shared::rate_limit::RateLimiter;
use shared::runtime::config::{Config, SecretsFrom, StoreAt};
use shared::runtime::start::StartError;
use shared::runtime::telemetry;
use shared::secrets::{SecretFolder, SecretSource};
use shared::store::SchemeLinks;
use shared::store::sqlite::SqliteStore;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::Url;

use crate::deliveries;
use crate::emulator::{AlipayEmulator, EmulatorConfig};
use crate::folder::{self, ACCESS_KEY_ID, Folder};
use crate::host::{self, Functions};
use crate::merchant::{DemoMerchant, MerchantConfig};

/// The folder of keys and database, unless told otherwise.
pub const DEFAULT_FOLDER: &str = ".authlink";
/// authlink's port, unless told otherwise.
pub const DEFAULT_PORT: u16 = 8787;
/// The emulator's port, unless told otherwise.
pub const DEFAULT_EMULATOR_PORT: u16 = 8788;
/// The demo merchant's port, unless told otherwise.
pub const DEFAULT_MERCHANT_PORT: u16 = 8789;

/// The options of a start.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of keys and database.
    pub folder: PathBuf,
    /// authlink's port; 0 for any.
    pub port: u16,
    /// The emulator's port; 0 for any.
    pub emulator_port: u16,
    /// The demo merchant's port; 0 for any.
    pub merchant_port: u16,
    /// Logs on standard error if true.
    pub log: bool,
    /// The address of authlink, if it is not hosted here but by `cargo lambda watch`.
    pub authlink_elsewhere: Option<Url>,
    /// Settings of authlink's that go before those of a local run, as `AUTHLINK_DELIVERY_WAITS_SECS`.
    pub settings: Vec<(&'static str, String)>,
}

/// A running host. When it is dropped it takes nothing more; what was begun goes to its end.
pub struct Local {
    /// authlink, as browsers and merchants call it.
    pub authlink: Url,
    /// The emulator of Alipay.
    pub emulator_at: Url,
    /// The demo merchant and its page.
    pub merchant_at: Url,
    /// The emulator itself.
    pub emulator: AlipayEmulator,
    /// The demo merchant itself.
    pub merchant: DemoMerchant,
    folder: PathBuf,
    tasks: JoinSet<()>,
}

impl Local {
    /// Starts everything; on return all ports answer.
    pub async fn start(options: &Options) -> Result<Self, StartError> {
        let folder = Folder::make(&options.folder).map_err(|error| {
            StartError::new(format!("cannot use the folder {}: {error}", options.folder.display()))
        })?;
        let parties = folder.parties()?;
        let emulator_listener = listen(options.emulator_port, "--emulator-port").await?;
        let merchant_listener = listen(options.merchant_port, "--merchant-port").await?;
        let emulator_at = origin(&emulator_listener)?;
        let merchant_at = origin(&merchant_listener)?;
        let authlink_listener = match &options.authlink_elsewhere {
            Some(_) => None,
            None => Some(listen(options.port, "--port").await?),
        };
        let authlink = match (&options.authlink_elsewhere, &authlink_listener) {
            (Some(elsewhere), _) => elsewhere.clone(),
            (None, Some(listener)) => origin(listener)?,
            (None, None) => return Err(StartError::new("authlink has no port".to_owned())),
        };

        let emulator = AlipayEmulator::new(EmulatorConfig {
            app_id: folder::APP_ID.to_owned(),
            app_public_key: parties.app_public_key,
            alipay_private_key: parties.alipay_private_key,
            redirect_uri_prefix: Some(authlink.to_string()),
        });
        let merchant = DemoMerchant::new(MerchantConfig {
            business_id: folder::BUSINESS_ID.to_owned(),
            merchant_id: folder::MERCHANT_ID.to_owned(),
            rsa_private_key: parties.merchant_private_key,
            md5_key: Some(parties.merchant_md5_key),
            platform_public_key: parties.platform_public_key,
            authlink_origin: bare(&authlink),
            own_origin: bare(&merchant_at),
            emulator_origin: bare(&emulator_at),
        })?
        .with_emulator(emulator.clone());
        folder.point_schemes_to(&merchant_at)?;
        let mut settings = settings(&folder, &authlink, &emulator_at, &merchant_at);
        settings.retain(|(name, _)| options.settings.iter().all(|(own, _)| own != name));
        settings.extend(options.settings.iter().cloned());
        folder.write_lambda_env(&settings)?;

        let config = Config::from_env_or(&|name| {
            settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
        })?;
        if options.log {
            telemetry::start(config.log_level, io::stderr);
        }
        let mut tasks = JoinSet::new();
        serve(&mut tasks, emulator_listener, emulator.router());
        serve(&mut tasks, merchant_listener, merchant.router());
        if let Some(listener) = authlink_listener {
            host_functions(&mut tasks, listener, config, &authlink)?;
        }
        Ok(Self {
            authlink,
            emulator_at,
            merchant_at,
            emulator,
            merchant,
            folder: options.folder.clone(),
            tasks,
        })
    }

    /// The next steps, for the person who started it.
    #[must_use]
    pub fn greeting(&self) -> String {
        format!(
            "authlink is ready.\n\n  \
             demo page            {}\n  \
             authlink             {}\n  \
             emulator of Alipay   {}\n\n\
             Open the demo page, or sign and send a request from another terminal:\n\n  \
             cargo run -- request{}\n\n\
             Alibaba Cloud's SDKs have the access key {ACCESS_KEY_ID}: see docs/get-authorization-url.md.\n\n\
             Ctrl-C stops it; keys and database stay in their folder.",
            self.merchant_at,
            self.authlink,
            self.emulator_at,
            self.request_options()
        )
    }

    fn request_options(&self) -> String {
        let mut options = String::new();
        if self.folder != Path::new(DEFAULT_FOLDER) {
            options += &format!(" --folder {}", self.folder.display());
        }
        if self.authlink.port() != Some(DEFAULT_PORT)
            || self.merchant_at.port() != Some(DEFAULT_MERCHANT_PORT)
        {
            options += &format!(" --to {} --merchant {}", self.authlink, self.merchant_at);
        }
        options
    }

    /// Runs until something stops by itself.
    pub async fn wait(&mut self) {
        self.tasks.join_next().await;
    }
}

fn host_functions(
    tasks: &mut JoinSet<()>,
    listener: TcpListener,
    config: Config,
    authlink: &Url,
) -> Result<(), StartError> {
    let SecretsFrom::Folder(secrets) = &config.secrets else {
        return Err(StartError::new("a local run takes its keys from AUTHLINK_SECRETS_DIR".to_owned()));
    };
    let StoreAt::File(file) = &config.store else {
        return Err(StartError::new("a local run keeps its records in AUTHLINK_DATABASE".to_owned()));
    };
    let store = Arc::new(SqliteStore::open(file)?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(OsRandom::default());
    let queue = InProcessQueue::new(clock.clone());
    let secrets: Arc<dyn SecretSource> = Arc::new(SecretFolder::new(secrets));
    let functions = Functions {
        auth_url: AlipayAuthUrl::new(alipay_auth_url::Deps {
            secrets: secrets.clone(),
            network: Arc::new(HttpPlatforms::new()),
            store: store.clone(),
            clock: clock.clone(),
            random: random.clone(),
            links: config.links(),
            callbacks: config.callbacks.clone(),
        }),
        authorization_url: GetAuthorizationUrl::new(get_authorization_url::Deps {
            secrets: secrets.clone(),
            store: SchemeLinks::new(store.clone()),
            rate_limiter: Arc::new(RateLimiter::new(store.clone(), clock.clone())),
            alibaba_cloud: Arc::new(AlibabaCloudClient::new()),
            clock: clock.clone(),
            random: random.clone(),
            links: config.links(),
        }),
        query: AuthorizationQuery::new(authorization_query::Deps {
            secrets: secrets.clone(),
            nonces: store.clone(),
            records: store.clone(),
            clock: clock.clone(),
            random: random.clone(),
        }),
        callback: OpenIdCallback::new(openid_callback::Deps {
            secrets: secrets.clone(),
            app_id: config.alipay.app_id,
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
    });
    serve(tasks, listener, host::router(Arc::new(functions)));
    tasks.spawn(deliveries::run(Arc::new(delivery), queue, store, clock));
    Ok(())
}

/// The settings of the functions, here and, by the folder's `lambda.env`, under `cargo lambda watch`.
fn settings(
    folder: &Folder,
    authlink: &Url,
    emulator_at: &Url,
    merchant_at: &Url,
) -> Vec<(&'static str, String)> {
    vec![
        ("AUTHLINK_ALIPAY_APP_ID", folder::APP_ID.to_owned()),
        ("AUTHLINK_ALIPAY_AUTHORIZE_URL", format!("{emulator_at}oauth2/publicAppAuthorize.htm")),
        ("AUTHLINK_ALIPAY_GATEWAY_URL", format!("{emulator_at}gateway.do")),
        ("AUTHLINK_PUBLIC_URL", authlink.to_string()),
        ("AUTHLINK_DANGEROUS_CALLBACK_ORIGINS", bare(merchant_at)),
        ("AUTHLINK_SECRETS_DIR", folder.secrets().display().to_string()),
        ("AUTHLINK_DATABASE", folder.database().display().to_string()),
    ]
}

fn bare(origin: &Url) -> String {
    origin.as_str().trim_end_matches('/').to_owned()
}

async fn listen(port: u16, option: &str) -> Result<TcpListener, StartError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
        StartError::new(format!("cannot listen on 127.0.0.1:{port}: {error}; choose another with {option}"))
    })
}

fn origin(listener: &TcpListener) -> Result<Url, StartError> {
    Ok(Url::parse(&format!("http://{}/", listener.local_addr()?))?)
}

fn serve(tasks: &mut JoinSet<()>, listener: TcpListener, router: Router) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tasks.spawn(async move {
        let served: io::Result<()> = axum::serve(listener, service).await;
        if let Err(error) = served {
            tracing::error!(%error, "a port has stopped answering");
        }
    });
}
