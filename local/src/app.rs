//! The whole on one machine: the functions, the delivery loop, the emulator of Alipay and the demo merchant, each party
//! on a port of its own. Tests start it the same way as `cargo run`.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use axum::Router;
use shared::egress::callback_url::Origin;
use shared::runtime::config::{Config, StoreAt};
use shared::runtime::log_output;
use shared::runtime::start::StartError;
use shared::store::sqlite::SqliteStore;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::addresses::{Addresses, bare};
use crate::database;
use crate::doctor;
use crate::documents::vault::secrets_folder;
use crate::emulator::{AlipayEmulator, Apps, EmulatedApp, EmulatorConfig};
use crate::explorer::{self, DemoKeys};
use crate::folder::{self, ACCESS_KEY_ID, Folder, Parties};
use crate::functions::{Hosted, host_functions};
use crate::merchant::{DemoMerchant, MerchantConfig};
use crate::redrive;
use crate::server::{Bounds, serve};

/// The folder of keys and database, unless told otherwise.
pub const DEFAULT_FOLDER: &str = ".authlink";
/// authlink's port, unless told otherwise.
pub const DEFAULT_PORT: u16 = 8787;
/// The emulator's port, unless told otherwise.
pub const DEFAULT_EMULATOR_PORT: u16 = 8788;
/// The demo merchant's port, unless told otherwise.
pub const DEFAULT_MERCHANT_PORT: u16 = 8789;

/// Callbacks may go to any port of this machine.
const THIS_MACHINE: [&str; 3] = ["http://127.0.0.1:*", "http://localhost:*", "http://[::1]:*"];

/// Bytes that a party reads of a body, before it refuses it.
const PARTY_BODY_BYTES: usize = 2 * 1024 * 1024;

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
    /// Takes any database, or makes one, whatever the folder remembers.
    pub new_database: bool,
    /// Origins beside this machine's that callbacks may go to, although they are not public.
    pub allow_callback: Vec<Origin>,
    /// Settings of authlink's that go before those of a local run, as `AUTHLINK_DELIVERY_WAITS_SECS`.
    pub settings: Vec<(&'static str, String)>,
}

/// A running host. When it is dropped it takes nothing more; what was begun goes to its end.
pub struct Local {
    /// authlink, as browsers and merchants call it.
    pub authlink: Url,
    pub emulator_at: Url,
    /// The demo merchant and its page.
    pub merchant_at: Url,
    pub emulator: AlipayEmulator,
    pub merchant: DemoMerchant,
    folder_named: PathBuf,
    /// Nobody else has it meanwhile.
    _folder: Folder,
    /// The functions, unless they are elsewhere.
    hosted: Option<Hosted>,
    parties: JoinSet<()>,
}

impl Local {
    /// Starts everything; on return all ports answer.
    pub async fn start(options: &Options) -> Result<Self, StartError> {
        let folder = Folder::make(&options.folder).map_err(|error| {
            StartError::new(format!("cannot use the folder {}: {error}", options.folder.display()))
        })?;
        let keys = folder.parties()?;
        let demo_keys = DemoKeys {
            rsa: keys.merchant_private_key.clone(),
            md5: keys.merchant_md5_key.clone(),
            access_key_secret: keys.access_key_secret.clone(),
        };
        let (listeners, at) = Listeners::bind(options).await?;
        let merchant_port = listeners.merchant.local_addr()?.port();
        let (emulator, merchant) = parties(&folder, keys, &at)?;
        let settings = settings(&folder, &at, options);
        let config = Config::from_env_or(&|name| {
            settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
        })?;
        if options.log {
            log_output::start(config.log_level, io::stderr, None);
        }
        // Nothing is changed by a start that is refused: the database is asked first.
        let store =
            listeners.authlink.is_some().then(|| open_store(&folder, &config, options)).transpose()?;
        folder.record_start(&settings, &at)?;
        let secrets = secrets_folder(&config)?.to_owned();
        let hosted = listeners
            .authlink
            .zip(store)
            .map(|(listener, store)| {
                host_functions(listener, config, &at.authlink, store, folder.breakers_file())
            })
            .transpose()?;
        let tools = doctor::router(secrets)
            .merge(explorer::router(demo_keys, folder.parties_folder(), at.authlink.clone())?)
            .merge(redrive::router(options.folder.clone(), merchant_port));
        let parties = [
            party(listeners.emulator, emulator.router()),
            party(listeners.merchant, merchant.router().merge(tools)),
        ];
        Ok(Self {
            authlink: at.authlink,
            emulator_at: at.emulator,
            merchant_at: at.merchant,
            emulator,
            merchant,
            folder_named: options.folder.clone(),
            _folder: folder,
            hosted,
            parties: parties.into_iter().collect(),
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
             cargo run -- call link{}\n\n\
             Alibaba Cloud's SDKs have the access key {ACCESS_KEY_ID}: see docs/get-authorization-url.md.\n\n\
             Ctrl-C stops it; keys and database stay in their folder.",
            self.merchant_at,
            self.authlink,
            self.emulator_at,
            self.folder_option()
        )
    }

    fn folder_option(&self) -> String {
        if self.folder_named == Path::new(DEFAULT_FOLDER) {
            return String::new();
        }
        format!(" --folder {}", self.folder_named.display())
    }

    /// Runs until something stops by itself.
    pub async fn wait(&mut self) {
        let hosted = async {
            match &mut self.hosted {
                Some(hosted) => hosted.wait().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = hosted => {}
            _ = self.parties.join_next() => {}
        }
    }

    /// Takes nothing more, and returns when what was begun has ended; emulator and merchant answer until then.
    ///
    /// # Errors
    /// What has not ended within [`crate::functions::STOP_WITHIN`].
    pub async fn stop(self) -> Result<(), StartError> {
        let cut_off = match self.hosted {
            Some(hosted) => hosted.stop().await,
            None => 0,
        };
        if cut_off == 0 {
            return Ok(());
        }
        Err(StartError::new(format!("{cut_off} requests and attempts had not ended; they were cut off")))
    }
}

/// The ports of all parties.
struct Listeners {
    /// Unless authlink is elsewhere.
    authlink: Option<TcpListener>,
    emulator: TcpListener,
    merchant: TcpListener,
}

impl Listeners {
    async fn bind(options: &Options) -> Result<(Self, Addresses), StartError> {
        let emulator = listen(options.emulator_port, "--emulator-port").await?;
        let merchant = listen(options.merchant_port, "--merchant-port").await?;
        let (authlink, at) = match &options.authlink_elsewhere {
            Some(elsewhere) => (None, elsewhere.clone()),
            None => {
                let listener = listen(options.port, "--port").await?;
                let at = origin(&listener)?;
                (Some(listener), at)
            }
        };
        let addresses =
            Addresses { authlink: at, emulator: origin(&emulator)?, merchant: origin(&merchant)? };
        Ok((Self { authlink, emulator, merchant }, addresses))
    }
}

/// The parties around authlink, with their keys.
fn parties(
    folder: &Folder,
    keys: Parties,
    at: &Addresses,
) -> Result<(AlipayEmulator, DemoMerchant), StartError> {
    let emulator = AlipayEmulator::new(EmulatorConfig {
        apps: Apps {
            started_with: vec![EmulatedApp {
                app_id: folder::APP_ID.to_owned(),
                public_key: keys.app_public_key,
                alipay_private_key: keys.alipay_private_key,
                certificates: Some(keys.app_certificates),
            }],
            documents: Some(folder.secrets().join("alipay-app")),
        },
        redirect_uri_prefix: Some(at.authlink.to_string()),
    });
    let merchant = DemoMerchant::new(MerchantConfig {
        business_id: folder::BUSINESS_ID.to_owned(),
        merchant_id: folder::MERCHANT_ID.to_owned(),
        rsa_private_key: keys.merchant_private_key,
        md5_key: keys.merchant_md5_key,
        platform_public_key: keys.platform_public_key,
        authlink_origin: bare(&at.authlink),
        own_origin: bare(&at.merchant),
        emulator_origin: bare(&at.emulator),
    })?;
    let merchant = merchant.with_emulator(emulator.clone());
    Ok((emulator, merchant))
}

fn open_store(folder: &Folder, config: &Config, options: &Options) -> Result<SqliteStore, StartError> {
    let StoreAt::File(file) = &config.store else {
        return Err(StartError::new("a local run keeps its records in AUTHLINK_DATABASE".to_owned()));
    };
    database::start(folder, file, options.new_database)
}

/// The settings of the functions, here and, by the folder's `lambda.env`, under `cargo lambda watch`.
fn settings(folder: &Folder, at: &Addresses, options: &Options) -> Vec<(&'static str, String)> {
    let (emulator_at, callbacks) = (&at.emulator, callback_origins(&at.merchant, &options.allow_callback));
    let mut settings = vec![
        ("AUTHLINK_ALIPAY_APP_ID", folder::APP_ID.to_owned()),
        ("AUTHLINK_ALIPAY_AUTHORIZE_URL", format!("{emulator_at}oauth2/publicAppAuthorize.htm")),
        ("AUTHLINK_ALIPAY_GATEWAY_URL", format!("{emulator_at}gateway.do")),
        ("AUTHLINK_PUBLIC_URL", at.authlink.to_string()),
        ("AUTHLINK_DANGEROUS_CALLBACK_ORIGINS", callbacks),
        ("AUTHLINK_SECRETS_DIR", folder.secrets().display().to_string()),
        ("AUTHLINK_DATABASE", folder.database().display().to_string()),
    ];
    settings.retain(|(name, _)| options.settings.iter().all(|(own, _)| own != name));
    settings.extend(options.settings.iter().cloned());
    settings
}

fn callback_origins(merchant: &Url, allowed: &[Origin]) -> String {
    let mut origins = vec![bare(merchant)];
    origins.extend(THIS_MACHINE.map(str::to_owned));
    origins.extend(allowed.iter().map(Origin::to_string));
    origins.join(",")
}

async fn listen(port: u16, option: &str) -> Result<TcpListener, StartError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
        StartError::new(format!("cannot listen on 127.0.0.1:{port}: {error}; choose another with {option}"))
    })
}

fn origin(listener: &TcpListener) -> Result<Url, StartError> {
    Ok(Url::parse(&format!("http://{}/", listener.local_addr()?))?)
}

/// Serves a party around authlink, for as long as the program runs.
async fn party(listener: TcpListener, router: Router) {
    serve(
        listener,
        router,
        Bounds::with_body_bytes(PARTY_BODY_BYTES),
        CancellationToken::new(),
        TaskTracker::new(),
    )
    .await;
}
