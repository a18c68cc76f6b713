//! Alipay: the authorize page that a link leads to, how its app opens it, and the gateway that exchanges its code for
//! the user's id.

pub mod app_keys;
pub mod authorize;
pub mod deep_link;
pub mod gateway;
mod raw_answer;
mod refusal;
