//! The maker of an authorization's link, which alone can therefore settle it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::alipay_app_id::AlipayAppId;

const ALIPAY: &str = "alipay:";
const PLATFORM: &str = "platform:";

/// The maker of a link. As text: `alipay:` and the app's id, or `platform:` and the platform's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LinkSource {
    /// An Alipay app of ours: the browser's return settles, with a code that this app alone can exchange.
    Alipay(AlipayAppId),
    /// Another platform that speaks the open API, named as its secret `upstream/<name>` is: its signed callback
    /// settles.
    Platform(String),
}

impl LinkSource {
    /// Reads what `Display` has written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(app) = text.strip_prefix(ALIPAY) {
            return AlipayAppId::parse(app).map(Self::Alipay);
        }
        let name = text.strip_prefix(PLATFORM).filter(|name| !name.is_empty())?;
        Some(Self::Platform(name.to_owned()))
    }

    /// The app, if it is one of ours at Alipay.
    #[must_use]
    pub const fn alipay_app(&self) -> Option<&AlipayAppId> {
        match self {
            Self::Alipay(app) => Some(app),
            Self::Platform(_) => None,
        }
    }

    /// The platform's name, if it is one.
    #[must_use]
    pub fn platform(&self) -> Option<&str> {
        match self {
            Self::Alipay(_) => None,
            Self::Platform(name) => Some(name),
        }
    }
}

impl fmt::Display for LinkSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alipay(app) => write!(f, "{ALIPAY}{app}"),
            Self::Platform(name) => write!(f, "{PLATFORM}{name}"),
        }
    }
}

impl TryFrom<String> for LinkSource {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a link source is alipay:<appId> or platform:<name>")
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
        for text in ["alipay:2021000000000001", "platform:b", "platform:b:c"] {
            assert_eq!(LinkSource::parse(text).map(|source| source.to_string()).as_deref(), Some(text));
            let stored = serde_json::to_value(LinkSource::parse(text).unwrap()).unwrap();
            assert_eq!(stored, text);
        }
        for text in ["", "alipay", "alipay:", "alipay:x", "platform", "platform:", "aliyun"] {
            assert_eq!(LinkSource::parse(text), None, "{text}");
        }
    }
}
