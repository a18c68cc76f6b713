//! Alipay: the authorize page that a link leads to, and the gateway that exchanges its code for the user's id.

pub mod authorize;
pub mod gateway;
