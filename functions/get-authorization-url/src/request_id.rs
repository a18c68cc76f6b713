//! The name of one request, in its answer and in every line of the log that it causes.

use std::fmt;

use shared::model::random::{Random, hex_128};

/// 128 random bits in the form of a UUID, in upper case, as Alibaba Cloud's gateway writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(String);

impl RequestId {
    /// Draws one; without randomness it is all zeros, so that the request can be refused like any other.
    pub(crate) fn generate(random: &dyn Random) -> Self {
        let hex = hex_128(random).unwrap_or_else(|_| "0".repeat(32)).to_uppercase();
        let (time, rest) = hex.split_at(8);
        let (middle, node) = rest.split_at(12);
        Self(format!("{time}-{}-{}-{}-{node}", &middle[..4], &middle[4..8], &middle[8..]))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
