//! An authorization and its life, and what it is made of, as types.

pub mod authorization;
pub mod booking;
pub mod callback_url;
pub mod claim;
pub mod delivery_body;
pub mod end_date;
pub mod foreign_link;
pub mod id;
pub mod identity;
pub mod owner;
pub mod phone;
pub mod requested;
pub mod source;
pub(crate) mod web_url;
