//! The protocols that authlink speaks with others, each in one place: its messages, its errors and its client.

pub mod alibaba_cloud;
pub mod alipay;
pub mod open_api;
