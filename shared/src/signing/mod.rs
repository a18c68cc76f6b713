//! Signatures: the open API's, Alipay's, Alibaba Cloud's, and the keys of all kinds that they are made with.
//!
//! A protocol's file holds its header names, its canonical string, its algorithms and its freshness together, and
//! signing and verifying share the one function that builds the string. Raw bytes are verified; parsing comes after.

pub mod alibaba_cloud;
pub mod alipay_certificate;
pub mod alipay_rsa2;
pub mod link_token;
pub mod md5;
pub mod open_api;
pub mod rsa;
