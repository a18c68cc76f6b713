//! The parts that are made of AWS, against an emulator of it: the stores' contract on DynamoDB, keys from Secrets
//! Manager, and whole journeys through failing, throttled and lost calls; and template.yaml against the code.
//! `tests/scripts/aws.sh` runs it.

#![expect(clippy::expect_used, reason = "what fails here fails a test")]

mod account;
mod alarms;
mod authorization_urls;
mod budget;
mod clocks;
mod deliveries;
mod disabling;
mod documents;
mod endings;
mod hints;
mod keys;
mod links;
mod listing;
mod platforms;
mod policies;
mod processed;
mod proxy;
mod queue;
mod rate_limit;
mod returns;
mod roles;
mod rotation;
mod stage;
mod store_contract;
mod storm;
mod sweeps;
mod template;
mod time_to_live;
mod units;
mod vault;
