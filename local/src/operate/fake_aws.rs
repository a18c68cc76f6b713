//! A test double for any service of AWS: a server on this machine that answers as it is told and remembers what it was
//! asked.

use std::collections::VecDeque;
use std::sync::Mutex;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use shared::aws::http_client;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// A service of AWS until it is dropped.
pub(crate) struct FakeAws {
    /// Leads every client here.
    pub(crate) sdk: SdkConfig,
    server: MockServer,
}

impl FakeAws {
    /// A service that answers so.
    pub(crate) async fn answering(respond: impl Respond + 'static) -> Self {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(respond).mount(&server).await;
        Self { sdk: leading_to(&server.uri()), server }
    }

    /// A service that gives these answers one after another, and then none.
    pub(crate) async fn answering_in_turn(answers: impl IntoIterator<Item = ResponseTemplate>) -> Self {
        let answers = Mutex::new(answers.into_iter().collect::<VecDeque<_>>());
        Self::answering(move |_: &Request| answers.lock().unwrap().pop_front().unwrap()).await
    }

    /// Every request, in order.
    pub(crate) async fn asked(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }
}

/// The configuration that leads every client to `address`.
pub(crate) fn leading_to(address: &str) -> SdkConfig {
    let credentials = Credentials::new("AKID", "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("test"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client())
        .endpoint_url(address)
        .build()
}
