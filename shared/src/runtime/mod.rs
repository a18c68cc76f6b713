//! A process: its settings, its wiring, its logs, and AWS Lambda around it. Only `main.rs` files and the local host
//! look in here.

#[cfg(feature = "aws")]
mod api_gateway;
pub mod config;
pub mod embedded_metrics;
#[cfg(feature = "aws")]
pub mod lambda;
pub mod log_output;
#[cfg(feature = "aws")]
mod panics;
pub mod start;
#[cfg(feature = "aws")]
pub mod wiring;
