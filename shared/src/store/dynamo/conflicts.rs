//! What DynamoDB refuses because somebody else was at the same item at the same moment is repeated, like throttling: a
//! conflict with a transaction (`TransactionConflictException`), and a transaction that was cancelled for such a conflict
//! or for throttling of one of its items. Neither says anything about the write's condition.

use super::wire::{CancellationReason, TransactionCanceled};
use crate::aws::failure::ServiceError;

/// The errors' names (DynamoDB API reference).
pub(super) const CANCELLED: &str = "TransactionCanceledException";
const CONFLICT: &str = "TransactionConflictException";

/// The reasons of a cancelled transaction that pass by themselves (DynamoDB API reference, `TransactWriteItems`).
const PASSING: [&str; 4] =
    ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "InternalServerError"];

/// Whether something stood in the transaction's way that passes by itself. As long as it did, nothing is concluded from
/// the other reasons either.
pub(super) fn will_pass(reasons: &[CancellationReason]) -> bool {
    let mut codes = reasons.iter().filter_map(|reason| reason.code.as_deref());
    codes.any(|code| PASSING.contains(&code))
}

/// Whether what refused it passes by itself: a conflict, or an item that was throttled or failed.
pub(super) fn in_passing(error: &ServiceError) -> bool {
    match error.code.as_deref() {
        Some(CONFLICT) => true,
        Some(CANCELLED) => super::read::<TransactionCanceled>(&error.body)
            .is_some_and(|cancelled| will_pass(&cancelled.cancellation_reasons)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use serde_json::Value;

    use crate::aws::stand_in::StandIn;
    use crate::store::dynamo::canned::{
        attempt_claim, authorization, cancelled, done, error, exchange_claim, nonce, now_stands, record,
        refused_by, settlement, store,
    };
    use crate::store::dynamo::item;
    use crate::store::{Claimed, RecordDeliveries as _, RecordLinks as _, RecordReturns as _};
    use crate::store::{Recorded, Settled, StoreError};

    fn tokens(stand_in: &StandIn) -> Vec<Value> {
        stand_in.asked().iter().map(|asked| asked.body["ClientRequestToken"].clone()).collect()
    }

    fn targets(stand_in: &StandIn) -> Vec<String> {
        let target = |headers: &HeaderMap| headers["x-amz-target"].to_str().unwrap().to_owned();
        stand_in.asked().iter().map(|asked| target(&asked.headers)).collect()
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
            let (store, stand_in) = store([conflict.clone(), conflict, done()]).await;
            let recorded = store.record_link(&authorization(), &nonce()).await;
            assert_eq!(recorded, Ok(Recorded::New), "{reasons:?}");
            assert_eq!(tokens(&stand_in), ["mine", "mine", "mine"], "{reasons:?}");
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
            let (store, stand_in) = store([cancelled(reasons.map(|code| (code, None)))]).await;
            let recorded = store.record_link(&authorization(), &nonce()).await;
            let unavailable = StoreError::Unavailable("TransactionCanceledException".to_owned());
            assert_eq!(recorded, Err(unavailable), "{reasons:?}");
            assert_eq!(tokens(&stand_in), ["mine", "mine", "mine"], "{reasons:?}");
        }
    }

    #[tokio::test]
    async fn a_transaction_that_a_condition_cancelled_is_not_repeated() {
        let (store, stand_in) = store([cancelled([("ConditionalCheckFailed", None), ("None", None)])]).await;
        assert_eq!(store.record_link(&authorization(), &nonce()).await, Ok(Recorded::NonceUsed));
        assert_eq!(tokens(&stand_in).len(), 1);
    }

    #[tokio::test]
    async fn a_nonce_whose_write_meets_a_transaction_is_written_again() {
        let old = record("other", []);
        let serial_used = cancelled([("None", None), ("ConditionalCheckFailed", Some(&old))]);
        let conflict = error("TransactionConflictException");
        let (store, stand_in) = store([serial_used, conflict, done()]).await;
        let recorded = store.record_link(&authorization(), &nonce()).await;
        assert_eq!(recorded, Ok(Recorded::SerialUsed(Box::new(authorization()))));
        let [transaction, put] = ["DynamoDB_20120810.TransactWriteItems", "DynamoDB_20120810.PutItem"];
        assert_eq!(targets(&stand_in), [transaction, put, put]);
    }

    #[tokio::test]
    async fn a_nonce_whose_conflict_does_not_end_says_neither_6_nor_8() {
        let old = record("other", []);
        let serial_used = cancelled([("None", None), ("ConditionalCheckFailed", Some(&old))]);
        let (store, stand_in) = store([serial_used, error("TransactionConflictException")]).await;
        let recorded = store.record_link(&authorization(), &nonce()).await;
        assert_eq!(recorded, Err(StoreError::Unavailable("TransactionConflictException".to_owned())));
        assert_eq!(targets(&stand_in).len(), 4);
    }

    #[tokio::test]
    async fn an_update_that_meets_a_transaction_is_repeated() {
        let conflict = error("TransactionConflictException");
        let claimed = record("issuer", [("exchangeBy", item::text("mine"))]);
        let (first, stand_in) = store([conflict.clone(), conflict.clone(), now_stands(&claimed)]).await;
        assert!(matches!(first.claim_exchange(&exchange_claim()).await, Ok(Claimed::Ours(_))));
        assert_eq!(stand_in.asked().len(), 3);
        assert_eq!(stand_in.asked()[2].body["ReturnValues"], "ALL_NEW");
        let (second, stand_in) = store([conflict.clone(), done()]).await;
        assert_eq!(second.settle(&settlement()).await, Ok(Settled::Ours));
        assert_eq!(stand_in.asked().len(), 2);
        let (third, stand_in) = store([conflict]).await;
        let claimed = third.claim_attempt(&attempt_claim()).await;
        assert_eq!(claimed, Err(StoreError::Unavailable("TransactionConflictException".to_owned())));
        assert_eq!(stand_in.asked().len(), 3);
    }

    #[tokio::test]
    async fn an_update_that_its_condition_refused_is_not_repeated() {
        let (store, stand_in) = store([refused_by(&record("issuer", []))]).await;
        assert!(matches!(store.claim_exchange(&exchange_claim()).await, Ok(Claimed::Refused(..))));
        assert_eq!(stand_in.asked().len(), 1);
    }
}
