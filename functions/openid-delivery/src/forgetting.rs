//! The end of personal data: what was delivered long enough ago is forgotten, some at each sweep.

use std::time::Duration;

use shared::model::authorization::Authorization;
use shared::model::clock::UnixMillis;

use crate::{DeliveryError, OpenIdDelivery};

/// The time in which a sweep begins to forget some more; the rest is the next sweep's.
const FORGETS_WITHIN: Duration = Duration::from_secs(5);

/// The most that are forgotten before the time is looked at.
const BATCH: u32 = 200;

/// The most that one sweep looks at: 2.8 million a day.
const AT_MOST: u32 = 2_000;

impl OpenIdDelivery {
    /// The time from which on nothing is kept of who the user of `delivered` is, which was delivered at `now`; `None`
    /// if that is no earlier than the end of its record.
    pub(crate) fn forget_at(&self, delivered: &Authorization, now: UnixMillis) -> Option<UnixMillis> {
        let end = now + self.personal_data.as_ref()?.kept_for;
        (end < delivered.retain_until).then_some(end)
    }
}

/// Forgets the persons whose time has come, until nobody is left or this sweep has done its share. How many.
///
/// # Errors
/// When the store is unavailable; the next sweep goes on.
pub async fn forget_what_is_due(function: &OpenIdDelivery) -> Result<u32, DeliveryError> {
    let Some(personal_data) = &function.personal_data else { return Ok(0) };
    let until = function.clock.monotonic() + FORGETS_WITHIN;
    let (mut found, mut forgotten) = (0, 0);
    loop {
        let some = personal_data.store.forget_delivered(function.clock.now(), BATCH).await?;
        (found, forgotten) = (found + some.found, forgotten + some.forgotten);
        let is_all = some.found < BATCH;
        // Those that cannot be forgotten now would be found again.
        if is_all || some.forgotten == 0 || found >= AT_MOST || function.clock.monotonic() >= until {
            break;
        }
    }
    if forgotten > 0 {
        tracing::info!(route = "openid-delivery", forgotten, "forgetting");
    }
    Ok(forgotten)
}
