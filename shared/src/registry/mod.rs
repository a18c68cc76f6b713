//! The documents of the parties, as they stand in the secrets, parsed into validated types.
//!
//! Every field is read by name and type, and an unknown or repeated one is an error: a misspelt `allowedIps` must not
//! open a business to every address. Errors name the field and what it should be, never what it holds.

mod access_key;
mod account;
mod alibaba_cloud_key;
mod alipay_app;
mod authenticate;
mod business;
mod callback_key;
mod deny_list;
mod document;
mod link_token;
mod phone_key;
mod place;
mod platform;
mod scheme;
mod user_terms;

pub use access_key::AccessKey;
pub use account::Account;
pub use alibaba_cloud_key::AlibabaCloudKey;
pub use alipay_app::AlipayApp;
pub use authenticate::{AuthenticatedCall, authenticate, known_business_id};
pub use business::{Business, BusinessSource};
pub use callback_key::CallbackKey;
pub use deny_list::{DenyListCache, FIRST_READ_WITHIN, READ_EVERY};
pub use link_token::LinkTokenKeys;
pub use phone_key::PhoneKey;
pub use platform::Platform;
pub use scheme::{Scheme, SchemeSource};
pub use user_terms::{ReturnUrlError, UserTerms};
