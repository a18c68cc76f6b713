//! The maker of an authorization's link, which alone can therefore settle it.

use std::fmt;

use serde::{Deserialize, Serialize};

const ALIPAY: &str = "alipay";
const PLATFORM: &str = "platform:";

/// The maker of a link. As text: `alipay`, or `platform:` and the platform's name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LinkSource {
    /// Our own Alipay app: the browser's return settles.
    #[default]
    Alipay,
    /// Another platform that speaks the open API, named as its secret `upstream/<name>` is: its signed callback
    /// settles.
    Platform(String),
}

impl LinkSource {
    /// Reads what `Display` has written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix(PLATFORM) {
            Some("") => None,
            Some(name) => Some(Self::Platform(name.to_owned())),
            None => (text == ALIPAY).then_some(Self::Alipay),
        }
    }

    /// The platform's name, if it is one.
    #[must_use]
    pub fn platform(&self) -> Option<&str> {
        match self {
            Self::Alipay => None,
            Self::Platform(name) => Some(name),
        }
    }
}

impl fmt::Display for LinkSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alipay => f.write_str(ALIPAY),
            Self::Platform(name) => write!(f, "{PLATFORM}{name}"),
        }
    }
}

impl TryFrom<String> for LinkSource {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a link source is alipay or platform:<name>")
    }
}

impl From<LinkSource> for String {
    fn from(source: LinkSource) -> Self {
        source.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_read_as_it_was_written() {
        for text in ["alipay", "platform:b", "platform:b:c"] {
            assert_eq!(LinkSource::parse(text).map(|source| source.to_string()).as_deref(), Some(text));
        }
        for text in ["", "platform", "platform:", "aliyun"] {
            assert_eq!(LinkSource::parse(text), None, "{text}");
        }
    }
}
