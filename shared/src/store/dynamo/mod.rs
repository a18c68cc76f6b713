//! Amazon DynamoDB as the store: one table, on demand, that template.yaml makes.
//!
//! | item | `pk` | attributes |
//! |---|---|---|
//! | authorization | `authorization#<id>` | the record, one attribute a field ([`item`]); `ttl` from its retention; `createdBy`, `exchangeBy`, `settledBy`, `deliveryBy`: the operation ids that a repeat recognises its own write by |
//! | nonce | `nonce#<space>#<nonce>` | `until` (ms), `usedBy` (operation id), `ttl` |
//! | allowance | `allowance#<account>` | `bookedUntil` (µs), `ttl` |
//!
//! The index [`OUTBOX`] holds what is left to do, and nothing else: an authorization is in it while it carries `outbox`
//! and `outboxAt` (ms). `outbox` is `due-<x>` for what is due at `outboxAt`, and `undeliverable-<x>` for what was given
//! up then; `<x>` is the first hex digit of the id, so that sixteen partitions share the writes.
//!
//! Every change is one conditional write of one item, and comes back with the record as it then stands, or with the one
//! that refused it. A link request is a transaction of two. Time is compared with what the items say: DynamoDB deletes
//! by `ttl` days later at worst. Conflicts with a transaction are repeated like throttling, and say nothing about the
//! condition.

mod allowance;
#[cfg(test)]
mod canned;
mod conflicts;
mod deliveries;
mod found;
mod item;
mod links;
mod operations;
mod requested;
mod returns;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use self::conflicts::Conflicts;
pub use self::found::FOUND_ATTRIBUTES;
use self::item::Item;
use super::StoreError;
use crate::aws::{Patience, SdkConfig, reason};
use crate::model::id::AuthorizationId;

/// The table's partition key, a string; there is no sort key.
pub const PARTITION_KEY: &str = "pk";

/// The attribute that DynamoDB deletes by, in seconds since 1970.
pub const TIME_TO_LIVE: &str = "ttl";

/// The index of what is left to do: partition key `outbox` (string), sort key `outboxAt` (number).
pub const OUTBOX: &str = "outbox";

/// What the index repeats of each record, besides the keys.
pub const OUTBOX_ATTRIBUTES: [&str; 3] = ["attempts", item::OWNER, "nextAttemptAt"];

const PATIENCE: Patience = Patience {
    attempt: Duration::from_millis(800),
    operation: Duration::from_secs(2),
    first_backoff: Duration::from_millis(100),
};

/// The longest that one call may take, with its repetitions.
pub const CALL_TIMEOUT: Duration = PATIENCE.operation;

/// A store in one table. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    client: Client,
    table: String,
}

impl DynamoStore {
    /// A store that connects at its first call. A call may last [`CALL_TIMEOUT`], in three attempts at most.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self::with_patience(config, table, &PATIENCE)
    }

    fn with_patience(config: &SdkConfig, table: String, patience: &Patience) -> Self {
        let config = Builder::from(config)
            .retry_config(patience.retries())
            .timeout_config(patience.timeouts())
            .retry_classifier(Conflicts)
            .build();
        Self { client: Client::from_conf(config), table }
    }

    /// Changes an authorization by `update`, if `condition` holds; `values` are those of both expressions. The
    /// placeholders `#status` and `#ttl` are there for either.
    async fn change(
        &self,
        id: &AuthorizationId,
        update: &str,
        condition: &str,
        values: impl IntoIterator<Item = (&str, AttributeValue)>,
        give: Give,
    ) -> Result<Changed, StoreError> {
        let mut call = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, item::key(id))
            .update_expression(update)
            .condition_expression(condition)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_values(match give {
                Give::Record => ReturnValue::AllNew,
                Give::Nothing => ReturnValue::None,
            });
        for (placeholder, name) in [("#status", "status"), ("#ttl", TIME_TO_LIVE)] {
            if update.contains(placeholder) || condition.contains(placeholder) {
                call = call.expression_attribute_names(placeholder, name);
            }
        }
        for (name, value) in values {
            call = call.expression_attribute_values(name, value);
        }
        match call.send().await {
            Ok(done) => Ok(Changed::Done(done.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(Changed::Refused(refused.item.clone()))
                }
                _ => Err(unavailable(&error)),
            },
        }
    }
}

/// What a change gives back when it is done.
#[derive(Clone, Copy)]
enum Give {
    Record,
    Nothing,
}

/// What came of a change.
enum Changed {
    /// Done; the record as it now stands, if it was to be given.
    Done(Item),
    /// The condition did not hold; the record that refused, if there is one.
    Refused(Option<Item>),
}

/// Nothing is known about the call: throttled, timed out, away, or not allowed.
fn unavailable<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> StoreError {
    StoreError::Unavailable(reason(error))
}

#[cfg(test)]
mod tests {
    use super::canned::{error, nonce, record, settlement, store};
    use super::*;
    use crate::aws::stand_in::{Answer, BRISK, SHORT, StandIn, nobody};
    use crate::store::{RecordLinks as _, RecordReturns as _, Recorded, Settled};

    fn unavailable(reason: &str) -> StoreError {
        StoreError::Unavailable(reason.to_owned())
    }

    #[tokio::test]
    async fn what_may_pass_is_repeated_and_then_unavailable() {
        let says = |status, body: &str| Answer::Says(status, body.to_owned());
        for (answer, reason) in [
            (error("ProvisionedThroughputExceededException"), "ProvisionedThroughputExceededException"),
            (error("ThrottlingException"), "ThrottlingException"),
            (error("RequestLimitExceeded"), "RequestLimitExceeded"),
            // Our own first try is still under way.
            (error("TransactionInProgressException"), "TransactionInProgressException"),
            (says(500, r#"{"__type":"InternalServerError","message":"?"}"#), "InternalServerError"),
            (says(503, ""), "an error without code"),
        ] {
            let (first, stand_in) = store([answer.clone()]).await;
            let recorded = first.record_link(&canned::authorization(), &nonce()).await;
            assert_eq!(recorded, Err(unavailable(reason)));
            assert_eq!(stand_in.asked().len(), 3, "{reason}");
            assert!(stand_in.asked().iter().all(|asked| asked.body["ClientRequestToken"] == "mine"));

            let (second, stand_in) = store([answer.clone(), answer, canned::done()]).await;
            assert_eq!(second.settle(&settlement()).await, Ok(Settled::Ours), "{reason}");
            assert_eq!(stand_in.asked().len(), 3, "{reason}");
        }
    }

    #[tokio::test]
    async fn what_a_repeat_does_not_mend_is_unavailable_at_once() {
        for code in [
            "AccessDeniedException",
            "ResourceNotFoundException",
            "ValidationException",
            "IdempotentParameterMismatchException",
        ] {
            let (store, stand_in) = store([error(code)]).await;
            let recorded = store.record_link(&canned::authorization(), &nonce()).await;
            assert_eq!(recorded, Err(unavailable(code)));
            assert_eq!(stand_in.asked().len(), 1, "{code}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_is_a_time_out_and_asked_for_again_with_the_same_token() {
        let stand_in = StandIn::answering([Answer::Never]).await;
        let store = DynamoStore::with_patience(&stand_in.config, "authlink".to_owned(), &SHORT);
        let recorded = store.record_link(&canned::authorization(), &nonce()).await;
        assert_eq!(recorded, Err(unavailable("time-out")));
        let asked = stand_in.asked();
        assert_eq!(asked.len(), 3);
        assert!(asked.iter().all(|asked| asked.body["ClientRequestToken"] == "mine"));
    }

    #[tokio::test]
    async fn an_answer_that_was_lost_is_asked_for_again() {
        let ours = record("mine", []);
        let lost = canned::cancelled([("None", None), ("ConditionalCheckFailed", Some(&ours))]);
        let stand_in = StandIn::answering([Answer::Never, lost]).await;
        let store = DynamoStore::with_patience(&stand_in.config, "authlink".to_owned(), &SHORT);
        let recorded = store.record_link(&canned::authorization(), &nonce()).await;
        assert_eq!(recorded, Ok(Recorded::New));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_no_connection() {
        let (config, _reserved) = nobody();
        let store = DynamoStore::with_patience(&config, "authlink".to_owned(), &BRISK);
        assert_eq!(store.settle(&settlement()).await, Err(unavailable("no connection")));
    }
}
