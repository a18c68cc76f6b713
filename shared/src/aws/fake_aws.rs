//! A stand-in for any service of AWS: a server on this machine that answers as it is told and remembers what it was
//! asked. What an emulator never does is shown with it: conflicts, throttling, answers that do not come.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;

use crate::aws::settings::AwsSettings;
use crate::aws::{Aws, CallTimeouts};
use crate::model::clock::SystemClock;
use crate::model::random::OsRandom;

/// Patience that no answer exhausts, and pauses that no test notices.
pub(crate) const BRISK: CallTimeouts = CallTimeouts {
    attempt: Duration::from_secs(10),
    operation: Duration::from_secs(30),
    first_backoff: Duration::from_millis(1),
};

/// Patience for answers that never come.
pub(crate) const SHORT: CallTimeouts = CallTimeouts {
    attempt: Duration::from_millis(50),
    operation: Duration::from_secs(1),
    first_backoff: Duration::from_millis(1),
};

/// What one request is answered.
#[derive(Clone)]
pub(crate) enum Answer {
    /// A status and a body.
    Says(u16, String),
    /// Nothing, ever.
    Never,
}

/// What one request asked.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// A service that stands in for the real one until it is dropped.
pub(crate) struct FakeAws {
    /// Leads every client here.
    pub(crate) aws: Aws,
    asked: Arc<Mutex<Vec<Asked>>>,
    server: JoinHandle<()>,
}

impl Drop for FakeAws {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakeAws {
    /// A service that gives these answers one after another, and the last of them from then on.
    pub(crate) async fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let seen = Arc::clone(&asked);
        let app = Router::new().fallback(async move |headers: HeaderMap, body: String| {
            seen.lock().unwrap().push(Asked { headers, body: serde_json::from_str(&body).unwrap() });
            let answer = next(&answers);
            match answer {
                Answer::Says(status, body) => (StatusCode::from_u16(status).unwrap(), body),
                Answer::Never => pending().await,
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { aws: aws(&address.to_string()), asked, server }
    }

    /// Every request, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn next(answers: &Mutex<VecDeque<Answer>>) -> Answer {
    let mut answers = answers.lock().unwrap();
    if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
}

/// Leads every client to an address where nobody listens.
pub(crate) fn nobody() -> (Aws, TcpSocket) {
    let reserved = TcpSocket::new_v4().unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = reserved.local_addr().unwrap();
    (aws(&address.to_string()), reserved)
}

/// Leads every client to `address`.
///
/// The region is the test's own: the SDK's allowance of repetitions is one for each service and region in a process, and
/// one test would spend another's.
pub(crate) fn aws(address: &str) -> Aws {
    static REGIONS: AtomicU32 = AtomicU32::new(0);
    let settings = AwsSettings {
        region: format!("test-{}", REGIONS.fetch_add(1, Ordering::Relaxed)),
        endpoint_url: Some(format!("http://{address}")),
        access_key_id: "AKID".to_owned(),
        secret_access_key: "hush".to_owned(),
        session_token: Some("session".to_owned()),
    };
    Aws::new(&settings, Arc::new(SystemClock), Arc::new(OsRandom::default()))
}
