//! A return with a code: the user has consented, and the code is exchanged for who it is.
//!
//! A code is spent by its first use, so the exchange is claimed before it is made: of all returns with one code, one
//! reaches the gateway. Keys are fetched and the request is signed before the claim, so that nothing of ours can fail
//! between the claim and the call. Whatever the gateway says afterwards, a user who is known is recorded, unless one is
//! recorded already.

use std::ops::ControlFlow;
use std::sync::Arc;

use shared::model::authorization::Authorization;
use shared::model::claim::{ClaimRefusal, ExchangeClaim, ExchangeEnding, standing_refusal};
use shared::model::clock::Stopwatch;
use shared::model::id::OperationId;
use shared::protocol::alipay::gateway::ExchangeRequest;
use shared::registry::AlipayApp;
use shared::secrets::{NameOrigin, SecretError, SecretName};
use shared::store::Claimed;
use shared::store::budget::StoreBudget;

use crate::conclusion::{ClaimedExchange, conclude};
use crate::exchange::{app_of_exchange, exchange};
use crate::request::Return;
use crate::return_context::{NotAskedError, ReturnContext};
use crate::{
    EXCHANGE_WITHIN, GATEWAY, OpenIdCallback, Outcome, REFRESH_WITHIN, ReturnError, SETTLE_WITHIN, link,
};

/// The flow of a return with a code.
pub(crate) async fn complete_return(
    function: &OpenIdCallback,
    back: &Return,
    context: &mut ReturnContext,
) -> Result<Outcome, ReturnError> {
    let (arrived, now) = (Stopwatch::start(&*function.clock), function.clock.now());
    let budget = StoreBudget::for_request(&*function.clock);
    let operation = OperationId::generate(&*function.random)?;
    let claim = ExchangeClaim::new(&back.app, &back.state, &back.code, operation, now);
    // By the name that came back: the claim holds only if the link was made with this app.
    let name = SecretName::alipay_app(&back.app);
    let app = match app_of_return(function, &name, &claim, &budget, context).await? {
        ControlFlow::Continue(app) => app,
        ControlFlow::Break(outcome) => return Ok(outcome),
    };
    let in_address = function.gateway.address_parameters();
    let request = ExchangeRequest::sign(&back.app, &back.code, now, &app.own, in_address)?;
    // Before the claim: the same return does once the gateway answers again.
    let Some(permit) = function.breakers.ask(GATEWAY) else {
        let standing = standing_outcome(function, &claim, &budget, context).await?;
        context.reason = standing.is_none().then_some(NotAskedError::Gateway);
        return Ok(standing.unwrap_or(Outcome::Unavailable));
    };
    let authorization = match claim_exchange(function, &claim, &budget, context).await? {
        ControlFlow::Continue(authorization) => authorization,
        ControlFlow::Break(outcome) => return Ok(outcome),
    };
    let held = ClaimedExchange { function, authorization: &authorization, claim: &claim };
    if arrived.passed(&*function.clock) >= EXCHANGE_WITHIN {
        tracing::warn!(reference = %claim.id, "too late for an exchange; the code was not sent");
        held.end(ExchangeEnding::NotSent).await;
        return Ok(Outcome::Unavailable);
    }
    let said = exchange(function, permit, request, &name, &app, arrived.began() + REFRESH_WITHIN).await;
    Ok(conclude(&held, said, arrived.began() + SETTLE_WITHIN).await)
}

/// The app's document, or the outcome that the record has without it.
async fn app_of_return(
    function: &OpenIdCallback,
    name: &SecretName,
    claim: &ExchangeClaim,
    budget: &StoreBudget<'_>,
    context: &mut ReturnContext,
) -> Result<ControlFlow<Outcome, Arc<AlipayApp>>, ReturnError> {
    match app_of_exchange(function, name, NameOrigin::Caller, claim.now).await {
        Ok(app) => Ok(ControlFlow::Continue(app)),
        // A record that the return agrees with names the app as well.
        Err(ReturnError::Keys { error: error @ SecretError::TooManyLookUps, .. }) => {
            if let Some(outcome) = standing_outcome(function, claim, budget, context).await? {
                // What a record refuses by itself needs no keys.
                context.reason = (outcome == Outcome::UnknownLink).then_some(NotAskedError::Keys(error));
                return Ok(ControlFlow::Break(outcome));
            }
            app_of_exchange(function, name, NameOrigin::Record, claim.now).await.map(ControlFlow::Continue)
        }
        // Of two failures that of the keys is told: it lasts until an operator acts.
        Err(error) => {
            let standing = standing_outcome(function, claim, budget, context).await.ok().flatten();
            standing.map(ControlFlow::Break).ok_or(error)
        }
    }
}

/// The record, once its exchange is claimed, or the outcome of a claim that it refused.
async fn claim_exchange(
    function: &OpenIdCallback,
    claim: &ExchangeClaim,
    budget: &StoreBudget<'_>,
    context: &mut ReturnContext,
) -> Result<ControlFlow<Outcome, Box<Authorization>>, ReturnError> {
    Ok(match budget.repeat_once(|| function.store.claim_exchange(claim)).await? {
        Claimed::Ours(authorization) => {
            context.learn(&authorization);
            ControlFlow::Continue(authorization)
        }
        Claimed::Refused(refusal, old) => {
            context.learn_refused(refusal, old.as_deref());
            ControlFlow::Break(refusal_outcome(refusal, old.as_deref(), claim))
        }
    })
}

/// The outcome that the record has for `claim` by itself, where nothing is claimed; `None` if it would not refuse it.
/// Anybody can make up a state, or name an app: the record alone says that there is such a link.
async fn standing_outcome(
    function: &OpenIdCallback,
    claim: &ExchangeClaim,
    budget: &StoreBudget<'_>,
    context: &mut ReturnContext,
) -> Result<Option<Outcome>, ReturnError> {
    let record = budget.repeat_once(|| function.store.authorization(&claim.id)).await?;
    if let Some(refusal) = standing_refusal(record.as_ref(), claim) {
        context.learn_refused(refusal, record.as_ref());
        return Ok(Some(refusal_outcome(refusal, record.as_ref(), claim)));
    }
    record.iter().for_each(|record| context.learn(record));
    Ok(None)
}

fn refusal_outcome(refusal: ClaimRefusal, old: Option<&Authorization>, claim: &ExchangeClaim) -> Outcome {
    match refusal {
        ClaimRefusal::UnknownState => Outcome::UnknownLink,
        // Another code of the same link may have been another user's, whatever came of its exchange.
        ClaimRefusal::AlreadyAuthorized
            if old.is_some_and(|old| old.was_settled_by_code(&claim.code_digest)) =>
        {
            Outcome::Authorized
        }
        ClaimRefusal::AlreadyAuthorized => {
            tracing::warn!(reference = %claim.id, "a consent came for a link that was used before");
            Outcome::AlreadyUsed
        }
        ClaimRefusal::InProgress => Outcome::InProgress,
        // Whoever was here is nobody's business any more; the link is over in any case.
        ClaimRefusal::Expired | ClaimRefusal::Forgotten => Outcome::Expired,
        ClaimRefusal::CodeSpent => Outcome::AuthorizeAgain(old.and_then(link)),
        ClaimRefusal::TooManyCodes => Outcome::TooManyTries,
    }
}
