//! The tests that need nothing but Rust: a file for each function, for the protocols' known answers, for the stores'
//! contract, and for the whole journey.

#![expect(clippy::expect_used, reason = "what fails here fails a test")]

mod alarms;
mod alibaba_cloud;
mod alibaba_signatures;
mod answers;
mod authorization_urls;
mod breakers;
mod chained;
mod clock_steps;
mod crash;
mod deliveries;
mod dependencies;
mod documents;
mod fairness;
mod fuzz;
mod gateway;
mod gateway_answers;
mod interim_answers;
mod journey;
mod key_outages;
mod keys;
mod links;
mod logging;
mod mutated_requests;
mod platform_callbacks;
mod platform_links;
mod platforms;
mod queries;
mod rate_limit;
mod returns;
mod signatures;
mod stops;
mod store_contract;
mod structure;
mod sweeps;
mod tls_servers;
