//! Amazon Web Services: the one configuration that every service's client is built from, at a process's start.
//!
//! Region and credentials come from the variables that Lambda sets, read by [`crate::runtime::config`]: looking for
//! them where else they might be (`aws-config`) costs milliseconds of every cold start.

#[cfg(feature = "aws")]
mod clients;
#[cfg(feature = "aws")]
mod connector;
#[cfg(feature = "aws")]
#[cfg(test)]
pub(crate) mod fake_aws;
#[cfg(feature = "aws")]
pub mod first_connections;
#[cfg(feature = "aws")]
mod https_client;
pub mod settings;

#[cfg(feature = "aws")]
pub(crate) use self::clients::{CallTimeouts, log_reason};
#[cfg(feature = "aws")]
pub use self::clients::{SdkConfig, sdk_config};
#[cfg(feature = "aws")]
pub use self::connector::{http_client, http_client_trusting};
