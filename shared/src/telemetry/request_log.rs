//! The log line of a request.

use std::fmt::Display;

use crate::model::clock::{Clock, Monotonic};
use crate::telemetry::Metric;

/// The fields of one request's line, beside its duration. A field without a value is left out of the line.
#[derive(Default)]
pub struct RequestLog<'a> {
    /// The function, or its page.
    pub route: &'static str,
    /// The open API's status.
    pub status: Option<u8>,
    /// The word of the answer: the open API's, or Alibaba Cloud's.
    pub code: Option<&'a str>,
    /// The word of the first warning that the caller was given.
    pub warning: Option<&'a str>,
    /// The parameter whose name a call of Alibaba Cloud's protocol misspells.
    pub misspelt: Option<&'a str>,
    /// The page's, the attempt's or the callback's outcome.
    pub outcome: Option<&'a str>,
    pub http_status: u16,
    /// The cause of a refusal.
    pub reason: Option<&'a dyn Display>,
    /// The word for what was wrong with a refused signature.
    pub cause: Option<&'static str>,
    pub reference: Option<&'a str>,
    pub business: Option<&'a str>,
    pub access_key: Option<&'a str>,
    pub owner: Option<&'a dyn Display>,
    /// The maker of the authorization's link.
    pub source: Option<&'a dyn Display>,
    /// Alibaba Cloud's code for our call.
    pub upstream_code: Option<&'a str>,
    /// Alibaba Cloud's id of our call.
    pub upstream_request_id: Option<&'a str>,
    /// The metric of the funnel that this request counts for.
    pub counts: Option<Metric>,
}

impl RequestLog<'_> {
    /// Writes the line of a request that began at `began` and ends now.
    pub fn write(&self, clock: &dyn Clock, began: Monotonic) {
        let counted = |metric| (self.counts == Some(metric)).then_some(1_u64);
        tracing::info!(
            route = self.route,
            status = self.status,
            code = self.code,
            warning = self.warning,
            misspelt = self.misspelt,
            outcome = self.outcome,
            http_status = self.http_status,
            reason = self.reason.map(tracing::field::display),
            cause = self.cause,
            reference = self.reference,
            business = self.business,
            access_key = self.access_key,
            owner = self.owner.map(tracing::field::display),
            source = self.source.map(tracing::field::display),
            upstream_code = self.upstream_code,
            upstream_request_id = self.upstream_request_id,
            "links-asked" = counted(Metric::LinksAsked),
            "pages-opened" = counted(Metric::PagesOpened),
            consents = counted(Metric::Consents),
            millis = u64::try_from(clock.monotonic().since(began).as_millis()).unwrap_or(u64::MAX),
            "request"
        );
    }
}
