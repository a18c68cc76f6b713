//! The merchants: take POSTs, answer each by the plan, and keep a journal of them.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local::merchant::signing::{sign_md5, string_to_sign};
use rsa::RsaPublicKey;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::sha2::{Digest as _, Sha256};
use rustls::ServerConfig;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::business::BUSINESSES;
use crate::clock::StormClock;
use crate::journal::{Journal, Posted};
use crate::merchant_answer::LATE_SUCCESSES;
use crate::network::{RawRequest, Reply, has_hung_up, read_request};
use crate::open_api::journey_of;
use crate::plan::Plan;

/// All merchants together.
pub struct Merchants {
    pub plan: Arc<Plan>,
    pub clock: StormClock,
    /// The key of authlink's callbacks.
    pub platform_public_key: RsaPublicKey,
    pub md5_key: String,
    pub journal: Journal<Posted>,
    pub posts: Mutex<HashMap<usize, usize>>,
}

impl Merchants {
    /// Serves one connection, which carries one POST.
    ///
    /// # Errors
    /// The caller has hung up.
    pub async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let request = read_request(&mut stream).await?;
        let Some(journey) = journey(&request) else { return Ok(()) };
        let (hung_up, now) = (has_hung_up(&stream), self.clock.now());
        let before = self.count(journey);
        let answer = self.plan.merchant_answer(journey, before, now);
        let place = self.journal.add(Posted {
            journey,
            at: now,
            answer: answer.name,
            success: answer.confirms,
            late_success: false,
            ended: None,
            sound: self.is_sound(&request, journey),
            body: request.body,
            hung_up,
        });
        if matches!(answer.reply, Reply::Reset) {
            stream.set_zero_linger()?;
        }
        let sent = answer.reply.send(&mut stream).await;
        let ended = Some(self.clock.now());
        self.journal.change(place, |posted| {
            posted.ended = ended;
            posted.late_success = LATE_SUCCESSES.contains(&posted.answer) && sent.is_ok();
        });
        sent
    }

    /// The number of POSTs of an authorization before this one.
    fn count(&self, journey: usize) -> usize {
        let mut posts = self.posts.lock().expect("nobody panicked");
        let count = posts.entry(journey).or_default();
        *count += 1;
        *count - 1
    }

    fn is_sound(&self, request: &RawRequest, journey: usize) -> bool {
        let header = |name| request.header(name).unwrap_or_default();
        let names = ["businessId", "nonce", "timestamp", "signType"];
        let signed = string_to_sign(&names.map(|name| (name, header(name))), &request.body);
        let business = self.plan.journeys.get(journey).map(|journey| &BUSINESSES[journey.business]);
        match business {
            None => false,
            Some(business) if business.md5_only => header("sign") == sign_md5(&signed, &self.md5_key),
            Some(_) => {
                let sign = STANDARD.decode(header("sign")).unwrap_or_default();
                let key = &self.platform_public_key;
                key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(&signed), &sign).is_ok()
            }
        }
    }
}

/// The number of the authorization that a POST is about.
#[must_use]
pub fn journey(request: &RawRequest) -> Option<usize> {
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    journey_of(body["serialNo"].as_str()?)
}

/// Shakes hands under a certificate that nobody vouches for.
///
/// # Errors
/// As it should be: the caller does not believe it.
pub async fn serve_unvouched(stream: TcpStream, tls: Arc<ServerConfig>) -> io::Result<()> {
    TlsAcceptor::from(tls).accept(stream).await.map(drop)
}

/// A certificate for this machine that signs itself.
#[must_use]
pub fn unvouched() -> Arc<ServerConfig> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into());
    Arc::new(config.expect("certificate and key fit"))
}
