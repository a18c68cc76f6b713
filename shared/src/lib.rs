//! The mechanisms behind authlink's functions: protocols, keys, the record of an authorization and its delivery.
//!
//! A function's crate tells the flow of one route; what it calls lives here, one noun to a module. Nothing here reads
//! the clock, draws the random bytes of an id or a nonce, or opens a connection except through what it is handed.

#![warn(missing_docs)]

pub mod alipay;
pub mod aliyun;
pub mod allowance;
#[cfg(feature = "aws")]
mod api_gateway;
#[cfg(feature = "aws")]
pub mod aws;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod http;
#[cfg(feature = "aws")]
pub mod lambda;
pub mod model;
pub mod open_api;
pub mod page;
pub mod platform;
pub mod queue;
pub mod random;
pub mod secrets;
pub mod signing;
pub mod start;
pub mod store;
pub mod telemetry;
