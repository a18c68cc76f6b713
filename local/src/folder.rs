//! The folder of a local run: the documents that Secrets Manager holds in a deployment, the parties' own keys, and the
//! database. The first start makes it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rsa::pkcs8::DecodePrivateKey as _;
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde_json::{Map, Value, json};
use shared::runtime::config::{Config, ConfigError};
use shared::store::sqlite::DatabaseMark;
use url::Url;

use crate::addresses::Addresses;
use crate::emulator::AppCertificates;
use crate::emulator::certificates::{self, IssuedFiles};
use crate::keys::{new_rsa, private_pem, public_pem, random_hex};
use crate::private_file::{self, make_folder, read_if_there};

/// Our app at the emulator of Alipay.
pub const APP_ID: &str = "2021000000000001";
/// The demo merchant's businessId.
pub const BUSINESS_ID: &str = "demo";
/// The demo merchant's merchantId.
pub const MERCHANT_ID: &str = "demo-shop";
/// The demo merchant's account for `GetAuthorizationUrl`.
pub const ACCOUNT_ID: &str = "demo";
/// The account's access key.
pub const ACCESS_KEY_ID: &str = "demoAccessKeyId";
/// A scheme of the account.
pub const SCHEME_ID: &str = "234";
/// A scheme of the account that is of the contract type.
pub const CONTRACT_SCHEME_ID: &str = "235";

/// The name by which the demo's pages call the merchant.
const MERCHANT_NAME: &str = "示例商店 Demo Shop";

/// The file that marks a complete folder and names its version.
const COMPLETE: &str = "complete";
/// What it says.
pub const VERSION: &str = "3\n";

/// The file that a running host holds locked.
const IN_USE: &str = "in-use";
const DATABASE_MARK: &str = "database.json";
const BREAKERS: &str = "breakers.json";
const ADDRESSES: &str = "addresses.json";
const APP_CERTIFICATE: &str = "parties/app.crt";
const ALIPAY_CERTIFICATE: &str = "parties/alipay.crt";
const ROOT_CERTIFICATES: &str = "parties/alipay-root.crt";

/// The folder, by its absolute path.
pub struct Folder {
    path: PathBuf,
    /// Nobody else makes or changes the folder for as long as this is open.
    _in_use: Option<File>,
}

/// The keys of the parties around authlink, who sign and verify for themselves.
pub struct Parties {
    pub alipay_private_key: RsaPrivateKey,
    pub app_public_key: RsaPublicKey,
    pub app_certificates: AppCertificates,
    pub merchant_private_key: RsaPrivateKey,
    pub merchant_md5_key: String,
    /// The demo account's.
    pub access_key_secret: String,
    pub platform_public_key: RsaPublicKey,
}

impl Folder {
    /// Opens the folder of an earlier start.
    pub fn open(path: &Path) -> io::Result<Self> {
        let folder = Self { path: path.to_owned(), _in_use: None };
        if folder.is_complete()? {
            return Ok(Self { path: folder.path.canonicalize()?, _in_use: None });
        }
        let problem = format!("{} is no folder of authlink's; `cargo run` makes one", path.display());
        Err(io::Error::new(io::ErrorKind::NotFound, problem))
    }

    /// Opens the folder for one host alone, and makes and fills it if it is new.
    ///
    /// The mark of a complete folder is written last, so that an interrupted start is repeated.
    pub fn make(path: &Path) -> io::Result<Self> {
        make_folder(path)?;
        let path = path.canonicalize()?;
        let folder = Self { _in_use: Some(lock(&path.join(IN_USE))?), path };
        if !folder.is_complete()? {
            folder.fill()?;
        }
        Ok(folder)
    }

    fn is_complete(&self) -> io::Result<bool> {
        match read_if_there(&self.file(COMPLETE))? {
            Some(version) if version == VERSION => Ok(true),
            Some(_) => Err(io::Error::other(
                "another version of authlink made it; move it away, or name another with --folder",
            )),
            None => Ok(false),
        }
    }

    /// The folder of the parties' keys.
    pub fn parties_folder(&self) -> PathBuf {
        self.file("parties")
    }

    /// A file of the parties' keys.
    pub fn party_file(&self, name: &str) -> PathBuf {
        self.parties_folder().join(name)
    }

    pub fn secrets(&self) -> PathBuf {
        self.file("secrets")
    }

    pub fn database(&self) -> PathBuf {
        self.file("authlink.db")
    }

    /// The file of the parties that the host leaves alone.
    pub fn breakers_file(&self) -> PathBuf {
        self.file(BREAKERS)
    }

    /// What is remembered of the database; nothing before the first start.
    pub fn remembered_database(&self) -> io::Result<Option<DatabaseMark>> {
        let Some(text) = read_if_there(&self.file(DATABASE_MARK))? else { return Ok(None) };
        let mark = serde_json::from_str(&text);
        mark.map(Some).map_err(|error| io::Error::other(format!("{DATABASE_MARK}: {error}")))
    }

    pub fn remember_database(&self, mark: &DatabaseMark) -> io::Result<()> {
        self.write(DATABASE_MARK, &format!("{}\n", serde_json::to_string(mark)?))
    }

    fn remember_addresses(&self, addresses: &Addresses) -> io::Result<()> {
        self.write(ADDRESSES, &format!("{}\n", serde_json::to_string(addresses)?))
    }

    /// The addresses of the last start.
    pub fn addresses(&self) -> io::Result<Addresses> {
        let text = fs::read_to_string(self.file(ADDRESSES)).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("{ADDRESSES}: {error}; start the host once, by `authlink serve`"),
            )
        })?;
        serde_json::from_str(&text).map_err(|error| io::Error::other(format!("{ADDRESSES}: {error}")))
    }

    /// Has the demo's documents lead to the merchant of this start, and keeps its settings and addresses for commands.
    pub fn record_start(&self, settings: &[(&str, String)], at: &Addresses) -> io::Result<()> {
        self.point_schemes_to(&at.merchant)?;
        self.lead_back_to(&at.merchant)?;
        self.write_lambda_env(settings)?;
        self.remember_addresses(at)
    }

    /// Keeps `settings` as lines `NAME=value` in `lambda.env`, for `cargo lambda watch --env-file`.
    pub fn write_lambda_env(&self, settings: &[(&str, String)]) -> io::Result<()> {
        let lines: String = settings.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        self.write("lambda.env", &lines)
    }

    /// The configuration that the host has here: by the environment, or as it was kept at the last start.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let kept = fs::read_to_string(self.file("lambda.env")).unwrap_or_default();
        Config::from_env_or(&|name| {
            kept.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
        })
    }

    /// Makes the schemes that deliver to this machine, or nowhere yet, deliver to the demo merchant at `merchant`,
    /// which may be on another port at each start. The rest of their documents stays.
    pub fn point_schemes_to(&self, merchant: &Url) -> io::Result<()> {
        for (id, contract) in [(SCHEME_ID, false), (CONTRACT_SCHEME_ID, true)] {
            let name = format!("secrets/scheme/{id}.json");
            let demo_scheme =
                json!({"accountId": ACCOUNT_ID, "merchantName": MERCHANT_NAME, "contract": contract});
            let text = read_if_there(&self.file(&name))?.unwrap_or_else(|| demo_scheme.to_string());
            let mut document = object(&name, &text)?;
            if is_here_or_nowhere(&document, "callbackUrl") {
                document.insert("callbackUrl".to_owned(), format!("{merchant}callback").into());
                self.write(&name, &pretty(&document.into()))?;
            }
        }
        Ok(())
    }

    /// Makes the pages of the demo business and its schemes name it and lead back to the demo merchant at `merchant`,
    /// unless a document leads elsewhere. The rest of the documents stays, and other origins of `returnUrls` as well.
    fn lead_back_to(&self, merchant: &Url) -> io::Result<()> {
        let business = format!("secrets/business/{BUSINESS_ID}.json");
        let [scheme, contract] =
            [SCHEME_ID, CONTRACT_SCHEME_ID].map(|id| format!("secrets/scheme/{id}.json"));
        for name in [business, scheme, contract] {
            let mut document = object(&name, &fs::read_to_string(self.file(&name))?)?;
            if is_here_or_nowhere(&document, "returnUrl") {
                document.entry("merchantName").or_insert_with(|| MERCHANT_NAME.into());
                let origins = with_origin(&document, &merchant.origin().ascii_serialization());
                document.insert("returnUrls".to_owned(), origins);
                document.insert("returnUrl".to_owned(), merchant.as_str().into());
                self.write(&name, &pretty(&document.into()))?;
            }
        }
        Ok(())
    }

    /// Reads the parties' keys.
    pub fn parties(&self) -> io::Result<Parties> {
        let key = |name| {
            RsaPrivateKey::read_pkcs8_pem_file(self.file(name))
                .map_err(|error| io::Error::other(format!("{name}: {error}")))
        };
        let shared = |name| fs::read_to_string(self.file(name)).map(|key| key.trim().to_owned());
        let text = |name| fs::read_to_string(self.file(name));
        let files = IssuedFiles {
            app: text(APP_CERTIFICATE)?,
            alipay: text(ALIPAY_CERTIFICATE)?,
            roots: text(ROOT_CERTIFICATES)?,
        };
        let alipay = key("parties/alipay.pem")?;
        Ok(Parties {
            app_certificates: AppCertificates::read(&files, alipay.clone())?,
            alipay_private_key: alipay,
            app_public_key: key("parties/app.pem")?.to_public_key(),
            merchant_private_key: key("parties/merchant.pem")?,
            merchant_md5_key: shared("parties/merchant-md5-key.txt")?,
            access_key_secret: shared("parties/access-key-secret.txt")?,
            platform_public_key: key("parties/callback.pem")?.to_public_key(),
        })
    }

    fn fill(&self) -> io::Result<()> {
        for folder in ["business", "alipay-app", "access-key", "account", "aliyun", "scheme"] {
            let folder = self.file("secrets").join(folder);
            make_folder(&folder)?;
        }
        make_folder(&self.parties_folder())?;
        let [app, alipay, callback, merchant] = generate_keys()?;
        let (md5_key, access_key_secret) = (random_hex::<16>(), random_hex::<15>());

        let business = json!({
            "publicKeys": [public_pem(&merchant.to_public_key())?],
            "md5Keys": [md5_key],
            "merchantIds": [MERCHANT_ID],
        });
        let alipay_app = json!({"privateKey": private_pem(&app)?, "alipayPublicKeys": [public_pem(&alipay.to_public_key())?]});
        let callback_key = json!({"privateKey": private_pem(&callback)?});
        self.write(&format!("secrets/business/{BUSINESS_ID}.json"), &pretty(&business))?;
        self.write(&format!("secrets/alipay-app/{APP_ID}.json"), &pretty(&alipay_app))?;
        self.write("secrets/callback-key.json", &pretty(&callback_key))?;
        let access_key = json!({
            "secrets": [access_key_secret],
            "accountId": ACCOUNT_ID,
            "permissions": ["dypns:GetAuthorizationUrl"],
        });
        self.write(&format!("secrets/access-key/{ACCESS_KEY_ID}.json"), &pretty(&access_key))?;
        self.write(&format!("secrets/account/{ACCOUNT_ID}.json"), &pretty(&json!({})))?;
        self.write("secrets/link-token.json", &pretty(&json!({"keys": [random_hex::<32>()]})))?;
        self.write("secrets/phone-key.json", &pretty(&json!({"key": random_hex::<32>()})))?;

        for (name, key) in
            [("app", &app), ("alipay", &alipay), ("callback", &callback), ("merchant", &merchant)]
        {
            self.write(&format!("parties/{name}.pem"), &private_pem(key)?)?;
            self.write(&format!("parties/{name}.pub.pem"), &public_pem(&key.to_public_key())?)?;
        }
        let files = certificates::issue(&app, &alipay)?;
        self.write(APP_CERTIFICATE, &files.app)?;
        self.write(ALIPAY_CERTIFICATE, &files.alipay)?;
        self.write(ROOT_CERTIFICATES, &files.roots)?;
        self.write("parties/merchant-md5-key.txt", &md5_key)?;
        self.write("parties/access-key-secret.txt", &access_key_secret)?;
        self.write(COMPLETE, VERSION)
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        private_file::write(&self.file(name), text)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

fn lock(file: &Path) -> io::Result<File> {
    let lock = File::options().create(true).truncate(false).write(true).open(file)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(io::Error::other(
            "another authlink is using it; stop that one, or name another with --folder",
        )),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Four keys, each on a thread of its own: a slow machine needs a second for one.
fn generate_keys() -> io::Result<[RsaPrivateKey; 4]> {
    std::thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(new_rsa));
        let keys =
            threads.map(|thread| thread.join().map_err(|_| io::Error::other("no key could be made"))?);
        let [a, b, c, d] = keys;
        Ok([a?, b?, c?, d?])
    })
}

/// The document `name`, whose `text` was read.
fn object(name: &str, text: &str) -> io::Result<Map<String, Value>> {
    serde_json::from_str(text)
        .map_err(|error| io::Error::other(format!("{name} is no JSON object, at line {}", error.line())))
}

/// True if the address in `field` is absent, empty, or on this machine, where a port is another at each start.
fn is_here_or_nowhere(document: &Map<String, Value>, field: &str) -> bool {
    let address = document.get(field).and_then(Value::as_str);
    address.is_none_or(|address| address.is_empty() || address.starts_with("http://127.0.0.1:"))
}

/// The `returnUrls` of a document with `origin` among them, in the place of the one that an earlier start led back to.
fn with_origin(document: &Map<String, Value>, origin: &str) -> Value {
    let before = document.get("returnUrl").and_then(Value::as_str);
    let before = before.and_then(|url| url.strip_suffix('/'));
    let mut origins = document.get("returnUrls").and_then(Value::as_array).cloned().unwrap_or_default();
    origins.retain(|known| known != origin && known.as_str().is_none_or(|known| Some(known) != before));
    origins.push(origin.into());
    origins.into()
}

fn pretty(document: &Value) -> String {
    format!("{document:#}\n")
}

#[cfg(test)]
mod tests;
