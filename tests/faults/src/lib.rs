//! A storm: thousands of authorizations against the program `authlink`, which is killed, stopped, paused and locked out
//! of its database meanwhile, with a gateway and merchants that fail in every way they can.
//!
//! The gateway, the merchants and the users live in the storm's process and keep journals. At the end the journals and
//! what a query tells are read side by side ([`reconcile`]).

#![expect(clippy::expect_used, reason = "what fails here fails the storm")]

pub mod business;
pub mod clock;
pub mod clocks;
pub mod gateway;
pub mod gateway_answer;
pub mod host;
pub mod journal;
pub mod merchant;
pub mod merchant_answer;
pub mod network;
pub mod open_api;
pub mod plan;
pub mod reconcile;
pub mod report;
pub mod stage;
pub mod starts;
pub mod storm;
pub mod user;
pub mod weather;
