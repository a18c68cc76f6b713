//! A return without a code: the user has not consented, or so the browser says.
//!
//! Alipay signs nothing of it, so whoever has the link can bring it about. It is bounded by what it does: it is
//! recorded once for a link, told once to a merchant that asks for it, and changes nothing else. The link works on, and
//! a user who comes back and consents is recorded and delivered.

use std::time::Duration;

use shared::delivery::body::notice_body;
use shared::model::alipay_app_id::AlipayAppId;
use shared::model::authorization::Authorization;
use shared::model::clock::UnixMillis;
use shared::model::id::{OperationId, State};
use shared::model::notice::Notice;
use shared::queue::Hint;
use shared::store::budget::StoreBudget;

use crate::return_context::ReturnContext;
use crate::{OpenIdCallback, Outcome, ReturnError, link};

/// The outcome of a return without a code.
pub(crate) async fn refuse(
    function: &OpenIdCallback,
    (app, state): (&AlipayAppId, &State),
    context: &mut ReturnContext,
) -> Result<Outcome, ReturnError> {
    let (budget, now) = (StoreBudget::for_request(&*function.clock), function.clock.now());
    let found = budget.repeat_once(|| function.store.authorization(state.id())).await?;
    let Some(found) = found.filter(|found| found.is_led_to_by(state, app)) else {
        return Ok(Outcome::UnknownLink);
    };
    context.learn(&found);
    let found = &found;
    if found.forgotten_at().is_some() {
        return Ok(Outcome::Expired);
    }
    if found.consent().is_some() {
        return Ok(Outcome::AlreadyUsed);
    }
    if found.link_ends_at() <= now {
        return Ok(Outcome::Expired);
    }
    // Whoever cancelled is told so whether or not it is recorded: the next return without a code tries again.
    if found.refused_at.is_none()
        && let Err(error) = record_refusal(function, found, &budget, now).await
    {
        tracing::warn!(reference = %found.id, %error, "a refusal could not be recorded");
    }
    Ok(Outcome::NotAuthorized(link(found).filter(|_| !found.tries_are_used_up())))
}

/// Records the refusal, and has it told if the merchant wants that. The notice is recorded first: if this process dies
/// between the two, the next return finds the notice recorded, and records the refusal.
async fn record_refusal(
    function: &OpenIdCallback,
    found: &Authorization,
    budget: &StoreBudget<'_>,
    now: UnixMillis,
) -> Result<(), ReturnError> {
    if found.wants(Notice::Refused) {
        let notice = found.notice_record(Notice::Refused, notice_body(found, Notice::Refused, now), now);
        let by = OperationId::generate(&*function.random)?;
        if budget.repeat_once(|| function.store.record_notice(&notice, &by)).await? {
            let hint = Hint::new(notice.id, found.owner(), 0);
            if let Err(error) = function.hints.send(hint, Duration::ZERO).await {
                tracing::warn!(reference = %found.id, %error, "the sweep will tell of the refusal");
            }
        }
    }
    budget.repeat_once(|| function.store.record_refusal(&found.id, now)).await?;
    Ok(())
}
