//! The explorer: a page that makes one call of the open API or of `GetAuthorizationUrl`, signs it in the browser or by
//! the demo's keys, sends it through this host, and shows every part, with the same call in seven languages.
//!
//! A key that a person types never leaves the browser: the page's script signs. The demo's keys never leave this host:
//! it signs texts with them. Either way what is sent on is one request to the authlink beside it, and nothing else.

mod fields;
mod page;
mod relay;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rsa::RsaPrivateKey;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use url::Url;

use crate::client::client_builder;
use crate::merchant::signing::{sign_md5, sign_rsa};
use crate::page::file;

/// The most bytes of a text to sign or a request to send.
const MAX_BYTES: usize = 64 * 1024;

/// The demo's keys.
pub(crate) struct DemoKeys {
    pub(crate) rsa: RsaPrivateKey,
    pub(crate) md5: String,
    pub(crate) access_key_secret: String,
}

/// What the page's routes need.
struct Explorer {
    keys: DemoKeys,
    /// The folder of the demo's key files, as the shown settings name it.
    parties: PathBuf,
    authlink: Url,
    client: reqwest::Client,
}

/// `/explorer` and what belongs to it, to be served beside the demo merchant's page.
///
/// # Errors
/// Fails if no HTTP client can be built.
pub(crate) fn router(keys: DemoKeys, parties: PathBuf, authlink: Url) -> Result<Router, reqwest::Error> {
    let client = client_builder(Duration::from_secs(5), Duration::from_secs(30)).build()?;
    Ok(Router::new()
        .route("/explorer", get(page::show))
        .route("/explorer.css", get(style))
        .route("/explorer.js", get(script))
        .route("/explorer-signing.js", get(signing))
        .route("/explorer/sign", post(sign))
        .route("/explorer/send", post(relay::send))
        .layer(DefaultBodyLimit::max(MAX_BYTES))
        .with_state(Arc::new(Explorer { keys, parties, authlink, client })))
}

async fn style() -> impl IntoResponse {
    file("text/css; charset=utf-8", include_str!("explorer.css"))
}

async fn script() -> impl IntoResponse {
    file("text/javascript; charset=utf-8", include_str!("explorer.js"))
}

async fn signing() -> impl IntoResponse {
    file("text/javascript; charset=utf-8", include_str!("signing.js"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Kind {
    #[serde(rename = "SHA256-RSA")]
    Sha256Rsa,
    #[serde(rename = "MD5")]
    Md5,
    #[serde(rename = "HMAC-SHA1")]
    HmacSha1,
}

#[derive(Deserialize)]
struct ToSign {
    kind: Kind,
    text: String,
}

#[derive(Serialize)]
struct Signed {
    sign: String,
}

async fn sign(State(explorer): State<Arc<Explorer>>, Json(asked): Json<ToSign>) -> Json<Signed> {
    let (keys, text) = (&explorer.keys, asked.text.as_bytes());
    let sign = match asked.kind {
        Kind::Sha256Rsa => sign_rsa(text, &keys.rsa),
        Kind::Md5 => sign_md5(text, &keys.md5),
        Kind::HmacSha1 => hmac_sha1(text, &keys.access_key_secret),
    };
    Json(Signed { sign })
}

/// The signature of Alibaba Cloud's V1.
fn hmac_sha1(text: &[u8], secret: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(format!("{secret}&").as_bytes())
        .unwrap_or_else(|_| unreachable!("a key of any length will do"));
    mac.update(text);
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests;
