//! A caller of authlink by hand: a business with its key, or an access key. It signs as the demo merchant does, with
//! the folder's keys or with files of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use rsa::RsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey as _;
use shared::model::clock::{Clock as _, SystemClock};
use shared::model::random::{OsRandom, hex_128};
use shared::runtime::start::StartError;
use shared::signing::alibaba_cloud::{AccessKeySecret, OutgoingCall};
use url::Url;
use zeroize::Zeroizing;

use crate::addresses::bare;
use crate::bounded::shared_key;
use crate::client::client_builder;
use crate::folder::{BUSINESS_ID, Folder, MERCHANT_ID};
use crate::merchant::{CallAnswer, CallRequest, SignType, Signer, send, sign};

/// The key of a call.
enum Key {
    Rsa(Box<RsaPrivateKey>),
    Md5(Zeroizing<String>),
}

impl Key {
    fn signer(&self) -> Signer<'_> {
        match self {
            Self::Rsa(key) => Signer::Rsa(key),
            Self::Md5(key) => Signer::Md5(key),
        }
    }
}

#[derive(Args)]
pub(crate) struct Identification {
    /// The business to call as; the demo's unless said
    #[arg(long)]
    business_id: Option<String>,
    #[arg(long)]
    merchant_id: Option<String>,
    /// The file of your RSA key, PKCS#8 in PEM; the demo merchant's unless said
    #[arg(long, value_name = "FILE", conflicts_with_all = ["md5", "md5_key"])]
    key: Option<PathBuf>,
    /// Sign with the demo merchant's MD5 key instead of its RSA key
    #[arg(long)]
    md5: bool,
    /// The file of your MD5 key
    #[arg(long, value_name = "FILE")]
    md5_key: Option<PathBuf>,
}

/// A business that calls the open API.
pub(crate) struct Caller {
    pub(crate) business_id: String,
    pub(crate) merchant_id: String,
    key: Key,
    key_file: PathBuf,
    origin: String,
    client: reqwest::Client,
}

impl Caller {
    /// The caller that `who` says, of the authlink at `origin`.
    ///
    /// # Errors
    /// A key cannot be read.
    pub(crate) fn new(folder: &Path, origin: &Url, who: Identification) -> Result<Self, StartError> {
        let by_md5 = who.md5 || who.md5_key.is_some();
        let of_the_demo = if by_md5 { "merchant-md5-key.txt" } else { "merchant.pem" };
        let key_file = match who.md5_key.or(who.key) {
            Some(file) => file,
            None => Folder::open(folder)?.party_file(of_the_demo),
        };
        let key = if by_md5 { Key::Md5(shared_key(&key_file)?) } else { rsa_key(&key_file)? };
        Ok(Self {
            business_id: who.business_id.unwrap_or_else(|| BUSINESS_ID.to_owned()),
            merchant_id: who.merchant_id.unwrap_or_else(|| MERCHANT_ID.to_owned()),
            key,
            key_file,
            origin: bare(origin),
            client: client_builder(Duration::from_secs(5), Duration::from_secs(35)).build()?,
        })
    }

    /// A call of `path`, signed.
    #[must_use]
    pub(crate) fn sign(&self, path: &str, serial_no: &str, body: String) -> CallRequest {
        let url = format!("{}{path}", self.origin);
        sign(url, &self.business_id, serial_no, body, self.key.signer(), SystemClock.now())
    }

    /// Sends a call.
    ///
    /// # Errors
    /// There is no answer.
    pub(crate) async fn send(&self, call: &CallRequest) -> Result<CallAnswer, StartError> {
        Ok(send(&self.client, call).await?)
    }

    /// The settings by which a sample makes the same calls.
    #[must_use]
    pub(crate) fn settings_of_samples(&self) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("ENDPOINT", self.origin.clone()),
            ("BUSINESS_ID", self.business_id.clone()),
            ("MERCHANT_ID", self.merchant_id.clone()),
        ];
        let file = self.key_file.display().to_string();
        match self.key {
            Key::Rsa(_) => settings.push(("PRIVATE_KEY_FILE", file)),
            Key::Md5(_) => {
                settings.extend([("SIGN_TYPE", SignType::Md5.name().to_owned()), ("MD5_KEY_FILE", file)]);
            }
        }
        settings
    }
}

fn rsa_key(file: &Path) -> Result<Key, StartError> {
    let key = RsaPrivateKey::read_pkcs8_pem_file(file)
        .map_err(|error| StartError::new(format!("{}: {error}", file.display())))?;
    Ok(Key::Rsa(Box::new(key)))
}

/// A call of `GetAuthorizationUrl`, signed by V3 as Alibaba Cloud's SDKs do.
///
/// # Errors
/// The secret cannot be read, or a part cannot stand in a request.
pub(crate) fn authorization_url_call(
    endpoint: &Url,
    access_key_id: &str,
    secret_file: &Path,
    parameters: &[(&str, &str)],
) -> Result<http::Request<Bytes>, StartError> {
    let secret = AccessKeySecret::new(&shared_key(secret_file)?)
        .ok_or_else(|| StartError::new(format!("{}: no secret", secret_file.display())))?;
    let nonce = hex_128(&OsRandom::default())?;
    let call = OutgoingCall {
        endpoint,
        action: "GetAuthorizationUrl",
        version: "2017-05-25",
        parameters,
        at: SystemClock.now(),
        nonce: &nonce,
    };
    Ok(call.sign(access_key_id, &secret)?)
}
