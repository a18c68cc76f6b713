//! A link that another platform makes: the record comes first, then the question, then the link into the record.
//!
//! Whatever becomes of the question, the record is there when the platform calls back; and a request that is sent again
//! asks the same thing under the same serialNo, so that nothing is granted twice or lost.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use shared::egress::transport_error::TransportError;
use shared::model::authorization::{Authorization, AuthorizationState};
use shared::model::authorization_request::{AuthorizationRequest, MerchantRequest};
use shared::model::clock::Stopwatch;
use shared::model::deny_list::{DenyList, PartyKind};
use shared::model::random::RandomError;
use shared::protocol::open_api::OpenApiCallError;
use shared::protocol::open_api::client::callback::{callback_address, serial_numbers};
use shared::protocol::open_api::client::classify::{LinkAttempt, NextStep, NoLinkError, Severity, classify};
use shared::protocol::open_api::client::redact::redacted;
use shared::protocol::open_api::client::request::{LinkParameters, PlatformRequest};
use shared::protocol::open_api::client::response::{NotGranted, SERIAL_USED, read_answer};
use shared::protocol::open_api::client::transport::PlatformError;
use shared::registry::Platform;
use shared::secrets::SecretName;
use shared::store::repeat::repeat_once;
use shared::store::{Linked, StoreError};
use shared::telemetry::Alarm;
use url::Url;

use crate::error::LinkError;
use crate::{AlipayAuthUrl, Link};

/// The time since a request arrived within which a question may be begun: the last must end, and its link be recorded,
/// in the function's time.
pub const QUESTIONS_WITHIN: Duration = Duration::from_secs(12);

/// The platform's document, unless the platform is disabled: then it is not asked.
pub(crate) async fn fetch(
    function: &AlipayAuthUrl,
    platform: &str,
    denied: &DenyList,
) -> Result<Arc<Platform>, LinkError> {
    if denied.denies(PartyKind::Platform, platform) {
        return Err(LinkError::PlatformDisabled);
    }
    // A record holds only names that a document has held.
    let name = SecretName::platform(platform)
        .map_err(|bad| OpenApiCallError::Unavailable { reason: bad.to_string(), alarm: Alarm::Record })?;
    function.platforms.get(&name).await.map_err(|error| LinkError::Platform { name, error })
}

/// Asks `platform` for the link of a record that is LINK_PENDING, and records it.
pub(crate) async fn link(
    function: &AlipayAuthUrl,
    platform: &Platform,
    pending: &Authorization,
    public_url: &str,
    arrived: Stopwatch,
) -> Result<Link, LinkError> {
    let (AuthorizationRequest::Merchant(request), AuthorizationState::LinkPending { state }) =
        (&pending.request, &pending.state)
    else {
        return Err(StoreError::Corrupt("the record is not of a merchant's pending link".to_owned()).into());
    };
    let questions = Questions {
        function,
        platform,
        pending,
        request,
        state: state.reveal(),
        callback_url: callback_address(public_url, state),
        arrived,
    };
    let link = questions.ask().await?;
    let (id, now) = (pending.id.clone(), function.clock.now());
    match repeat_once(|| function.store.record_platform_link(&id, &link, now)).await {
        Ok(Linked::Ours) => Ok(Link { id, url: link.into() }),
        // The same request, sent twice at once: both have the same answer.
        Ok(Linked::Before(recorded)) => match recorded.link() {
            Some(url) => Ok(Link { id, url: url.to_string() }),
            None => Err(LinkError::SerialUsed { link: None }),
        },
        Err(error) if !error.retryable() => Err(error.into()),
        // The link is good all the same: its user settles a record that is LINK_PENDING as well.
        Err(error) => {
            tracing::error!(reference = %id, %error, alarm = Alarm::Unavailable.as_str(), "a link could not be recorded");
            Ok(Link { id, url: link.into() })
        }
    }
}

struct Questions<'a> {
    function: &'a AlipayAuthUrl,
    platform: &'a Platform,
    pending: &'a Authorization,
    request: &'a MerchantRequest,
    state: String,
    callback_url: String,
    arrived: Stopwatch,
}

impl Questions<'_> {
    async fn ask(&self) -> Result<Url, LinkError> {
        let [first, second] = serial_numbers(&self.pending.id);
        for (attempt, serial_no) in [(LinkAttempt::First, first), (LinkAttempt::Second, second)] {
            if !self.in_time() {
                tracing::error!(reference = %self.pending.id, alarm = Alarm::Unavailable.as_str(), "no time was left to ask the platform");
                break;
            }
            let cause = match self.ask_under(&serial_no).await? {
                Ok(link) => return Ok(link),
                Err(cause) => cause,
            };
            let (next_step, severity) = classify(&cause, attempt);
            self.log(&cause, severity);
            if let NextStep::Refuse(no_link) = next_step {
                return Err(LinkError::NoLink(no_link, self.pending.id.clone()));
            }
        }
        Err(LinkError::NoLink(NoLinkError::Unknown, self.pending.id.clone()))
    }

    /// One question. A kept connection that the platform had closed is not an answer: then it is asked once more,
    /// signed anew.
    async fn ask_under(&self, serial_no: &str) -> Result<Result<Url, NotGranted>, RandomError> {
        match self.send(serial_no).await? {
            Err(NotGranted::Failed(PlatformError::Transport(error)))
                if error.broke_before_answer() && self.in_time() =>
            {
                self.send(serial_no).await
            }
            answered => Ok(answered),
        }
    }

    async fn send(&self, serial_no: &str) -> Result<Result<Url, NotGranted>, RandomError> {
        let wanted = LinkParameters {
            merchant_id: &self.request.merchant_id,
            serial_no,
            user_id: &self.request.user_id,
            callback_url: &self.callback_url,
        };
        let (random, now) = (&*self.function.random, self.function.clock.now());
        let party = self.pending.source.to_string();
        let Some(permit) = self.function.breakers.ask(&party) else {
            return Ok(Err(NotGranted::Failed(TransportError::Paused.into())));
        };
        let request = PlatformRequest::sign(&self.platform.credential(), &wanted, random, now)?;
        let answer = self.function.network.post(&request).await;
        let timed_out = matches!(answer, Err(PlatformError::Transport(error)) if error.is_timeout());
        permit.report(timed_out);
        let read = |body: Bytes| read_answer(&body, self.platform.is_on_loopback());
        Ok(answer.map_err(NotGranted::Failed).and_then(read))
    }

    fn in_time(&self) -> bool {
        self.arrived.passed(&*self.function.clock) < QUESTIONS_WITHIN
    }

    fn log(&self, cause: &NotGranted, severity: Severity) {
        let (source, reference) = (&self.pending.source, &self.pending.id);
        let (status, said) = match cause {
            NotGranted::SerialUsed => (Some(SERIAL_USED), "the serialNo was used before".to_owned()),
            NotGranted::Refused { status, message } => {
                let sent = [self.request.user_id.as_str(), &self.callback_url, &self.state];
                (Some(*status), redacted(message, &sent))
            }
            NotGranted::Unusable(reason) => (None, reason.to_string()),
            NotGranted::Failed(reason) => (None, reason.to_string()),
        };
        match severity {
            Severity::Warning => {
                tracing::warn!(%reference, %source, status, said, "a platform gave no link");
            }
            Severity::Alarm => {
                tracing::error!(%reference, %source, status, said, alarm = Alarm::Upstream.as_str(), "a platform gave no link");
            }
        }
    }
}
