//! A demo merchant: requests links, queries authorizations, receives callbacks, and shows on one page every message.
//!
//! It is written from the open API's documents alone, with signing code of its own, as a merchant would write it, so
//! that a mistake in authlink's signing shows.

mod api;
mod call;
mod callback;
mod demo;
mod faults;
mod ledger;
mod link;
mod query;
pub mod signing;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use rsa::{RsaPrivateKey, RsaPublicKey};
use shared::model::clock::{Clock, SystemClock};
use tokio::sync::watch;

use crate::client::client_builder;
use crate::emulator::AlipayEmulator;
use crate::journal::Journal;
pub use call::{Call, CallAnswer, CallRequest, MerchantCallError, Signer, send, sign};
pub use callback::ReceivedCallback;
pub use faults::MerchantFault;
use ledger::Ledger;
pub use ledger::{Authorization, AuthorizationState};
pub use signing::SignType;

const BODY_LIMIT_BYTES: usize = 64 * 1024;

/// The merchant's identity and keys, and the addresses of all parties.
pub struct MerchantConfig {
    pub business_id: String,
    pub merchant_id: String,
    /// Signs requests.
    pub rsa_private_key: RsaPrivateKey,
    /// Signs requests and checks callbacks of the kind `MD5`.
    pub md5_key: String,
    /// Checks callbacks.
    pub platform_public_key: RsaPublicKey,
    /// The origin of authlink, such as `http://127.0.0.1:8787`.
    pub authlink_origin: String,
    /// The origin of this merchant; callbacks go to its `/callback`.
    pub own_origin: String,
    /// The origin of the emulator of Alipay, for the page to show.
    pub emulator_origin: String,
}

/// The demo merchant; clones share everything.
#[derive(Clone)]
pub struct DemoMerchant {
    config: Arc<MerchantConfig>,
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
    journal: Journal,
    emulator: Option<AlipayEmulator>,
    memory: Arc<Mutex<Memory>>,
    callbacks: Arc<watch::Sender<usize>>,
}

struct Memory {
    ledger: Ledger,
    /// Of callbacks, latest first.
    nonces: VecDeque<String>,
    fault: MerchantFault,
    slow_delay: Duration,
}

impl DemoMerchant {
    /// A merchant on the machine's clock, with a journal of its own and no fault.
    ///
    /// # Errors
    /// Fails if no HTTP client can be built.
    pub fn new(config: MerchantConfig) -> Result<Self, reqwest::Error> {
        let client = client_builder(Duration::from_secs(5), Duration::from_secs(30)).build()?;
        let memory = Memory {
            ledger: Ledger::default(),
            nonces: VecDeque::new(),
            fault: MerchantFault::None,
            slow_delay: Duration::from_secs(3),
        };
        Ok(Self {
            config: Arc::new(config),
            client,
            clock: Arc::new(SystemClock),
            journal: Journal::default(),
            emulator: None,
            memory: Arc::new(Mutex::new(memory)),
            callbacks: Arc::default(),
        })
    }

    /// The same merchant, which writes into the emulator's journal and sets its faults from the demo page.
    #[must_use]
    pub fn with_emulator(self, emulator: AlipayEmulator) -> Self {
        Self { journal: emulator.journal().clone(), emulator: Some(emulator), ..self }
    }

    /// The same merchant, taking the time from `clock`.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The demo page, its API and `/callback`, to be served at the root of an origin.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", get(demo::show))
            .route("/demo.css", get(demo::style))
            .route("/demo.js", get(demo::script))
            .route("/api/links", post(api::request_link))
            .route("/api/queries", post(api::query))
            .route("/api/journal", get(api::journal))
            .route("/api/faults", get(api::faults).post(api::set_faults))
            .route("/callback", post(callback::callback))
            .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
            .with_state(self.clone())
    }

    /// The last 1,000 POSTs to `/callback`, oldest first, whatever the answer.
    #[must_use]
    pub fn received(&self) -> Vec<ReceivedCallback> {
        self.memory().ledger.received().cloned().collect()
    }

    /// Waits until `count` POSTs came to `/callback` since the start, whatever the answer.
    pub async fn callbacks(&self, count: usize) {
        // It cannot fail while `self` holds the sender.
        let _ = self.callbacks.subscribe().wait_for(|seen| *seen >= count).await;
    }

    /// The last 100 authorizations, requested here or known by a callback, newest first.
    #[must_use]
    pub fn authorizations(&self) -> Vec<Authorization> {
        self.memory().ledger.authorizations().cloned().collect()
    }

    #[must_use]
    pub fn fault(&self) -> MerchantFault {
        self.memory().fault
    }

    /// Sets what `/callback` does to every POST from now on.
    pub fn set_fault(&self, fault: MerchantFault) {
        self.memory().fault = fault;
    }

    /// Sets the delay of an answer under [`MerchantFault::Slow`]; 3 s at first.
    pub fn set_slow_delay(&self, delay: Duration) {
        self.memory().slow_delay = delay;
    }

    /// The messages here and, if there is an emulator, there, for a page to show.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
