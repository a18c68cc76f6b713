//! A user becomes known: the one write that both ways back lead to, and the hint that starts the delivery at once.

use std::time::Duration;

use shared::delivery::body::delivery_body;
use shared::model::authorization::{Authorization, Callback};
use shared::model::clock::Monotonic;
use shared::model::id::OperationId;
use shared::model::identity::Identity;
use shared::queue::Hint;
use shared::store::repeat::repeat_until;
use shared::store::{Settled, Settlement, StoreError};
use shared::telemetry::Alarm;

use crate::OpenIdCallback;

/// The pauses before a settlement is tried again, of which the last goes on.
const PAUSES: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];

/// The time in a request within which a settlement is tried again: nearly all that the function has, because otherwise
/// the user has to consent again, or the platform to call again. A last try, and the end of the claim after it, end
/// below the function's time-out.
pub const SETTLE_WITHIN: Duration = Duration::from_secs(21);

/// Records who the user is, and has the delivery started if it was this settlement that did. It is tried again until
/// `deadline`. `code_digest` is of the code that Alipay named the user for; a platform names one without.
///
/// # Errors
/// When the store did not answer in time.
pub(crate) async fn settle(
    function: &OpenIdCallback,
    authorization: &Authorization,
    identity: Identity,
    code_digest: Option<String>,
    operation: OperationId,
    deadline: Monotonic,
) -> Result<Settled, StoreError> {
    let now = function.clock.now();
    let settlement = Settlement {
        id: authorization.id.clone(),
        body: delivery_body(authorization, &identity, now),
        identity,
        code_digest,
        deliver: authorization.callback != Callback::Nowhere,
        retain_until: authorization.retain_until.max(now + function.keep_for),
        operation,
        now,
    };
    let record = || function.store.settle(&settlement);
    let settled = repeat_until(deadline, &PAUSES, &*function.clock, tokio::time::sleep, record).await;
    match settled {
        Ok(Settled::Recorded) => start_delivery(function, authorization).await,
        Ok(Settled::Conflict) => alarm_different(authorization),
        Ok(Settled::Forgotten) => {
            tracing::warn!(reference = %authorization.id, "a consent came for a person who was forgotten");
        }
        Ok(Settled::NotFound) => tracing::error!(
            reference = %authorization.id, alarm = Alarm::Settlement.as_str(), "a consent came for a record that is gone"
        ),
        Ok(Settled::AlreadyRecorded) | Err(_) => {}
    }
    settled
}

/// Has a settlement that is recorded delivered at once, if there is an address.
pub(crate) async fn start_delivery(function: &OpenIdCallback, authorization: &Authorization) {
    if authorization.callback == Callback::Nowhere {
        return;
    }
    let hint = Hint::new(authorization.id.clone(), authorization.owner(), 0);
    if let Err(error) = function.hints.send(hint, Duration::ZERO).await {
        tracing::warn!(reference = %authorization.id, %error, "the sweep will deliver");
    }
}

/// Says that another user came to a link whose first one stays.
pub(crate) fn alarm_different(authorization: &Authorization) {
    tracing::error!(
        reference = %authorization.id, alarm = Alarm::Settlement.as_str(), "another user had consented before; the first stays"
    );
}
