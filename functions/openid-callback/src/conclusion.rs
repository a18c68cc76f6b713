//! The end of an exchange: whatever Alipay said, the claim is ended by what the code may have become.

use shared::model::authorization::Authorization;
use shared::model::claim::{EndedExchange, ExchangeClaim, ExchangeEnding};
use shared::model::clock::{Monotonic, UnixMillis};
use shared::model::identity::Identity;
use shared::protocol::alipay::gateway::{Exchange, Fault};
use shared::store::repeat::repeat_once;
use shared::store::{Settled, StoreError};
use shared::telemetry::Alarm;

use crate::gateway_outcome::{log_refusal, log_unknown, without_user};
use crate::settlement::{settle, start_delivery};
use crate::{OpenIdCallback, Outcome, link};

/// A claim that is ours, and the record as it then stood.
pub(crate) struct ClaimedExchange<'a> {
    pub(crate) function: &'a OpenIdCallback,
    pub(crate) authorization: &'a Authorization,
    pub(crate) claim: &'a ExchangeClaim,
}

impl ClaimedExchange<'_> {
    /// Ends the claim, and says when the link ends now. If it cannot be written, the claim ends by itself.
    pub(crate) async fn end(&self, ending: ExchangeEnding) -> UnixMillis {
        let ended = self.ended(ending);
        log_end(&ended, repeat_once(|| self.function.store.end_exchange(&ended)).await);
        ended.link_ends_at(self.authorization)
    }

    fn ended(&self, ending: ExchangeEnding) -> EndedExchange {
        let now = self.function.clock.now();
        EndedExchange::new(self.authorization, &self.claim.operation, ending, now)
    }

    /// True if the record says that this very exchange named its user.
    async fn is_settled(&self) -> bool {
        let found = self.function.store.authorization(&self.claim.id).await;
        matches!(found, Ok(Some(record)) if record.was_settled_by_code(&self.claim.code_digest))
    }
}

fn log_end(ended: &EndedExchange, written: Result<bool, StoreError>) {
    match written {
        Ok(true) => {}
        Ok(false) => tracing::warn!(reference = %ended.id, "a later claim has taken over"),
        Err(error) => tracing::warn!(reference = %ended.id, %error, "the claim will end by itself"),
    }
}

/// Records what came of an exchange, and says it.
pub(crate) async fn conclude(held: &ClaimedExchange<'_>, said: Exchange, settle_until: Monotonic) -> Outcome {
    let id = &held.authorization.id;
    let (ending, outcome) = match said {
        Exchange::Identified(identity) => return record(held, identity, settle_until).await,
        Exchange::Refused(refusal) => {
            log_refusal(id, &refusal);
            let ending = match refusal.fault() {
                Fault::Code => ExchangeEnding::CodeRefused,
                Fault::Ours | Fault::Passing => ExchangeEnding::RequestRefused,
            };
            (ending, without_user(Some(&refusal), link(held.authorization)))
        }
        Exchange::Unknown(reason) => {
            log_unknown(id, &reason);
            if reason.never_sent() {
                (ExchangeEnding::NotSent, Outcome::Unavailable)
            } else {
                (ExchangeEnding::Unknown, without_user(reason.unverified(), link(held.authorization)))
            }
        }
    };
    let link_ends_at = held.end(ending).await;
    match outcome {
        Outcome::AuthorizeAgain(_) if link_ends_at <= held.function.clock.now() => Outcome::Expired,
        outcome => outcome,
    }
}

async fn record(held: &ClaimedExchange<'_>, identity: Identity, settle_until: Monotonic) -> Outcome {
    let ClaimedExchange { function, authorization, claim } = *held;
    let (code, operation) = (Some(claim.code_digest.clone()), claim.operation.clone());
    match settle(function, authorization, identity, code, operation, settle_until).await {
        Ok(Settled::Recorded | Settled::AlreadyRecorded) => Outcome::Authorized,
        Ok(Settled::Conflict) => Outcome::AnotherUser,
        Ok(Settled::Forgotten) => Outcome::Expired,
        Ok(Settled::NotFound) => Outcome::UnknownLink,
        // The write may have succeeded although its answer was lost.
        Err(_) if held.is_settled().await => {
            start_delivery(function, authorization).await;
            Outcome::Authorized
        }
        Err(error) => {
            log_unrecorded(authorization, &error);
            // Once only: the function's time is nearly over.
            let ended = held.ended(ExchangeEnding::Unknown);
            log_end(&ended, function.store.end_exchange(&ended).await);
            Outcome::NotRecorded(link(authorization))
        }
    }
}

fn log_unrecorded(authorization: &Authorization, error: &StoreError) {
    tracing::error!(
        reference = %authorization.id, %error, alarm = Alarm::Settlement.as_str(),
        "a consent could not be recorded; the user is asked to authorize again"
    );
}
