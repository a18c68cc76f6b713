//! The metrics that log lines carry as fields.

/// A metric of ours at CloudWatch: a field of its name in the log line of what it counts or measures, one a line, of
/// which [`EmbeddedMetrics`](crate::runtime::embedded_metrics::EmbeddedMetrics) has CloudWatch make it. Alarms and
/// breakers are counted by their words, by filters in `template.yaml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Metric {
    /// A link was issued, by either API.
    LinksAsked,
    /// The page behind a link of `GetAuthorizationUrl` led on to Alipay, or asked its question; not again where it asks
    /// for itself.
    PagesOpened,
    /// A return, or a platform's callback, ended with a user's consent.
    Consents,
    /// An attempt was made, by its outcome: a delivery, if that is `success`.
    Attempts,
    /// The time for which the oldest record that a sweep met had been due.
    #[strum(serialize = "oldest_due_secs")]
    OldestDue,
}

impl Metric {
    /// The name at CloudWatch and of the field.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The unit, as CloudWatch names it; a count needs none.
    #[must_use]
    pub const fn unit(self) -> Option<&'static str> {
        match self {
            Self::OldestDue => Some("Seconds"),
            Self::LinksAsked | Self::PagesOpened | Self::Consents | Self::Attempts => None,
        }
    }

    /// The field of the same line by whose values the metric is told apart. They are few and ours: each makes a custom
    /// metric, which costs.
    #[must_use]
    pub const fn dimension(self) -> Option<&'static str> {
        match self {
            Self::Attempts => Some("outcome"),
            Self::LinksAsked | Self::PagesOpened | Self::Consents | Self::OldestDue => None,
        }
    }
}
