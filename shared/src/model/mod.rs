//! An authorization and its life, and what it is made of, as types.

pub mod authorization;
pub mod authorization_request;
mod authorization_state;
pub mod breaker;
pub mod claim;
pub mod clock;
pub mod clock_step;
pub mod consent;
pub mod delivery_outcome;
pub mod end_date;
pub mod id;
pub mod identity;
pub mod link_source;
pub mod nonce_use;
pub mod owner;
pub mod phone;
pub mod purge;
pub mod random;
pub mod reservation;
pub mod scope;
