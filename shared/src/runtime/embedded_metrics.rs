//! CloudWatch's embedded metric format: a member `_aws` of a log line names the members that are numbers of metrics,
//! and CloudWatch Logs makes these of the line. Nothing is sent and nothing is waited for. Source:
//! https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::fmt::Debug;
use std::sync::Arc;

use serde_json::json;
use strum::VariantArray as _;
use tracing::Event;
use tracing::field::{Field, Visit};

use crate::model::clock::Clock;
use crate::telemetry::Metric;

const METRICS: &[Metric] = Metric::VARIANTS;

/// A namespace of CloudWatch's: 1 to 255 letters, digits and `.-_/#:`, not in AWS's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsNamespace(String);

impl MetricsNamespace {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#:".contains(&byte);
        let fits =
            (1..=255).contains(&text.len()) && text.bytes().all(is_allowed) && !text.starts_with("AWS/");
        fits.then(|| Self(text.to_owned()))
    }
}

/// Adds `_aws` to the lines whose events have a field that is a metric.
pub struct EmbeddedMetrics {
    clock: Arc<dyn Clock>,
    /// The directive of each of [`METRICS`], which is the same in every line.
    directives: Vec<String>,
}

impl EmbeddedMetrics {
    /// Metrics in `namespace`, at the moments that `clock` tells.
    #[must_use]
    pub fn new(namespace: &MetricsNamespace, clock: Arc<dyn Clock>) -> Self {
        let directive = |metric: &Metric| {
            let mut definition = json!({"Name": metric.as_str()});
            if let Some(unit) = metric.unit() {
                definition["Unit"] = unit.into();
            }
            json!({
                "Namespace": namespace.0,
                "Dimensions": [metric.dimension().as_slice()],
                "Metrics": [definition],
            })
            .to_string()
        };
        Self { clock, directives: METRICS.iter().map(directive).collect() }
    }

    /// The member for the line of `event`, if it has a metric.
    pub(super) fn member(&self, event: &Event<'_>) -> Option<String> {
        let mut found = Found(None);
        event.record(&mut found);
        let directive = self.directives.get(found.0?)?;
        let now = self.clock.now();
        Some(format!(r#""_aws":{{"Timestamp":{now},"CloudWatchMetrics":[{directive}]}}"#))
    }
}

/// The place in [`METRICS`] of the metric that an event has.
struct Found(Option<usize>);

impl Visit for Found {
    fn record_u64(&mut self, field: &Field, _: u64) {
        let place = METRICS.iter().position(|metric| metric.as_str() == field.name());
        self.0 = self.0.or(place);
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_what_cloudwatch_takes_and_json_need_not_escape() {
        for (text, fits) in [
            ("authlink/authlink-2", true),
            ("a", true),
            ("", false),
            ("AWS/Lambda", false),
            ("auth link", false),
            ("auth\"link", false),
            (&"n".repeat(255), true),
            (&"n".repeat(256), false),
        ] {
            assert_eq!(MetricsNamespace::parse(text).is_some(), fits, "{text}");
        }
    }
}
