//! The id of one request, in its answer and in every line of the log that it causes.

use std::fmt;

use crate::model::random::{Random, hex_128};

/// 128 random bits as a UUID in upper case, the form in which Alibaba Cloud's gateway writes its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// Draws one; without randomness it is all zeros, so that the request can be refused like any other.
    #[must_use]
    pub fn generate(random: &dyn Random) -> Self {
        let hex = hex_128(random).unwrap_or_else(|_| "0".repeat(32)).to_uppercase();
        let (time, rest) = hex.split_at(8);
        let (middle, node) = rest.split_at(12);
        Self(format!("{time}-{}-{}-{}-{node}", &middle[..4], &middle[4..8], &middle[8..]))
    }

    /// The text: 32 digits `0-9A-F` in groups of 8, 4, 4, 4 and 12.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::random::RandomError;

    struct Scripted(Result<u8, RandomError>);

    impl Random for Scripted {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            bytes.fill(self.0?);
            Ok(())
        }
    }

    #[test]
    fn an_id_is_a_uuid_in_upper_case_even_without_randomness() {
        let drawn = RequestId::generate(&Scripted(Ok(0xab)));
        assert_eq!(drawn.as_str(), "ABABABAB-ABAB-ABAB-ABAB-ABABABABABAB");
        let none = RequestId::generate(&Scripted(Err(RandomError)));
        assert_eq!(none.as_str(), "00000000-0000-0000-0000-000000000000");
    }
}
