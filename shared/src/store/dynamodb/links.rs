//! A link request: nonce and authorization in one transaction.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use url::Url;

use crate::model::authorization::{Authorization, Status};
use crate::model::clock::UnixMillis;
use crate::model::id::AuthorizationId;
use crate::store::dynamodb::attribute::{self, Item, Reader};
use crate::store::dynamodb::conflicts::will_pass;
use crate::store::dynamodb::item;
use crate::store::dynamodb::table::{DynamoStore, UpdateOutcome, unavailable, was_done};
use crate::store::{Linked, NonceUse, RecordLinks, RecordPlatformLinks, Recorded, StoreError, UseNonces};

/// A nonce that may be used: new, used up, or used by an earlier try of this very operation.
const NONCE_IS_FREE: &str = "attribute_not_exists(pk) OR #until <= :now OR usedBy = :by";

/// A serialNo that may be used: new, or of a record that is kept no longer.
const SERIAL_IS_FREE: &str = "attribute_not_exists(pk) OR retainUntil <= :now";

/// The reason of a transaction that the condition of one of its writes cancelled.
const CONDITION_FAILED: Option<&str> = Some("ConditionalCheckFailed");

#[async_trait]
impl RecordLinks for DynamoStore {
    async fn record_link(&self, new: &Authorization, nonce: &NonceUse) -> Result<Recorded, StoreError> {
        let record = Put::builder()
            .table_name(&*self.table)
            .set_item(Some(item::new_record(new, &nonce.operation)?))
            .condition_expression(SERIAL_IS_FREE)
            .expression_attribute_values(":now", attribute::time(nonce.used_at))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let written = self
            .client
            .transact_write_items()
            // A repetition with the same token does nothing once more.
            .client_request_token(nonce.operation.as_str())
            .transact_items(TransactWriteItem::builder().put(built(self.put_nonce(nonce))?).build())
            .transact_items(TransactWriteItem::builder().put(built(record)?).build())
            .send()
            .await;
        let Err(error) = written else { return Ok(Recorded::New) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
        else {
            return Err(unavailable(&error));
        };
        match cancelled.cancellation_reasons() {
            _ if will_pass(cancelled) => Err(unavailable(&error)),
            [of_nonce, _] if of_nonce.code() == CONDITION_FAILED => Ok(Recorded::NonceUsed),
            [_, of_serial] if of_serial.code() == CONDITION_FAILED => match of_serial.item() {
                Some(old) => self.serial_used(old, nonce).await,
                None => Err(unavailable(&error)),
            },
            _ => Err(unavailable(&error)),
        }
    }
}

#[async_trait]
impl RecordPlatformLinks for DynamoStore {
    async fn record_platform_link(
        &self,
        id: &AuthorizationId,
        link: &Url,
        now: UnixMillis,
    ) -> Result<Linked, StoreError> {
        let outcome = self
            .update(
                item::key(id),
                "SET #status = :issued, link = :link, linkedAt = :now REMOVE pendingState",
                "#status = :pending AND attribute_not_exists(forgottenAt)",
                [
                    (":issued", attribute::status(Status::Issued)),
                    (":pending", attribute::status(Status::LinkPending)),
                    (":link", attribute::text(link.as_str())),
                    (":now", attribute::time(now)),
                ],
                ReturnValue::None,
            )
            .await?;
        let UpdateOutcome::Refused(old) = outcome else { return Ok(Linked::Ours) };
        Linked::refused_by(old.as_ref().map(item::authorization).transpose()?, link)
    }
}

#[async_trait]
impl UseNonces for DynamoStore {
    async fn use_nonce(&self, nonce: &NonceUse) -> Result<bool, StoreError> {
        let put = built(self.put_nonce(nonce))?;
        let used = self
            .client
            .put_item()
            .table_name(put.table_name)
            .set_item(Some(put.item))
            .set_condition_expression(put.condition_expression)
            .set_expression_attribute_names(put.expression_attribute_names)
            .set_expression_attribute_values(put.expression_attribute_values)
            .send()
            .await;
        was_done(used)
    }
}

impl DynamoStore {
    /// The serialNo was used, so the transaction wrote nothing; the nonce is consumed all the same.
    async fn serial_used(&self, old: &Item, nonce: &NonceUse) -> Result<Recorded, StoreError> {
        if Reader(old).optional_text("createdBy")?.as_deref() == Some(nonce.operation.as_str()) {
            return Ok(Recorded::New);
        }
        let old = item::authorization(old)?;
        let recorded = if self.use_nonce(nonce).await? {
            Recorded::SerialUsed(Box::new(old))
        } else {
            Recorded::NonceUsed
        };
        Ok(recorded)
    }

    fn put_nonce(&self, nonce: &NonceUse) -> PutBuilder {
        Put::builder()
            .table_name(&*self.table)
            .set_item(Some(item::nonce(nonce)))
            .condition_expression(NONCE_IS_FREE)
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":now", attribute::time(nonce.used_at))
            .expression_attribute_values(":by", attribute::operation(&nonce.operation))
    }
}

fn built(put: PutBuilder) -> Result<Put, StoreError> {
    put.build().map_err(|error| StoreError::Corrupt(error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::dynamodb::fixtures::{
        authorization, cancelled, done, error, nonce, operation, record, store,
    };

    #[tokio::test]
    async fn nonce_and_authorization_are_one_transaction_with_a_token() {
        let (store, fake_aws) = store([done()]).await;
        assert_eq!(store.record_link(&authorization(), &nonce()).await, Ok(Recorded::New));
        let asked = fake_aws.asked().await;
        let [asked] = asked.as_slice() else { panic!("{} requests", asked.len()) };
        assert_eq!(asked.headers["x-amz-target"], "DynamoDB_20120810.TransactWriteItems");
        assert_eq!(asked.body["ClientRequestToken"], "mine");
        let writes = asked.body["TransactItems"].as_array().unwrap();
        let keys: Vec<_> = writes.iter().map(|write| write["Put"]["Item"]["pk"]["S"].clone()).collect();
        assert_eq!(keys, ["nonce#B1#nonce-1".to_owned(), format!("authorization#{}", authorization().id)]);
        let conditions: Vec<_> =
            writes.iter().map(|write| write["Put"]["ConditionExpression"].clone()).collect();
        assert_eq!(conditions, [NONCE_IS_FREE, SERIAL_IS_FREE]);
        assert_eq!(writes[1]["Put"]["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
    }

    #[tokio::test]
    async fn a_record_that_this_very_operation_created_is_new() {
        let ours = record("mine", []);
        let (store, fake_aws) =
            store([cancelled([("None", None), ("ConditionalCheckFailed", Some(&ours))])]).await;
        assert_eq!(store.record_link(&authorization(), &nonce()).await, Ok(Recorded::New));
        assert_eq!(fake_aws.asked().await.len(), 1);
    }

    #[tokio::test]
    async fn a_used_serial_consumes_the_nonce_by_a_write_of_its_own() {
        let theirs = record("other", []);
        let serial_used = cancelled([("None", None), ("ConditionalCheckFailed", Some(&theirs))]);
        let (first, fake_aws) = store([serial_used.clone(), done()]).await;
        let recorded = first.record_link(&authorization(), &nonce()).await;
        assert_eq!(recorded, Ok(Recorded::SerialUsed(Box::new(authorization()))));
        let put = &fake_aws.asked().await[1].body;
        assert_eq!(put["Item"]["usedBy"], json!({"S": operation("mine").as_str()}));
        assert_eq!(put["ConditionExpression"], NONCE_IS_FREE);

        // Between the two another request used it.
        let (second, _fake_aws) = store([serial_used, error("ConditionalCheckFailedException")]).await;
        assert_eq!(second.record_link(&authorization(), &nonce()).await, Ok(Recorded::NonceUsed));
    }

    #[tokio::test]
    async fn when_both_are_used_the_nonce_counts() {
        let theirs = record("other", []);
        let both = cancelled([("ConditionalCheckFailed", None), ("ConditionalCheckFailed", Some(&theirs))]);
        let (store, fake_aws) = store([both]).await;
        assert_eq!(store.record_link(&authorization(), &nonce()).await, Ok(Recorded::NonceUsed));
        assert_eq!(fake_aws.asked().await.len(), 1);
    }

    #[tokio::test]
    async fn a_transaction_cancelled_for_another_reason_says_neither_6_nor_8() {
        let (store, fake_aws) = store([cancelled([("None", None), ("ValidationError", None)])]).await;
        let recorded = store.record_link(&authorization(), &nonce()).await;
        assert_eq!(recorded, Err(StoreError::Unavailable("TransactionCanceledException".to_owned())));
        assert_eq!(fake_aws.asked().await.len(), 1);
    }
}
