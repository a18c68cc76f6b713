//! Logs: one JSON object a line, with a line for each request.
//!
//! They may hold statuses, reasons, timings, businessIds, AccessKeyIds, account and scheme ids, RequestIds,
//! references (authorization ids). Never a key, a signature, an auth_code, an openId, a userId or a phone number.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Registry, fmt};

/// The subscriber that writes events of authlink's own crates as JSON lines to `writer`; those of other crates only
/// from `WARN` up.
pub fn subscriber<W>(level: LevelFilter, writer: W) -> impl tracing::Subscriber + Send + Sync
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
    let lines = fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false);
    Registry::default().with(filter).with(lines.with_writer(writer))
}

/// Starts logging for this process; the first call counts.
pub fn start<W>(level: LevelFilter, writer: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // A second start changes nothing.
    let _ = tracing::subscriber::set_global_default(subscriber(level, writer));
}
