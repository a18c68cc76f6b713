//! Asking another platform of the same open API for a link.
//!
//! A request is signed, somebody carries it, and a pure function reads the answer; what to tell our own caller is one
//! table over all that can come back. The serialNo makes a question safe to repeat: a platform that has granted it
//! before says so, with the link if it can. But a nonce is good for one sending, so whoever repeats signs anew, and
//! nothing here repeats by itself.

pub mod callback;
pub mod classify;
pub mod redact;
pub mod request;
pub mod response;
pub mod transport;
