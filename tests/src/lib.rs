//! The environment of the tests: a manual clock, keys made once, a database for each test, fakes of the parties around
//! authlink, and the contract of the stores.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "what fails here fails a test")]

pub mod alibaba_cloud;
pub mod authority;
pub mod cloudwatch;
pub mod contract;
pub mod crashing;
pub mod deserved;
pub mod disabling;
pub mod flaky;
pub mod host;
pub mod insights;
pub mod keys;
pub mod local_loop;
pub mod logs;
pub mod mutation;
pub mod observed;
pub mod parties;
pub mod platform;
pub mod process;
pub mod raw_server;
pub mod request;
pub mod rpc;
pub mod server;
pub mod template;
pub mod world;
