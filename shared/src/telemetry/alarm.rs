//! The alarms that a log line can raise.

use std::fmt::Display;

/// An alarm, as the field `alarm` of the log line that raises it. `template.yaml` counts these lines by its word, and
/// has an alarm of CloudWatch for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Alarm {
    /// Alipay's gateway refused our request, or gave no answer to believe.
    Gateway,
    /// A document is absent, denied, or cannot be read.
    Keys,
    Panic,
    /// Rate limits cannot be kept: requests pass unlimited.
    RateLimit,
    /// A stored record cannot be read.
    Record,
    /// A consent could not be recorded, its record was gone, or another user had consented before.
    Settlement,
    /// Something that we depend on is unavailable for the moment.
    Unavailable,
    /// An authorization was given up after its last attempt.
    Undeliverable,
    /// A platform that makes links, or Alibaba Cloud, refused or broke its protocol.
    Upstream,
}

/// An error that raises an alarm wherever it ends.
pub trait Alarming: Display {
    fn alarm(&self) -> Alarm;
}

impl Alarm {
    /// The word in log lines and in `template.yaml`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
