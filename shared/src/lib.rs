//! The mechanisms behind authlink's functions: protocols, keys, the record of an authorization and its delivery.
//!
//! A function's crate tells the flow of one route; what it calls lives here, one noun to a module. Nothing here reads
//! the clock, draws the random bytes of an id or a nonce, or opens a connection except through what it is handed.

pub mod aws;
pub mod delivery;
pub mod egress;
pub mod model;
pub mod protocol;
pub mod queue;
pub mod rate_limit;
pub mod registry;
pub mod runtime;
pub mod secrets;
pub mod signing;
pub mod store;
pub mod telemetry;
pub mod web;
