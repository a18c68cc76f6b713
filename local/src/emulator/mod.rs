//! An emulator of Alipay: the consent page, and the gateway behind which codes are exchanged for openIds.
//!
//! It signs and verifies with code and libraries of its own, so that a mistake in authlink's signing shows. It is as
//! strict as Alipay (one use per code, signatures, documented errors), and faults can be injected into it.

mod answer;
mod apps;
mod authorize;
mod authorize_request;
pub mod certificates;
mod codes;
mod consent;
mod control;
mod faults;
mod form;
mod gateway;
mod refusal;
mod signing;
mod users;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use shared::model::clock::{Clock, SystemClock};

use crate::journal::Journal;
pub use apps::{Apps, EmulatedApp};
pub use certificates::AppCertificates;
use codes::Codes;
pub use faults::GatewayFault;
pub use form::AnswerForm;
pub use gateway::{ExchangeOutcome, SeenExchange};
pub use signing::request_signature_holds;
pub use users::{TEST_USERS, TestUser};

const EXCHANGES_KEPT: usize = 1_000;

pub struct EmulatorConfig {
    pub apps: Apps,
    /// The required beginning of a `redirect_uri`; `None` allows any http or https address.
    pub redirect_uri_prefix: Option<String>,
}

/// The emulator; clones share everything.
#[derive(Clone)]
pub struct AlipayEmulator {
    config: Arc<EmulatorConfig>,
    clock: Arc<dyn Clock>,
    journal: Journal,
    memory: Arc<Mutex<Memory>>,
}

struct Memory {
    codes: Codes,
    exchanges: VecDeque<SeenExchange>,
    fault: GatewayFault,
    forms: Vec<AnswerForm>,
    slow_delay: Duration,
}

impl AlipayEmulator {
    /// An emulator on the machine's clock, with a journal of its own and no fault.
    #[must_use]
    pub fn new(config: EmulatorConfig) -> Self {
        let memory = Memory {
            codes: Codes::default(),
            exchanges: VecDeque::new(),
            fault: GatewayFault::None,
            forms: Vec::new(),
            slow_delay: Duration::from_secs(3),
        };
        Self {
            config: Arc::new(config),
            clock: Arc::new(SystemClock),
            journal: Journal::default(),
            memory: Arc::new(Mutex::new(memory)),
        }
    }

    /// The same emulator, taking the time from `clock`.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The consent page, the gateway and `/_emulator/…`, to be served at the root of an origin.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/oauth2/publicAppAuthorize.htm", get(authorize::show).post(authorize::decide))
            .route("/gateway.do", get(gateway::gateway).post(gateway::gateway))
            .route("/_emulator/faults", get(control::faults).post(control::set_faults))
            .route("/_emulator/codes", post(control::mint_code))
            .route("/_emulator/consent.css", get(authorize::style))
            .with_state(self.clone())
    }

    /// A new code for one of [`TEST_USERS`], modulo their number, as if that user had just consented to the first app.
    #[must_use]
    pub fn mint_code(&self, user: usize) -> String {
        let app_id = self.config.apps.default_app().map_or("", |app| &app.app_id);
        self.mint_code_for(app_id, user)
    }

    /// The same for the app of this id.
    #[must_use]
    pub fn mint_code_for(&self, app_id: &str, user: usize) -> String {
        let now = self.clock.now();
        self.memory().codes.mint(user % TEST_USERS.len(), app_id, now)
    }

    /// The last 1,000 gateway requests that carried a code, oldest first.
    #[must_use]
    pub fn exchanges(&self) -> Vec<SeenExchange> {
        self.memory().exchanges.iter().cloned().collect()
    }

    #[must_use]
    pub fn fault(&self) -> GatewayFault {
        self.memory().fault
    }

    /// Sets what the gateway does to every request from now on.
    pub fn set_fault(&self, fault: GatewayFault) {
        self.memory().fault = fault;
    }

    /// The peculiarities of the gateway's answers.
    #[must_use]
    pub fn forms(&self) -> Vec<AnswerForm> {
        self.memory().forms.clone()
    }

    /// Sets the form that the gateway's answers have from now on; none of them is the plain one.
    pub fn set_forms(&self, forms: impl Into<Vec<AnswerForm>>) {
        self.memory().forms = forms.into();
    }

    /// Sets the delay of an answer under [`GatewayFault::Slow`]; 3 s at first.
    pub fn set_slow_delay(&self, delay: Duration) {
        self.memory().slow_delay = delay;
    }

    /// The messages so far, for a page to show.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    fn slow_delay(&self) -> Duration {
        self.memory().slow_delay
    }

    fn keep_exchange(&self, exchange: SeenExchange) {
        let mut memory = self.memory();
        if memory.exchanges.len() == EXCHANGES_KEPT {
            memory.exchanges.pop_front();
        }
        memory.exchanges.push_back(exchange);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
