//! The addresses that authlink's own requests may go to, and the one client that carries them.
//!
//! An address is checked twice: as text when it is configured or sent to us, and as the numbers it resolves to right
//! before a connection. Nothing here knows what is sent.

pub mod breakers;
pub mod callback_url;
pub(crate) mod connector;
pub(crate) mod error_chain;
pub(crate) mod final_read;
pub mod http_client;
pub mod ip_ranges;
pub(crate) mod read_budget;
pub mod resolver;
pub mod third_party_link;
pub mod tls;
pub(crate) mod tls_failure;
pub mod transport_error;
pub mod web_url;
