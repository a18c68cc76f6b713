//! Amazon Web Services: what every service's client is built from, once, at a process's start.
//!
//! Region and credentials come from the variables that Lambda sets, read by [`crate::runtime::config`]: looking for them where
//! else they might be (`aws-config`) costs milliseconds of every cold start.
//!
//! DynamoDB, which every request waits for, is called by a [`json_client`] of our own; Secrets Manager, whose answers are
//! kept, and SQS, which a return calls once, by the [`sdk`]. README, "Decisions", says what that saves.

#[cfg(feature = "aws")]
mod clients;
#[cfg(feature = "aws")]
mod endpoint;
#[cfg(feature = "aws")]
pub(crate) mod failure;
#[cfg(feature = "aws")]
#[cfg(test)]
pub(crate) mod fake_aws;
#[cfg(feature = "aws")]
mod https_client;
#[cfg(feature = "aws")]
pub(crate) mod json_client;
#[cfg(feature = "aws")]
mod quota;
#[cfg(feature = "aws")]
pub(crate) mod sdk;
pub mod settings;
#[cfg(feature = "aws")]
mod signature;

#[cfg(feature = "aws")]
pub use self::clients::*;
