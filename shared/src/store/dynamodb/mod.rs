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

mod attribute;
mod authorization_request;
mod conflicts;
mod deliveries;
#[cfg(test)]
mod fixtures;
mod found_link;
mod item;
mod links;
mod operations;
mod reservations;
mod returns;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::aws::failure::CallError;
use crate::aws::json_client::JsonClient;
use crate::aws::{Aws, CallTimeouts, UnusableSettings};
use crate::model::id::AuthorizationId;
use crate::store::StoreError;
use crate::store::dynamodb::attribute::{AttributeValue, Item};
pub use crate::store::dynamodb::found_link::FOUND_ATTRIBUTES;
use crate::store::dynamodb::wire::{
    CancellationReason, ConditionalCheckFailed, Operation, Placeholders, Return, TransactionCanceled,
    UpdateItem, Updated,
};

/// The table's partition key, a string; there is no sort key.
pub const PARTITION_KEY: &str = "pk";

/// The attribute that DynamoDB deletes by, in seconds since 1970.
pub const TIME_TO_LIVE: &str = "ttl";

/// The index of what is left to do: partition key `outbox` (string), sort key `outboxAt` (number).
pub const OUTBOX: &str = "outbox";

/// What the index repeats of each record, besides the keys.
pub const OUTBOX_ATTRIBUTES: [&str; 3] = ["attempts", item::OWNER, "nextAttemptAt"];

/// The error of a single write whose condition does not hold (DynamoDB API reference).
const CONDITION_FAILED: &str = "ConditionalCheckFailedException";

const PATIENCE: CallTimeouts = CallTimeouts {
    attempt: Duration::from_millis(800),
    operation: Duration::from_secs(2),
    first_backoff: Duration::from_millis(100),
};

/// The longest that one call may take, with its repetitions.
pub const CALL_TIMEOUT: Duration = PATIENCE.operation;

/// A store in one table. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    client: Arc<JsonClient>,
    table: Arc<str>,
}

impl DynamoStore {
    /// A store that connects at its first call. A call may last [`CALL_TIMEOUT`], in three attempts at most.
    ///
    /// # Errors
    /// When AWS cannot be called by these settings.
    pub fn new(aws: &Aws, table: &str) -> Result<Self, UnusableSettings> {
        Self::with_patience(aws, table, &PATIENCE)
    }

    fn with_patience(aws: &Aws, table: &str, patience: &CallTimeouts) -> Result<Self, UnusableSettings> {
        let client = JsonClient::new(aws, "dynamodb", patience, conflicts::in_passing)?;
        Ok(Self { client: Arc::new(client), table: table.into() })
    }

    /// Has `operation` done, and reads the answer.
    async fn ask<O: Operation, A: DeserializeOwned>(&self, operation: &O) -> Result<A, Refusal> {
        let body = serde_json::to_vec(operation).map_err(|error| Refusal::unavailable(&error))?;
        self.client.call(O::TARGET, body).await.map_err(Refusal::of)
    }

    /// Changes an authorization by `update`, if `condition` holds; `values` are those of both expressions. The
    /// placeholders `#status` and `#ttl` are there for either.
    async fn change(
        &self,
        id: &AuthorizationId,
        update: &str,
        condition: &str,
        values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
        give: Give,
    ) -> Result<Changed, StoreError> {
        let named = [("#status", "status"), ("#ttl", TIME_TO_LIVE)]
            .into_iter()
            .filter(|(placeholder, _)| update.contains(placeholder) || condition.contains(placeholder));
        let changed = self
            .ask(&UpdateItem {
                table_name: &self.table,
                key: item::key(id),
                update_expression: update,
                condition_expression: condition,
                expression_attribute_names: Placeholders(named.collect()),
                expression_attribute_values: Placeholders(values.into_iter().collect()),
                return_values: match give {
                    Give::Record => Return::AllNew,
                    Give::Nothing => Return::None,
                },
                return_values_on_condition_check_failure: Return::AllOld,
            })
            .await;
        match changed {
            Ok(Updated { attributes }) => Ok(Changed::Done(attributes.unwrap_or_default())),
            Err(Refusal::Condition(old)) => Ok(Changed::Refused(old)),
            Err(refusal) => Err(refusal.into()),
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

/// Why something is not known to be done.
enum Refusal {
    /// A condition did not hold; the item that refused, if there is one and it was to be given.
    Condition(Option<Item>),
    /// A transaction was cancelled: the reason of each of its writes.
    Cancelled(Vec<CancellationReason>),
    /// Nothing is known about the call, but why in a word for the log: throttled, timed out, away, or not allowed.
    Unavailable(String),
}

impl Refusal {
    fn of(error: CallError) -> Self {
        let CallError::Service(said) = &error else { return Self::unavailable(&error) };
        let refusal = match said.code.as_deref() {
            Some(CONDITION_FAILED) => {
                read(&said.body).map(|ConditionalCheckFailed { item }| Self::Condition(item))
            }
            Some(conflicts::CANCELLED) => read(&said.body)
                .map(|TransactionCanceled { cancellation_reasons }| Self::Cancelled(cancellation_reasons)),
            _ => None,
        };
        refusal.unwrap_or_else(|| Self::unavailable(&error))
    }

    fn unavailable(error: &impl ToString) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        Self::Unavailable(match refusal {
            Refusal::Condition(_) => CONDITION_FAILED.to_owned(),
            Refusal::Cancelled(_) => conflicts::CANCELLED.to_owned(),
            Refusal::Unavailable(reason) => reason,
        })
    }
}

fn read<'a, T: Deserialize<'a>>(answer: &'a [u8]) -> Option<T> {
    serde_json::from_slice(answer).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::fake_aws::{Answer, BRISK, FakeAws, SHORT, nobody};
    use crate::store::dynamodb::fixtures::{error, nonce, record, settlement, store};
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
            let (first, fake_aws) = store([answer.clone()]).await;
            let recorded = first.record_link(&fixtures::authorization(), &nonce()).await;
            assert_eq!(recorded, Err(unavailable(reason)));
            assert_eq!(fake_aws.asked().len(), 3, "{reason}");
            assert!(fake_aws.asked().iter().all(|asked| asked.body["ClientRequestToken"] == "mine"));

            let (second, fake_aws) = store([answer.clone(), answer, fixtures::done()]).await;
            assert_eq!(second.settle(&settlement()).await, Ok(Settled::Recorded), "{reason}");
            assert_eq!(fake_aws.asked().len(), 3, "{reason}");
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
            let (store, fake_aws) = store([error(code)]).await;
            let recorded = store.record_link(&fixtures::authorization(), &nonce()).await;
            assert_eq!(recorded, Err(unavailable(code)));
            assert_eq!(fake_aws.asked().len(), 1, "{code}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_is_a_time_out_and_asked_for_again_with_the_same_token() {
        let fake_aws = FakeAws::answering([Answer::Never]).await;
        let store = DynamoStore::with_patience(&fake_aws.aws, "authlink", &SHORT).unwrap();
        let recorded = store.record_link(&fixtures::authorization(), &nonce()).await;
        assert_eq!(recorded, Err(unavailable("time-out")));
        let asked = fake_aws.asked();
        assert_eq!(asked.len(), 3);
        assert!(asked.iter().all(|asked| asked.body["ClientRequestToken"] == "mine"));
    }

    #[tokio::test]
    async fn an_answer_that_was_lost_is_asked_for_again() {
        let ours = record("mine", []);
        let lost = fixtures::cancelled([("None", None), ("ConditionalCheckFailed", Some(&ours))]);
        let fake_aws = FakeAws::answering([Answer::Never, lost]).await;
        let store = DynamoStore::with_patience(&fake_aws.aws, "authlink", &SHORT).unwrap();
        let recorded = store.record_link(&fixtures::authorization(), &nonce()).await;
        assert_eq!(recorded, Ok(Recorded::New));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_no_connection() {
        let (aws, _reserved) = nobody();
        let store = DynamoStore::with_patience(&aws, "authlink", &BRISK).unwrap();
        assert_eq!(store.settle(&settlement()).await, Err(unavailable("no connection")));
    }

    #[tokio::test]
    async fn a_refusal_that_cannot_be_read_is_none() {
        for code in [CONDITION_FAILED, conflicts::CANCELLED] {
            let body = format!(r#"{{"__type":"{code}","Item":1,"CancellationReasons":1}}"#);
            let (store, _fake_aws) = store([Answer::Says(400, body)]).await;
            assert_eq!(store.settle(&settlement()).await, Err(unavailable(code)));
            let recorded = store.record_link(&fixtures::authorization(), &nonce()).await;
            assert_eq!(recorded, Err(unavailable(code)));
        }
    }
}
