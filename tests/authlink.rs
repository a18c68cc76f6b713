//! The tests that need nothing but Rust: a file for each function, for the protocols' known answers, for the stores'
//! contract, and for the whole journey.

#![expect(clippy::expect_used, reason = "what fails here fails a test")]

mod alarms;
mod alibaba_cloud;
mod alibaba_signatures;
mod answers;
mod apps;
mod authorization_urls;
mod breakers;
mod certificates;
mod chained;
mod clock_steps;
mod command_line;
mod console;
mod crash;
mod dangerous_origins;
mod deliveries;
mod dependencies;
mod diagnoses;
mod disabling;
mod documents;
mod fairness;
mod forgetting;
mod fuzz;
mod gateway;
mod gateway_answers;
mod interim_answers;
mod journey;
mod key_outages;
mod keys;
mod lambda_process;
mod links;
mod lists;
mod logging;
mod metrics;
mod mutated_requests;
mod notices;
mod pages;
mod platform_callbacks;
mod platform_links;
mod platforms;
mod queries;
mod rate_limit;
mod refusals;
mod returns;
mod signatures;
mod status;
mod stops;
mod store_budget;
mod store_contract;
mod structure;
mod sweeps;
mod tails;
mod tls_servers;
mod warming;
