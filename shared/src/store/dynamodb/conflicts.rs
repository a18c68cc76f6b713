//! Conflicts of DynamoDB: refusals because somebody else was at the same item at the same moment. They are repeated,
//! like throttling.
//!
//! The SDK repeats throttling, time-outs and 5xx by itself, but takes these for final: a conflict with a transaction
//! (`TransactionConflictException`), and a transaction that was cancelled for such a conflict or for throttling of one
//! of its items. Neither says anything about the write's condition. An answer that is none of DynamoDB's is repeated,
//! too.

use aws_sdk_dynamodb::config::interceptors::InterceptorContext;
use aws_sdk_dynamodb::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::error::TransactionCanceledException;

/// The reasons of a cancelled transaction that pass by themselves (DynamoDB API reference, `TransactWriteItems`).
const PASSING: [&str; 4] =
    ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "InternalServerError"];

const CONFLICT: Option<&str> = Some("TransactionConflictException");

/// Tells whether something stood in the transaction's way that passes by itself. As long as it did, nothing is
/// concluded from the other reasons either.
pub(super) fn will_pass(cancelled: &TransactionCanceledException) -> bool {
    let mut codes = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    codes.any(|code| PASSING.contains(&code))
}

/// Has conflicts repeated, and successes whose body cannot be read.
#[derive(Debug)]
pub(super) struct Conflicts;

impl ClassifyRetry for Conflicts {
    fn name(&self) -> &'static str {
        "conflicts with transactions"
    }

    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error =
            context.output_or_error().and_then(Result::err).and_then(|error| error.as_operation_error());
        let Some(error) = error else { return RetryAction::NoActionIndicated };
        if context.response().is_some_and(|response| response.status().is_success()) {
            return RetryAction::transient_error();
        }
        let passes = if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
            error.downcast_ref()
        {
            will_pass(cancelled)
        } else if let Some(error) = error.downcast_ref::<UpdateItemError>() {
            error.code() == CONFLICT
        } else {
            error.downcast_ref::<PutItemError>().is_some_and(|error| error.code() == CONFLICT)
        };
        if passes { RetryAction::throttling_error() } else { RetryAction::NoActionIndicated }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::Value;

    use crate::aws::fake_aws::FakeAws;
    use crate::store::dynamodb::attribute;
    use crate::store::dynamodb::fixtures::{
        attempt_claim, authorization, cancelled, done, error, exchange_claim, nonce, now_stands, record,
        refused_by, settlement, store,
    };
    use crate::store::{Claimed, RecordDeliveries as _, RecordLinks as _, RecordReturns as _};
    use crate::store::{Recorded, Settled, StoreError};

    async fn tokens(fake_aws: &FakeAws) -> Vec<Value> {
        fake_aws.asked().await.iter().map(|asked| asked.body["ClientRequestToken"].clone()).collect()
    }

    async fn targets(fake_aws: &FakeAws) -> Vec<String> {
        let target = |headers: &HeaderMap| headers["x-amz-target"].to_str().unwrap().to_owned();
        fake_aws.asked().await.iter().map(|asked| target(&asked.headers)).collect()
    }

    #[tokio::test]
    async fn a_transaction_that_met_another_is_repeated_with_the_same_token() {
        for reasons in [
            ["TransactionConflict", "None"],
            ["None", "TransactionConflict"],
            ["None", "ThrottlingError"],
            ["ProvisionedThroughputExceeded", "None"],
            ["None", "InternalServerError"],
            ["TransactionConflict", "ConditionalCheckFailed"],
            ["ConditionalCheckFailed", "TransactionConflict"],
        ] {
            let conflict = cancelled(reasons.map(|code| (code, None)));
            let (store, fake_aws) = store([conflict.clone(), conflict, done()]).await;
            let recorded = store.record_link(&authorization(), &nonce()).await;
            assert_eq!(recorded, Ok(Recorded::New), "{reasons:?}");
            assert_eq!(tokens(&fake_aws).await, ["mine", "mine", "mine"], "{reasons:?}");
        }
    }

    #[tokio::test]
    async fn a_conflict_that_does_not_end_is_neither_a_used_nonce_nor_a_used_serial() {
        for reasons in [
            ["TransactionConflict", "None"],
            ["None", "TransactionConflict"],
            ["ConditionalCheckFailed", "TransactionConflict"],
            ["TransactionConflict", "ConditionalCheckFailed"],
        ] {
            let (store, fake_aws) = store([cancelled(reasons.map(|code| (code, None)))]).await;
            let recorded = store.record_link(&authorization(), &nonce()).await;
            let unavailable = StoreError::Unavailable("TransactionCanceledException".to_owned());
            assert_eq!(recorded, Err(unavailable), "{reasons:?}");
            assert_eq!(tokens(&fake_aws).await, ["mine", "mine", "mine"], "{reasons:?}");
        }
    }

    #[tokio::test]
    async fn a_transaction_that_a_condition_cancelled_is_not_repeated() {
        let (store, fake_aws) = store([cancelled([("ConditionalCheckFailed", None), ("None", None)])]).await;
        assert_eq!(store.record_link(&authorization(), &nonce()).await, Ok(Recorded::NonceUsed));
        assert_eq!(tokens(&fake_aws).await.len(), 1);
    }

    #[tokio::test]
    async fn a_nonce_whose_write_meets_a_transaction_is_written_again() {
        let old = record("other", []);
        let serial_used = cancelled([("None", None), ("ConditionalCheckFailed", Some(&old))]);
        let conflict = error("TransactionConflictException");
        let (store, fake_aws) = store([serial_used, conflict, done()]).await;
        let recorded = store.record_link(&authorization(), &nonce()).await;
        assert_eq!(recorded, Ok(Recorded::SerialUsed(Box::new(authorization()))));
        let [transaction, put] = ["DynamoDB_20120810.TransactWriteItems", "DynamoDB_20120810.PutItem"];
        assert_eq!(targets(&fake_aws).await, [transaction, put, put]);
    }

    #[tokio::test]
    async fn a_nonce_whose_conflict_does_not_end_says_neither_6_nor_8() {
        let old = record("other", []);
        let serial_used = cancelled([("None", None), ("ConditionalCheckFailed", Some(&old))]);
        let (store, fake_aws) = store([serial_used, error("TransactionConflictException")]).await;
        let recorded = store.record_link(&authorization(), &nonce()).await;
        assert_eq!(recorded, Err(StoreError::Unavailable("TransactionConflictException".to_owned())));
        assert_eq!(targets(&fake_aws).await.len(), 4);
    }

    #[tokio::test]
    async fn an_update_that_meets_a_transaction_is_repeated() {
        let conflict = error("TransactionConflictException");
        let claimed = record("issuer", [("exchangeBy", attribute::text("mine"))]);
        let (first, fake_aws) = store([conflict.clone(), conflict.clone(), now_stands(&claimed)]).await;
        assert!(matches!(first.claim_exchange(&exchange_claim()).await, Ok(Claimed::Ours(_))));
        assert_eq!(fake_aws.asked().await.len(), 3);
        assert_eq!(fake_aws.asked().await[2].body["ReturnValues"], "ALL_NEW");
        let (second, fake_aws) = store([conflict.clone(), done()]).await;
        assert_eq!(second.settle(&settlement()).await, Ok(Settled::Recorded));
        assert_eq!(fake_aws.asked().await.len(), 2);
        let (third, fake_aws) = store([conflict]).await;
        let claimed = third.claim_attempt(&attempt_claim()).await;
        assert_eq!(claimed, Err(StoreError::Unavailable("TransactionConflictException".to_owned())));
        assert_eq!(fake_aws.asked().await.len(), 3);
    }

    #[tokio::test]
    async fn an_update_that_its_condition_refused_is_not_repeated() {
        let (store, fake_aws) = store([refused_by(&record("issuer", []))]).await;
        assert!(matches!(store.claim_exchange(&exchange_claim()).await, Ok(Claimed::Refused(..))));
        assert_eq!(fake_aws.asked().await.len(), 1);
    }
}
