//! Stand in for whom the functions talk to besides AWS: Alipay's gateway and a merchant, on plain HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local::folder::Folder;
use rsa::pkcs1v15::SigningKey;
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use serde_json::json;

use crate::Error;
use crate::plain_http::{answer, serve};

/// Somebody who gives every request the same answer, and counts.
pub(crate) struct Outside {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicU32>,
}

impl Outside {
    /// Alipay's gateway, which names the same user for each code. Its answer is signed once.
    pub(crate) fn gateway(folder: &Folder) -> Result<Self, Error> {
        let node = json!({
            "access_token": "authbseB0123456789abcdef0123456789abcX12",
            "auth_start": "2026-11-22 08:00:00",
            "expires_in": 1_296_000,
            "open_id": "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5",
            "re_expires_in": 2_592_000,
            "refresh_token": "authbseB0123456789abcdef0123456789abcX13",
        })
        .to_string();
        let key = SigningKey::<Sha256>::new(folder.parties()?.alipay_private_key);
        let sign = STANDARD.encode(key.sign(node.as_bytes()).to_bytes());
        let body = format!(r#"{{"alipay_system_oauth_token_response":{node},"sign":"{sign}"}}"#);
        Self::answering("application/json;charset=utf-8", &body)
    }

    /// A merchant, who is content with each openId.
    pub(crate) fn merchant() -> Result<Self, Error> {
        Self::answering("text/plain", "SUCCESS")
    }

    fn answering(content_type: &str, body: &str) -> Result<Self, Error> {
        let requests = Arc::<AtomicU32>::default();
        let counted = Arc::clone(&requests);
        let answer = answer("200 OK", &format!("content-type: {content_type}\r\n"), body.as_bytes());
        let address = serve(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            answer.clone()
        })?;
        Ok(Self { address, requests })
    }

    /// How many requests have come so far.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }
}
