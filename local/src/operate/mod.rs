//! An operator's commands, on the database of a local run or on a deployment's table. They may run beside whoever else
//! works there.

pub mod audit;
mod credentials;
pub mod deny_list;
#[cfg(test)]
pub(crate) mod fake_aws;
pub mod forget;
pub mod left_out;
pub mod local_time;
pub mod newest;
pub mod place;
mod plan;
mod progress;
pub mod question;
pub mod refusal;
pub mod resend;
pub mod summary;
mod table;
pub mod tail;

pub use place::{Deployed, Opened, Place, Stack};
