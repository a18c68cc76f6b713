//! `authlink listen` and `authlink trigger callback`: for whoever writes a receiver of callbacks.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use clap::{Args, Subcommand};
use serde_json::json;
use shared::delivery::response::{ResponseBody, classify};
use shared::delivery::sender::MAX_ANSWER_BYTES;
use shared::model::clock::{Clock as _, SystemClock};
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::random::{OsRandom, hex_128};
use shared::runtime::start::StartError;
use shared::signing::md5::Md5Key;
use shared::signing::open_api::{AuthHeaders, CALLBACK_NONCE_PREFIX, Signer, VerificationKeys};
use shared::signing::rsa::{SigningKey, VerifyingKey};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::bounded::{shared_key, text};
use crate::client::{client_builder, read_bounded};
use crate::folder::{BUSINESS_ID, Folder, MERCHANT_ID};
use crate::operate::local_time::local;
use crate::printable::lines;
use crate::server::{Bounds, serve};
use crate::signals::StopSignals;

const BODY_BYTES: usize = 64 * 1024;

#[derive(Args)]
pub(super) struct ListenArgs {
    /// The receiver that each callback is passed on to, as it came; its answer goes back
    #[arg(long, value_name = "URL")]
    forward_to: Url,
    /// The port on 127.0.0.1; 0 for any
    #[arg(long, default_value_t = 0)]
    port: u16,
}

struct Receiver {
    forward_to: Url,
    keys: VerificationKeys,
    client: reqwest::Client,
}

impl ListenArgs {
    pub(super) async fn run(self, folder: &Path) -> Result<(), StartError> {
        let mut signals = StopSignals::listen()?;
        let parties = Folder::open(folder)?;
        let rsa = VerifyingKey::parse(&text(&parties.party_file("callback.pub.pem"))?)?;
        let md5 = Md5Key::new(&shared_key(&parties.party_file("merchant-md5-key.txt"))?);
        let receiver = Receiver {
            forward_to: self.forward_to,
            keys: VerificationKeys { rsa: vec![rsa], md5: md5.into_iter().collect() },
            client: client_builder(Duration::from_secs(5), Duration::from_secs(10)).build()?,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        println!("Callbacks to http://{}/ go to {}.", listener.local_addr()?, receiver.forward_to);
        println!("  authlink call link --callback-url http://{}/callback\n", listener.local_addr()?);
        let router = Router::new().fallback(pass_on).with_state(Arc::new(receiver));
        let stop = CancellationToken::new();
        let bounds = Bounds::with_body_bytes(BODY_BYTES);
        tokio::select! {
            () = serve(listener, router, bounds, stop, TaskTracker::new()) => {}
            () = signals.next() => {}
        }
        Ok(())
    }
}

async fn pass_on(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> Response {
    let verified = match AuthHeaders::read(&headers) {
        Ok(auth) if auth.verify(&body, &receiver.keys).is_ok() => "signature holds",
        Ok(_) => "SIGNATURE DOES NOT HOLD",
        Err(_) => "NO SIGNATURE",
    };
    println!("{}  {verified}\n{}", local(SystemClock.now()), lines(&String::from_utf8_lossy(&body)));
    let mut passed = headers;
    for name in ["host", "content-length", "connection", "transfer-encoding"] {
        passed.remove(name);
    }
    let sent = receiver.client.post(receiver.forward_to.clone()).headers(passed).body(body).send().await;
    let answered = match sent {
        Ok(answer) => {
            let status = answer.status();
            read_bounded(answer, MAX_ANSWER_BYTES)
                .await
                .map(|body| (status, body))
                .map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    match answered {
        Ok((status, body)) => {
            println!("  -> {status} {}\n", lines(&String::from_utf8_lossy(&body)));
            (status, body).into_response()
        }
        Err(error) => {
            println!("  -> no answer: {error}\n");
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

#[derive(Subcommand)]
pub(super) enum TriggerCommand {
    /// A signed callback of a user who does not exist; or a wrongly signed one, which a receiver has to refuse
    #[command(after_help = "Examples:\n  authlink trigger callback --to http://127.0.0.1:3000/callback\n  \
        authlink trigger callback --to http://127.0.0.1:3000/callback --wrong-signature")]
    Callback {
        /// The receiver
        #[arg(long, value_name = "URL")]
        to: Url,
        /// Sign other bytes than are sent; fails if the receiver takes it
        #[arg(long)]
        wrong_signature: bool,
        #[arg(long, default_value = BUSINESS_ID)]
        business_id: String,
        #[arg(long, default_value = "test-callback")]
        serial_no: String,
        /// Sign by this RSA key, PKCS#8 in PEM, instead of the folder's callback key
        #[arg(long, value_name = "FILE", conflicts_with = "md5_key")]
        key: Option<PathBuf>,
        /// Sign by this MD5 key
        #[arg(long, value_name = "FILE")]
        md5_key: Option<PathBuf>,
    },
}

impl TriggerCommand {
    pub(super) async fn run(self, folder: &Path) -> Result<(), StartError> {
        let Self::Callback { to, wrong_signature, business_id, serial_no, key, md5_key } = self;
        let now = SystemClock.now();
        let body = json!({
            "serialNo": serial_no, "userId": "user-1", "merchantId": MERCHANT_ID, "businessId": business_id,
            "openId": "test-open-id", "authTime": now,
        })
        .to_string();
        let signed = if wrong_signature { format!("{body} ") } else { body.clone() };
        let nonce = format!("{CALLBACK_NONCE_PREFIX}{}", hex_128(&OsRandom::default())?);
        let headers = match md5_key {
            Some(file) => {
                let key = Md5Key::new(&shared_key(&file)?);
                let key = key.ok_or_else(|| StartError::new("that is no MD5 key".to_owned()))?;
                Signer::Md5(&key).sign(&business_id, &nonce, now, signed.as_bytes())?
            }
            None => {
                let file = match key {
                    Some(file) => file,
                    None => Folder::open(folder)?.party_file("callback.pem"),
                };
                let key = SigningKey::parse(&text(&file)?)?;
                Signer::Rsa(&key).sign(&business_id, &nonce, now, signed.as_bytes())?
            }
        };
        let client = client_builder(Duration::from_secs(5), Duration::from_secs(10)).build()?;
        let mut request = client.post(to).header("content-type", "application/json; charset=utf-8");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.body(body).send().await?;
        let status = answer.status();
        let answered = read_bounded(answer, MAX_ANSWER_BYTES).await?;
        println!("HTTP {status}\n{}", lines(&String::from_utf8_lossy(&answered)));
        let taken = classify(status.as_u16(), None, ResponseBody::Whole(&answered), now).outcome
            == DeliveryOutcome::Success;
        match (taken, wrong_signature) {
            (true, false) => println!("The receiver took it: it would be DELIVERED."),
            (false, true) => println!("The receiver refused it, as it has to."),
            (true, true) => {
                return Err(StartError::new(
                    "the receiver took a callback whose signature does not hold: it does not verify"
                        .to_owned(),
                ));
            }
            (false, false) => {
                return Err(StartError::new(
                    "the receiver did not answer SUCCESS: it would be tried again".to_owned(),
                ));
            }
        }
        Ok(())
    }
}
