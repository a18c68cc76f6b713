//! What stands in the secrets, parsed into proven types.
//!
//! Every field is read by name and type, and an unknown one is an error: a misspelt `allowedIps` must not open a
//! business to every address. Errors name the field and what it should be, never what it holds.

mod access_key;
mod account;
mod alipay_app;
mod aliyun;
mod authenticate;
mod business;
mod callback_key;
mod fields;
mod link_token;
mod phone_key;
mod platform;
mod scheme;

pub use access_key::AccessKey;
pub use account::Account;
pub use alipay_app::AlipayApp;
pub use aliyun::AliyunKey;
pub use authenticate::{AuthenticatedCall, authenticate};
pub use business::Business;
pub use callback_key::CallbackKey;
pub use link_token::LinkToken;
pub use phone_key::PhoneKey;
pub use platform::Platform;
pub use scheme::{Scheme, SchemeSource};
