//! Amazon Web Services: what every service's client is built from, once, at a process's start.
//!
//! Region and credentials come from the variables that Lambda sets, read by [`crate::config`]: looking for them where
//! else they might be (`aws-config`) costs milliseconds of every cold start.
//!
//! DynamoDB, which every request waits for, is called by a [`json_client`] of our own; Secrets Manager, whose answers are
//! kept, and SQS, which a return calls once, by the [`sdk`]. README, "Decisions", says what that saves.

mod endpoint;
pub(crate) mod failure;
mod https_client;
pub(crate) mod json_client;
mod quota;
pub(crate) mod sdk;
mod signature;
#[cfg(test)]
pub(crate) mod stand_in;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use aws_types::SdkConfig;

use self::https_client::HttpsClient;
pub use self::json_client::UnusableSettings;
use crate::clock::Clock;
use crate::config::AwsSettings;
use crate::random::Random;

/// What clients are made of. All of them share one HTTP client and its connections.
#[derive(Clone)]
pub struct Aws {
    settings: AwsSettings,
    https: HttpsClient,
    sdk: SdkConfig,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
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
pub(crate) struct Patience {
    pub attempt: Duration,
    pub operation: Duration,
    /// The longest first pause; each later one may be twice as long.
    pub first_backoff: Duration,
}
