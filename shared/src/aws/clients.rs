//! The clients of all services are built from one [`Aws`], once, when a process starts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use aws_types::SdkConfig;

use crate::aws::https_client::HttpsClient;
pub use crate::aws::json_client::UnusableSettings;
use crate::aws::sdk;
use crate::aws::settings::AwsSettings;
use crate::model::clock::Clock;
use crate::model::random::Random;

/// What clients are made of. All of them share one HTTP client and its connections.
#[derive(Clone)]
pub struct Aws {
    pub(super) settings: AwsSettings,
    pub(super) https: HttpsClient,
    sdk: SdkConfig,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Aws {
    /// Requests of ours are dated by `clock` and repeated after pauses of `random` length; the SDK has both itself.
    #[must_use]
    pub fn new(settings: &AwsSettings, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        let https = HttpsClient::new();
        let sdk = sdk::config(settings, https.clone());
        Self { settings: settings.clone(), https, sdk, clock, random }
    }

    /// For a client of the SDK.
    #[must_use]
    pub const fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }
}

/// How long a call to a service may take, in one attempt and with its repetitions (three attempts, the SDKs' standard).
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallTimeouts {
    pub attempt: Duration,
    pub operation: Duration,
    /// The longest first pause; each later one may be twice as long.
    pub first_backoff: Duration,
}
