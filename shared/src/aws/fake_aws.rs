//! A test double for any service of AWS: a server on this machine that answers as it is told and remembers what it was
//! asked. What an emulator never does is shown with it: conflicts, throttling, answers that do not come.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_types::SdkConfig;
use http::HeaderMap;
use serde_json::Value;
use tokio::net::TcpSocket;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::aws::settings::AwsSettings;
use crate::aws::{CallTimeouts, sdk_config};

/// Time-outs that no answer exhausts, and pauses that no test notices.
pub(crate) const BRISK: CallTimeouts = CallTimeouts {
    attempt: Duration::from_secs(10),
    operation: Duration::from_secs(30),
    first_backoff: Duration::from_millis(1),
};

/// Time-outs for answers that never come.
pub(crate) const SHORT: CallTimeouts = CallTimeouts {
    attempt: Duration::from_millis(50),
    operation: Duration::from_secs(1),
    first_backoff: Duration::from_millis(1),
};

pub(crate) struct SentRequest {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// A service of AWS until it is dropped.
pub(crate) struct FakeAws {
    /// Leads every client here.
    pub(crate) sdk: SdkConfig,
    server: MockServer,
}

impl FakeAws {
    /// A service that gives these answers one after another, and the last of them from then on.
    pub(crate) async fn answering(answers: impl IntoIterator<Item = ResponseTemplate>) -> Self {
        let server = MockServer::start().await;
        let answers = Answers(Mutex::new(answers.into_iter().collect()));
        Mock::given(any()).respond_with(answers).mount(&server).await;
        Self { sdk: leading_to(&server.address().to_string()), server }
    }

    /// Every request, in order.
    pub(crate) async fn asked(&self) -> Vec<SentRequest> {
        let requests = self.server.received_requests().await.unwrap();
        let asked = |Request { headers, body, .. }| SentRequest {
            headers,
            body: serde_json::from_slice(&body).unwrap(),
        };
        requests.into_iter().map(asked).collect()
    }
}

struct Answers(Mutex<VecDeque<ResponseTemplate>>);

impl Respond for Answers {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let mut answers = self.0.lock().unwrap();
        if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
    }
}

pub(crate) fn answer(status: u16, body: impl ToString) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_string(body.to_string())
}

/// An answer that does not come.
pub(crate) fn never() -> ResponseTemplate {
    ResponseTemplate::new(200).set_delay(Duration::from_hours(1))
}

/// Leads every client to an address where nobody listens.
pub(crate) fn nobody() -> (SdkConfig, TcpSocket) {
    let reserved = TcpSocket::new_v4().unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = reserved.local_addr().unwrap();
    (leading_to(&address.to_string()), reserved)
}

/// Leads every client to `address`.
///
/// The region is the test's own: the SDK's quota of repetitions is one for each service and region in a process, and
/// one test would spend another's.
pub(crate) fn leading_to(address: &str) -> SdkConfig {
    static REGIONS: AtomicU32 = AtomicU32::new(0);
    sdk_config(&AwsSettings {
        region: format!("test-{}", REGIONS.fetch_add(1, Ordering::Relaxed)),
        endpoint_url: Some(format!("http://{address}")),
        access_key_id: "AKID".to_owned(),
        secret_access_key: "hush".into(),
        session_token: Some("session".into()),
        ..AwsSettings::default()
    })
}
