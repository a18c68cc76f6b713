//! Logs: one JSON object a line, with a line for each request.
//!
//! They may hold statuses, reasons, timings, businessIds, AccessKeyIds, account and scheme ids, RequestIds,
//! references (authorization ids). Never a key, a signature, an auth_code, an openId, a userId or a phone number.

use std::fmt;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

use crate::runtime::embedded_metrics::EmbeddedMetrics;

/// The subscriber that writes events of authlink's own crates as JSON lines to `writer`; those of other crates only
/// from `WARN` up. With `metrics`, CloudWatch makes metrics of the lines.
pub fn subscriber<W>(
    level: LevelFilter,
    writer: W,
    metrics: Option<EmbeddedMetrics>,
) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let own = [
        "shared",
        "alipay_auth_url",
        "authorization_query",
        "get_authorization_url",
        "openid_callback",
        "openid_delivery",
        "local",
        "authlink",
    ];
    let filter = tracing_subscriber::filter::Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_targets(own.map(|name| (name, level)));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false);
    let lines = lines.map_event_format(|json| Lines { json, metrics });
    Registry::default().with(filter).with(lines.with_writer(writer))
}

/// Starts logging for this process; the first call counts.
pub fn start<W>(level: LevelFilter, writer: W, metrics: Option<EmbeddedMetrics>)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // A second start changes nothing.
    let _ = tracing::subscriber::set_global_default(subscriber(level, writer, metrics));
}

/// The form of a line.
struct Lines {
    json: Format<Json>,
    metrics: Option<EmbeddedMetrics>,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(member) = self.metrics.as_ref().and_then(|metrics| metrics.member(event)) else {
            return self.json.format_event(context, writer, event);
        };
        let mut line = String::with_capacity(1024);
        self.json.format_event(context, Writer::new(&mut line), event)?;
        let open = line.trim_end().strip_suffix('}').ok_or(fmt::Error)?;
        writeln!(writer, "{open},{member}}}")
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};

    use super::*;
    use crate::model::clock::{Clock as _, ManualClock, UnixMillis};
    use crate::runtime::embedded_metrics::MetricsNamespace;
    use crate::telemetry::{Metric, RequestLog};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The line of a request that counts so.
    fn line(namespace: Option<&str>, counts: Option<Metric>) -> Value {
        let (written, clock) = (Written::default(), Arc::new(ManualClock::at(UnixMillis(1_795_305_600_000))));
        let namespace = namespace.map(|text| MetricsNamespace::parse(text).unwrap());
        let metrics = namespace.map(|namespace| EmbeddedMetrics::new(&namespace, clock.clone()));
        let writer = written.clone();
        let subscriber = subscriber(LevelFilter::INFO, move || writer.clone(), metrics);
        tracing::subscriber::with_default(subscriber, || {
            let _span = crate::telemetry::request_ids::call("OURS").entered();
            RequestLog { route: "landing", counts, ..RequestLog::default() }
                .write(&*clock, clock.monotonic());
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn with_a_namespace_a_line_that_counts_is_a_metric() {
        let counted = line(Some("authlink/a"), Some(Metric::PagesOpened));
        assert_eq!((&counted["route"], &counted["pages-opened"]), (&json!("landing"), &json!(1)));
        assert_eq!(counted["span"]["request_id"], "OURS");
        let directive =
            json!({"Namespace": "authlink/a", "Dimensions": [[]], "Metrics": [{"Name": "pages-opened"}]});
        let metadata = json!({"Timestamp": 1_795_305_600_000_i64, "CloudWatchMetrics": [directive]});
        assert_eq!(counted["_aws"], metadata);
        assert_eq!(line(Some("authlink/a"), None)["_aws"], Value::Null);
    }

    #[test]
    fn without_a_namespace_no_line_is_a_metric() {
        let line = line(None, Some(Metric::PagesOpened));
        assert_eq!((&line["pages-opened"], &line["_aws"]), (&json!(1), &Value::Null));
    }
}
