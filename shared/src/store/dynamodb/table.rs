//! The table and its client.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use crate::aws::{CallTimeouts, SdkConfig, log_reason};
use crate::model::owner::Owner;
use crate::store::StoreError;
use crate::store::dynamodb::attribute::{self, Item};
use crate::store::dynamodb::conflicts::Conflicts;
use crate::store::dynamodb::item;
use crate::store::dynamodb::schema::{ATTENTION, PARTITION_KEY, TIME_TO_LIVE};

const TIMEOUTS: CallTimeouts = CallTimeouts {
    attempt: Duration::from_millis(800),
    operation: Duration::from_secs(2),
    first_backoff: Duration::from_millis(100),
};

/// The longest that one call may take, with its repetitions.
pub const CALL_TIMEOUT: Duration = TIMEOUTS.operation;

/// A store in one table. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    pub(super) client: Client,
    pub(super) table: Arc<str>,
}

impl DynamoStore {
    /// A store that connects at its first call. A call may last [`CALL_TIMEOUT`], in three attempts at most.
    #[must_use]
    pub fn new(config: &SdkConfig, table: &str) -> Self {
        Self::with_timeouts(config, table, &TIMEOUTS)
    }

    pub(super) fn with_timeouts(config: &SdkConfig, table: &str, timeouts: &CallTimeouts) -> Self {
        let config = Builder::from(config)
            .retry_config(timeouts.retries())
            .timeout_config(timeouts.timeouts())
            .retry_classifier(Conflicts)
            .build();
        Self { client: Client::from_conf(config), table: table.into() }
    }

    /// The item of this key, as it stands after every write that was answered.
    pub(super) async fn item(&self, key: AttributeValue) -> Result<Option<Item>, StoreError> {
        let read = self.client.get_item().table_name(&*self.table).key(PARTITION_KEY, key);
        let read = read.consistent_read(true).send().await;
        Ok(read.map_err(|error| unavailable(&error))?.item)
    }

    /// A query of what somebody should look at, the latest first: what `filter` says, if it says anything, and of
    /// `owner` alone if there is one.
    pub(super) fn query_attention(&self, owner: Option<&Owner>, filter: &str) -> QueryFluentBuilder {
        let filters: Vec<&str> = [filter, owner.map_or("", |_| "businessId = :owner")]
            .into_iter()
            .filter(|it| !it.is_empty())
            .collect();
        let of_owner = owner.map(|owner| (":owner".to_owned(), attribute::text(owner.to_string())));
        let values = [(":needed".to_owned(), item::needed())].into_iter().chain(of_owner).collect();
        self.client
            .query()
            .table_name(&*self.table)
            .index_name(ATTENTION)
            .key_condition_expression("attention = :needed")
            .set_filter_expression((!filters.is_empty()).then(|| filters.join(" AND ")))
            .set_expression_attribute_values(Some(values))
            .scan_index_forward(false)
    }

    /// Updates the item of `key`, if `condition` holds; `values` are those of both expressions. The placeholders
    /// `#status` and `#ttl` are there for either.
    pub(super) async fn update(
        &self,
        key: AttributeValue,
        update: &str,
        condition: &str,
        values: impl IntoIterator<Item = (&str, AttributeValue)>,
        return_values: ReturnValue,
    ) -> Result<UpdateOutcome, StoreError> {
        let mut call = self
            .client
            .update_item()
            .table_name(&*self.table)
            .key(PARTITION_KEY, key)
            .update_expression(update)
            .condition_expression(condition)
            .return_values(return_values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        for (placeholder, name) in [("#status", "status"), ("#ttl", TIME_TO_LIVE)] {
            if update.contains(placeholder) || condition.contains(placeholder) {
                call = call.expression_attribute_names(placeholder, name);
            }
        }
        for (placeholder, value) in values {
            call = call.expression_attribute_values(placeholder, value);
        }
        match call.send().await {
            Ok(updated) => Ok(UpdateOutcome::Updated(updated.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                    Ok(UpdateOutcome::Refused(refusal.item.clone()))
                }
                _ => Err(unavailable(&error)),
            },
        }
    }
}

/// The outcome of an update that DynamoDB answered.
pub(super) enum UpdateOutcome {
    /// Done; the attributes that were to be returned.
    Updated(Item),
    /// The condition did not hold; the item that refused, if there is one.
    Refused(Option<Item>),
}

impl UpdateOutcome {
    pub(super) const fn is_updated(&self) -> bool {
        matches!(self, Self::Updated(_))
    }
}

/// True if the write was made, false if its condition did not hold.
pub(super) fn was_done<T, E: ProvideErrorMetadata>(
    written: Result<T, SdkError<E>>,
) -> Result<bool, StoreError> {
    match written {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
        Err(error) => Err(unavailable(&error)),
    }
}

/// Nothing is known about the call: throttled, timed out, away, or not allowed.
pub(super) fn unavailable<E: ProvideErrorMetadata>(error: &SdkError<E>) -> StoreError {
    StoreError::Unavailable(log_reason(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::fake_aws::{BRISK, FakeAws, SHORT, answer, never, nobody};
    use crate::store::dynamodb::fixtures::{self, error, nonce, record, settlement, store};
    use crate::store::{RecordLinks as _, RecordReturns as _, Recorded, Settled};

    fn unavailable(reason: &str) -> StoreError {
        StoreError::Unavailable(reason.to_owned())
    }

    #[tokio::test]
    async fn a_failure_has_the_id_of_its_request_at_aws() {
        let long = "x".repeat(65);
        for (id, reason) in [
            ("7B9QMUV8", "ThrottlingException (request 7B9QMUV8 at AWS)"),
            ("no id", "ThrottlingException"),
            (&long, "ThrottlingException"),
        ] {
            let throttled = error("ThrottlingException").insert_header("x-amzn-requestid", id);
            let (store, _aws) = store([throttled]).await;
            let recorded = store.record_link(&fixtures::authorization(), &nonce()).await;
            assert_eq!(recorded, Err(unavailable(reason)));
        }
    }

    #[tokio::test]
    async fn what_may_pass_is_repeated_and_then_unavailable() {
        for (failure, reason) in [
            (error("ProvisionedThroughputExceededException"), "ProvisionedThroughputExceededException"),
            (error("ThrottlingException"), "ThrottlingException"),
            (error("RequestLimitExceeded"), "RequestLimitExceeded"),
            // Our own first try is still under way.
            (error("TransactionInProgressException"), "TransactionInProgressException"),
            (answer(500, r#"{"__type":"InternalServerError","message":"?"}"#), "InternalServerError"),
            (answer(503, ""), "an error without code"),
            (answer(200, "<html>"), "unreadable answer"),
        ] {
            let (first, fake_aws) = store([failure.clone()]).await;
            let recorded = first.record_link(&fixtures::authorization(), &nonce()).await;
            assert_eq!(recorded, Err(unavailable(reason)));
            assert_eq!(fake_aws.asked().await.len(), 3, "{reason}");
            assert!(fake_aws.asked().await.iter().all(|asked| asked.body["ClientRequestToken"] == "mine"));

            let (second, fake_aws) = store([failure.clone(), failure, fixtures::done()]).await;
            assert_eq!(second.settle(&settlement()).await, Ok(Settled::Recorded), "{reason}");
            assert_eq!(fake_aws.asked().await.len(), 3, "{reason}");
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
            assert_eq!(fake_aws.asked().await.len(), 1, "{code}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_is_a_time_out_and_asked_for_again_with_the_same_token() {
        let fake_aws = FakeAws::answering([never()]).await;
        let store = DynamoStore::with_timeouts(&fake_aws.sdk, "authlink", &SHORT);
        let recorded = store.record_link(&fixtures::authorization(), &nonce()).await;
        assert_eq!(recorded, Err(unavailable("time-out")));
        let asked = fake_aws.asked().await;
        assert_eq!(asked.len(), 3);
        assert!(asked.iter().all(|asked| asked.body["ClientRequestToken"] == "mine"));
    }

    #[tokio::test]
    async fn an_answer_that_was_lost_is_asked_for_again() {
        let ours = record("mine", []);
        let lost = fixtures::cancelled([("None", None), ("ConditionalCheckFailed", Some(&ours))]);
        let fake_aws = FakeAws::answering([never(), lost]).await;
        let store = DynamoStore::with_timeouts(&fake_aws.sdk, "authlink", &SHORT);
        let recorded = store.record_link(&fixtures::authorization(), &nonce()).await;
        assert_eq!(recorded, Ok(Recorded::New));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_no_connection() {
        let (sdk, _reserved) = nobody();
        let store = DynamoStore::with_timeouts(&sdk, "authlink", &BRISK);
        assert_eq!(store.settle(&settlement()).await, Err(unavailable("no connection")));
    }

    #[tokio::test]
    async fn a_refusal_that_cannot_be_read_is_none() {
        for code in ["ConditionalCheckFailedException", "TransactionCanceledException"] {
            let body = format!(r#"{{"__type":"{code}","Item":1,"CancellationReasons":1}}"#);
            let (store, _fake_aws) = store([answer(400, body)]).await;
            let settled = store.settle(&settlement()).await;
            assert!(matches!(settled, Err(StoreError::Unavailable(_))), "{settled:?}");
            let recorded = store.record_link(&fixtures::authorization(), &nonce()).await;
            assert!(matches!(recorded, Err(StoreError::Unavailable(_))), "{recorded:?}");
        }
    }
}
