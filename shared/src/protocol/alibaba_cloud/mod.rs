//! Alibaba Cloud's API, as authlink calls it with an account's own key: the call, its client, and its answer.

mod call;
mod client;
mod response;

pub use call::{
    ANSWER_TIMEOUT, AlibabaCloudNetwork, AuthorizationUrlRequest, Credential, MAX_ANSWER_BYTES,
    get_authorization_url,
};
pub use client::AlibabaCloudClient;
pub use response::{AlibabaCloudError, AlibabaCloudLink, AlibabaCloudRefusal, UnansweredError, classify};
