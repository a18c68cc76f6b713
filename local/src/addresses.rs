//! Where the host of a folder was started last, so that a call of it needs no options.

use serde::{Deserialize, Serialize};
use url::Url;

/// The addresses of authlink and of the parties around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Texts", try_from = "Texts")]
pub struct Addresses {
    pub authlink: Url,
    pub emulator: Url,
    pub merchant: Url,
}

#[derive(Clone, Serialize, Deserialize)]
struct Texts {
    authlink: String,
    emulator: String,
    merchant: String,
}

impl From<Addresses> for Texts {
    fn from(at: Addresses) -> Self {
        Self { authlink: at.authlink.into(), emulator: at.emulator.into(), merchant: at.merchant.into() }
    }
}

impl TryFrom<Texts> for Addresses {
    type Error = url::ParseError;

    fn try_from(at: Texts) -> Result<Self, url::ParseError> {
        Ok(Self {
            authlink: at.authlink.parse()?,
            emulator: at.emulator.parse()?,
            merchant: at.merchant.parse()?,
        })
    }
}
