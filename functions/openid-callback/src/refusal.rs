//! A return without a code: the user has not consented, or so the browser says.
//!
//! Alipay signs nothing of it, so whoever has the link can bring it about. It is bounded by what it does: it is noted
//! once for a link, told once to a merchant that asks for it, and changes nothing else. The link works on, and a user
//! who comes back and consents is recorded and delivered as ever.

use std::time::Duration;

use shared::delivery::body::notice_body;
use shared::model::alipay_app_id::AlipayAppId;
use shared::model::authorization::Authorization;
use shared::model::clock::UnixMillis;
use shared::model::id::{OperationId, State};
use shared::model::notice::Notice;
use shared::queue::Hint;
use shared::store::patience::Patience;

use crate::{OpenIdCallback, Outcome, Proved, ReturnError, link};

/// The outcome of a return without a code.
pub(crate) async fn refuse(
    function: &OpenIdCallback,
    (app, state): (&AlipayAppId, &State),
    proved: &mut Proved,
) -> Result<Outcome, ReturnError> {
    let (patience, now) = (Patience::of_a_request(&*function.clock), function.clock.now());
    let found = patience.repeat_once(|| function.store.authorization(state.id())).await?;
    let Some(found) = found.filter(|found| found.is_led_to_by(state, app)) else {
        return Ok(Outcome::UnknownLink);
    };
    proved.learn(&found);
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
    // Whoever cancelled is told so whatever becomes of the note: the next return without a code makes it.
    if found.refused_at.is_none()
        && let Err(error) = note(function, found, &patience, now).await
    {
        tracing::warn!(reference = %found.id, %error, "a refusal could not be noted");
    }
    Ok(Outcome::NotAuthorized(link(found).filter(|_| !found.tries_are_used_up())))
}

/// Notes the refusal, and has it told if the merchant wants that. The notice is recorded first: if this process dies
/// between the two, the next return finds the notice recorded, and notes the refusal.
async fn note(
    function: &OpenIdCallback,
    found: &Authorization,
    patience: &Patience<'_>,
    now: UnixMillis,
) -> Result<(), ReturnError> {
    if found.wants(Notice::Refused) {
        let notice = found.noticed(Notice::Refused, notice_body(found, Notice::Refused, now), now);
        let by = OperationId::generate(&*function.random)?;
        if patience.repeat_once(|| function.store.record_notice(&notice, &by)).await? {
            let hint = Hint::new(notice.id, found.owner(), 0);
            if let Err(lost) = function.hints.send(hint, Duration::ZERO).await {
                tracing::warn!(reference = %found.id, %lost, "the sweep will tell of the refusal");
            }
        }
    }
    patience.repeat_once(|| function.store.record_refusal(&found.id, now)).await?;
    Ok(())
}
