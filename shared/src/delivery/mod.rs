//! Delivering to the merchant: where callbacks may go, the one POST that goes there, what its answer means, and when
//! to try again.

pub mod body;
pub mod response;
pub mod schedule;
pub mod sender;
