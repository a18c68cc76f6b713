//! Where the host of a folder was started last, so that a call of it needs no options.

use serde::{Deserialize, Serialize};
use url::Url;

/// The addresses of authlink and of the parties around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    pub authlink: Url,
    pub emulator: Url,
    pub merchant: Url,
}

/// An address without the slash at its end.
pub(crate) fn bare(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}
